"""The import as a command runs it: which file, with progress, stoppable, and what to say at its end."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import everfold as ef

from .events import flights
from .progress import stop_on_interrupt, telling
from .recording import HistoryClock, Step, record
from .timetable import JANUARY, DataFileError, Timetable, read_timetable, whole_year

__all__ = ["BATCH_EVENTS", "Outcome", "choose", "run"]

BATCH_EVENTS = 4000
"""Events between two steps of progress: well under a second's work."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an import ended."""

    step: Step
    total: int
    seconds: float
    stopped: bool

    @property
    def sentence(self) -> str:
        """What there is to say."""
        step = self.step
        if self.stopped:
            return f"Stopped at {step.at:%Y-%m-%d %H:%M} UTC: {step.events:,} of {self.total:,} events are stored."
        if not step.added:
            return f"Nothing to add: all {step.found:,} events are stored already."
        rate = step.added / max(self.seconds, 1e-9)
        before = f" ({step.found:,} were stored before)" if step.found else ""
        return f"Added {step.added:,} events{before} in {self.seconds:.1f} s, {rate:,.0f} a second."


def choose(csv: Path | None, month: int | None, *, year: bool) -> Timetable:
    """The timetable that the options name; without any, January, which comes with the example."""
    if csv is None and not year and month in (None, 1):
        return read_timetable(JANUARY)
    timetable = read_timetable(csv or whole_year())
    chosen = timetable if month is None else timetable.of_month(month)
    if not chosen.flights:
        raise DataFileError(f"{csv or whole_year()} has no flights of month {month}")
    return chosen


def run(url: str, timetable: Timetable, batch: int, *, until: datetime | None = None, quiet: bool = False) -> Outcome:
    """Import into the store at `url`, telling of it on stderr. Ctrl-C stops it after the batch that is under way.

    `until` ends it after the batch in which that time is reached; run again, it goes on from there.
    """
    return asyncio.run(_import(url, timetable, batch, until=until, quiet=quiet))


async def _import(url: str, timetable: Timetable, batch: int, *, until: datetime | None, quiet: bool) -> Outcome:
    clock, begin = HistoryClock(), time.perf_counter()
    total = timetable.events
    with stop_on_interrupt() as stop, telling(total, quiet=quiet) as tell:
        async with (
            ef.AsyncEventStore.open(url, flights, clock=clock) as store,
            aclosing(record(store, clock, timetable, batch=batch)) as steps,
        ):
            async for step in steps:
                tell(step)
                if stop.asked or (until is not None and step.at >= until):
                    break
    return Outcome(step, total, time.perf_counter() - begin, stop.asked and step.events < total)
