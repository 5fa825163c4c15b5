"""Measuring a store: the events of a bench, its three kinds of work, and threads that repeat one until time is up."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import cycle
from time import perf_counter
from typing import Any

import msgspec

from ..deciders.decider import Decider
from ..event_store import EventStore
from ..module import Module
from ..runtime.ids import new_id

__all__ = ["BENCH", "Measured", "Workload", "measure", "workload"]

BENCH = Module("everfoldbench")
STREAMS_TO_LOAD = 20
EVENTS_TO_READ = 10_000
FILL_BATCH = 1_000

Operation = Callable[[], int]
"""Does something once, and gives the number of events that it was done with."""


@BENCH.event("everfoldbench_happened")
class Happened(msgspec.Struct, frozen=True):
    """About 300 bytes as stored, which is a usual size."""

    number: int
    text: str = "An event of a usual size: some ids, some amounts, a remark. " * 4


def _counted(state: int, event: Happened) -> int:
    return state + event.number


def _refuses_commands(command: object, state: int) -> None:
    """The bench only loads."""


COUNTER: Decider[Any, int] = Decider(initial_state=int, evolve=_counted, decide=_refuses_commands)


@dataclass(frozen=True, slots=True)
class Workload:
    """What a thread does: `operation()` gives it an operation of its own."""

    operation: Callable[[], Operation]
    batch: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What all threads did, and how long each operation took."""

    seconds: float
    events: int
    latencies: array[float]

    def figures(self) -> dict[str, Any]:
        """Rates, and percentiles of the latency in milliseconds."""
        operations = len(self.latencies)
        return {
            "seconds": round(self.seconds, 3),
            "operations": operations,
            "events": self.events,
            "operations_per_second": round(operations / self.seconds, 1),
            "events_per_second": round(self.events / self.seconds, 1),
            "latency_ms": self.latencies_ms(),
        }

    def latencies_ms(self) -> dict[str, float]:
        """The percentiles."""
        ordered = sorted(self.latencies)
        last = len(ordered) - 1
        places = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
        return {name: round(ordered[round(share * last)] * 1000, 3) for name, share in places.items()}


def workload(what: str, store: EventStore, batch: int | None) -> Workload:
    """The work of that kind, with whatever it needs written beforehand."""
    kinds = {"append": (_append, 1), "read": (_read, 1_000), "load": (_load, 100)}
    prepare, usual = kinds[what]
    return Workload(prepare(store, batch or usual), batch or usual)


def measure(operation: Callable[[], Operation], duration: float, concurrency: int) -> Measured:
    """Repeat it in so many threads for so many seconds. The first error ends all and is raised."""
    stop = threading.Event()
    start = perf_counter()
    with ThreadPoolExecutor(concurrency) as pool:
        try:
            running = [pool.submit(_repeat, operation(), start + duration, stop) for _ in range(concurrency)]
            done = [one.result() for one in running]
        finally:
            stop.set()
    latencies = array("d")
    for _, taken in done:
        latencies.extend(taken)
    return Measured(perf_counter() - start, sum(events for events, _ in done), latencies)


def _repeat(operation: Operation, deadline: float, stop: threading.Event) -> tuple[int, array[float]]:
    """At least once, so that there is always something to tell."""
    events, latencies = 0, array("d")
    before = perf_counter()
    while not (latencies and (before >= deadline or stop.is_set())):
        events += operation()
        after = perf_counter()
        latencies.append(after - before)
        before = after
    return events, latencies


def _append(store: EventStore, batch: int) -> Callable[[], Operation]:
    def of_one_thread() -> Operation:
        stream, version = f"everfoldbench-{new_id()}", 0
        events = [Happened(number) for number in range(batch)]

        def append() -> int:
            nonlocal version
            version = store.append(stream, events, expected_version=version).version or 0
            return batch

        return append

    return of_one_thread


def _read(store: EventStore, batch: int) -> Callable[[], Operation]:
    if store.head() == 0:
        _fill(store, EVENTS_TO_READ)

    def of_one_thread() -> Operation:
        position = 0

        def read() -> int:
            nonlocal position
            count = 0
            for event in store.read_all(after=position, limit=batch):
                _ = event.data
                count, position = count + 1, event.position
            position = position if count == batch else 0
            return count

        return read

    return of_one_thread


def _load(store: EventStore, batch: int) -> Callable[[], Operation]:
    streams = [_fill(store, batch) for _ in range(STREAMS_TO_LOAD)]

    def of_one_thread() -> Operation:
        names = cycle(streams)
        return partial(_load_one, store, names.__next__)

    return of_one_thread


def _load_one(store: EventStore, name: Callable[[], str]) -> int:
    return store.load(name(), COUNTER).version


def _fill(store: EventStore, count: int) -> str:
    """A new stream of so many events."""
    stream = f"everfoldbench-{new_id()}"
    for first in range(0, count, FILL_BATCH):
        events = [Happened(number) for number in range(first, min(first + FILL_BATCH, count))]
        store.append(stream, events, expected_version=first)
    return stream
