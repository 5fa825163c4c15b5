"""Subscriptions: every event after a position, once each and in order, and a marker whenever everything was given."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import everfold as ef

from ... import limits
from ..racing import AsyncSignal, race_async
from .backend_async import AsyncBackend
from .domain import Counted, Noted, notes, texts
from .needs import needs
from .reading_async import caught_up, stop, take


class Subscriptions:
    async def test_it_gives_what_is_stored_and_then_says_that_it_caught_up(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 23."""
        result = await store.append("stay-1", notes(3), expected_version=0)
        subscription = store.subscribe()
        events, marker = await caught_up(subscription)
        assert (texts(events), marker) == (["1", "2", "3"], ef.CaughtUp(result.position))
        await stop(subscription)

    async def test_on_an_empty_store_it_has_caught_up_at_once(self, store: ef.AsyncEventStore) -> None:
        subscription = store.subscribe()
        assert await caught_up(subscription) == ([], ef.CaughtUp(0))
        await stop(subscription)

    async def test_it_goes_on_with_what_is_appended_later(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 23."""
        subscription = store.subscribe()
        await caught_up(subscription)
        for number in range(5):
            result = await store.append(f"stay-{number}", [Noted(str(number))], expected_version=0)
            events, marker = await caught_up(subscription)
            assert (texts(events), marker.position) == ([str(number)], result.position)
        await stop(subscription)

    async def test_every_event_comes_once_in_the_order_of_positions(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 23."""
        subscription = store.subscribe()
        events: list[ef.RecordedEvent] = []
        for part in range(4):
            await store.append(f"stay-{part}", notes(limits.PAGE_EVENTS // 2 + part), expected_version=0)
            events += (await caught_up(subscription))[0]
        positions = [e.position for e in events]
        assert len(positions) == len(set(positions)) == 4 * (limits.PAGE_EVENTS // 2) + 6
        assert positions == sorted(positions)
        await stop(subscription)

    async def test_it_begins_after_a_position(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 23."""
        middle = await store.append("stay-1", notes(2), expected_version=0)
        await store.append("stay-1", [Noted("later")], expected_version=2)
        subscription = store.subscribe(after=middle.position)
        assert texts((await caught_up(subscription))[0]) == ["later"]
        await stop(subscription)

    async def test_it_may_begin_at_the_head(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(2), expected_version=0)
        subscription = store.subscribe(after=await store.head())
        assert (await caught_up(subscription))[0] == []
        await store.append("stay-1", [Noted("new")], expected_version=2)
        assert texts(await take(subscription, 1)) == ["new"]
        await stop(subscription)

    @pytest.mark.parametrize(
        "query",
        [ef.Query(types=[Noted]), ef.Query(tags=["wanted"]), ef.Query(categories=["stay"])],
        ids=["types", "tags", "categories"],
    )
    async def test_a_query_filters_it(self, store: ef.AsyncEventStore, query: ef.Query) -> None:
        """Marten section 4 item 23."""
        wanted = ef.NewEvent(Noted("a"), tags=["wanted"])
        subscription = store.subscribe(query=query)
        await store.append("shift-1", [Counted(1)], expected_version=0)
        await store.append("stay-1", [wanted], expected_version=0)
        assert texts((await caught_up(subscription))[0]) == ["a"]
        await store.append("shift-1", [Counted(2)], expected_version=1)
        await store.append("stay-1", [ef.NewEvent(Noted("b"), tags=["wanted"])], expected_version=1)
        assert texts(await take(subscription, 1)) == ["b"]
        await stop(subscription)

    async def test_the_marker_of_a_filtered_one_stands_at_the_head_so_that_it_can_be_resumed_there(
        self, store: ef.AsyncEventStore
    ) -> None:
        await store.append("stay-1", [Noted()], expected_version=0)
        last = await store.append("shift-1", [Counted()] * 5, expected_version=0)
        subscription = store.subscribe(query=ef.Query(types=[Noted]))
        assert (await caught_up(subscription))[1].position == last.position
        await stop(subscription)

    async def test_a_waiting_subscription_wakes_for_an_append(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        waiting = faults.hold("wait")

        async def reader() -> list[str]:
            subscription = store.subscribe()
            await caught_up(subscription)
            events = texts(await take(subscription, 1))
            await stop(subscription)
            return events

        async def writer() -> None:
            await waiting.reached.wait()
            waiting.release()
            await store.append("stay-1", [Noted("woken")], expected_version=0)

        assert await race_async([reader, writer]) == [["woken"], None]

    @needs("several_processes")
    async def test_a_waiting_subscription_gets_what_another_store_object_appends(self, backend: AsyncBackend) -> None:
        reading, writing = await backend.open(), await backend.open()
        waiting = AsyncSignal()

        async def reader() -> list[str]:
            subscription = reading.subscribe()
            await caught_up(subscription)
            waiting.set()
            events = texts(await take(subscription, 3))
            await stop(subscription)
            return events

        async def writer() -> None:
            await waiting.wait()
            for number in range(3):
                await writing.append("stay-1", [Noted(str(number))], expected_version=number)

        assert await race_async([reader, writer]) == [["0", "1", "2"], None]

    async def test_many_subscribers_each_get_everything(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-0", notes(5), expected_version=0)

        async def reader() -> list[int]:
            subscription = store.subscribe()
            events = await take(subscription, 25)
            await stop(subscription)
            return [e.position for e in events]

        async def writer() -> None:
            for number in range(1, 5):
                await store.append(f"stay-{number}", notes(5), expected_version=0)

        *seen, _ = await race_async([*[reader] * 6, writer])
        assert seen == [sorted(set(seen[0]))] * 6
        assert len(seen[0]) == 25

    async def test_a_slow_reader_falls_behind_and_catches_up(self, store: ef.AsyncEventStore) -> None:
        subscription = store.subscribe()
        await caught_up(subscription)
        for part in range(5):
            await store.append(f"stay-{part}", notes(500), expected_version=0)
        assert len(await take(subscription, 1)) == 1
        for part in range(5):
            await store.append(f"stay-{part}", notes(100), expected_version=500)
        events, _ = await caught_up(subscription)
        assert len(events) == 5 * 600 - 1
        await stop(subscription)

    async def test_it_reads_while_writers_write_and_misses_none(self, store: ef.AsyncEventStore) -> None:
        async def reader() -> list[ef.RecordedEvent]:
            subscription = store.subscribe()
            events = await take(subscription, 200)
            await stop(subscription)
            return events

        async def writer(name: str) -> None:
            for number in range(25):
                await store.append(name, notes(2), expected_version=2 * number)

        seen, *_ = await race_async([reader, *[partial(writer, f"stay-{n}") for n in range(4)]])
        assert len({e.position for e in seen}) == 200
        for number in range(4):
            versions = [e.version for e in seen if e.stream == f"stay-{number}"]
            assert versions == list(range(1, 51))

    @pytest.mark.parametrize("wrong", [-1, "1", 1.5, True, 2**64], ids=repr)
    async def test_a_start_that_is_no_position_is_refused(self, store: ef.AsyncEventStore, wrong: Any) -> None:
        with pytest.raises(ef.ConfigurationError, match="after"):
            await caught_up(store.subscribe(after=wrong))

    async def test_an_end_by_the_reader_ends_it(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(3), expected_version=0)
        for _ in range(10):
            subscription = store.subscribe()
            assert len(await take(subscription, 2)) == 2
            await stop(subscription)
        assert (await store.append("stay-1", notes(1), expected_version=3)).version == 4
