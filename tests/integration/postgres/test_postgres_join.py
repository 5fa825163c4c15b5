"""Units inside the caller's own transaction, whatever adapters, row factories and isolation the caller uses."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import dict_row

from everfold.errors import ConfigurationError, StorageUnavailableError, WrongExpectedVersionError
from everfold.storage.unit import Unit


def test_events_appear_with_the_callers_commit_and_vanish_with_its_rollback(storage, connect, words):
    connection = connect()
    storage.join(connection).commit(words.append("stay-1", 0))
    assert words.everything(storage) == []
    connection.rollback()
    assert storage.stream_row("", "stay-1") is None
    storage.join(connection).commit(words.append("stay-1", 0))
    connection.commit()
    assert words.everything(storage) == [2]


def test_a_refused_unit_leaves_the_callers_transaction_usable(storage, connect, words):
    storage.commit(words.append("stay-1", 0))
    connection = connect()
    connection.execute("create temporary table mine (id int)")
    connection.execute("insert into mine values (1)")
    with pytest.raises(WrongExpectedVersionError) as raised:
        storage.join(connection).commit(words.append("stay-1", 7))
    assert raised.value.actual == 1
    assert connection.execute("select count(*) from mine").fetchone() == (1,)
    storage.join(connection).commit(words.append("stay-1", 1))
    connection.commit()
    assert words.stream(storage, "stay-1").version == 2


def test_units_of_one_transaction_see_each_other(storage, connect, words):
    connection = connect()
    target = storage.join(connection)
    target.commit(words.append("stay-1", 0))
    assert target.commit(Unit("", words.append("stay-1", 1, *words.events(2)).appends)).appends[0].version == 3
    connection.commit()
    assert words.stream(storage, "stay-1").version == 3


def test_a_repetition_inside_a_transaction_gives_the_first_result(storage, connect, words):
    unit = words.append("stay-1", 0)
    first = storage.commit(unit)
    connection = connect()
    again = storage.join(connection).commit(unit)
    assert again.repeated
    assert words.positions(again) == words.positions(first)
    connection.commit()


def test_a_transaction_block_on_an_autocommit_connection_is_joined(storage, connect, words):
    connection = connect(autocommit=True)
    with connection.transaction():
        storage.join(connection).commit(words.append("stay-1", 0))
    assert words.everything(storage) == [1]


def test_a_unit_inside_the_callers_own_savepoint_goes_with_it(storage, connect, words):
    connection = connect()
    storage.join(connection).commit(words.append("stay-1", 0))
    with connection.transaction(), connection.transaction() as inner:
        storage.join(connection).commit(words.append("stay-1", 1))
        raise psycopg.Rollback(inner)
    connection.commit()
    assert words.stream(storage, "stay-1").version == 1


def test_the_callers_adapters_and_row_factory_are_left_alone(storage, connect, words):
    connection = connect()
    connection.row_factory = dict_row
    assert storage.join(connection).commit(words.append("stay-1", 0)).appends[0].version == 1
    row = connection.execute("select now() as now, gen_random_uuid() as id, 'x'::bytea as data").fetchone()
    assert [type(value).__name__ for value in row.values()] == ["datetime", "UUID", "bytes"]


def test_a_connection_without_a_transaction_is_refused(storage, connect):
    with pytest.raises(ConfigurationError, match="autocommit"):
        storage.join(connect(autocommit=True))


@pytest.mark.parametrize("stranger", [None, object(), "postgresql://"])
def test_what_is_no_connection_of_the_driver_is_refused(storage, stranger):
    with pytest.raises(ConfigurationError, match=r"psycopg\.Connection"):
        storage.join(stranger)


def test_another_client_encoding_is_refused(storage, connect):
    with pytest.raises(ConfigurationError, match="UTF8"):
        storage.join(connect(client_encoding="LATIN1"))


def test_a_failed_transaction_is_named(storage, connect, words):
    connection = connect()
    target = storage.join(connection)
    with pytest.raises(psycopg.errors.DivisionByZero):
        connection.execute("select 1/0")
    with pytest.raises(StorageUnavailableError, match="roll it back first"):
        target.commit(words.append("stay-1"))


@pytest.mark.parametrize("level", ["REPEATABLE_READ", "SERIALIZABLE"])
def test_under_a_stricter_isolation_a_moved_stream_is_a_serialization_failure(storage, connect, words, level):
    connection = connect()
    connection.isolation_level = psycopg.IsolationLevel[level]
    connection.execute("select 1 from pg_class")
    storage.commit(words.append("stay-1", 0))
    with pytest.raises((StorageUnavailableError, WrongExpectedVersionError)):
        storage.join(connection).commit(words.append("stay-1", 1))
    connection.rollback()
    storage.join(connection).commit(words.append("stay-1", 1))
    connection.commit()
    assert words.everything(storage)[-1] > 1


async def test_an_async_connection_is_joined_by_the_async_store_and_a_sync_one_is_not(async_storage, connect, words):
    with pytest.raises(ConfigurationError, match="AsyncConnection"):
        async_storage.join(connect())
    async with await psycopg.AsyncConnection.connect(connect().info.dsn) as connection:
        await async_storage.join(connection).commit(words.append("stay-1", 0))
        assert await async_storage.head("") == 0
    assert await async_storage.head("") == 1
