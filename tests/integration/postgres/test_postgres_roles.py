"""The past can't be changed: by nobody through the tables, and a writer's role may only call the append functions."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from everfold.errors import ConfigurationError, SchemaError
from everfold.events.query import AppendCondition, Query
from everfold.storage.columns import BigInteger, Text
from everfold.storage.control import BuildRow, ConsumerRow, Letter, Move
from everfold.storage.read_model import (
    Column,
    Condition,
    Selection,
    Shape,
    StoredDocument,
    TableChanges,
    Target,
    Upserts,
)
from everfold.storage.unit import Snapshot, Unit

CHANGES = {
    "update": "update {schema}.event set type = 'x'",
    "delete": "delete from {schema}.event",
    "truncate": "truncate {schema}.event",
    "update a tag": "update {schema}.event_tag set tag = 'x'",
    "delete a tag": "delete from {schema}.event_tag",
    "truncate tags": "truncate {schema}.event_tag",
}

INSERT = (
    "insert into {schema}.event values (99, 1, 99, now(), gen_random_uuid(), 1, '', 't', '{{}}', '{{}}', null)",
    "insert into {schema}.event_tag values (99, '', 'room:12')",
    "insert into {schema}.stream (tenant, name, category, version, created_at, updated_at) values ('', 'a', 'a', 0, now(), now())",
    "update {schema}.stream set version = 0",
    "delete from {schema}.snapshot",
    "alter table {schema}.event drop column tags",
    "alter table {schema}.event disable trigger all",
    "drop table {schema}.event",
    "alter sequence {schema}.position_seq restart",
    "select nextval('{schema}.position_seq')",
    "create table {schema}.own (id int)",
    "select {schema}.enter_horizon_v1()",
)


@pytest.fixture
def login(storage, connect, postgres_schema) -> Iterator[dict[str, dict[str, str]]]:
    """Roles that log in and belong to the writer's and the reader's role: connection options by name."""
    admin = connect(autocommit=True)
    admin.execute(storage.roles_sql())
    names = {kind: f"{postgres_schema}_{kind}" for kind in ("writer", "reader")}
    for kind, name in names.items():
        admin.execute(f"create role {name} login password 'x' in role everfold_{kind}")
    yield {kind: {"user": name, "password": "x"} for kind, name in names.items()}
    for name in names.values():
        admin.execute(f"drop owned by {name}; drop role {name}")


def refused(connection: psycopg.Connection, statement: str) -> str:
    with pytest.raises(psycopg.Error) as raised:
        connection.execute(statement)
    return raised.value.sqlstate


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_the_database_refuses_a_change_of_the_past_to_its_owner_too(storage, connect, postgres_schema, words, change):
    storage.commit(words.tagged("room:12", stream="stay-1"))
    assert refused(connect(autocommit=True), change.format(schema=postgres_schema)) == "EV007"
    assert words.everything(storage) == [1]


@pytest.mark.parametrize("statement", [*CHANGES.values(), *INSERT])
def test_a_writer_may_do_nothing_but_call_the_functions(  # noqa: PLR0917  # fixtures
    storage, connect, postgres_schema, words, login, statement
):
    storage.commit(words.tagged("room:12", stream="stay-1"))
    connection = connect(autocommit=True, **login["writer"])
    assert refused(connection, statement.format(schema=postgres_schema)) == "42501"


def test_a_writer_appends_reads_and_waits(storage, open_storage, postgres_url, words, login):
    writer = open_storage(url=psycopg.conninfo.make_conninfo(postgres_url, **login["writer"]))
    writer.migrate("never")
    writer.commit(words.append("stay-1", 0))
    writer.commit(words.append("stay-1", 1, words.event(), words.event(tags=("room:12",))))
    unit = words.append("stay-2", 0, words.event(tags=("room:13",)))
    condition = AppendCondition(Query(tags=["room:13"]))
    writer.commit(Unit("", unit.appends, (condition,), snapshots=(Snapshot("stay-2", "state", 1, 1, b"{}"),)))
    assert words.everything(writer) == [1, 2, 3, 4]
    assert words.everything(writer, Query(tags=["room:12"], categories=["stay"])) == [3]
    assert writer.head("") == 4
    assert writer.load_snapshot("", "stay-2", "state", 1) is not None
    assert writer.wait(writer.hint(), 0.05) in (True, False)


def test_a_reader_reads_and_is_told_that_it_may_not_append(storage, open_storage, postgres_url, words, login):
    storage.commit(words.append("stay-1"))
    reader = open_storage(url=psycopg.conninfo.make_conninfo(postgres_url, **login["reader"]))
    reader.migrate("never")
    assert words.everything(reader) == [1]
    with pytest.raises(ConfigurationError, match="everfold_writer"):
        reader.commit(words.append("stay-1"))


GUESTS = Target("guests", 1)
NIGHTS = Target("nights", 1)
DOCUMENT = Shape("document")
TABLE = Shape("table", (Column("hotel", Text), Column("nights", BigInteger, 0)), ("hotel",))
ADD_A_NIGHT = TableChanges((), [Upserts(("hotel", "nights"), ("key", "add"), [("grand", 1)])])


def create_targets(tx) -> None:
    tx.create_target(GUESTS, DOCUMENT)
    tx.create_target(NIGHTS, TABLE)


def consume(tx) -> None:
    """What a consumer, an inline projection and an operator's command do, but for making tables."""
    tx.save_consumers("", [ConsumerRow("guests@1")])
    tx.gate("", ["guests"], exclusive=True)
    tx.gate("", ["guests"], exclusive=False)
    tx.move("", [Move("guests@1", 0, 0, 0, 1, 0)])
    assert tx.consumers("", ["guests@1"])[0].position == 1
    tx.save_build("", BuildRow(GUESTS, "active", "catch_up", "consumer", "x", b"{}"))
    assert [row.state for row in tx.builds("", ["guests"])] == ["active"]
    assert tx.documents("", GUESTS, ["ann"]) == {}
    tx.save_documents("", GUESTS, {"ann": StoredDocument(b'{"nights":1}')}, ["bob"])
    tx.change_rows("", NIGHTS, TABLE, ADD_A_NIGHT)
    tx.park("", [Letter("guests@1", 0, "stay-1", 1, b"1" * 16, "guest_checked_in", "stay-1", b"{}")])
    (letter,) = tx.letters("", "guests@1", lane=None, limit=10)
    tx.settle("", [letter.id], "done", actor="a", reason=None)
    assert tx.lock_stream("", "stay-1") == 1
    create_targets(tx)  # they are there: nothing to make, and no right needed


@pytest.mark.parametrize("granted", ["before", "after"])
def test_a_writer_runs_a_consumer_on_tables_made_before_and_after_the_grants(  # noqa: PLR0917  # fixtures
    storage, open_storage, connect, postgres_url, words, login, granted
):
    storage.commit(words.append("stay-1"))
    storage.transact(create_targets)
    if granted == "after":
        connect(autocommit=True).execute(storage.roles_sql())
    writer = open_storage(url=psycopg.conninfo.make_conninfo(postgres_url, **login["writer"]))
    writer.transact(consume)
    assert [row.owner for row in writer.lease("", "me", [("guests@1", 0)], seconds=1)] == ["me"]
    writer.release("", "me")
    writer.transact(lambda tx: tx.clear_target("", GUESTS))
    writer.transact(lambda tx: tx.delete_consumers("", ["guests@1"]))
    assert writer.consumer_rows("") == writer.letter_rows("", consumer=None, state=None, after=0, limit=9) == []


def test_a_writer_makes_and_drops_no_tables_and_is_told_who_may(storage, open_storage, postgres_url, login):
    writer = open_storage(url=psycopg.conninfo.make_conninfo(postgres_url, **login["writer"]))
    with pytest.raises(SchemaError, match="As the owner of the schema, run"):
        writer.transact(create_targets)
    storage.transact(create_targets)
    with pytest.raises(SchemaError, match="As the owner of the schema, run"):
        writer.transact(lambda tx: tx.drop_target(GUESTS, DOCUMENT))
    assert not writer.stored_documents("", GUESTS, []).missing


def test_a_reader_reads_read_models_and_changes_nothing(storage, open_storage, postgres_url, words, login):
    storage.commit(words.append("stay-1"))
    storage.transact(create_targets)
    storage.transact(consume)
    reader = open_storage(url=psycopg.conninfo.make_conninfo(postgres_url, **login["reader"]))
    assert reader.stored_documents("", GUESTS, ["ann"]).active == GUESTS
    assert list(reader.select("", NIGHTS, TABLE, Selection((Condition("nights", ">", 0),))).rows) == [
        {"hotel": "grand", "nights": 1}
    ]
    assert reader.count("", GUESTS, DOCUMENT, Selection()).count == 1
    assert [row.position for row in reader.consumer_rows("")] == [1]
    assert [row.state for row in reader.letter_rows("", consumer=None, state=None, after=0, limit=9)] == ["done"]
    with pytest.raises(ConfigurationError, match="everfold_writer"):
        reader.lease("", "me", [("guests@1", 0)], seconds=1)
    with pytest.raises(ConfigurationError, match="everfold_writer"):
        reader.transact(lambda tx: tx.move("", [Move("guests@1", 0, 0, 1, 2, 1)]))
    with pytest.raises(ConfigurationError, match="everfold_writer"):
        reader.transact(lambda tx: tx.change_rows("", NIGHTS, TABLE, ADD_A_NIGHT))


def test_people_read_the_view_of_a_read_model_with_a_readers_role(storage, connect, login, words, postgres_schema):
    storage.commit(words.append("stay-1"))
    storage.transact(create_targets)
    storage.transact(consume)
    person = connect(autocommit=True, **login["reader"])
    assert person.execute(f"select key from {postgres_schema}.rm_guests").fetchall() == [("ann",)]
    assert refused(person, f"delete from {postgres_schema}.rm_guests_v1") == "42501"


def test_a_writer_can_not_put_its_own_operators_under_the_functions(storage, connect, words, login, postgres_schema):
    """The functions run as their owner, so what they mean must not depend on the caller's search path."""
    admin = connect(autocommit=True)
    admin.execute(f"create schema {postgres_schema}_own authorization {login['writer']['user']}")
    try:
        connection = connect(autocommit=True, **login["writer"])
        own = f"{postgres_schema}_own"
        connection.execute(
            f"create function {own}.never(bigint, bigint) returns boolean language sql as 'select false';"
            f"create operator {own}.= (leftarg = bigint, rightarg = bigint, function = {own}.never);"
            f"set search_path = {own}, pg_catalog"
        )
        with connection.transaction():
            first = storage.join(connection).commit(words.append("stay-1", 0))
            second = storage.join(connection).commit(words.append("stay-1", 1))
        assert words.positions(first) + words.positions(second) == [1, 2]
    finally:
        admin.execute(f"drop schema {postgres_schema}_own cascade")
