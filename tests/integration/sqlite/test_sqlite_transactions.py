"""Transactions on a file: beside group commit, between processes, and in the middle of a process that dies."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import closing

import pytest

from everfold.errors import (
    ConfigurationError,
    StatementError,
    StorageUnavailableError,
    StoreClosedError,
)
from everfold.storage.columns import Integer, Numeric, Text
from everfold.storage.control import BuildRow, ConsumerRow, Move
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
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.sqlite.store_async import AsyncSqliteStorage
from everfold.testing.crash import Crash

DESK = Target("desk", 1)
DOCUMENTS = Shape("document", indexes=(("room",),))
TOTALS = Target("totals", 1)
TABLE = Shape(
    "table", (Column("room", Text), Column("nights", Integer, 0), Column("paid", Numeric(6, 2), 0)), ("room",)
)


@pytest.fixture
def built(storage):
    """A store with a consumer, a document target and a table."""

    def work(transaction):
        transaction.create_target(DESK, DOCUMENTS)
        transaction.create_target(TOTALS, TABLE)
        transaction.save_consumers("", [ConsumerRow("desk@1")])

    storage.transact(work)
    return storage


def move(since: int, position: int, **fields) -> Move:
    return Move("desk@1", 0, **({"token": 0, "since": since, "position": position, "letters": 0} | fields))


# A process that dies


@pytest.mark.parametrize("step", range(1, 13))
def test_a_process_killed_between_verbs_leaves_whole_transactions(path, start_program, step):
    process = start_program("transaction_steps", path, step)
    said = [process.stdout.readline().split()]
    while said[-1] not in (["stopped"], ["done"]):
        said.append(process.stdout.readline().split())
    process.kill()
    process.wait()
    acked = said.count(["acked", "1"]) + said.count(["acked", "2"])
    assert (said[-1], acked) == (["stopped"], (step - 1) // 6)
    with closing(SqliteStorage(path)) as storage:
        storage.migrate("never")
        (row,) = storage.consumer_rows("")
        assert (row.position, row.events, row.letters) == (acked, acked, acked)
        assert storage.count("", DESK, Shape("document"), Selection()).count == acked
        assert len(storage.letter_rows("", consumer=None, state=None, after=0, limit=9)) == acked
        assert storage.head("") == acked
        assert storage.transact(lambda transaction: transaction.fetch("select count(*) from own", ())) == [(acked,)]


def test_the_program_has_no_more_steps_than_were_killed(path, start_program):
    process = start_program("transaction_steps", path, 13)
    assert process.communicate()[0].split() == ["acked", "1", "acked", "2", "done"]


# Two processes


def test_two_processes_that_take_a_consumer_from_each_other_move_it_once_per_position(path, built, start_program):
    processes = [start_program("contender", path, owner, 150) for owner in ("left", "right")]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    counts = [process.communicate("go\n")[0].split() for process in processes]
    moved = [int(count[0]) for count in counts]
    (row,) = built.consumer_rows("")
    assert sum(moved) == row.position == row.events >= 150
    documents = built.select("", DESK, DOCUMENTS, Selection()).documents
    assert documents["count"].version == row.position
    assert len(documents) == row.position + 1
    assert row.token > 0


def test_of_two_stores_one_takes_the_lease_and_fences_the_other(built, another):
    (first,) = built.lease("", "one", [("desk@1", 0)], seconds=10, now=1_000_000)
    assert another.lease("", "two", [("desk@1", 0)], seconds=10, now=10_999_999) == []
    (second,) = another.lease("", "two", [("desk@1", 0)], seconds=10, now=11_000_000)
    assert (first.token, second.token) == (1, 2)
    another.transact(lambda transaction: transaction.move("", [move(0, 5, token=2)]))
    with pytest.raises(Exception, match="its owner goes on with it"):
        built.transact(lambda transaction: transaction.move("", [move(0, 6, token=1)]))
    assert built.consumer_rows("")[0].position == 5


def test_a_transaction_waits_for_another_processs_and_gives_up_in_time(path, built, raw):
    raw.execute("begin immediate")
    with closing(SqliteStorage(path, busy_timeout_seconds=0)) as hasty:
        calls = []
        with pytest.raises(StorageUnavailableError):
            hasty.transact(calls.append)
        assert calls == []
        raw.execute("rollback")
        hasty.transact(calls.append)
        assert len(calls) == 1


# Beside group commit


def test_transactions_and_appends_of_many_threads_share_one_writer(built, words):
    def transact(number):
        def work(transaction):
            transaction.commit(words.append("stay-1"))
            (row,) = transaction.consumers("", ["desk@1"])
            transaction.move("", [move(row.position, row.position + 1)])

        built.transact(work)

    def append(number):
        built.commit(words.append("stay-1"))

    calls = [transact, append] * 20
    threads = [threading.Thread(target=call, args=(number,)) for number, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built.consumer_rows("")[0].position == 20
    assert [row[2] for row in words.stream(built, "stay-1").rows] == list(range(1, 41))


async def test_transactions_and_appends_of_many_tasks_share_one_writer(async_storage, words):
    await async_storage.transact(lambda transaction: transaction.save_consumers("", [ConsumerRow("desk@1")]))

    async def work(transaction):
        (row,) = await transaction.consumers("", ["desk@1"])
        await transaction.commit(words.append("stay-1"))
        await transaction.move("", [move(row.position, row.position + 1)])

    appends = [async_storage.commit(words.append("stay-1")) for _ in range(20)]
    await asyncio.gather(*(async_storage.transact(work) for _ in range(20)), *appends)
    assert (await async_storage.consumer_rows(""))[0].position == 20
    assert (await async_storage.stream_row("", "stay-1")).version == 40


def test_a_transaction_has_its_turn_between_the_batches_around_it(built, words):
    """One waits while a batch is under way; what comes after it stays behind it."""
    writer, order, started, go = built._database.writer, [], threading.Event(), threading.Event()
    plain = writer.commit

    def held(units):
        started.set()
        assert go.wait(20)
        order.append(len(units))
        return plain(units)

    built._group._commit = held
    queue = built._group._queue
    calls = [
        lambda: built.commit(words.append("stay-1")),
        lambda: built.commit(words.append("stay-1")),
        lambda: built.transact(lambda _: order.append("transaction")),
        lambda: built.commit(words.append("stay-1")),
        lambda: built.commit(words.append("stay-1")),
    ]
    threads = [threading.Thread(target=call) for call in calls]
    for number, thread in enumerate(threads):
        thread.start()
        assert started.wait(20)
        while len(queue) < number:
            threading.Event().wait(0)
    go.set()
    for thread in threads:
        thread.join()
    assert order == [1, 1, "transaction", 2]
    assert built.stream_row("", "stay-1").version == 4


def test_the_store_itself_is_refused_inside_a_transaction(built, words):
    for call in (lambda: built.commit(words.append("stay-1")), lambda: built.release("", "nobody")):
        with pytest.raises(ConfigurationError, match="uses its transaction only"):
            built.transact(lambda _, call=call: call())
    built.commit(words.append("stay-1", 0))
    assert built.head("") == 1


async def test_the_store_for_tasks_is_refused_inside_a_transaction_too(async_storage, words):
    async def append(_):
        await async_storage.commit(words.append("stay-1"))

    async def read(_):
        await async_storage.head("")

    for work in (append, read):
        with pytest.raises(ConfigurationError, match="awaits nothing but its transaction"):
            await async_storage.transact(work)
    assert await async_storage.head("") == 0


async def test_work_that_waits_for_something_else_is_closed_and_rolled_back(async_storage):
    ends, loop, waits = [], asyncio.get_running_loop(), []

    async def work(transaction):
        await transaction.save_consumers("", [ConsumerRow("desk@1")])
        try:
            await waits[-1]()
        finally:
            ends.append("closed")

    async def nested(transaction):
        await transaction.nested(work)

    async def given():
        await loop.create_future()

    for wait in (asyncio.Event().wait, lambda: asyncio.to_thread(int), lambda: asyncio.sleep(0), given):
        waits.append(wait)
        for one in (work, nested):
            with pytest.raises(ConfigurationError, match="awaits nothing but its transaction"):
                await async_storage.transact(one)
    assert ends == ["closed"] * 8
    assert await async_storage.consumer_rows("") == []


async def test_a_transaction_whose_caller_left_before_its_turn_is_not_run(async_storage, words):
    calls = []

    async def work(_):
        calls.append("ran")

    first = asyncio.ensure_future(async_storage.commit(words.append("stay-1")))
    second = asyncio.ensure_future(async_storage.transact(work))
    await asyncio.sleep(0)
    second.cancel()
    await first
    await async_storage.commit(words.append("stay-1"))
    assert (second.cancelled(), calls) == (True, [])


def test_a_crash_inside_a_transaction_leaves_the_writer_usable(built, words):
    def work(transaction):
        transaction.commit(words.append("stay-1"))
        raise Crash

    with pytest.raises(Crash):
        built.transact(work)
    assert built.commit(words.append("stay-1", 0)).appends[0].version == 1


def test_only_a_transaction_that_appended_wakes_the_stores_own_waiters(built, words):
    count = built._hints.count
    built.transact(lambda transaction: transaction.move("", [move(0, 1)]))
    assert built._hints.count == count
    built.transact(lambda transaction: transaction.commit(words.append("stay-1")))
    assert built._hints.count == count + 1


def test_a_closed_store_takes_no_transaction(built):
    built.close()
    with pytest.raises(StoreClosedError):
        built.transact(lambda _: None)


# What the file holds


def changed(storage, *rows, columns=("room", "nights", "paid"), actions=("key", "add", "add")) -> None:
    changes = TableChanges(upserts=[Upserts(columns, actions, rows)])
    storage.transact(lambda transaction: transaction.change_rows("", TOTALS, TABLE, changes))


@pytest.mark.parametrize(
    "row",
    [
        ("12", 2.5, 0),
        ("12", "many", 0),
        ("12", 2**31, 0),
        ("12", 2**70, 0),
        ("12", 1, "much"),
        ("12", 1, 10_000),
        (None, 1, 1),
    ],
    ids=str,
)
def test_a_value_that_is_not_of_its_columns_type_is_refused(built, row):
    with pytest.raises(StatementError) as refused:
        changed(built, row)
    assert "many" not in str(refused.value)
    assert built.count("", TOTALS, TABLE, Selection()).count == 0


def test_a_sum_beyond_64_bits_is_refused_and_not_rounded(built):
    with pytest.raises(StatementError):
        built.transact(
            lambda t: t.execute("insert into everfold_rm_totals_v1 values ('', 'x', 9223372036854775807 + 1, 0)", [()])
        )
    changed(built, ("12", 2**31 - 1, 0))
    with pytest.raises(StatementError, match="nights is of type Integer"):
        changed(built, ("12", 1, 0))


def test_people_see_the_active_rows_of_the_newest_shape(built, raw):
    second = Target("totals", 2)
    wider = Shape("table", (*TABLE.columns, Column("note", Text)), ("room",))

    def build(target, state):
        return BuildRow(target, state, "catch_up", "consumer", "c0de", b"{}")

    def both(transaction):
        transaction.create_target(second, wider)
        transaction.save_build("", build(TOTALS, "active"))
        transaction.save_build("", build(second, "standby"))

    built.transact(both)
    changed(built, ("12", 1, 0))
    assert raw.execute("select room, nights, note from everfold_rm_totals").fetchall() == [("12", 1, None)]
    built.transact(lambda t: (t.save_build("", build(TOTALS, "standby")), t.save_build("", build(second, "active"))))
    assert raw.execute("select * from everfold_rm_totals").fetchall() == []
    built.transact(lambda transaction: transaction.drop_target(second, wider))
    assert [row[1] for row in raw.execute("pragma table_info(everfold_rm_totals)")] == [
        "tenant",
        "room",
        "nights",
        "paid",
    ]
    built.transact(lambda transaction: transaction.drop_target(TOTALS, TABLE))
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        raw.execute("select * from everfold_rm_totals")


@pytest.mark.parametrize("name", ["Desk", "desk-1", "", "desk_v1", "a b", "1st"])
def test_a_projection_whose_name_can_be_no_tables_is_refused(storage, name):
    with pytest.raises(ConfigurationError):
        storage.transact(lambda transaction: transaction.create_target(Target(name, 1), DOCUMENTS))


def test_a_column_that_every_table_has_is_refused(storage):
    shape = Shape("table", (Column("tenant", Text),), ("tenant",))
    with pytest.raises(ConfigurationError, match="name yours another way"):
        storage.transact(lambda transaction: transaction.create_target(TOTALS, shape))


@pytest.mark.parametrize(
    "sql",
    [
        "commit",
        " ;-- a word\n/* and\nanother */ COMMIT",
        "rollback",
        "begin",
        "end",
        "savepoint a",
        "vacuum",
        "pragma x",
    ],
)
def test_an_application_can_not_end_the_transaction_that_its_statement_runs_in(built, sql):
    def work(transaction):
        transaction.save_documents("", DESK, {"a": StoredDocument(b"{}")}, [])
        transaction.execute(sql, [()])

    with pytest.raises(StatementError, match="not a handler's to say"):
        built.transact(work)
    assert built.stored_documents("", DESK, ["a"]).documents == {}


@pytest.mark.parametrize("step", ['a"b', "a\\b", "a\nb", "", "é", "a b", "'", "$", "[0]", "*"], ids=repr)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_every_key_of_a_document_can_be_asked_for(built, step, depth):
    path = ".".join([step] * depth)
    content = b"12"
    for _ in range(depth):
        content = b'{"other":[{}],%s:%s}' % (json_text(step), content)
    documents = {"a": StoredDocument(content), "b": StoredDocument(b'["x"]'), "c": StoredDocument(b'"x"')}
    built.transact(lambda transaction: transaction.save_documents("", DESK, documents, []))
    for condition, expected in (
        (Condition(path, "=", 12), ["a"]),
        (Condition(path, "=", None), ["b", "c"]),
        (Condition(path, "<", 13), ["a"]),
        (Condition(path, "=", "12"), []),
    ):
        found = built.select("", DESK, DOCUMENTS, Selection(where=(condition,))).documents
        assert list(found) == expected


def json_text(text: str) -> bytes:
    return b'"%s"' % text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").encode()


def test_objects_and_arrays_in_documents_equal_their_like_whatever_the_order_of_keys(built):
    documents = {
        "a": StoredDocument(b'{"room":{"x":1,"y":[true,null]}}'),
        "b": StoredDocument(b'{"room":[1,2]}'),
        "c": StoredDocument(b'{"room":"[1,2]"}'),
    }
    built.transact(lambda transaction: transaction.save_documents("", DESK, documents, []))

    def asked(operator, value):
        where = (Condition("room", operator, value),)
        return "".join(built.select("", DESK, DOCUMENTS, Selection(where=where)).documents)

    assert asked("=", {"y": [True, None], "x": 1}) == "a"
    assert (asked("=", [1, 2]), asked("=", [2, 1]), asked("=", "[1,2]")) == ("b", "", "c")
    assert (asked("!=", [1, 2]), asked("<", [1, 2]), asked("in", ([1, 2], {}))) == ("ac", "", "b")
    ordered = built.select("", DESK, DOCUMENTS, Selection(order_by=(("room", True),))).documents
    assert "".join(ordered) == "cab"


async def test_an_async_store_joins_a_connection_with_every_verb(path, async_storage: AsyncSqliteStorage):
    with closing(sqlite3.connect(path)) as connection:
        joined = async_storage.join(connection)
        await joined.create_target(DESK, DOCUMENTS)
        await joined.save_documents("", DESK, {"a": StoredDocument(b"{}")}, [])

        async def failing(transaction):
            await transaction.save_documents("", DESK, {"b": StoredDocument(b"{}")}, [])
            await transaction.execute("no statement", [()])

        with pytest.raises(StatementError):
            await joined.nested(failing)
        assert list(await joined.documents("", DESK, ["a", "b"])) == ["a"]
        connection.commit()
    assert list((await async_storage.stored_documents("", DESK, ["a", "b"])).documents) == ["a"]


def test_a_joined_read_of_a_transaction_locks_the_file(path, built, raw):
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("begin")
        built.join(connection).lock_stream("", "stay-1")
        raw.execute("pragma busy_timeout = 0")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            raw.execute("begin immediate")
        connection.execute("rollback")
        raw.execute("begin immediate")
        raw.execute("rollback")


def test_a_verb_refused_in_the_callers_transaction_leaves_nothing_of_itself(path, built):
    with closing(sqlite3.connect(path)) as connection:
        joined = built.join(connection)
        joined.save_consumers("", [ConsumerRow("other@1")])
        stale = [Move("other@1", 0, 0, 0, 3, 0, event_id=b"e" * 16), move(7, 9)]
        with pytest.raises(Exception, match="checkpoint"):
            joined.move("", stale)
        connection.commit()
    assert [(row.name, row.position) for row in built.consumer_rows("")] == [("desk@1", 0), ("other@1", 0)]
