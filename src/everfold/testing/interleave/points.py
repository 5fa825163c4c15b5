"""Where a coroutine hands over to the driver, and what it has touched since the last time."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass
from types import coroutine

__all__ = ["TOUCHED", "Footprint", "Pause", "pause_at", "point", "touch"]

Footprint = dict[str, bool]
"""What a step touched, and whether it changed it."""

TOUCHED: ContextVar[Footprint | None] = ContextVar("everfoldTOUCHED", default=None)
"""The footprint of the step under way, of the run that this context belongs to."""


async def point(label: str) -> None:
    """A place where another task may go on. The storage and the sleep of `open_store` have them already."""
    await pause_at(Pause(label))


def touch(name: str, *, changed: bool = True) -> None:
    """Say that this step used something that tasks share outside the store, so that `reduce` keeps its orders apart."""
    touched = TOUCHED.get()
    if touched is not None:
        touched[name] = touched.get(name, False) or changed


@dataclass(frozen=True, slots=True)
class Pause:
    """What a coroutine hands to the driver when it suspends: the place, and when it can go on."""

    label: str
    ready: Callable[[], bool] = lambda: True
    timed: bool = False


@coroutine
def pause_at(pause: Pause) -> Generator[Pause, bool, bool]:
    return (yield pause)
