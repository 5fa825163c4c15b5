"""A unit inside the caller's own transaction on the store's file."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing

import pytest

from everfold.errors import ConfigurationError, EventIdReusedError, StorageUnavailableError, WrongExpectedVersionError
from everfold.storage.sqlite.store import SqliteStorage


@pytest.fixture
def booking(raw):
    raw.execute("create table booking (room integer primary key)")
    return raw


def rooms(path: str) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [room for (room,) in connection.execute("select room from booking")]


def test_events_and_the_callers_rows_commit_together(path, storage, words, booking):
    booking.execute("begin")
    booking.execute("insert into booking values (12)")
    committed = storage.join(booking).commit(words.append("stay-1", 0, events=words.events(2)))
    assert list(committed.appends[0].positions) == [1, 2]
    assert words.everything(storage) == []
    booking.execute("commit")
    assert len(words.everything(storage)) == 2
    assert rooms(path) == [12]


def test_events_and_the_callers_rows_are_rolled_back_together(path, storage, words, booking):
    booking.execute("begin")
    booking.execute("insert into booking values (12)")
    storage.join(booking).commit(words.append("stay-1", 0))
    booking.execute("rollback")
    assert words.everything(storage) == []
    assert rooms(path) == []
    assert list(storage.commit(words.append("stay-2", 0)).appends[0].positions) == [1]
    assert list(storage.commit(words.append("stay-1", 0)).appends[0].positions) == [2]


def test_a_refused_unit_leaves_the_callers_transaction_usable(path, storage, words, booking):
    known = words.event()
    storage.commit(words.append("stay-1", 0, events=(known,)))
    booking.execute("begin")
    booking.execute("insert into booking values (12)")
    target = storage.join(booking)
    with pytest.raises(WrongExpectedVersionError):
        target.commit(words.append("stay-1", 0))
    with pytest.raises(EventIdReusedError):
        target.commit(words.append("stay-2", 0, events=(words.event(), known)))
    target.commit(words.append("stay-1", 1))
    booking.execute("commit")
    assert rooms(path) == [12]
    assert [row[2] for row in words.stream(storage, "stay-1").rows] == [1, 2]
    assert storage.stream_row("", "stay-2") is None


def test_a_connection_without_a_transaction_gets_one_that_the_caller_ends(storage, words, booking):
    storage.join(booking).commit(words.append("stay-1", 0))
    assert booking.in_transaction
    assert words.everything(storage) == []
    booking.commit()
    assert len(words.everything(storage)) == 1


def test_a_repeated_unit_gives_its_first_result(storage, words, booking):
    unit = words.append("stay-1", 0)
    first = storage.commit(unit)
    again = storage.join(booking).commit(unit)
    booking.rollback()
    assert (again.repeated, again.appends) == (True, first.appends)


def test_the_settings_of_the_connection_stay_the_callers(path, storage, words):
    unit = words.append("stay-1", 0)
    storage.commit(unit)
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.text_factory = bytes
        target = storage.join(connection)
        assert target.commit(unit).repeated
        target.commit(words.append("stay-1", 1))
        connection.commit()
        assert (connection.row_factory, connection.text_factory) == (sqlite3.Row, bytes)
        assert connection.execute("select name from everfold_stream").fetchone()["name"] == b"stay-1"


def test_a_stale_read_transaction_is_told_to_begin_again(storage, words, booking):
    booking.execute("begin")
    booking.execute("select count(*) from everfold_event").fetchone()
    storage.commit(words.append("stay-1", 0))
    with pytest.raises(StorageUnavailableError):
        storage.join(booking).commit(words.append("stay-2", 0))
    booking.rollback()
    storage.join(booking).commit(words.append("stay-2", 0))
    booking.commit()
    assert len(words.everything(storage)) == 2


def test_only_a_connection_to_the_same_file_is_joined(tmp_path, storage):
    for connection in (sqlite3.connect(tmp_path / "another.db"), sqlite3.connect(":memory:")):
        with closing(connection), pytest.raises(ConfigurationError, match="same file"):
            storage.join(connection)
    with pytest.raises(ConfigurationError, match=r"sqlite3\.Connection, not builtins\.str"):
        storage.join("a connection")


def test_a_closed_connection_and_one_of_another_thread_are_refused(path, storage):
    connection = sqlite3.connect(path)
    found: list[Exception] = []

    def join() -> None:
        try:
            storage.join(connection)
        except ConfigurationError as error:
            found.append(error)

    thread = threading.Thread(target=join)
    thread.start()
    thread.join()
    connection.close()
    join()
    assert len(found) == 2


def test_the_same_file_by_another_path_is_the_same_file(tmp_path, path, words):
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with closing(SqliteStorage(str(link))) as storage, closing(sqlite3.connect(path)) as connection:
        storage.migrate("auto")
        storage.join(connection).commit(words.append("stay-1", 0))
        connection.commit()
        assert storage.head("") == 1


async def test_an_async_store_joins_a_connection_too(async_storage, path, words):
    with closing(sqlite3.connect(path)) as connection:
        committed = await async_storage.join(connection).commit(words.append("stay-1", 0))
        connection.commit()
    assert committed.appends[0].version == 1
    assert await async_storage.head("") == 1
