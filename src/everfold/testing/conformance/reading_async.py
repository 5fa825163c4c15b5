"""Reading in one word, for the cases: a whole stream, the whole log, a subscription up to a point."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import everfold as ef

__all__ = ["all_of", "caught_up", "log_of", "stop", "stream_of", "take"]


async def all_of(events: AsyncIterator[Any]) -> list[ef.RecordedEvent]:
    """Everything that an iterator gives: events, and nothing else."""
    return [_recorded(event) async for event in events]


async def stream_of(store: ef.AsyncEventStore, stream: str, **bounds: Any) -> list[ef.RecordedEvent]:
    """The events of a stream."""
    return await all_of(store.read_stream(stream, **bounds))


async def log_of(store: ef.AsyncEventStore, **bounds: Any) -> list[ef.RecordedEvent]:
    """The events of the log."""
    return await all_of(store.read_all(**bounds))


async def take(subscription: AsyncIterator[Any], count: int) -> list[ef.RecordedEvent]:
    """The next `count` events of a subscription, its markers left out."""
    events: list[ef.RecordedEvent] = []
    while len(events) < count:
        item = await anext(subscription)
        if not isinstance(item, ef.CaughtUp):
            events.append(item)
    return events


async def caught_up(subscription: AsyncIterator[Any]) -> tuple[list[ef.RecordedEvent], ef.CaughtUp]:
    """The events up to the next marker, and the marker."""
    events: list[ef.RecordedEvent] = []
    while True:
        item = await anext(subscription)
        if isinstance(item, ef.CaughtUp):
            return events, item
        events.append(item)


async def stop(*iterators: Any) -> None:
    """End iterations before their end."""
    for iterator in iterators:
        await iterator.aclose()


def _recorded(event: object) -> ef.RecordedEvent:
    assert isinstance(event, ef.RecordedEvent)
    return event
