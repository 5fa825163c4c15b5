"""The life of a build: rebuilt, verified, promoted, rolled back, retired; checkpoints that don't fit; code that changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import everfold as ef

from ...storage.port_async import AsyncTransaction
from ...storage.read_model import Target
from ..racing import race_async
from .backend_async import AsyncBackend
from .projections_domain import Hotel, Stayed, hotel_of, rooms_model, stay
from .projections_steps_async import agree, append, caught_up, documents
from .read_model_domain import document
from .reading_async import log_of


async def opened(backend: AsyncBackend, **options: Any) -> tuple[ef.AsyncEventStore, Hotel]:
    """A store whose hotel is fed."""
    hotel = hotel_of(**options)
    store = await backend.open(hotel.module)
    await append(store, stay("1", "a"), stay("2", "b", "3"), stay("1", "c"))
    await caught_up(store)
    return store, hotel


async def tamper(store: ef.AsyncEventStore, name: str = "rooms@1", **fields: Any) -> None:
    """Change the consumer's row behind everybody's back."""

    async def work(transaction: AsyncTransaction) -> None:
        rows = await transaction.consumers("", (name,))
        await transaction.save_consumers("", [msgspec.structs.replace(row, **fields) for row in rows])

    await store.storage.transact(work)


async def haunt(store: ef.AsyncEventStore, target: Target) -> None:
    """Put documents into a read model that no event accounts for."""
    ghosts = {"1": document(marks=["ghost"], nights=9), "ghost": document(marks=[], nights=0)}

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.save_documents("", target, ghosts, [])

    await store.storage.transact(work)


async def states(store: ef.AsyncEventStore, name: str = "rooms") -> list[tuple[int, int, str]]:
    """(version, generation, state) of every build."""
    return [(s.version, s.generation, s.state) for s in await store.projections().status(name)]


class Checkpoints:
    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"position": 10**9, "event_id": None}, "the log ends before it"),
            ({"event_id": bytes(16)}, "another event stands at that position"),
            ({"epoch": bytes(range(16))}, "another store"),
        ],
        ids=["position", "event", "store"],
    )
    async def test_one_that_was_taken_from_another_log_stops_its_consumer(
        self, backend: AsyncBackend, fields: dict[str, Any], why: str
    ) -> None:
        store, hotel = await opened(backend)
        await tamper(store, **fields)
        await append(store, stay("1", "later"))
        with pytest.raises(ef.ConsumerStoppedError, match=why):
            await caught_up(store)
        status = (await store.projections().status("rooms"))[0]
        assert (status.status, (status.fault or {})["type"]) == ("stopped", "CheckpointMismatchError")
        assert (await documents(store, hotel.rooms))["1"]["marks"] == ["a", "c"]
        await store.projections().rebuild("rooms", in_place=True)
        await agree(store, hotel)

    async def test_paused_it_stands_still_and_resumed_it_goes_on(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        assert [s.status for s in await store.projections().pause("rooms")] == ["paused"]
        result = await append(store, stay("1", "later"))
        await caught_up(store)
        assert (await documents(store, hotel.rooms))["1"]["marks"] == ["a", "c"]
        assert (await documents(store, hotel.takings))["1"]["stays"] == 3
        with pytest.raises(ef.WaitTimeoutError, match="its consumer is paused"):
            await store.wait_for(hotel.rooms, result.position, timeout=0.0)
        assert [s.status for s in await store.projections().resume("rooms")] == ["running"]
        await caught_up(store)
        await agree(store, hotel)

    async def test_a_pause_reaches_a_worker_that_holds_the_lease(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        worker = ef.AsyncWorker(store)

        async def drive() -> None:
            try:
                first = await append(store, stay("1", "before"))
                await store.wait_for(hotel.rooms, first.position, timeout=30.0)
                await store.projections().pause("rooms")
                second = await append(store, stay("1", "after"))
                await store.wait_for(hotel.takings, second.position, timeout=30.0)
            finally:
                worker.stop()

        assert await race_async([worker.run, drive]) == [None, None]
        assert (await documents(store, hotel.rooms))["1"]["marks"] == ["a", "c", "before"]

    async def test_waiting_covers_a_projection_that_no_worker_has_started(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 21."""
        hotel = hotel_of()
        store = await backend.open(hotel.module)
        result = await append(store, stay("1", "a"))
        with pytest.raises(ef.WaitTimeoutError, match="never built") as caught:
            await store.wait_for(hotel.rooms, result.position, timeout=0.0)
        assert (caught.value.reached, caught.value.wanted) == (0, result.position)
        await caught_up(store, only=["takings"])
        with pytest.raises(ef.WaitTimeoutError):
            await store.wait_for(hotel.rooms, result.position, timeout=0.0)
        await store.wait_for(hotel.takings, result.position, timeout=0.0)
        await caught_up(store)
        await store.wait_for(hotel.rooms, result.position, timeout=0.0)

    async def test_waiting_counts_the_slowest_partition(self, backend: AsyncBackend) -> None:
        module, stays = split(3)
        store = await backend.open(module)
        positions = [await stay_in_each(store) for _ in range(3)]
        await caught_up(store)
        await store.wait_for(stays, positions[-1], timeout=0.0)
        assert await documents(store, stays) == {f"stay-{number}": 3 for number in range(8)}
        rows = [row for row in await store.storage.consumer_rows("") if row.name == "stays@1"]
        assert len(rows) == 3

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.save_consumers("", [msgspec.structs.replace(rows[1], position=1, event_id=None)])

        await store.storage.transact(work)
        with pytest.raises(ef.WaitTimeoutError):
            await store.wait_for(stays, positions[-1], timeout=0.0)

    @pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 4)])
    async def test_another_number_of_partitions_loses_and_doubles_nothing(
        self, backend: AsyncBackend, before: int, after: int
    ) -> None:
        for times, partitions in ((1, before), (2, after)):
            module, stays = split(partitions)
            store = await backend.open(module)
            await stay_in_each(store)
            await caught_up(store)
            assert await documents(store, stays) == {f"stay-{number}": times for number in range(8)}
        await store.projections().rebuild(stays, in_place=True)
        assert await documents(store, stays) == {f"stay-{number}": 2 for number in range(8)}


class ChangedCode:
    async def test_it_stops_before_the_new_code_writes_into_rows_of_the_old_one(self, backend: AsyncBackend) -> None:
        _, first = await opened(backend)
        changed = hotel_of(code=" now")
        store = await backend.open(changed.module)
        await append(store, stay("1", "later"))
        with pytest.raises(ef.ConsumerStoppedError, match="its code changed"):
            await caught_up(store)
        assert [s.code_changed for s in await store.projections().status()] == [True, False]
        assert (await documents(store, first.rooms))["1"]["marks"] == ["a", "c"]
        assert (await documents(store, changed.takings))["1"]["stays"] == 3

    async def test_accepted_it_goes_on(self, backend: AsyncBackend) -> None:
        await opened(backend)
        changed = hotel_of(code=" now")
        store = await backend.open(changed.module)
        with pytest.raises(ef.ConsumerStoppedError):
            await caught_up(store)
        await append(store, stay("1", "later"))
        assert [s.code_changed for s in await store.projections().accept("rooms")] == [False]
        await caught_up(store)
        await agree(store, changed)

    async def test_rebuilt_and_promoted_it_goes_on_too(self, backend: AsyncBackend) -> None:
        await opened(backend)
        changed = hotel_of(code=" now")
        store = await backend.open(changed.module)
        await store.projections().rebuild("rooms")
        await store.projections().promote("rooms")
        await store.projections().retire("rooms")
        await append(store, stay("1", "later"))
        await caught_up(store)
        await agree(store, changed)

    async def test_a_build_whose_code_changed_since_is_not_promoted(self, backend: AsyncBackend) -> None:
        store, _ = await opened(backend)
        await store.projections().rebuild("rooms")
        changed = hotel_of(code=" now")
        other = await backend.open(changed.module)
        with pytest.raises(ef.PromotionRefusedError, match="code"):
            await other.projections().promote("rooms")
        assert await states(store) == [(1, 1, "active"), (1, 2, "standby")]


class Rebuilds:
    async def test_rows_that_no_event_accounts_for_go(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 19."""
        store, hotel = await opened(backend)
        await haunt(store, hotel.rooms.target())
        await store.projections().rebuild("rooms")
        assert "ghost" in await documents(store, hotel.rooms)
        await store.projections().promote("rooms")
        await agree(store, hotel)

    async def test_in_place_they_go_too(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 19."""
        store, hotel = await opened(backend)
        await haunt(store, hotel.rooms.target())
        await store.projections().rebuild("rooms", in_place=True)
        await agree(store, hotel)

    @pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in place"])
    async def test_twice_is_as_good_as_once(self, backend: AsyncBackend, in_place: bool) -> None:
        """Marten section 4 item 19."""
        store, hotel = await opened(backend)
        for _ in range(2):
            status = await store.projections().rebuild("rooms", in_place=in_place)
            assert (status.lag, status.status) == (0, "running")
        await agree(store, hotel)
        if not in_place:
            await store.projections().promote("rooms")
            await agree(store, hotel)

    @pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in place"])
    async def test_other_projections_are_left_alone(self, backend: AsyncBackend, in_place: bool) -> None:
        """Marten section 4 items 19 and 22."""
        store, hotel = await opened(backend, group=True)
        before = await store.projections().status("takings")
        rows = await documents(store, hotel.takings)
        await store.projections().rebuild("rooms", in_place=in_place)
        assert await store.projections().status("takings") == before
        assert await documents(store, hotel.takings) == rows

    @pytest.mark.parametrize("in_place", [False, True], ids=["beside", "in place"])
    async def test_of_an_empty_log_it_makes_an_empty_read_model(self, backend: AsyncBackend, in_place: bool) -> None:
        """Marten section 4 item 19."""
        hotel = hotel_of()
        store = await backend.open(hotel.module)
        await store.projections().rebuild("rooms", in_place=in_place)
        await store.projections().rebuild("takings", in_place=in_place)
        await agree(store, hotel)

    async def test_events_that_come_meanwhile_are_in_it(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        told: list[ef.ProjectionStatus] = []

        async def writer() -> None:
            for number in range(10):
                await append(store, stay("1", f"w{number}"), stream="stay-9")

        async def rebuild() -> None:
            await store.projections().rebuild("rooms", progress=told.append)

        assert await race_async([writer, rebuild]) == [None, None]
        await caught_up(store)
        await store.projections().promote("rooms")
        await agree(store, hotel)
        assert [s.generation for s in told] == [2] * len(told)


class ProjectionLife:
    async def test_it_goes_from_build_to_promotion_back_and_to_retirement(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        operator = store.projections()
        await operator.rebuild("rooms")
        assert await states(store) == [(1, 1, "active"), (1, 2, "standby")]
        assert (await operator.verify("rooms")).equal
        await operator.promote("rooms")
        assert await states(store) == [(1, 1, "retiring"), (1, 2, "active")]
        await operator.rollback("rooms")
        assert await states(store) == [(1, 1, "active"), (1, 2, "standby")]
        await append(store, stay("1", "later"))
        await caught_up(store)
        await operator.promote("rooms")
        assert await operator.retire("rooms") == ["rooms@1"]
        assert await states(store) == [(1, 2, "active")]
        await agree(store, hotel)
        steps = [(t.step, t.generation) for _, t in await operator.history("rooms")]
        switches = [step for step in steps if step[0] in ("registered", "promoted", "rolled back", "retired")]
        assert switches == [
            ("registered", 1),
            ("registered", 2),
            ("promoted", 2),
            ("rolled back", 1),
            ("promoted", 2),
            ("retired", 1),
        ]

    async def test_a_new_version_is_built_beside_the_active_one_and_both_are_fed(self, backend: AsyncBackend) -> None:
        old, _ = await opened(backend)
        hotel = hotel_of(version=2)
        both = await backend.open(both_of(hotel))
        await caught_up(both)
        assert await both.read_model("rooms").version() == 1
        await both.projections().promote("rooms")
        await append(both, stay("1", "later"))
        await caught_up(both)
        await both.projections().rollback("rooms")
        assert await both.read_model("rooms").version() == 1
        assert await documents(old, "rooms") == rooms_model(await log_of(old))

    async def test_promotion_is_refused_while_there_is_nothing_to_promote(self, backend: AsyncBackend) -> None:
        store, _ = await opened(backend)
        with pytest.raises(ef.PromotionRefusedError, match="stands beside"):
            await store.projections().promote("rooms")
        with pytest.raises(ef.PromotionRefusedError, match="version 7"):
            await store.projections().promote("rooms", version=7)

    async def test_promotion_is_refused_while_readers_would_go_back_in_time(self, backend: AsyncBackend) -> None:
        store, _ = await opened(backend)
        await store.projections().rebuild("rooms")
        await append(store, stay("1", "later"))
        await store.projections().pause("rooms")
        await tamper(store, "rooms@1", status="running")
        await caught_up(store)
        await tamper(store, "rooms@1.2", status="running")
        with pytest.raises(ef.PromotionRefusedError, match="back in time"):
            await store.projections().promote("rooms")
        await caught_up(store)
        await store.projections().promote("rooms")

    async def test_promotion_is_refused_after_differences_that_nobody_expected(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        await store.projections().rebuild("rooms")
        await haunt(store, hotel.rooms.target(2))
        found = await store.projections().verify("rooms")
        assert not found.equal
        with pytest.raises(ef.PromotionRefusedError, match="differences"):
            await store.projections().promote("rooms")
        meant = await store.projections().verify("rooms", expected=lambda key, old, new: key in ("1", "ghost"))
        assert meant.equal
        await store.projections().promote("rooms")

    async def test_rollback_is_refused_without_a_version_before(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        with pytest.raises(ef.PromotionRefusedError, match="no version before"):
            await store.projections().rollback("rooms")
        await store.projections().rebuild("rooms")
        await store.projections().promote("rooms")
        await store.projections().retire("rooms")
        with pytest.raises(ef.PromotionRefusedError):
            await store.projections().rollback("rooms")
        await agree(store, hotel)

    async def test_what_readers_see_is_not_retired(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        for version in (None, 1, 9):
            with pytest.raises(ef.ProjectionError):
                await store.projections().retire("rooms", version=version)
        await agree(store, hotel)

    async def test_a_reader_that_saw_the_old_version_sees_the_new_one_whole(self, backend: AsyncBackend) -> None:
        store, _ = await opened(backend)
        reader = store.read_model("rooms")
        assert await reader.count() == 3
        await store.projections().rebuild("rooms", in_place=False)
        await haunt(store, Target("rooms", 1, 2))
        await store.projections().promote("rooms")
        assert (await reader.get("1"))["marks"] == ["ghost"]
        await store.projections().retire("rooms")
        assert await reader.count() == 4

    async def test_readers_see_every_document_through_switches_to_and_fro(self, backend: AsyncBackend) -> None:
        store, _ = await opened(backend)
        await store.projections().rebuild("rooms")
        expected, seen, ended = rooms_model(await log_of(store)), list[Any](), list[bool]()

        async def switch() -> None:
            for _ in range(5):
                await store.projections().promote("rooms")
                await store.projections().rollback("rooms")
            ended.append(True)

        async def read() -> None:
            while not ended and len(seen) < 5000:
                seen.append(await documents(store, "rooms"))

        assert await race_async([switch, read]) == [None, None]
        assert all(found == expected for found in seen)


def split(partitions: int) -> tuple[ef.Module, ef.DocumentProjection]:
    """A module whose one projection counts the events of each stream, in so many partitions."""
    module = ef.Module("split")
    module.event("stayed")(Stayed)
    stays = ef.DocumentProjection("stays", partitions=partitions)

    @stays.on(Stayed)
    def _(document: Any, event: Stayed) -> Any:
        return (document or 0) + event.nights

    module.add(stays)
    return module, stays


async def stay_in_each(store: ef.AsyncEventStore) -> int:
    """An event in each of eight streams; the last one's position."""
    return [(await append(store, stay("1", "x"), stream=f"stay-{number}")).position for number in range(8)][-1]


def both_of(hotel: Hotel) -> ef.Module:
    """A module with both versions of the rooms: what a release has while it switches."""
    before = hotel_of()
    hotel.module.add(before.rooms)
    return hotel.module
