"""Group commit: verdicts of their own, the order within a stream, and nobody waits for somebody else's lock."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from everfold import limits
from everfold.errors import (
    ConflictError,
    EventIdReusedError,
    StreamTombstonedError,
    WrongExpectedVersionError,
)
from everfold.events.query import Query
from everfold.runtime.concurrency import Ticket
from everfold.storage.postgres.encode import batch_parameters
from everfold.testing.racing import as_thread, race, successes


class Counting:
    """How the storage sent what it committed."""

    def __init__(self, storage):
        self.alone = 0
        self.batches: list[int] = []
        group = storage._group
        alone, together = group._alone, group._together

        async def counted_alone(unit):
            self.alone += 1
            return await alone(unit)

        async def counted_together(units):
            self.batches.append(len(units))
            return await together(units)

        group._alone, group._together = counted_alone, counted_together


async def test_what_queues_while_others_run_goes_together(async_storage, words):
    sent = Counting(async_storage)
    units = [words.append(f"stay-{n}", 0) for n in range(200)]
    results = await asyncio.gather(*map(async_storage.commit, units))
    assert sorted(p for r in results for p in words.positions(r)) == list(range(1, 201))
    assert sum(sent.batches) + sent.alone == 200
    assert max(sent.batches) > 50


async def test_a_lone_append_goes_alone(async_storage, words):
    sent = Counting(async_storage)
    for version in range(5):
        await async_storage.commit(words.append("stay-1", version))
    assert (sent.alone, sent.batches) == (5, [])


async def test_each_append_of_a_batch_has_its_own_verdict(async_storage, words):
    used = words.event()
    await async_storage.commit(words.append("known", 0, used))
    await async_storage.commit(words.append("ended", 0))
    await async_storage.commit(words.tombstone("ended"))
    await async_storage.commit(words.append("again", 0, kept := words.event()))
    repeated = words.append("again", 0, kept)
    units = [
        words.append("new", 0),
        words.append("known", 7),
        words.append("known-2", 3),
        words.append("ended"),
        repeated,
        words.append("other", 0, words.event(id=used.id)),
        words.append("missing", -2),
        words.append("any", -1, *words.events(3)),
    ]
    sent = Counting(async_storage)
    first = [async_storage.commit(words.append(f"first-{n}", 0)) for n in range(2)]
    outcomes = (await asyncio.gather(*first, *map(async_storage.commit, units), return_exceptions=True))[2:]
    assert sent.batches == [9], "all but the first, which found nobody about"
    kinds = [type(o) if isinstance(o, Exception) else "stored" for o in outcomes]
    assert kinds == [
        "stored",
        WrongExpectedVersionError,
        WrongExpectedVersionError,
        StreamTombstonedError,
        "stored",
        EventIdReusedError,
        WrongExpectedVersionError,
        "stored",
    ]
    assert outcomes[4].repeated
    assert outcomes[1].actual == 1
    assert words.positions(outcomes[7])[-1] - words.positions(outcomes[7])[0] == 2
    assert await async_storage.head("") == 9, "what was refused used no position"


async def test_appends_to_one_stream_keep_the_order_in_which_they_came(async_storage, words):
    units = [words.append("hot" if n % 3 else f"cold-{n}") for n in range(300)]
    results = await asyncio.gather(*map(async_storage.commit, units))
    hot = [result.appends[0].version for n, result in enumerate(results) if n % 3]
    assert hot == list(range(1, 201))


def test_threads_that_append_at_once_each_get_their_own_result(storage, words):
    def write(number: int) -> list[int | None]:
        return [storage.commit(words.append(f"stay-{number}", v)).appends[0].version for v in range(25)]

    outcomes = race([partial(write, number) for number in range(12)])
    assert outcomes == [list(range(1, 26))] * 12
    assert len(words.everything(storage)) == 300


def test_of_racers_with_one_expectation_exactly_one_wins(storage, words):
    outcomes = race([partial(storage.commit, words.append("stay-1", 0)) for _ in range(16)])
    assert len(successes(outcomes)) == 1
    assert all(isinstance(o, ConflictError) for o in outcomes if isinstance(o, Exception))


def test_a_batch_does_not_wait_for_a_row_that_another_transaction_holds(storage, connect, words):
    storage.commit(words.append("held", 0))
    holder = connect()
    storage.join(holder).commit(words.append("held", 1))
    units = [words.append("held", 1), words.append("free", 0)]
    session = storage._pool._connect()
    ((verdicts, versions, *_),) = session.fetch(storage._sql["append_many"], *batch_parameters(units))
    session.abandon()
    assert (verdicts, versions) == ([5, 0], [0, 1])
    holder.rollback()


def test_nobody_waits_behind_an_append_that_waits_for_a_lock(storage, connect, words, until_waiting):
    """The one that waits goes alone and holds the only lane; the next one opens a lane beside it."""
    storage.commit(words.append("held", 0))
    holder = connect()
    storage.join(holder).commit(words.append("held", 1))
    waiting: list[object] = []
    thread = as_thread(lambda: waiting.append(storage.commit(words.append("held", -1))))
    watcher = connect(autocommit=True)
    for _ in range(3000):
        blocked = watcher.execute(
            "select 1 from pg_stat_activity where %s = any (pg_blocking_pids(pid))", (holder.info.backend_pid,)
        )
        if blocked.fetchone():
            break
    outcomes = race([partial(storage.commit, words.append(f"free-{n}", 0)) for n in range(8)])
    assert len(successes(outcomes)) == 8
    assert waiting == []
    holder.rollback()
    thread.join(30)
    assert waiting[0].appends[0].version == 2


async def test_no_task_waits_behind_an_append_that_waits_for_a_lock(async_storage, storage, connect, words):
    storage.commit(words.append("held", 0))
    holder = connect()
    storage.join(holder).commit(words.append("held", 1))
    waiting = asyncio.create_task(async_storage.commit(words.append("held", -1)))
    await asyncio.sleep(0)
    async with asyncio.timeout(8):
        await asyncio.gather(*(async_storage.commit(words.append(f"free-{n}", 0)) for n in range(8)))
    assert not waiting.done()
    holder.rollback()
    assert (await waiting).appends[0].version == 2


def test_a_batch_waits_a_moment_only_for_a_stream_that_another_transaction_creates(storage, connect, words):
    holder = connect()
    storage.join(holder).commit(words.append("new", 0))
    units = [words.append("new", 0), words.append("other", 0)]
    assert storage._together(units) == [None, None]
    holder.rollback()
    assert None not in storage._together(units)


def test_a_batch_does_not_wait_for_a_tag_that_a_condition_holds(storage, connect, words, until_waiting):
    holder = connect()
    storage.join(holder).commit(words.tagged("room:12", after=0))
    units = [words.append("a", 0, words.event(tags=("room:12",))), words.append("b", 0, words.event(tags=("room:13",)))]
    results = storage._together(units)
    assert results[0] is None
    assert words.positions(results[1]) == [2]
    holder.rollback()
    assert words.everything(storage, Query(tags=["room:13"])) == [2]


def test_a_batch_with_more_tags_than_are_locked_one_by_one_yields_to_a_condition(storage, connect, words):
    holder = connect()
    storage.join(holder).commit(words.tagged("room:12", after=0))
    units = [
        words.append(f"s-{n}", 0, words.event(tags=tuple(sorted(f"t:{n}:{m}" for m in range(30)))))
        for n in range(limits.TAG_LOCKS_MAX // 30 + 1)
    ]
    assert storage._together(units) == [None] * len(units)
    holder.rollback()
    assert all(result is not None for result in storage._together(units))


def test_one_poisoned_append_does_not_harm_its_neighbours(storage, words):
    """An id twice in one batch fails the batch as a whole; then each goes alone."""
    event = words.event()
    units = [words.append("a", 0, event), words.append("b", 0, event), words.append("c", 0)]
    assert storage._together(units) == [None, None, None]
    outcomes = [o if isinstance(o, Exception) else "stored" for o in race([partial(storage.commit, u) for u in units])]
    assert sorted(str(type(o).__name__) for o in outcomes) == ["EventIdReusedError", "str", "str"]


def test_a_stream_that_was_never_appended_to_has_no_row_though_a_batch_made_one(storage, words):
    event = words.event()
    storage.commit(words.append("a", 0, event))
    assert storage._together([words.append("b", 0, event), words.append("c", 0)])[0] is None
    assert storage.stream_row("", "b") is None
    assert [row.name for row in storage.stream_rows("", category=None, after="", limit=10)] == ["a", "c"]
    assert words.positions(storage.commit(words.append("b", 0)))


def test_a_waiter_that_was_interrupted_leaves_its_work_to_another_thread():
    ticket: Ticket[int] = Ticket()
    with pytest.raises(TimeoutError):
        ticket.result(0.001)
    assert ticket.done
    done: Ticket[bool] = Ticket()
    ticket.lead(lambda: done.resolve(True))
    assert done.result(10)


def test_a_ticket_hands_work_and_result_to_the_thread_that_waits():
    ticket: Ticket[int] = Ticket()
    seen: list[int] = []
    thread = as_thread(lambda: seen.append(ticket.result()))
    ticket.lead(lambda: ticket.resolve(7))
    thread.join(10)
    assert seen == [7]
