"""Closing a store: what is under way ends well, subscriptions end, and every call after it is refused alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import everfold as ef

from ..racing import AsyncSignal, race_async, successes
from .backend_async import AsyncBackend
from .domain import Add, Noted, notes, tally, texts
from .needs import needs
from .reading_async import all_of, caught_up, log_of, stop, take

CALLS: dict[str, Callable[[ef.AsyncEventStore], Any]] = {
    "append": lambda store: store.append("stay-1", [Noted()], expected_version=0),
    "append nothing": lambda store: store.append("stay-1", [], expected_version=0),
    "append_if": lambda store: store.append_if([Noted()], ef.AppendCondition(ef.Query(tags=["t"]))),
    "truncate": lambda store: store.truncate("stay-1", before_version=1),
    "tombstone": lambda store: store.tombstone("stay-1"),
    "read_stream": lambda store: all_of(store.read_stream("stay-1")),
    "read_all": lambda store: all_of(store.read_all()),
    "stream": lambda store: store.stream("stay-1"),
    "streams": lambda store: store.streams(),
    "types": lambda store: store.types(),
    "head": lambda store: store.head(),
    "decide": lambda store: store.decide("tally-1", tally, Add()),
    "load": lambda store: store.load("tally-1", tally),
    "decide_over": lambda store: store.decide_over(ef.Query(tags=["t"]), tally, Add()),
    "close_and_open": lambda store: store.close_and_open("a", [Noted()], "b", [Noted()], expected_version=0),
}


class Shutdown:
    @pytest.mark.parametrize("call", CALLS)
    async def test_after_it_every_call_is_refused(self, store: ef.AsyncEventStore, call: str) -> None:
        await store.close()
        with pytest.raises(ef.StoreClosedError):
            await CALLS[call](store)

    async def test_a_unit_that_is_open_is_refused_at_its_commit(self, store: ef.AsyncEventStore) -> None:
        unit = store.unit()
        unit.append("stay-1", [Noted()], expected_version=0)
        await store.close()
        with pytest.raises(ef.StoreClosedError):
            await unit.commit()

    async def test_it_may_be_closed_again(self, store: ef.AsyncEventStore) -> None:
        await store.close()
        await store.close()
        with pytest.raises(ef.StoreClosedError):
            await store.head()

    async def test_a_with_block_closes_it(self, backend: AsyncBackend) -> None:
        async with await backend.open() as store:
            await store.append("stay-1", [Noted()], expected_version=0)
        with pytest.raises(ef.StoreClosedError):
            await store.head()

    async def test_an_error_in_the_with_block_closes_it_and_passes_through(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        with pytest.raises(ZeroDivisionError):
            await failing(store)
        with pytest.raises(ef.StoreClosedError):
            await store.head()

    async def test_subscriptions_that_wait_end(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        await store.append("stay-1", notes(2), expected_version=0)
        waiting = [AsyncSignal(), AsyncSignal()]

        async def reader(number: int) -> list[str]:
            subscription = store.subscribe()
            events, _ = await caught_up(subscription)
            waiting[number].set()
            assert [item async for item in subscription if item] == []
            return texts(events)

        async def closer() -> None:
            for one in waiting:
                await one.wait()
            await store.close()

        racers: list[Callable[[], Any]] = [partial(reader, 0), partial(reader, 1), closer]
        assert await race_async(racers) == [["1", "2"], ["1", "2"], None]

    async def test_a_subscription_in_the_middle_of_a_page_ends_after_it(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        await store.append("stay-1", notes(5), expected_version=0)
        subscription = store.subscribe()
        assert texts(await take(subscription, 2)) == ["1", "2"]
        await store.close()
        assert len([item async for item in subscription if isinstance(item, ef.RecordedEvent)]) <= 3

    async def test_a_subscription_at_its_end_stays_there(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        subscription = store.subscribe()
        await caught_up(subscription)
        await store.close()
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await anext(subscription)

    async def test_a_read_in_the_middle_is_told_that_the_store_was_closed(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        await store.append("stay-1", notes(1500), expected_version=0)
        events = store.read_all()
        assert (await anext(events)).version == 1
        await store.close()
        with pytest.raises(ef.StoreClosedError):
            await all_of(events)
        await stop(events)

    @needs("durable")
    async def test_an_append_that_reaches_the_storage_after_it_is_refused_and_leaves_nothing(
        self, backend: AsyncBackend
    ) -> None:
        store, faults = await backend.open_faulty()
        gate = faults.hold("commit")

        async def closer() -> None:
            await gate.reached.wait()
            await store.close()
            gate.release()

        append = partial(store.append, "stay-1", [Noted()], expected_version=0)
        outcomes = await race_async([append, closer])
        assert [type(outcome) for outcome in outcomes] == [ef.StoreClosedError, type(None)]
        assert await log_of(await backend.open()) == []

    @needs("durable")
    async def test_what_was_acknowledged_before_it_is_there_and_nothing_else(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        begun = AsyncSignal()

        async def writer(name: str) -> int:
            written = 0
            try:
                while written < 2000:
                    await store.append(name, [Noted()], expected_version=written)
                    written += 1
                    begun.set()
            except ef.StoreClosedError:
                return written
            return written

        async def closer() -> None:
            await begun.wait()
            await store.close()

        *written, _ = await race_async([lambda: writer("stay-1"), lambda: writer("stay-2"), closer])
        assert successes(written) == written
        events = await log_of(await backend.open())
        assert [len([e for e in events if e.stream == f"stay-{n}"]) for n in (1, 2)] == written

    @needs("durable")
    async def test_opened_again_it_shows_what_was_stored(self, backend: AsyncBackend) -> None:
        store = await backend.open()
        await store.append("stay-1", [ef.NewEvent(Noted("a"), tags=["t"], metadata={"k": 1})], expected_version=0)
        before = await log_of(store)
        await store.close()
        again = await backend.open()
        after = await log_of(again)
        assert [(e, e.raw, e.metadata, e.tags, e.recorded_at) for e in after] == [
            (e, e.raw, e.metadata, e.tags, e.recorded_at) for e in before
        ]
        result = await again.append("stay-1", [Noted("b")], expected_version=1)
        assert result.position > before[0].position

    @needs("several_processes")
    async def test_one_store_object_closes_alone(self, backend: AsyncBackend) -> None:
        left, right = await backend.open(), await backend.open()
        await left.close()
        assert (await right.append("stay-1", [Noted()], expected_version=0)).version == 1


async def failing(store: ef.AsyncEventStore) -> None:
    """A block that fails."""
    async with store:
        raise ZeroDivisionError
