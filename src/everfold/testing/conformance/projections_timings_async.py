"""One definition at any timing: inline with the append, behind it, or on demand. What it makes is the same."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from ..crash import Crash
from .backend_async import AsyncBackend
from .needs import needs
from .projections_domain import Closed, Hotel, Stayed, hotel_of, rooms_model, stay
from .projections_steps_async import agree, append, caught_up, documents
from .reading_async import log_of

INLINE: dict[str, Any] = {"timing": ef.INLINE}


async def opened(backend: AsyncBackend, *broken: str, **options: Any) -> tuple[ef.AsyncEventStore, Hotel]:
    """A store with a hotel."""
    hotel = hotel_of(*broken, **options)
    return await backend.open(hotel.module), hotel


async def some_life(store: ef.AsyncEventStore) -> None:
    """Appends of every kind: several keys, an end, other types, several streams, a decision over tags, a repetition."""
    await append(store, stay("1", "a"), stay("2", "b", "3"), Closed("1"))
    async with store.unit() as unit:
        unit.append("stay-2", [stay("1", "c", nights=5)], expected_version=0)
        unit.append("stay-3", [stay("2", "d", leaves=True)], expected_version=ef.NO_STREAM)
    tagged = ef.NewEvent(stay("4", "e"), tags=["night:1"])
    condition = ef.AppendCondition(ef.Query(tags=["night:1"]), after=0)
    for _ in range(2):
        await store.append_if([tagged], condition)
    await append(store, stay("2", "f", nights=2), stay("2", "g"), stream="stay-3")


class InlineProjections:
    async def test_it_is_there_when_the_append_returns(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, **INLINE)
        await some_life(store)
        await agree(store, hotel)
        result = await append(store, stay("1", "last"))
        await store.wait_for(hotel.rooms, result.position, timeout=0.0)

    async def test_its_failure_refuses_the_append_and_nothing_is_written(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", **INLINE)
        await append(store, stay("1", "a"))
        with pytest.raises(ef.ProjectionError, match="the desk can't read bad") as caught:
            await append(store, stay("2", "b"), stay("1", "bad"))
        assert (caught.value.projection, caught.value.event_type, caught.value.stream) == ("rooms", "stayed", "stay-1")
        assert isinstance(caught.value.__cause__, ValueError)
        assert [e.event.mark for e in await log_of(store)] == ["a"]
        await agree(store, hotel)
        await append(store, stay("1", "fine"))
        await agree(store, hotel)

    async def test_what_a_table_refuses_refuses_the_append(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, **INLINE)
        await append(store, stay("1", "a"))
        with pytest.raises(ef.ProjectionError, match="nights"):
            await append(store, stay("1", "too long", nights=2**40))
        await agree(store, hotel)

    async def test_a_failure_refuses_the_whole_unit_of_several_streams(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", **INLINE)

        async def unit() -> None:
            async with store.unit() as unit:
                unit.append("stay-1", [stay("1", "a")], expected_version=0)
                unit.append("stay-2", [stay("2", "bad")], expected_version=0)

        with pytest.raises(ef.ProjectionError):
            await unit()
        assert await log_of(store) == []
        await agree(store, hotel)

    async def test_a_refused_append_changes_no_read_model(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, **INLINE)
        await append(store, stay("1", "a"))
        with pytest.raises(ef.WrongExpectedVersionError):
            await store.append("stay-1", [stay("1", "b")], expected_version=0)
        await agree(store, hotel)

    @pytest.mark.parametrize("expected", [0, ef.ANY, ef.NO_STREAM], ids=str)
    async def test_a_repeated_append_is_not_applied_twice(self, backend: AsyncBackend, expected: ef.Expected) -> None:
        """Marten section 4 item 20."""
        store, hotel = await opened(backend, **INLINE)
        events = [ef.NewEvent(stay("1", "a")), ef.NewEvent(stay("2", "b"))]
        for _ in range(3):
            await store.append("stay-1", events, expected_version=expected)
        await agree(store, hotel)

    async def test_an_append_whose_reply_was_lost_is_applied_once_when_sent_again(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 20."""
        hotel = hotel_of(**INLINE)
        store, faults = await backend.open_faulty(hotel.module)
        event = ef.NewEvent(stay("1", "a"))
        faults.lose_reply("transact")
        with pytest.raises(ef.CommitUnknownError):
            await store.append("stay-1", [event], expected_version=0)
        assert (await store.append("stay-1", [event], expected_version=0)).version == 1
        await agree(store, hotel)

    async def test_a_process_that_dies_at_any_call_of_an_append_leaves_all_of_it_or_nothing(
        self, backend: AsyncBackend
    ) -> None:
        hotel = hotel_of(**INLINE)
        reader = await backend.open(hotel.module)
        number = 0
        for number in range(1, 100):
            store, faults = await backend.open_faulty(hotel.module)
            faults.crash_at(number)
            try:
                await append(store, stay(str(number), "a"), stay("every", "b"))
            except Crash:
                await agree(reader, hotel)
            else:
                break
        await agree(reader, hotel)
        assert 4 < number < 99

    @needs("joins")
    async def test_in_the_callers_transaction_it_commits_and_rolls_back_with_it(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", **INLINE)
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", [stay("1", "a")], expected_version=0)
        await caller.rollback()
        assert await documents(store, hotel.rooms) == {}
        async with store.join(caller.connection) as unit:
            unit.append("stay-1", [stay("1", "b")], expected_version=0)

        async def broken() -> None:
            async with store.join(caller.connection) as unit:
                unit.append("stay-2", [stay("1", "bad")], expected_version=0)

        with pytest.raises(ef.ProjectionError):
            await broken()
        async with store.join(caller.connection) as unit:
            unit.append("stay-3", [stay("3", "c")], expected_version=0)
        await caller.commit()
        assert [e.event.mark for e in await log_of(store)] == ["b", "c"]
        await agree(store, hotel)

    async def test_events_of_other_types_pass_it_by(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, **INLINE)
        await append(store, Closed("1"))
        await agree(store, hotel)
        assert await store.read_model(hotel.rooms).count() == 0


class Timings:
    async def test_live_inline_and_catch_up_make_the_same(self, backend: AsyncBackend) -> None:
        names = {"rooms": ef.CATCH_UP, "rooms_inline": ef.INLINE, "rooms_live": ef.LIVE}
        module, projections = ef.Module("timings"), []
        module.event("stayed")(Stayed)
        module.event("closed")(Closed)
        for name, timing in names.items():
            one = ef.DocumentProjection(name, key=lambda event: event.rooms, timing=timing)
            one.on(Stayed)(fold)
            table = ef.TableProjection(f"{name}_table", columns=COLUMNS, key=["room"], timing=timing)
            table.on(Stayed).increment(nights="nights").max(longest="nights").at(room="room")
            projections.append((one, table))
        module.add(*(p for pair in projections for p in pair))
        store = await backend.open(module)
        await some_life(store)
        await caught_up(store)
        expected = rooms_model(await log_of(store))
        for one, table in projections:
            assert await documents(store, one) == expected
            assert await store.read_model(one).get("2") == expected["2"]
            assert await store.read_model(one).find({"nights >": 2}) == [d for d in by_key(expected) if d["nights"] > 2]
            assert await documents(store, table) == await documents(store, projections[0][1])

    async def test_a_live_one_names_the_event_that_it_fails_on(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", timing=ef.LIVE)
        result = await append(store, stay("1", "a"), stay("1", "bad"))
        with pytest.raises(ef.ProjectionError, match="can't read bad") as caught:
            await store.read_model(hotel.rooms).get("1")
        assert (caught.value.position, caught.value.stream) == (result.position, "stay-1")

    async def test_a_definition_may_move_from_inline_to_catch_up_and_back(self, backend: AsyncBackend) -> None:
        first, hotel = await opened(backend, **INLINE)
        await append(first, stay("1", "a"))
        behind = hotel_of()
        second = await backend.open(behind.module)
        await append(second, stay("1", "b"), stream="stay-2")
        await caught_up(second)
        await agree(second, behind)
        third = await backend.open(hotel.module)
        await append(third, stay("1", "c"), stream="stay-3")
        await caught_up(third)
        await agree(third, hotel)

    async def test_one_that_was_behind_moves_inline_without_losing_what_came_before(
        self, backend: AsyncBackend
    ) -> None:
        first, _ = await opened(backend)
        await append(first, stay("1", "a"))
        await caught_up(first)
        await append(first, stay("1", "b"))
        store, hotel = await opened(backend, **INLINE)
        await append(store, stay("1", "c"))
        await caught_up(store)
        await append(store, stay("1", "d"))
        await caught_up(store)
        await agree(store, hotel)

    async def test_a_live_definition_becomes_a_stored_one(self, backend: AsyncBackend) -> None:
        first, live = await opened(backend, timing=ef.LIVE)
        await some_life(first)
        await agree(first, live)
        store, hotel = await opened(backend)
        await caught_up(store)
        await agree(store, hotel)


COLUMNS = {"room": ef.Text, "nights": ef.Integer, "longest": ef.Integer}


def fold(document: Any, event: Stayed) -> Any:
    """What a room's document becomes."""
    before = document or {"marks": [], "nights": 0}
    after = {"marks": [*before["marks"], event.mark], "nights": before["nights"] + event.nights}
    return None if event.leaves else after


def by_key(found: dict[str, Any]) -> list[Any]:
    """The documents in the order of their keys."""
    return [found[key] for key in sorted(found)]
