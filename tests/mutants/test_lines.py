"""Lines whose mutants no other test would notice: each test here is the one that fails."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass

import pytest

import everfold as ef
from everfold import limits
from everfold.storage.memory.store import MemoryStorage
from everfold.storage.unit import Page
from everfold.store.cache import CachedState
from everfold.testing.interleave import InterleavedStorage, alone, open_store

tally = ef.Module("tally")


@tally.event("counted")
@dataclass(frozen=True, slots=True)
class Counted:
    text: str = ""


counter = ef.Decider(
    initial_state=int,
    evolve=lambda state, _: state + 1,
    decide=lambda events, _: [Counted()] * events,
    snapshots=ef.Snapshots(every=3),
)


def opened(storage: MemoryStorage, **options) -> ef.AsyncEventStore:
    return open_store(InterleavedStorage(storage), tally, **options)


async def listed(events, until: int | None = None) -> list:
    found = []
    async with aclosing(events) as items:
        async for item in items:
            found.append(item)
            if len(found) == until:
                break
    return found


def test_an_older_state_does_not_replace_a_newer_one_in_the_cache():
    cache = ef.StateCache()
    cache.put(("key",), CachedState("newer", 7))
    cache.put(("key",), CachedState("older", 6))
    assert cache.get(("key",)) == CachedState("newer", 7)


def test_with_a_cache_too_a_snapshot_is_written_every_so_many_events_only():
    class Watched(MemoryStorage):
        versions: list[int]

        def commit(self, unit):
            self.versions += [snapshot.version for snapshot in unit.snapshots]
            return super().commit(unit)

    storage = Watched()
    storage.versions = []
    store = opened(storage, cache=ef.StateCache())
    for _ in range(8):
        alone(store.decide("tally-1", counter, 1))
    assert storage.versions == [3, 6]


def test_a_stale_state_costs_one_conflict_and_no_second():
    def decide(command, state):
        if state >= 2:
            raise ValueError(command)
        return Counted()

    strict = ef.Decider(initial_state=int, evolve=counter.evolve, decide=decide)
    details: list[object] = []
    storage = MemoryStorage()
    store, other = opened(storage, cache=ef.StateCache(), telemetry=details.append), opened(storage)
    alone(store.decide("tally-1", strict, "cached"))
    alone(other.append("tally-1", [Counted()], expected_version=1))
    for command in ("stale", "known to be stale"):
        with pytest.raises(ValueError, match=command):
            alone(store.decide("tally-1", strict, command))
    assert [type(detail).__name__ for detail in details] == ["AppendDetail", "ConflictDetail"]


def test_a_state_whose_next_events_are_hidden_is_folded_from_what_is_left():
    """It has seen version 1; 2 is hidden, 3 is there: no state has 1 and 3 in it."""
    plain = ef.Decider(initial_state=int, evolve=counter.evolve, decide=counter.decide)
    cache, storage = ef.StateCache(), MemoryStorage()
    store, other = opened(storage, cache=cache), opened(storage)
    alone(store.decide("tally-1", plain, 1))
    alone(other.append("tally-1", [Counted(), Counted()], expected_version=1))
    alone(other.truncate("tally-1", before_version=3))
    assert alone(store.decide("tally-1", plain, 0)).state == alone(other.load("tally-1", plain)).state == 1


def test_a_page_of_events_larger_than_a_page_still_goes_on(monkeypatch):
    monkeypatch.setattr(limits, "PAGE_BYTES", 10)
    monkeypatch.setattr(limits, "PAGE_EVENTS", 1)
    store = opened(MemoryStorage())
    alone(store.append("tally-1", [Counted("x" * 100)] * 3, expected_version=0))
    assert len(alone(listed(store.read_all()))) == 3


def test_a_subscription_says_that_it_caught_up_only_at_the_end_of_the_last_page(monkeypatch):
    monkeypatch.setattr(limits, "PAGE_EVENTS", 2)
    store = opened(MemoryStorage())
    alone(store.append("tally-1", [Counted()] * 5, expected_version=0))
    found = alone(listed(store.subscribe(), until=6))
    assert [item.position for item in found] == [1, 2, 3, 4, 5, 5]
    assert [isinstance(item, ef.CaughtUp) for item in found] == [False] * 5 + [True]


def test_a_filtered_subscription_catches_up_over_what_it_leaves_out():
    store = opened(MemoryStorage())
    alone(store.append("tally-1", [Counted()] * 3, expected_version=0))
    assert alone(listed(store.subscribe(query=ef.Query(categories=["other"])), until=1)) == [ef.CaughtUp(3)]


@pytest.mark.parametrize(("blocked", "seconds"), [(True, limits.POLL_SECONDS_MAX), (False, None)])
def test_a_subscription_behind_an_open_append_looks_again_soon(blocked, seconds):
    waits: list[float] = []

    class Watched(InterleavedStorage):
        async def read_all(self, tenant, **bounds) -> Page:
            page = await super().read_all(tenant, **bounds)
            page.blocked = blocked
            return page

        async def wait(self, hint, timeout_seconds):
            waits.append(timeout_seconds)
            if len(waits) == 10:
                await self.close()
            return await super().wait(hint, timeout_seconds)

    store = open_store(Watched(MemoryStorage()), tally)
    alone(listed(store.subscribe()))
    assert len(waits) == 10
    if blocked:
        assert waits == sorted(waits)
        assert waits[-1] == seconds
        assert waits[0] < seconds
    else:
        assert set(waits) == {limits.SUBSCRIPTION_LOOK_SECONDS}
