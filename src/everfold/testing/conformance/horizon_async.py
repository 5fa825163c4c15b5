"""The horizon: a reader of the whole log never passes a position that could still appear."""

from __future__ import annotations

import pytest

import everfold as ef

from ..racing import AsyncSignal, race_async
from .backend_async import AsyncBackend
from .domain import Add, Noted, notes, tally, texts
from .needs import needs
from .reading_async import caught_up, log_of, stop, stream_of, take


class Horizon:
    async def test_the_head_of_an_empty_store_is_0(self, store: ef.AsyncEventStore) -> None:
        assert await store.head() == 0

    async def test_the_head_is_the_last_position(self, store: ef.AsyncEventStore) -> None:
        for count in (1, 3):
            result = await store.append("stay-1", notes(count), expected_version=ef.ANY)
            assert await store.head() == result.position

    async def test_a_refused_append_moves_nothing(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", notes(2), expected_version=0)
        for unit_events in (notes(1), []):
            unit = store.unit()
            unit.append("stay-2", notes(1), expected_version=0)
            unit.append("stay-1", unit_events, expected_version=9)
            with pytest.raises(ef.WrongExpectedVersionError):
                await unit.commit()
        assert await store.head() == result.position

    async def test_what_was_acknowledged_is_read_at_once(self, store: ef.AsyncEventStore) -> None:
        for number in range(20):
            result = await store.append("stay-1", [Noted(str(number))], expected_version=number)
            assert (await log_of(store))[-1].position == result.position == await store.head()


@needs("joins", "concurrent_transactions")
class HorizonBehindOpenAppends:
    async def test_an_open_append_holds_readers_and_after_its_commit_both_come_in_order(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        """Marten section 4 item 13."""
        first = await store.append("stay-1", [Noted("before")], expected_version=0)
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-2", [Noted("slow")], expected_version=0)
        fast = await store.append("stay-3", [Noted("fast")], expected_version=0)
        assert (texts(await log_of(store)), await store.head()) == (["before"], first.position)
        await caller.commit()
        assert texts(await log_of(store)) == ["before", "slow", "fast"]
        assert await store.head() == fast.position

    async def test_after_a_rollback_the_gap_is_passed(self, store: ef.AsyncEventStore, backend: AsyncBackend) -> None:
        """Marten section 4 item 13."""
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-2", [Noted("slow")], expected_version=0)
        fast = await store.append("stay-3", [Noted("fast")], expected_version=0)
        assert await log_of(store) == []
        await caller.rollback()
        assert (texts(await log_of(store)), await store.head()) == (["fast"], fast.position)

    async def test_a_transaction_that_appends_nothing_holds_nobody(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        """Marten section 4 item 16."""
        caller = await backend.caller()
        await caller.execute("create table own_note (text varchar(50))")
        await store.append("stay-1", [Noted("a")], expected_version=0)
        assert texts(await log_of(store)) == ["a"]

    async def test_a_refused_append_in_an_open_transaction_holds_nobody_for_ever(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        await store.append("stay-1", [Noted("a")], expected_version=0)
        caller = await backend.caller()
        unit = store.join(caller.connection)
        unit.append("stay-1", [Noted("late")], expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError):
            await unit.commit()
        await store.append("stay-2", [Noted("b")], expected_version=0)
        await caller.rollback()
        assert texts(await log_of(store)) == ["a", "b"]

    async def test_a_stream_shows_its_own_events_though_the_log_waits(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-2", [Noted("slow")], expected_version=0)
        await store.append("stay-3", [Noted("fast")], expected_version=0)
        assert texts(await stream_of(store, "stay-3")) == ["fast"]
        assert (await store.decide("tally-1", tally, Add(2))).state.total == 2
        await caller.commit()

    async def test_a_filtered_read_waits_too(self, store: ef.AsyncEventStore, backend: AsyncBackend) -> None:
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-2", [ef.NewEvent(Noted("slow"), tags=["t"])], expected_version=0)
        await store.append("stay-3", [ef.NewEvent(Noted("fast"), tags=["t"])], expected_version=0)
        queries = [ef.Query(tags=["t"]), ef.Query(types=[Noted]), ef.Query(categories=["stay"])]
        assert [await log_of(store, query=query) for query in queries] == [[], [], []]
        assert await log_of(store, backwards=True) == []
        await caller.commit()
        assert [texts(await log_of(store, query=query)) for query in queries] == [["slow", "fast"]] * 3
        assert texts(await log_of(store, backwards=True)) == ["fast", "slow"]

    async def test_a_subscription_gives_both_in_order_once_the_open_append_commits(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        waiting = AsyncSignal()

        async def reader() -> list[str]:
            subscription = store.subscribe()
            assert (await caught_up(subscription))[1] == ef.CaughtUp(0)
            waiting.set()
            events = texts(await take(subscription, 2))
            await stop(subscription)
            return events

        async def writer() -> None:
            async with store.join(caller.connection) as unit:
                unit.append("stay-2", [Noted("slow")], expected_version=0)
            await store.append("stay-3", [Noted("fast")], expected_version=0)
            await waiting.wait()
            await caller.commit()

        assert await race_async([reader, writer]) == [["slow", "fast"], None]

    async def test_a_boundary_decides_on_its_own_events_though_the_log_waits(
        self, store: ef.AsyncEventStore, backend: AsyncBackend
    ) -> None:
        caller = await backend.caller()
        async with store.join(caller.connection) as unit:
            unit.append("stay-2", [Noted("slow")], expected_version=0)
        boundary = ef.Query(tags=["sum:1"])
        for total in (1, 2, 3):
            decision = await store.decide_over(boundary, tally, Add(), tags=["sum:1"])
            assert decision.state.total == total
        await caller.commit()
        assert len(await log_of(store, query=boundary)) == 3
