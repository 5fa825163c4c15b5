"""everfold, on either engine: one caller through EventStore, many through AsyncEventStore."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import Iterator

import everfold as ef
from everfold import EventStore

from ..clock import rate, rate_tasks, throughput
from ..sample import (
    COMMAND_EVENTS,
    CORRELATION,
    LOG_EVENTS,
    LOG_STREAM_EVENTS,
    STREAM_EVENTS,
    line,
    order,
    orders,
)

METADATA = {"correlation_id": CORRELATION}


def _open(url: str, **options: object) -> EventStore:
    return EventStore.open(url, orders, migrate="auto", **options)


def prepare(url: str) -> None:
    with _open(url) as store:
        number = 0
        for batch in _batches():
            with store.unit() as unit:
                for stream in batch:
                    events = [line(number + n) for n in range(LOG_STREAM_EVENTS)]
                    number += LOG_STREAM_EVENTS
                    unit.append(f"log-{stream}", events, expected_version=0, metadata=METADATA)
        for name, events in (("load-100", STREAM_EVENTS), ("load-10", COMMAND_EVENTS)):
            store.append(name, [line(n) for n in range(events)], expected_version=0, metadata=METADATA)


def _batches() -> Iterator[list[int]]:
    streams = list(range(LOG_EVENTS // LOG_STREAM_EVENTS))
    return (streams[first : first + 70] for first in range(0, len(streams), 70))


def append_1(url: str, seconds: float) -> float:
    with _open(url) as store:
        streams = _streams()
        return rate(lambda: store.append(next(streams), [line(1)], expected_version=0, metadata=METADATA), seconds)


def batch_10(url: str, seconds: float) -> float:
    return _batch(url, seconds, 10)


def batch_1000(url: str, seconds: float) -> float:
    return _batch(url, seconds, 1000)


def _batch(url: str, seconds: float, size: int) -> float:
    events = [line(n) for n in range(size)]
    with _open(url) as store:
        streams = _streams()
        appends = rate(lambda: store.append(next(streams), events, expected_version=0, metadata=METADATA), seconds)
    return appends * size


def append_16(url: str, seconds: float) -> float:
    return asyncio.run(_append_many(url, seconds, 16))


def append_128(url: str, seconds: float) -> float:
    return asyncio.run(_append_many(url, seconds, 128))


async def _append_many(url: str, seconds: float, tasks: int) -> float:
    async with ef.AsyncEventStore.open(url, orders, migrate="auto") as store:
        streams = _streams()
        calls = [
            lambda: store.append(next(streams), [line(1)], expected_version=0, metadata=METADATA) for _ in range(tasks)
        ]
        return await rate_tasks(calls, seconds)


def load_100(url: str, seconds: float) -> float:
    with _open(url) as store:
        return rate(lambda: store.load("load-100", order), seconds)


def command_1(url: str, seconds: float) -> float:
    with _open(url) as store:
        streams = _ten(store, 2000)
        return rate(lambda: store.decide(next(streams), order, 1, metadata=METADATA), seconds)


def command_1_cached(url: str, seconds: float) -> float:
    with _open(url, cache=ef.StateCache()) as store:
        streams = _ten(store, 500)
        return rate(lambda: store.decide(next(streams), order, 1, metadata=METADATA), seconds)


def command_16(url: str, seconds: float) -> float:
    return asyncio.run(_command_many(url, seconds, None))


def command_16_cached(url: str, seconds: float) -> float:
    return asyncio.run(_command_many(url, seconds, ef.StateCache()))


async def _command_many(url: str, seconds: float, cache: ef.StateCache | None) -> float:
    with _open(url) as sync_store:
        streams = _ten(sync_store, 2000)
    async with ef.AsyncEventStore.open(url, orders, migrate="auto", cache=cache) as store:
        calls = [lambda: store.decide(next(streams), order, 1, metadata=METADATA) for _ in range(16)]
        return await rate_tasks(calls, seconds)


def catch_up(url: str, seconds: float) -> float:
    """Typed events with their envelope: the payload decoded, stream, version and position looked at."""

    def run() -> int:
        done = 0
        for recorded in store.read_all(limit=LOG_EVENTS):
            recorded.event  # noqa: B018
            recorded.stream  # noqa: B018
            recorded.version  # noqa: B018
            recorded.position  # noqa: B018
            done += 1
        return done

    with _open(url) as store:
        run()
        return throughput(run)


def _streams() -> Iterator[str]:
    run = uuid.uuid4().hex[:8]
    return (f"order-{run}-{n}" for n in itertools.count())


def _ten(store: EventStore, number: int) -> Iterator[str]:
    """Streams of ten events, over and over."""
    run = uuid.uuid4().hex[:8]
    names = [f"ten-{run}-{n}" for n in range(number)]
    for first in range(0, number, 100):
        with store.unit() as unit:
            for name in names[first : first + 100]:
                unit.append(name, [line(n) for n in range(COMMAND_EVENTS)], expected_version=0, metadata=METADATA)
    return itertools.cycle(names)
