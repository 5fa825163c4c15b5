"""Timed windows: how many calls a second, by one caller, by threads, by tasks."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Awaitable, Callable

WARM_UP = 0.3


def rate(call: Callable[[], object], seconds: float) -> float:
    """Calls a second by one caller."""
    _until(call, time.perf_counter() + WARM_UP)
    started = time.perf_counter()
    calls = _until(call, started + seconds)
    return calls / (time.perf_counter() - started)


def rate_threads(calls: list[Callable[[], object]], seconds: float) -> float:
    """Calls a second of all threads together, one per call given; an error in any of them ends the run."""
    counts = [0] * len(calls)
    errors: list[BaseException] = []
    started = time.perf_counter() + WARM_UP

    def work(number: int) -> None:
        try:
            _until(calls[number], started)
            counts[number] = _until(calls[number], started + seconds)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(counts) / (time.perf_counter() - started)


async def rate_tasks(calls: list[Callable[[], Awaitable[object]]], seconds: float) -> float:
    """Calls a second of all tasks together, one per call given."""
    started = time.perf_counter() + WARM_UP

    async def work(call: Callable[[], Awaitable[object]]) -> int:
        while time.perf_counter() < started:
            await call()
        done = 0
        while time.perf_counter() < started + seconds:
            await call()
            done += 1
        return done

    counts = await asyncio.gather(*(work(call) for call in calls))
    return sum(counts) / (time.perf_counter() - started)


def throughput(run: Callable[[], int]) -> float:
    """Things a second of one run that says how many it did."""
    started = time.perf_counter()
    done = run()
    return done / (time.perf_counter() - started)


def _until(call: Callable[[], object], end: float) -> int:
    for done in itertools.count():
        if time.perf_counter() >= end:
            return done
        call()
    raise AssertionError("count() never ends")
