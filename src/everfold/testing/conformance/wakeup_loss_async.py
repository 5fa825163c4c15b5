"""A wake-up is a hint: one that is lost or comes twice changes when an event is seen, never whether."""

from __future__ import annotations

import pytest

import everfold as ef

from .backend_async import AsyncBackend
from .domain import Noted, notes, texts
from .reading_async import caught_up, stop, take


class WakeupLoss:
    async def test_without_any_wake_up_every_event_arrives(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.drop_wakeups()
        subscription = store.subscribe()
        await caught_up(subscription)
        for number in range(10):
            await store.append("stay-1", [Noted(str(number))], expected_version=number)
            assert texts(await take(subscription, 1)) == [str(number)]
        await stop(subscription)

    async def test_a_wake_up_too_many_gives_no_event_twice_and_no_second_marker(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.duplicate_wakeups()
        subscription = store.subscribe()
        seen: list[object] = []
        for number in range(10):
            events, marker = await caught_up(subscription)
            seen += [*texts(events), marker]
            await store.append("stay-1", [Noted(str(number))], expected_version=number)
        texts_seen = [item for item in seen if isinstance(item, str)]
        markers = [item for item in seen if isinstance(item, ef.CaughtUp)]
        assert texts_seen == [str(number) for number in range(9)]
        assert len(set(markers)) == len(markers) == 10
        await stop(subscription)

    async def test_a_wake_up_for_nothing_is_no_reason_for_a_marker(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.duplicate_wakeups()

        async def nothing() -> None:
            assert await store.head() == 0

        async def late() -> None:
            await store.append("stay-1", [Noted("late")], expected_version=0)

        faults.interpose("wait", nothing, times=5)
        faults.interpose("wait", late)
        subscription = store.subscribe()
        await caught_up(subscription)
        assert isinstance(await anext(subscription), ef.RecordedEvent)
        assert faults.calls["wait"] == 6
        await stop(subscription)

    async def test_a_wake_up_that_comes_before_the_wait_is_not_lost(self, backend: AsyncBackend) -> None:
        """An append between the read and the wait: the hint taken before the read tells."""
        store, faults = await backend.open_faulty()

        async def late() -> None:
            await store.append("stay-1", [Noted("between")], expected_version=0)

        faults.interpose("wait", late)
        subscription = store.subscribe()
        await caught_up(subscription)
        assert texts(await take(subscription, 1)) == ["between"]
        assert faults.calls["wait"] == 1
        await stop(subscription)

    async def test_wake_ups_that_come_back_are_used_again(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.drop_wakeups()
        subscription = store.subscribe()
        await caught_up(subscription)
        await store.append("stay-1", notes(1), expected_version=0)
        assert len(await take(subscription, 1)) == 1
        faults.keep_wakeups()
        await caught_up(subscription)
        await store.append("stay-1", notes(1), expected_version=1)
        assert len(await take(subscription, 1)) == 1
        await stop(subscription)

    async def test_a_read_that_fails_ends_the_subscription_with_its_error(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.drop_wakeups()
        subscription = store.subscribe()
        await caught_up(subscription)
        faults.fail_before("read_all", ef.StorageUnavailableError("the network is gone"))
        with pytest.raises(ef.StorageUnavailableError):
            await anext(subscription)
