"""Callers who come at once share a transaction, and each still has a verdict of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from everfold import limits
from everfold.errors import (
    CommitUnknownError,
    EventIdReusedError,
    StorageError,
    StoreClosedError,
    WrongExpectedVersionError,
)
from everfold.storage.sqlite.group_commit import GroupCommit, Ticket, take_batch
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.sqlite.store_async import AsyncSqliteStorage
from everfold.storage.unit import Committed, Unit

DEADLINE_SECONDS = 20


class Gate:
    """Holds the writer's connection before its first COMMIT, and notes every statement."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.statements: list[str] = []
        self.reached = threading.Event()
        self.open = threading.Event()
        connection.set_trace_callback(self._before)

    def _before(self, statement: str) -> None:
        self.statements.append(statement)
        if statement == "commit" and not self.open.is_set():
            self.reached.set()
            assert self.open.wait(DEADLINE_SECONDS)

    @property
    def commits(self) -> int:
        return self.statements.count("commit")


@pytest.fixture
def gate(storage) -> Gate:
    return Gate(storage._database.writer.connection())


@pytest.fixture
def pool():
    with ThreadPoolExecutor(32) as threads:
        yield threads


def queued(storage: SqliteStorage, count: int) -> None:
    """Return when so many callers stand in the queue."""
    while len(storage._group._queue) < count:
        threading.Event().wait(0)


def verdict(storage: SqliteStorage, unit: Unit):
    try:
        return storage.commit(unit)
    except Exception as error:
        return error


def test_what_came_while_a_batch_ran_is_one_transaction(storage, words, gate, pool):
    first = pool.submit(storage.commit, words.append("stay-0", 0))
    assert gate.reached.wait(DEADLINE_SECONDS)
    others = [pool.submit(storage.commit, words.append(f"stay-{n}", 0)) for n in range(1, 21)]
    queued(storage, 20)
    gate.open.set()
    positions = [one.result().appends[0].positions[0] for one in (first, *others)]
    assert sorted(positions) == list(range(1, 22))
    assert gate.commits == 2


def test_a_conflict_in_a_batch_leaves_its_neighbours_alone(storage, words, gate, pool):
    known = words.event()
    storage_ready = pool.submit(storage.commit, words.append("stay-0", 0, events=(known,)))
    assert gate.reached.wait(DEADLINE_SECONDS)
    units = {
        "good": words.append("stay-1", 0),
        "wrong version": words.append("stay-0", 7),
        "reused id": words.append("stay-2", 0, events=(words.event(), known)),
        "repeated": words.append("stay-0", 0, events=(known,)),
        "good too": words.append("stay-3", 0),
    }
    running = {}
    for number, (name, unit) in enumerate(units.items(), 1):
        running[name] = pool.submit(verdict, storage, unit)
        queued(storage, number)
    gate.open.set()
    first = storage_ready.result()
    found = {name: one.result() for name, one in running.items()}
    assert isinstance(found["wrong version"], WrongExpectedVersionError)
    assert isinstance(found["reused id"], EventIdReusedError)
    assert (found["repeated"].repeated, found["repeated"].appends) == (True, first.appends)
    assert [list(found[name].appends[0].positions) for name in ("good", "good too")] == [[2], [3]]
    assert [row[0] for row in words.everything(storage)] == [1, 2, 3]
    assert storage.stream_row("", "stay-2") is None
    assert gate.commits == 2


def test_a_stream_whose_first_append_was_taken_back_is_not_taken_for_another(storage, words, gate, pool):
    """The id drawn for it goes to the next new stream; an append to the first must not land there."""
    known = words.event()
    first = pool.submit(storage.commit, words.append("stay-0", 0, events=(known,)))
    assert gate.reached.wait(DEADLINE_SECONDS)
    refused = pool.submit(verdict, storage, words.append("stay-1", 0, events=(known,)))
    queued(storage, 1)
    other = pool.submit(storage.commit, words.append("stay-2", 0))
    queued(storage, 2)
    gate.open.set()
    assert isinstance(refused.result(), EventIdReusedError)
    assert first.result().appends[0].version == other.result().appends[0].version == 1
    with pytest.raises(WrongExpectedVersionError):
        storage.commit(words.append("stay-1", 1))
    storage.commit(words.append("stay-1", 0))
    assert [row[2] for row in words.stream(storage, "stay-2").rows] == [1]


def test_a_failing_commit_fails_all_of_the_batch_and_the_next_one_works(storage, words):
    def refuse_commit(action: int, operation: str | None, *_: object) -> int:
        commit = (action, operation) == (sqlite3.SQLITE_TRANSACTION, "COMMIT")
        return sqlite3.SQLITE_DENY if commit else sqlite3.SQLITE_OK

    writer = storage._database.writer
    writer.connection().set_authorizer(refuse_commit)
    failed = writer.commit([words.append(f"stay-{n}", 0) for n in range(3)])
    assert [type(error) for error in failed] == [StorageError] * 3
    assert all("nothing was written" in str(error) for error in failed)
    assert len({id(error) for error in failed}) == 3
    assert storage.commit(words.append("stay-1", 0)).appends[0].positions == range(1, 2)
    assert len(words.everything(storage)) == 1


def test_without_group_commit_each_unit_has_its_own_transaction(path, words, pool):
    with closing(SqliteStorage(path, group_commit=False)) as storage:
        storage.migrate("auto")
        gate = Gate(storage._database.writer.connection())
        running = [pool.submit(storage.commit, words.append("stay-0", 0))]
        assert gate.reached.wait(DEADLINE_SECONDS)
        running += [pool.submit(storage.commit, words.append(f"stay-{n}", 0)) for n in range(1, 6)]
        queued(storage, 5)
        gate.open.set()
        assert all(one.result().appends for one in running)
        assert gate.commits == 6


def test_closing_finishes_what_is_under_way(storage, words, gate, pool):
    first = pool.submit(storage.commit, words.append("stay-0", 0))
    assert gate.reached.wait(DEADLINE_SECONDS)
    second = pool.submit(storage.commit, words.append("stay-1", 0))
    queued(storage, 1)
    closed = pool.submit(storage.close)
    gate.open.set()
    closed.result()
    assert first.result().appends
    assert second.result().appends
    with pytest.raises(StoreClosedError):
        storage.commit(words.append("stay-2", 0))


def test_a_batch_stays_within_its_limits(words, monkeypatch):
    def batch_of(units: list[Unit], units_max: int) -> list[int]:
        queue = deque(Ticket(unit) for unit in units)
        sizes = []
        while queue:
            sizes.append(len(take_batch(queue, units_max, [])))
        return sizes

    units = [words.append("stay-1", events=words.events(2)) for _ in range(7)]
    assert batch_of(units, 3) == [3, 3, 1]
    monkeypatch.setattr(limits, "GROUP_COMMIT_BYTES_MAX", 100)
    assert batch_of(units, 256) == [2, 2, 2, 1]
    monkeypatch.setattr(limits, "GROUP_COMMIT_BYTES_MAX", 1)
    assert batch_of(units, 256) == [1] * 7


class Interrupted:
    """A commit whose first batch waits, and is then interrupted as by Ctrl-C."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, units):
        self.batches.append(len(units))
        if len(self.batches) == 1:
            self.reached.set()
            assert self.go.wait(DEADLINE_SECONDS)
            raise KeyboardInterrupt
        if len(self.batches) == 2:
            raise KeyboardInterrupt
        return [Committed(()) for _ in units]


def test_an_interrupted_leader_hands_over(words, pool):
    commit = Interrupted()
    group = GroupCommit(commit, 2)
    unit = words.append("stay-1", 0)
    leader = pool.submit(group.submit, unit)
    assert commit.reached.wait(DEADLINE_SECONDS)
    followers = []
    for number in range(1, 6):
        followers.append(pool.submit(group.submit, unit))
        while len(group._queue) < number:
            threading.Event().wait(0)
    commit.go.set()
    found = [one.exception() for one in (leader, *followers)]
    # the first batch was the leader's own; of the second, the leader is interrupted and its follower can't know
    assert [type(error) for error in found] == [
        KeyboardInterrupt,
        KeyboardInterrupt,
        CommitUnknownError,
        *[type(None)] * 3,
    ]
    group.close()


async def test_tasks_share_a_transaction_and_keep_their_verdicts(async_storage, words):
    gate = Gate(async_storage._database.writer.connection())
    gate.open.set()
    units = [words.append(f"stay-{n}", 0 if n % 3 else 7) for n in range(60)]
    found = await asyncio.gather(*(async_storage.commit(unit) for unit in units), return_exceptions=True)
    kinds = [type(one) for one in found]
    assert kinds == [Committed if n % 3 else WrongExpectedVersionError for n in range(60)]
    assert gate.commits <= 3
    assert await async_storage.head("") == 40


async def test_a_cancelled_task_harms_no_other(async_storage, words):
    gate = Gate(async_storage._database.writer.connection())
    tasks = [asyncio.create_task(async_storage.commit(words.append(f"stay-{n}", 0))) for n in range(4)]
    await asyncio.to_thread(gate.reached.wait, DEADLINE_SECONDS)
    tasks += [asyncio.create_task(async_storage.commit(words.append(f"stay-{n}", 0))) for n in range(4, 8)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[5].cancel()
    gate.open.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(one, asyncio.CancelledError) for one in found] == [n in (0, 5) for n in range(8)]
    assert [(await async_storage.stream_row("", f"stay-{n}")) is not None for n in range(8)] == [
        n != 5 for n in range(8)
    ]


async def test_closing_waits_for_the_tasks_that_append(path, words):
    storage = AsyncSqliteStorage(path)
    await storage.migrate("auto")
    tasks = [asyncio.create_task(storage.commit(words.append(f"stay-{n}", 0))) for n in range(600)]
    await asyncio.sleep(0)
    await storage.close()
    found = await asyncio.gather(*tasks)
    assert len({one.appends[0].positions[0] for one in found}) == 600
    with pytest.raises(StoreClosedError):
        await storage.commit(words.append("stay-0", 1))
    with pytest.raises(StoreClosedError):
        await storage.head("")
    await storage.close()


async def test_the_async_store_reads_what_it_wrote(async_storage, words):
    unit = words.append("stay-1", 0, events=words.events(3))
    first = await async_storage.commit(unit)
    assert (await async_storage.commit(unit)).appends == first.appends
    page = await async_storage.read_stream("", "stay-1", after_version=1, up_to_version=None, backwards=True, limit=10)
    assert ([row[2] for row in page.rows], page.version) == ([3, 2], 3)
    assert [row.name for row in await async_storage.stream_rows("", category="stay", after="", limit=9)] == ["stay-1"]
    assert [count.events for count in await async_storage.type_counts("")] == [3]
    assert await async_storage.load_snapshot("", "stay-1", "stay", 1) is None
    assert (await async_storage.schema_status()).pending == ()
