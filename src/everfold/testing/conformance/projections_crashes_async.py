"""A worker that dies at any call of the port, and the next one: read models are the fold of the log, each event once.

Each case strikes one call after the other, each time for a tenant of its own, until a run gets through unstruck.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

import everfold as ef

from ... import limits
from ...runtime.concurrency_async import Later
from ..clock import VirtualClock
from ..crash import Crash
from ..faults_async import AsyncFaults
from .backend_async import AsyncBackend
from .needs import needs
from .projections_domain import hotel_of, rooms_model, stay, takings_model
from .projections_steps_async import agree, append, caught_up, documents, lease_over, over, parked, seen_marks
from .reading_async import log_of

LOG = (
    [stay("1", "a"), stay("2", "b", "3"), stay("1", "c", nights=4)],
    [stay("3", "d"), stay("2", "bad", "1"), stay("2", "e")],
    [stay("1", "f"), stay("3", "g", leaves=True), stay("4", "h")],
)

Work = Callable[[ef.AsyncEventStore], Later[Any]]


async def filled(store: ef.AsyncEventStore) -> None:
    """Three streams of three events."""
    async with store.unit() as unit:
        for number, events in enumerate(LOG):
            unit.append(f"stay-{number}", events, expected_version=0)


async def struck(store: ef.AsyncEventStore, number: int, work: Work, kind: str = "crash_at") -> bool:
    """Do the work with a process that dies at the call; whether it got through."""
    faults = AsyncFaults(store.storage)
    getattr(faults, kind)(number)
    try:
        await work(over(store, storage=faults))
    except Crash:
        return False
    assert not faults.crashed
    return True


class ProjectionCrashes:
    @pytest.fixture(autouse=True)
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CONSUMER_BATCH_EVENTS", 4)

    async def test_a_worker_that_dies_at_any_call_leaves_each_event_to_count_once(self, backend: AsyncBackend) -> None:
        """Marten section 4 items 20 and 24."""
        clock, hotel = VirtualClock(), hotel_of("bad", on_error=ef.Park())
        base = await backend.open(hotel.module, clock=clock)
        number = 0
        for number in range(1, 500):
            store = over(base, tenant=f"t{number}")
            await filled(store)
            if await struck(store, number, caught_up, ("crash_at", "crash_after")[number % 2]):
                break
            lease_over(clock)
            await caught_up(store)
            await agree(store, hotel, broken=("bad",))
            assert await parked(store, hotel.rooms) == [("2", "bad"), ("1", "bad"), ("2", "e"), ("1", "f")]
        assert 20 < number < 499

    async def test_a_table_fed_inside_the_database_holds_each_event_once_too(
        self, backend: AsyncBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "CONSUMER_SPAN_BEHIND", 1)
        monkeypatch.setattr(limits, "CONSUMER_SPAN_POSITIONS", 200)
        clock, hotel = VirtualClock(), hotel_of()
        base = await backend.open(hotel.module, clock=clock)

        async def work(store: ef.AsyncEventStore) -> None:
            await caught_up(store, only=["takings"])

        number = 0
        for number in range(1, 500):
            store = over(base, tenant=f"t{number}")
            await filled(store)
            through = await struck(store, number, work)
            lease_over(clock)
            await work(store)
            assert await documents(store, hotel.takings) == takings_model(await log_of(store))
            if through:
                break
        assert 10 < number < 499

    @needs("runs_sql")
    async def test_a_group_with_a_handler_that_dies_at_any_call_does_so_too(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 20."""
        table = f"seen_{uuid4().hex[:12]}"
        clock, hotel = VirtualClock(), hotel_of(sql=True, group=True, table=table)
        base = await backend.open(hotel.module, clock=clock)
        number = 0
        for number in range(1, 500):
            store = over(base, tenant=f"t{number}")
            await filled(store)
            if await struck(store, number, caught_up):
                break
            lease_over(clock)
            await caught_up(store)
            await agree(store, hotel)
            assert await seen_marks(store, f"{table}_v1") == ["a", "b", "c", "d", "bad", "e", "f", "g", "h"]
        assert 15 < number < 499

    async def test_a_rebuild_and_promotion_that_die_at_any_call_leave_the_old_or_the_new_version_whole(
        self, backend: AsyncBackend
    ) -> None:
        clock, old, new = VirtualClock(), hotel_of(), hotel_of(version=2)
        first = await backend.open(old.module, clock=clock)
        second = await backend.open(new.module, clock=clock)

        async def deploy(store: ef.AsyncEventStore) -> None:
            await store.projections().rebuild("rooms")
            await store.projections().promote("rooms")

        number = 0
        for number in range(1, 500):
            before, store = over(first, tenant=f"t{number}"), over(second, tenant=f"t{number}")
            await filled(before)
            await caught_up(before, only=["rooms"])
            through = await struck(store, number, deploy)
            expected = rooms_model(await log_of(store))
            assert await documents(store, new.rooms) == expected
            states = {s.version: s.state for s in await store.projections().status("rooms")}
            assert states in ({1: "active"}, {1: "active", 2: "building"}, {1: "active", 2: "standby"}, SWITCHED)
            if through:
                break
            lease_over(clock)
            if states != SWITCHED:
                await deploy(store)
            assert await store.read_model(new.rooms).version() == 2
            assert await documents(store, new.rooms) == expected
            steps = [transition.step for _, transition in await store.projections().history("rooms")]
            assert (steps[-1], steps.count("promoted")) == ("promoted", 1)
        assert 15 < number < 499

    async def test_a_rebuild_in_place_that_dies_at_any_call_is_whole_after_the_next_one(
        self, backend: AsyncBackend
    ) -> None:
        clock, hotel = VirtualClock(), hotel_of()
        base = await backend.open(hotel.module, clock=clock)
        only = ("takings", "rooms")
        number = 0
        for number in range(1, 500):
            store = over(base, tenant=f"t{number}")
            await filled(store)
            await caught_up(store)

            async def rebuild(store: ef.AsyncEventStore, name: str = only[number % 2]) -> None:
                await store.projections().rebuild(name, in_place=True)

            through = await struck(store, number, rebuild)
            lease_over(clock)
            await caught_up(store)
            await agree(store, hotel)
            if through:
                break
        assert 10 < number < 499

    async def test_a_retry_of_letters_that_dies_at_any_call_handles_each_of_them_once(
        self, backend: AsyncBackend
    ) -> None:
        clock, hotel = VirtualClock(), hotel_of("bad", on_error=ef.Park())
        base = await backend.open(hotel.module, clock=clock)

        async def retry(store: ef.AsyncEventStore) -> None:
            await store.dead_letters(hotel.rooms).retry()

        number = 0
        for number in range(1, 500):
            store = over(base, tenant=f"t{number}")
            hotel.broken.add("bad")
            await filled(store)
            await caught_up(store, only=["rooms"])
            hotel.broken.clear()
            through = await struck(store, number, retry)
            await retry(store)
            await append(store, stay("1", "later"))
            lease_over(clock)
            await caught_up(store)
            await agree(store, hotel)
            assert await parked(store, hotel.rooms) == []
            if through:
                break
        assert 6 < number < 499


SWITCHED = {1: "retiring", 2: "active"}
