"""From trips to events in the order of time: the lives of all flights merged, a day at a time.

A heap holds what is still to come of the days read so far, so a year needs no more memory than a few days. The order is
the same on every run, which is what lets an import go on where it was broken off.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from .events import FlightArrived, FlightDeparted, FlightEvent, FlightScheduled
from .flight import Flight, FlightRefusedError, flight
from .timetable import DataFileError, Row, Timetable, Trip, trip_of

__all__ = ["Moment", "Occurrence", "moments", "occurrences"]

_FIXED_BITS = 0xF << 76 | 0b11 << 62
_VERSION_8 = 8 << 76 | 0b10 << 62
"""Where a UUID says what it is: version 8 is for one's own making, here 48 bits of time and a digest of its place."""


class Occurrence(NamedTuple):
    """An event of one flight: its time, its place in its stream, and its tags. As a tuple, ordered by the first three."""

    at: datetime
    stream: str
    version: int
    event: FlightEvent
    tags: tuple[str, ...]

    @property
    def id(self) -> UUID:
        """The same on every run, so that importing again stores nothing twice; it grows with time (a version 8 UUID)."""
        milliseconds = int(self.at.timestamp()) * 1000
        digest = blake2b(f"{self.stream}@{self.version}".encode(), digest_size=10).digest()
        number = milliseconds << 80 | int.from_bytes(digest)
        return UUID(int=number & ~_FIXED_BITS | _VERSION_8)


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything that happened at one time."""

    at: datetime
    occurrences: list[Occurrence]


def moments(timetable: Timetable) -> Iterator[Moment]:
    """All that happened to the flights of a timetable, in order. Raises DataFileError for a line that makes no sense."""
    for at, together in groupby(_in_order(timetable), key=lambda occurrence: occurrence.at):
        yield Moment(at, list(together))


def occurrences(trip: Trip) -> Iterator[Occurrence]:
    """The events of a trip as the decider has them: history keeps the rules that hold for every other flight."""
    state = Flight()
    before = trip.commands[0][0]
    for version, (at, command) in enumerate(trip.commands, 1):
        if at < before:
            raise ValueError(f"{trip.stream} goes back in time, from {before} to {at}")
        before = at
        event = flight.decide(command, state)
        state = flight.evolve(state, event)
        yield Occurrence(at, trip.stream, version, event, _tags(event, state))


def _in_order(timetable: Timetable) -> Iterator[Occurrence]:
    ahead: list[Occurrence] = []
    for day in timetable.days:
        today = [occurrence for row in timetable.rows(day) for occurrence in _of_row(row)]
        # nothing of this day, or of a later one, comes before its timetable
        first = min(today).at
        while ahead and ahead[0].at < first:
            yield heappop(ahead)
        for occurrence in today:
            heappush(ahead, occurrence)
    while ahead:
        yield heappop(ahead)


def _of_row(row: Row) -> list[Occurrence]:
    try:
        return list(occurrences(trip_of(row)))
    except (ValueError, KeyError, TypeError, FlightRefusedError) as error:
        line = ",".join(str(value) for value in row.values())
        raise DataFileError(f"this line makes no sense: {error}\n{line}") from error


def _tags(event: FlightEvent, state: Flight) -> tuple[str, ...]:
    """The aircraft, and the airport where it happened: both ends for the timetable."""
    plan = state.plan
    assert plan is not None, "the first event is the timetable's"
    match event:
        case FlightScheduled():
            airports = [plan.origin, plan.destination]
        case FlightArrived():
            airports = [plan.destination]
        case FlightDeparted():
            airports = [plan.origin]
        case _:
            airports = [plan.origin, plan.destination]
    aircraft = [f"aircraft:{plan.aircraft}"] if plan.aircraft else []
    return (*aircraft, *(f"airport:{airport}" for airport in airports))
