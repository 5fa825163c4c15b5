"""Racers for both colours, by hand: threads here, tasks there, started together, so that a generated case can race.

A name with `_async` (or `Async…`) is for tasks, its peer without for threads; `tools/unasync.py` swaps them. A race
that doesn't end is an error after `RACE_SECONDS_MAX`, never a test that hangs.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["AsyncSignal", "Signal", "as_thread", "race", "race_async", "resolved", "resolved_async", "successes"]

RACE_SECONDS_MAX = 60.0

AsyncSignal = asyncio.Event
"""`await signal.wait()` until `signal.set()`."""


class Signal(threading.Event):
    """`signal.wait()` until `signal.set()`; a wait that would never end raises TimeoutError."""

    def wait(self, timeout: float | None = RACE_SECONDS_MAX) -> bool:
        if not super().wait(timeout):
            raise TimeoutError(f"the signal was not set within {timeout} s")
        return True


async def race_async(racers: Iterable[Callable[[], Any]]) -> list[Any]:
    """Start every racer (a function giving an awaitable) at the same moment; what each returned or raised, in order."""
    line = asyncio.Event()

    async def run(racer: Callable[[], Any]) -> Any:
        await line.wait()
        return await racer()

    async with asyncio.timeout(RACE_SECONDS_MAX):
        tasks = [asyncio.ensure_future(run(racer)) for racer in racers]
        line.set()
        return list(await asyncio.gather(*tasks, return_exceptions=True))


def race(racers: Iterable[Callable[[], Any]]) -> list[Any]:
    """Start every racer, each in its thread, at the same moment; what each returned or raised, in order."""
    running = list(racers)
    line = threading.Barrier(len(running))
    outcomes: list[Any] = [None] * len(running)

    def run(number: int, racer: Callable[[], Any]) -> None:
        try:
            line.wait(RACE_SECONDS_MAX)
            outcomes[number] = racer()
        except Exception as error:  # noqa: BLE001  # it is the outcome
            outcomes[number] = error

    threads = [as_thread(lambda n=n, one=one: run(n, one)) for n, one in enumerate(running)]  # type: ignore[misc]
    for thread in threads:
        thread.join(RACE_SECONDS_MAX)
        if thread.is_alive():
            raise TimeoutError(f"a racer did not end within {RACE_SECONDS_MAX} s")
    return outcomes


def as_thread(run: Callable[[], object]) -> threading.Thread:
    """A running thread that does not keep the process alive."""
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def successes(outcomes: Iterable[Any]) -> list[Any]:
    """What did not raise."""
    return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]


async def resolved_async(value: Any) -> Any:
    """The value, awaited if it needs to be: drivers come in both colours."""
    return await value if inspect.isawaitable(value) else value


def resolved(value: Any) -> Any:
    """The value itself."""
    return value
