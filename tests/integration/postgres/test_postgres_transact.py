"""A consumer's batch is one transaction: a crash leaves nothing of it, and of two owners one alone goes on."""

from __future__ import annotations

from functools import partial

import pytest

from everfold.errors import CheckpointConflictError, CommitUnknownError, StatementError, StorageUnavailableError
from everfold.storage.columns import BigInteger, Text
from everfold.storage.control import ConsumerRow, Letter, Move
from everfold.storage.postgres.session import Session
from everfold.storage.read_model import Column, Selection, Shape, StoredDocument, TableChanges, Target, Upserts
from everfold.testing.racing import Signal, as_thread, race, successes

GUESTS = Target("guests", 1)
NIGHTS = Target("nights", 1)
DOCUMENT = Shape("document")
TABLE = Shape("table", (Column("hotel", Text), Column("nights", BigInteger, 0)), ("hotel",))


def prepare(storage) -> None:
    """Two empty targets and the checkpoint of a consumer that nobody owns."""

    def work(tx) -> None:
        tx.create_target(GUESTS, DOCUMENT)
        tx.create_target(NIGHTS, TABLE)
        tx.save_consumers("", [ConsumerRow("guests@1")])

    storage.transact(work)


def batch(tx, *, token: int, since: int = 0, words=None) -> None:
    """Everything that a consumer may do in one batch."""
    tx.move("", [Move("guests@1", 0, token, since, since + 10, 0, b"\1" * 16, events=10)])
    tx.save_documents("", GUESTS, {"ann": StoredDocument(b'{"nights":1}', 1)}, [])
    tx.change_rows("", NIGHTS, TABLE, TableChanges((), [Upserts(("hotel", "nights"), ("key", "add"), [("grand", 1)])]))
    tx.park("", [Letter("guests@1", 0, "stay-1", 7, b"\7" * 16, "guest_checked_in", "stay-1", b"{}")])
    if words is not None:
        tx.commit(words.append("stay-1", 0))


def stored(storage, words) -> tuple[int, list[str], list[int], int, list[int]]:
    """Checkpoint, documents, rows, letters, events."""
    rows = storage.select("", NIGHTS, TABLE, Selection()).rows
    return (
        storage.consumer_rows("")[0].position,
        list(storage.stored_documents("", GUESTS, ["ann"]).documents),
        [row["nights"] for row in rows],
        len(storage.letter_rows("", consumer=None, state=None, after=0, limit=10)),
        words.everything(storage),
    )


NOTHING = 0, [], [], 0, []


def test_a_crash_of_the_server_in_the_middle_of_a_batch_leaves_nothing_of_it(own_postgres, open_storage, words):
    server = own_postgres()
    storage = open_storage(url=server.url)
    storage.migrate("auto")
    prepare(storage)

    def work(tx) -> None:
        batch(tx, token=0, words=words)
        server.restart("immediate")
        tx.save_documents("", GUESTS, {"bob": StoredDocument(b"{}")}, [])

    with pytest.raises(StorageUnavailableError):
        storage.transact(work)
    assert stored(storage, words) == NOTHING
    storage.transact(partial(batch, token=0, words=words))
    position, *rest, events = stored(storage, words)
    assert (position, *rest) == (10, ["ann"], [1], 1)
    assert len(events) == 1
    storage.close()


def test_a_crash_that_the_function_swallows_is_raised_all_the_same(own_postgres, open_storage, words):
    server = own_postgres()
    storage = open_storage(url=server.url)
    storage.migrate("auto")
    prepare(storage)

    def work(tx) -> None:
        batch(tx, token=0)
        server.restart("immediate")
        with pytest.raises(StorageUnavailableError):
            tx.nested(lambda inner: inner.clear_target("", GUESTS))

    with pytest.raises(StorageUnavailableError):
        storage.transact(work)
    assert stored(storage, words) == NOTHING
    storage.close()


def test_a_session_that_the_administrator_ends_takes_its_batch_along(storage, connect, words):
    prepare(storage)

    def work(tx) -> None:
        batch(tx, token=0, words=words)
        ((pid,),) = tx.fetch("select pg_backend_pid()", ())
        connect(autocommit=True).execute("select pg_terminate_backend(%s, 30000)", (pid,))

    with pytest.raises((CommitUnknownError, StorageUnavailableError)):  # it is noticed when the commit is sent
        storage.transact(work)
    assert stored(storage, words) == NOTHING


def test_many_owners_race_for_leases_and_each_lease_has_one(storage, open_storage):
    keys = [("guests@1", number) for number in range(8)]
    storage.transact(lambda tx: tx.save_consumers("", [ConsumerRow(n, p, 8) for n, p in keys]))
    owners = [f"owner-{number}" for number in range(6)]
    wanted = {owner: keys if number % 2 else keys[::-1] for number, owner in enumerate(owners)}
    outcomes = race([partial(open_storage().lease, "", owner, wanted[owner], seconds=60) for owner in owners])
    assert len(successes(outcomes)) == len(owners), outcomes
    held = sorted((row.key, owner) for owner, rows in zip(owners, outcomes, strict=True) for row in rows)
    assert [key for key, _ in held] == keys
    assert held == [(row.key, row.owner) for row in storage.consumer_rows("")]
    assert {row.token for row in storage.consumer_rows("")} == {1}


def test_a_lease_that_runs_out_is_taken_by_one_of_those_that_race_for_it(storage, open_storage):
    key = ("guests@1", 0)
    storage.transact(lambda tx: tx.save_consumers("", [ConsumerRow("guests@1")]))
    storage.lease("", "first", [key], seconds=1, now=1_000_000)
    assert storage.lease("", "second", [key], seconds=1, now=1_999_999) == []
    racers = [partial(open_storage().lease, "", f"owner-{n}", [key], seconds=60, now=2_000_000) for n in range(6)]
    taken = [rows[0] for rows in race(racers) if rows]
    assert [row.token for row in taken] == [2]
    assert storage.consumer_rows("")[0].owner == taken[0].owner


def test_a_clock_at_its_very_beginning_is_a_clock_too(storage):
    storage.transact(lambda tx: tx.save_consumers("", [ConsumerRow("guests@1")]))
    (held,) = storage.lease("", "first", [("guests@1", 0)], seconds=1, now=0)
    assert held.lease_until == 1_000_000


def test_many_race_for_one_move_and_the_losers_leave_nothing(storage, open_storage, words):
    prepare(storage)
    outcomes = race([partial(open_storage().transact, partial(batch, token=0, words=words)) for _ in range(6)])
    assert len(successes(outcomes)) == 1
    assert {type(error) for error in outcomes if error is not None} == {CheckpointConflictError}
    position, *rest, events = stored(storage, words)
    assert (position, *rest) == (10, ["ann"], [1], 1)
    assert len(events) == 1


def test_a_move_waits_for_its_rival_and_is_judged_by_what_that_left(storage, words, until_waiting):
    prepare(storage)
    pids: list[int] = []
    failures: list[Exception] = []
    begun = Signal()

    def second(tx) -> None:
        pids.append(tx.fetch("select pg_backend_pid()", ())[0][0])
        begun.set()
        batch(tx, token=0)

    def lose() -> None:
        try:
            storage.transact(second)
        except CheckpointConflictError as error:
            failures.append(error)

    def first(tx):
        batch(tx, token=0)
        thread = as_thread(lose)
        begun.wait()
        until_waiting(pids[0])
        return thread

    storage.transact(first).join(30)
    assert [error.consumer for error in failures] == ["guests@1"]
    assert stored(storage, words)[:4] == (10, ["ann"], [1], 1)


@pytest.mark.parametrize("moved_last", [False, True])
def test_a_stale_token_rolls_everything_back_whenever_it_is_noticed(
    storage, connect, words, postgres_schema, moved_last
):
    prepare(storage)
    connect(autocommit=True).execute(f"create table {postgres_schema}.own (id int)")
    storage.lease("", "first", [("guests@1", 0)], seconds=1, now=1_000_000)
    storage.lease("", "second", [("guests@1", 0)], seconds=1, now=9_000_000)
    stale = Move("guests@1", 0, 1, 0, 10, 0)

    def work(tx) -> None:
        if not moved_last:
            tx.move("", [stale])
        tx.commit(words.append("stay-1", 0))
        tx.save_documents("", GUESTS, {"ann": StoredDocument(b"{}")}, [])
        tx.execute(f"insert into {postgres_schema}.own values (%s)", [(1,), (2,)])
        tx.move("", [stale])

    with pytest.raises(CheckpointConflictError):
        storage.transact(work)
    assert stored(storage, words) == NOTHING
    assert connect().execute(f"select count(*) from {postgres_schema}.own").fetchone() == (0,)


@pytest.mark.parametrize(
    "ending", ["commit", " -- now\n/* then */ COMMIT and chain", "end", "rollback", "abort", "begin"]
)
def test_a_statement_may_not_end_the_transaction_that_it_is_in(storage, words, ending):
    prepare(storage)

    def work(tx) -> None:
        batch(tx, token=0, words=words)
        tx.execute(ending, [()])

    with pytest.raises(StatementError, match="transaction"):
        storage.transact(work)
    assert stored(storage, words) == NOTHING


def test_a_statement_that_asks_for_more_than_it_is_given_is_refused_and_the_connection_kept(storage):
    for sql, parameters in (("select %s", ()), ("select 1", (1,)), ("select $1::int", ())):
        with pytest.raises(StatementError):
            storage.transact(lambda tx, sql=sql, parameters=parameters: tx.fetch(sql, parameters))
    assert storage.transact(lambda tx: tx.fetch("select 107 %% 100, %s::int", (7,))) == [(7, 7)]


def test_the_gate_opens_for_one_alone_when_those_inside_have_left(storage, until_waiting):
    alone: list[str] = []
    pids: list[int] = []
    begun = Signal()

    def close(tx) -> None:
        pids.append(tx.fetch("select pg_backend_pid()", ())[0][0])
        begun.set()
        tx.gate("", ["guests"], exclusive=True)
        alone.append("in")

    def inside(tx):
        tx.gate("", ["guests", "nights"], exclusive=False)
        storage.transact(lambda other: other.gate("", ["guests"], exclusive=False))  # shared: two at once
        thread = as_thread(lambda: storage.transact(close))
        begun.wait()
        until_waiting(pids[0])
        assert alone == []
        return thread

    storage.transact(inside).join(30)
    assert alone == ["in"]


def test_a_gate_that_stays_shut_is_given_up(storage):
    def inside(tx) -> None:
        tx.gate("", ["guests"], exclusive=False)
        with pytest.raises(StorageUnavailableError):
            storage.transact(lambda other: other.gate("", ["guests"], exclusive=True))
        for free in (("", ["nights"]), ("other", ["guests"])):  # another projection, another tenant
            storage.transact(lambda other, free=free: other.gate(*free, exclusive=True))

    storage.transact(inside)
    storage.transact(lambda tx: tx.gate("", ["guests"], exclusive=True))


def test_nobody_enters_while_one_is_alone(open_storage, storage):
    impatient = open_storage(pool_timeout_seconds=0.2)

    def alone(tx) -> None:
        tx.gate("", ["guests"], exclusive=True)
        with pytest.raises(StorageUnavailableError):
            impatient.transact(lambda other: other.gate("", ["guests"], exclusive=False))

    storage.transact(alone)
    impatient.transact(lambda other: other.gate("", ["guests"], exclusive=False))


def test_a_document_that_is_not_there_yet_is_locked_for_whoever_asked_first(storage, until_waiting):
    prepare(storage)
    seen: list[bytes] = []
    pids: list[int] = []
    begun = Signal()

    def second(tx) -> None:
        pids.append(tx.fetch("select pg_backend_pid()", ())[0][0])
        begun.set()
        seen.extend(found.data for found in tx.documents("", GUESTS, ["ann"]).values())

    def first(tx):
        assert tx.documents("", GUESTS, ["ann"]) == {}
        thread = as_thread(lambda: storage.transact(second))
        begun.wait()
        until_waiting(pids[0])
        tx.save_documents("", GUESTS, {"ann": StoredDocument(b'{"nights":1}')}, [])
        return thread

    storage.transact(first).join(30)
    assert seen == [b'{"nights":1}']


def test_a_batch_of_two_thousand_documents_is_three_round_trips(storage, monkeypatch):
    """BEGIN goes with the first statement, and all documents are in one."""
    prepare(storage)
    trips: list[list[bytes]] = []
    at_once, run = Session._at_once, Session.run

    def counted(session: Session, *statements):
        trips.append([text for text, _ in statements])
        return at_once(session, *statements)

    def counted_run(session: Session, script: bytes) -> None:
        trips.append([script])
        run(session, script)

    monkeypatch.setattr(Session, "_at_once", counted)
    monkeypatch.setattr(Session, "run", counted_run)

    def work(tx) -> None:
        tx.move("", [Move("guests@1", 0, 0, 0, 2000, 0)])
        tx.save_documents("", GUESTS, {f"guest-{n}": StoredDocument(b"{}") for n in range(2000)}, [])

    storage.transact(work)
    assert [len(trip) for trip in trips] == [2, 1, 1]
    assert (trips[0][0], trips[-1]) == (b"begin", [b"commit"])


def test_a_read_model_made_anew_with_other_types_is_read_by_sessions_that_knew_the_old_one(storage, open_storage):
    prepare(storage)
    reader = open_storage(pool_size=2)
    for _ in range(12):  # the driver prepares what it sends often
        assert reader.select("", NIGHTS, TABLE, Selection()).rows == []
    other = Shape("table", (Column("hotel", Text), Column("nights", Text)), ("hotel",))

    def renew(tx) -> None:
        tx.drop_target(NIGHTS, TABLE)
        tx.create_target(NIGHTS, other)
        changes = TableChanges((), [Upserts(("hotel", "nights"), ("key", "set"), [("grand", "one")])])
        tx.change_rows("", NIGHTS, other, changes)

    storage.transact(renew)
    assert reader.select("", NIGHTS, other, Selection()).rows == [{"hotel": "grand", "nights": "one"}]


def test_a_table_altered_under_a_handler_is_a_matter_of_trying_again(storage, connect, postgres_schema):
    admin = connect(autocommit=True)
    admin.execute(f"create table {postgres_schema}.own (id int)")

    def look(tx):
        return tx.fetch(f"select * from {postgres_schema}.own", ())

    for _ in range(12):
        assert storage.transact(look) == []
    admin.execute(f"alter table {postgres_schema}.own add column name text")
    with pytest.raises(StorageUnavailableError):
        storage.transact(look)
    assert storage.transact(look) == []
