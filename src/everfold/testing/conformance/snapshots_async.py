"""Snapshots: written with the events they stand for, used to save folding, and never believed over the events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

import everfold as ef

from ...storage.unit import Snapshot, Unit
from ..clock import VirtualClock
from .backend_async import AsyncBackend
from .domain import Add, Counted, Tally, add_up, decide_add, tally
from .needs import needs
from .reading_async import log_of

EVERY_5 = ef.Snapshots(every=5)


class Folding:
    """The tally with snapshots; counts the events that were folded."""

    def __init__(self, plan: ef.Snapshots = EVERY_5) -> None:
        self.folded = 0
        self.decider: ef.Decider[Add, Tally] = ef.Decider(
            initial_state=Tally, evolve=self.evolve, decide=decide_add, snapshots=plan
        )

    def evolve(self, state: Tally, event: Any) -> Tally:
        self.folded += 1
        return add_up(state, event)

    async def load(self, store: ef.AsyncEventStore, **when: Any) -> tuple[int, int, int]:
        """Total, version, and how many events it took."""
        self.folded = 0
        loaded = await store.load("tally-1", self.decider, **when)
        return loaded.state.total, loaded.version, self.folded


async def add(store: ef.AsyncEventStore, decider: ef.Decider[Add, Tally], times: int) -> None:
    for _ in range(times):
        await store.decide("tally-1", decider, Add(1))


async def stored(store: ef.AsyncEventStore, schema_version: int = 1) -> Snapshot | None:
    return await store.storage.load_snapshot(store.tenant, "tally-1", "state", schema_version)


async def version_of(store: ef.AsyncEventStore, schema_version: int = 1) -> int:
    """Where the snapshot stands; 0 without one."""
    found = await stored(store, schema_version)
    return 0 if found is None else found.version


class StoredSnapshots:
    @pytest.mark.parametrize(("events", "at"), [(4, 0), (5, 5), (9, 5), (10, 10), (23, 20)])
    async def test_one_is_written_every_so_many_events(self, store: ef.AsyncEventStore, events: int, at: int) -> None:
        await add(store, Folding().decider, events)
        assert await version_of(store) == at

    async def test_a_decision_of_many_events_writes_one(self, store: ef.AsyncEventStore) -> None:
        many: ef.Decider[Any, Tally] = ef.Decider(
            initial_state=Tally, evolve=add_up, decide=lambda c, s: [Counted(1)] * 12, snapshots=EVERY_5
        )
        await store.decide("tally-1", many, None)
        assert await version_of(store) == 12

    async def test_a_load_folds_only_what_came_after_it(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 8: a snapshot that is behind is carried on."""
        folding = Folding()
        await add(store, folding.decider, 7)
        assert await folding.load(store) == (7, 7, 2)

    async def test_a_decision_folds_only_what_came_after_it(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 8."""
        folding = Folding()
        await add(store, folding.decider, 6)
        folding.folded = 0
        decision = await store.decide("tally-1", folding.decider, Add(1))
        assert (decision.state.total, folding.folded) == (7, 2)

    async def test_the_state_is_the_same_as_without_it(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 7."""
        await add(store, Folding().decider, 13)
        with_one, without_one = Folding(), Folding(ef.Snapshots(every=5, name="never_written"))
        assert await with_one.load(store) == (13, 13, 3)
        assert await without_one.load(store) == (13, 13, 13)

    async def test_one_of_another_schema_version_is_not_used(self, store: ef.AsyncEventStore) -> None:
        await add(store, Folding().decider, 6)
        changed = Folding(ef.Snapshots(every=5, schema_version=2))
        assert await changed.load(store) == (6, 6, 6)

    async def test_one_of_a_new_schema_version_replaces_the_old_one(self, store: ef.AsyncEventStore) -> None:
        await add(store, Folding().decider, 6)
        changed = Folding(ef.Snapshots(every=5, schema_version=2))
        await add(store, changed.decider, 1)
        assert await version_of(store, 2) == 7
        assert await changed.load(store) == (7, 7, 0)

    @pytest.mark.parametrize("data", [b"", b"not json", b"[]", b'{"total": "many"}'], ids=repr)
    async def test_one_that_cannot_be_decoded_is_not_used_and_reported(
        self, backend: AsyncBackend, data: bytes
    ) -> None:
        told: list[object] = []
        store = await backend.open(telemetry=told.append)
        await store.append("tally-1", [Counted(1)] * 6, expected_version=0)
        await store.storage.commit(Unit("", snapshots=(Snapshot("tally-1", "state", 1, 5, data),)))
        told.clear()
        assert await Folding().load(store) == (6, 6, 6)
        assert [type(detail).__name__ for detail in told] == ["SnapshotSkippedDetail"]

    async def test_an_older_one_does_not_replace_a_newer_one(self, store: ef.AsyncEventStore) -> None:
        for version, total in ((8, 80), (5, 50)):
            snapshot = Snapshot("tally-1", "state", 1, version, b'{"total":%d,"events":%d}' % (total, version))
            await store.storage.commit(Unit("", snapshots=(snapshot,)))
        assert await version_of(store) == 8

    async def test_one_of_another_schema_version_is_replaced_though_it_stands_further(
        self, store: ef.AsyncEventStore
    ) -> None:
        for schema_version, version in ((1, 8), (2, 5)):
            snapshot = Snapshot("tally-1", "state", schema_version, version, b'{"total":1,"events":1}')
            await store.storage.commit(Unit("", snapshots=(snapshot,)))
        assert (await version_of(store, 1), await version_of(store, 2)) == (0, 5)

    @pytest.mark.parametrize(("at", "folded"), [(3, 3), (4, 4), (5, 0), (6, 1), (7, 2)])
    async def test_a_load_at_a_version_uses_one_that_is_not_beyond_it(
        self, store: ef.AsyncEventStore, at: int, folded: int
    ) -> None:
        folding = Folding()
        await add(store, folding.decider, 7)
        assert await folding.load(store, at_version=at) == (at, at, folded)

    async def test_a_load_at_a_time_does_not_use_one(self, backend: AsyncBackend) -> None:
        clock = VirtualClock()
        store = await backend.open(clock=clock)
        folding = Folding()
        await add(store, folding.decider, 3)
        then = clock.now()
        clock.advance(hours=1)
        await add(store, folding.decider, 4)
        assert await folding.load(store, at_time=then) == (3, 3, 3)

    async def test_a_decision_whose_commit_is_refused_leaves_none(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        folding = Folding()
        await add(store, folding.decider, 4)
        faults.fail_before("commit", ef.StorageUnavailableError("the network is gone"))
        with pytest.raises(ef.StorageUnavailableError):
            await add(store, folding.decider, 1)
        assert (await version_of(store), len(await log_of(store))) == (0, 4)

    async def test_a_conflict_writes_none_of_the_losers_state(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 31."""
        store, faults = await backend.open_faulty()
        other = await backend.open()
        folding = Folding()
        await add(store, folding.decider, 4)

        async def rival() -> None:
            await other.append("tally-1", [Counted(100)], expected_version=ef.ANY)

        faults.interpose("commit", rival)
        await add(store, folding.decider, 1)
        assert await version_of(store) == 6
        assert await folding.load(store) == (105, 6, 0)

    async def test_two_deciders_over_one_stream_keep_theirs_under_their_names(self, store: ef.AsyncEventStore) -> None:
        left, right = Folding(ef.Snapshots(every=2, name="left")), Folding(ef.Snapshots(every=3, name="right"))
        await add(store, left.decider, 2)
        await add(store, right.decider, 1)
        assert await left.load(store) == (3, 3, 1)
        assert await right.load(store) == (3, 3, 0)

    async def test_the_events_stay_whole(self, store: ef.AsyncEventStore) -> None:
        await add(store, Folding().decider, 12)
        assert [e.version for e in await log_of(store)] == list(range(1, 13))
        assert (await store.load("tally-1", tally)).state == Tally(12, 12)

    @needs("durable")
    async def test_one_is_there_after_the_store_was_closed_and_opened(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        await add(store, Folding().decider, 6)
        await store.close()
        assert await Folding().load(await backend.open()) == (6, 6, 1)

    async def test_a_state_that_cannot_be_stored_is_named(self, store: ef.AsyncEventStore) -> None:
        odd: ef.Decider[Any, Odd] = ef.Decider(
            initial_state=Odd,
            evolve=lambda s, e: Odd(float("nan")),
            decide=lambda c, s: Counted(),
            snapshots=ef.Snapshots(every=1),
        )
        with pytest.raises(ef.UnencodableEventError, match="rate"):
            await store.decide("tally-1", odd, None)
        assert await log_of(store) == []


@dataclass(frozen=True)
class Odd:
    rate: float = 0.0
