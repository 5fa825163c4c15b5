"""How far an import is, on stderr: a bar on a terminal, plain lines elsewhere, and Ctrl-C at a good moment."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .recording import Step

__all__ = ["Report", "StopRequest", "stop_on_interrupt", "telling"]

LINES = 20
"""Plain lines of a whole import, about: enough to see that it moves, few enough for a log."""


class Report(Protocol):
    """Takes every step."""

    def __call__(self, step: Step, /) -> None: ...


class StopRequest:
    """Whether someone asked to stop."""

    asked = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C once: remember it. A second one breaks off at once, which loses nothing either."""
        del number, frame
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        print("\nStopping after this batch …", file=sys.stderr, flush=True)


@contextmanager
def stop_on_interrupt() -> Iterator[StopRequest]:
    """While inside, Ctrl-C only asks."""
    request = StopRequest()
    before = signal.signal(signal.SIGINT, request)
    try:
        yield request
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def telling(total: int, *, quiet: bool = False) -> Iterator[Report]:
    """Tell of every step, out of so many events; of none when quiet."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as progress:
            task = progress.add_task("flights", total=total, day="")
            yield lambda step: progress.update(task, completed=step.events, day=f"{step.at:%Y-%m-%d}")
    else:
        yield _Lines(total)


class _Lines:
    def __init__(self, total: int) -> None:
        self._total = total
        self._told = 0

    def __call__(self, step: Step, /) -> None:
        if step.events - self._told >= self._total / LINES or step.events == self._total:
            self._told = step.events
            print(f"{step.at:%Y-%m-%d}  {step.events:,} of {self._total:,} events", file=sys.stderr, flush=True)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.fields[day]:<10}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("events"),
        TimeRemainingColumn(compact=True),
        console=Console(stderr=True),
    )
