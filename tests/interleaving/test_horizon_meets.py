"""Readers and boundaries beside open appends, in every schedule of the lock horizon; and each wrong order of its looks."""

from __future__ import annotations

import pytest

import everfold as ef
from everfold import limits
from everfold.storage.unit import Page
from everfold.testing.interleave import Scenario, ScheduleFailed, alone, explore, open_store, point, replay, touch

from .bank import Deposited, Refused, bank, listed
from .locking import LockingStorage, OpenAppend
from .test_boundaries_meet import ROOM, Taken, room

guests = ef.Decider(
    initial_state=Taken,
    evolve=lambda state, event: Taken((*state.by, event.by)),
    decide=lambda name, _: Deposited(1, name),
)


def tailing(storage_class=LockingStorage, reads: int = 2):
    """Two writers, and a reader who reads on from where it stood."""

    def make() -> Scenario:
        storage = storage_class()
        store = open_store(storage, bank)
        always = ef.AppendCondition(ef.Query(tags=["never"]))

        async def read():
            given = []
            for _ in range(reads):
                given += await listed(store.read_all(after=given[-1].position if given else 0))
            return given

        tasks = {name: store.append_if([Deposited(1, name)], always) for name in ("anna", "ben")}

        def check(results):
            given = [event.position for event in results["reader"]]
            assert given == sorted(set(given)), "out of order, or twice"
            passed = [position for position in storage.rows if given and position <= given[-1]]
            assert given == sorted(passed), "an event was missed"

        return Scenario({"reader": read(), **tasks}, check)

    return make


def test_a_reader_misses_nothing_whatever_appends_are_open():
    assert explore(tailing(), reduce=True).schedules > 100


class ReaderLooksAtLocksFirst(LockingStorage):
    async def horizon(self):
        lowest = await self.look_at_locks()
        return min(lowest, await self.look_at_drawn())


class ReaderReadsRowsFirst(LockingStorage):
    """What one statement for the looks and the rows would do: its rows are older than its looks."""

    async def read_all(self, tenant, *, after, query, limit, **_) -> Page:
        await point("before the rows")
        touch("rows", changed=False)
        rows = dict(self.rows)
        horizon = await self.horizon()
        newer, self.rows = self.rows, rows
        try:
            return self.page(after, query, limit, horizon, beyond_horizon=False)
        finally:
            self.rows = newer


class ReaderIgnoresLocks(LockingStorage):
    async def look_at_locks(self):
        return 1_000_000


class WriterDrawsBeforeItLocks(LockingStorage):
    async def enter(self, transaction, events):
        positions = await self.draw(events)
        await self.lock(transaction)
        return positions


class WriterUnlocksBeforeItIsSeen(LockingStorage):
    async def draw(self, events):
        positions = await super().draw(events)
        await point("before unlocking too soon")
        touch("locks")
        self.held.clear()
        return positions


class WriterLocksAnotherKey(LockingStorage):
    """As missing parentheses in the key's arithmetic once did."""

    async def look_at_locks(self):
        return await super().look_at_locks() + 1_000


@pytest.mark.parametrize(
    "mutant",
    [
        ReaderLooksAtLocksFirst,
        ReaderReadsRowsFirst,
        ReaderIgnoresLocks,
        WriterDrawsBeforeItLocks,
        WriterUnlocksBeforeItIsSeen,
        WriterLocksAnotherKey,
    ],
)
def test_a_horizon_taken_in_another_way_misses_an_event(mutant):
    with pytest.raises(ScheduleFailed, match="missed"):
        explore(tailing(mutant), reduce=True)


def deciding(*appended: str, others: tuple[str, ...] = ()):
    """A decision over a boundary, beside appends inside it and outside."""

    def make() -> Scenario:
        conflicts: list[object] = []
        storage = LockingStorage()
        store = open_store(storage, bank, telemetry=lambda d: conflicts.append(d) if hasattr(d, "attempt") else None)
        always = ef.AppendCondition(ef.Query(tags=["never"]))

        def write(name: str, tag: str):
            return store.append_if([ef.NewEvent(Deposited(1, name), tags=[tag])], always)

        tasks = {name: write(name, "room:12") for name in appended} | {name: write(name, "else") for name in others}
        tasks["decider"] = store.decide_over(ROOM, room, "decider", tags=["room:12"])

        def check(results):
            visible = [position for position in storage.rows if "room:12" in storage.tags[position]]
            if isinstance(results["decider"], Refused):
                assert len(visible) >= 2
                return
            before = visible[: visible.index(results["decider"].position)]
            names = {results[name].position: name for name in appended}
            assert sorted(results["decider"].state.by) == sorted(["decider", *(names[p] for p in before)])
            assert appended or not conflicts

        return Scenario(tasks, check, may_raise=(Refused,))

    return make


def test_a_decision_over_a_boundary_has_seen_every_event_that_was_there_before_its_own():
    assert explore(deciding("anna"), reduce=True).schedules > 10


def test_a_boundary_of_several_pages_trusts_its_first_horizon(monkeypatch):
    """An append below the first page becomes visible after it: a later horizon has passed it, the decision hasn't."""
    monkeypatch.setattr(limits, "PAGE_EVENTS", 1)

    def make() -> Scenario:
        storage = LockingStorage()
        late, store = open_store(OpenAppend(storage), bank), open_store(storage, bank)
        always = ef.AppendCondition(ef.Query(tags=["never"]))

        def write(through: ef.AsyncEventStore, name: str):
            return through.append_if([ef.NewEvent(Deposited(1, name), tags=["room:12"])], always)

        for name in ("ben", "carl"):
            alone(write(store, name))
        tasks = {"anna": write(late, "anna"), "decider": store.decide_over(ROOM, guests, "dora", tags=["room:12"])}

        def check(results):
            order = list(storage.rows)
            anna_came_first = order.index(1) < order.index(results["decider"].position)
            expected = ("anna", "ben", "carl", "dora") if anna_came_first else ("ben", "carl", "dora")
            assert results["decider"].state.by == expected

        return Scenario(tasks, check)

    assert explore(make, reduce=True).schedules > 5


def test_an_open_append_that_does_not_match_makes_no_conflict():
    explore(deciding(others=("anna",)), reduce=True)


def test_a_boundary_behind_an_open_append_decides_at_once():
    """The horizon stands below the boundary's own last event; the decision names that event and goes on."""

    def make() -> Scenario:
        storage = LockingStorage()
        store = open_store(storage, bank)
        always = ef.AppendCondition(ef.Query(tags=["never"]))
        ended: list[bool] = []

        async def hold():
            await storage.lock(99)
            while not ended:
                await point("still open")
                touch("ended", changed=False)
            await storage.unlock(99)

        async def decide():
            try:
                await store.append_if([ef.NewEvent(Deposited(1, "anna"), tags=["room:12"])], always)
                return await store.decide_over(ROOM, room, "decider", tags=["room:12"])
            finally:
                touch("ended")
                ended.append(True)

        def check(results):
            assert results["decider"].state.by == ("anna", "decider")

        return Scenario({"decider": decide(), "open": hold()}, check)

    # the one schedule that matters: the lock is taken first, and held until the other has ended
    replay(make, [1, 1, 1])
