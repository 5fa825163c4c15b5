"""How far a rebuild is: a line that stays below what is logged at a terminal, else one line every ten seconds.

It never costs a log line: what is told meanwhile is written in full, above it.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from .projection_view import label_of
from .settings import Settings
from .telling import remark
from .visible import visible

if TYPE_CHECKING:
    from ..projections.status import ProjectionStatus

__all__ = ["Progress", "duration", "progress_line"]

LINE_SECONDS = 10.0
WINDOW_SECONDS = 15.0
BAR_CHARACTERS = 24
CLEAR_LINE = "\r\x1b[K"

Sample = tuple[float, int, int]
"""(when, position, events)."""


class Progress:
    """Told where a build stands, it shows that; `seconds` is how long it has been doing so."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._begun = self._told_at = clock()
        self._samples: deque[Sample] = deque()
        self._pinned = sys.stderr.isatty() and not settings.quiet
        self._line = ""

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._begun

    def __call__(self, build: ProjectionStatus) -> None:
        """Show where the build stands, if it is time to."""
        now = self._clock()
        self._samples.append((now, build.position, build.events))
        while self._samples[0][0] < now - WINDOW_SECONDS:
            self._samples.popleft()
        if self._pinned:
            self._pin(progress_line(build, list(self._samples), bar=True))
        elif now - self._told_at >= LINE_SECONDS and not self._settings.quiet:
            self._told_at = now
            remark(self._settings, progress_line(build, list(self._samples)))

    def above(self, text: str) -> None:
        """Write something in full; the line stays below it."""
        line = self._line
        self.clear()
        remark(self._settings, text)
        if line:
            self._pin(line)

    def clear(self) -> None:
        """Take the line away."""
        if self._line:
            self._write(CLEAR_LINE)
            self._line = ""

    def _pin(self, line: str) -> None:
        # a line that wraps can't be cleared
        self._line = visible(line)[: shutil.get_terminal_size().columns - 1]
        self._write(f"{CLEAR_LINE}{self._line}")

    def _write(self, text: str) -> None:
        sys.stderr.write(text)
        sys.stderr.flush()


def progress_line(build: ProjectionStatus, samples: list[Sample], *, bar: bool = False) -> str:
    """Where it stands, how quickly it gets on, and how long the rest takes at that rate."""
    part = min(1.0, build.position / build.head) if build.head else 1.0
    full = int(part * BAR_CHARACTERS)
    drawn = f"[{'#' * full}{'.' * (BAR_CHARACTERS - full)}] " if bar else ""
    parked = f", {build.parked} parked" if build.parked else ""
    at = f"position {build.position:,} of {build.head:,}"
    return f"{label_of(build)}  {drawn}{part:4.0%}  {at}, {_rates(build, samples)}{parked}"


def _rates(build: ProjectionStatus, samples: list[Sample]) -> str:
    (began, position, events), (now, *_) = samples[0], samples[-1]
    seconds = now - began
    if seconds <= 0 or build.position == position:
        return f"{build.events:,} events{f', held by {build.owner}' if build.owner else ''}"
    left = build.lag / ((build.position - position) / seconds)
    return f"{(build.events - events) / seconds:,.0f} events/s, {duration(left)} left"


def duration(seconds: float) -> str:
    """`0.7 s`, `12:34`, `3:02:01`."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
