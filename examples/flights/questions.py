"""What one may ask: of the log itself, and of the read models that a worker makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import everfold as ef

from .events import CATEGORY, FlightCancelled, flights
from .flight import Flight, flight
from .projections import Departure, Rotation, departures, rotations

__all__ = [
    "Chapter",
    "Punctuality",
    "aircraft_day",
    "board",
    "busiest",
    "cancellations",
    "day_of",
    "flight_at",
    "history",
    "open_store",
    "punctuality",
    "rotation",
    "stream_of",
]


@dataclass(frozen=True, slots=True)
class Chapter:
    """An event of a flight, and the flight after it."""

    recorded: ef.RecordedEvent
    flight: Flight


@dataclass(frozen=True, slots=True)
class Punctuality:
    """How a carrier kept to the timetable, over the rows of the table that were asked for."""

    carrier: str
    flights: int
    departed: int
    cancelled: int
    late: int
    total_delay: int
    worst_delay: int


def open_store(url: str) -> ef.EventStore:
    """The store at the URL for reading: nothing is created where there is none. Raises EverfoldError."""
    return ef.EventStore.open(url, flights, migrate="never")


def stream_of(name: str) -> str:
    """`2013-01-01-UA-1545-EWR`, with or without the category in front."""
    return name if name.startswith(f"{CATEGORY}-") else f"{CATEGORY}-{name}"


def day_of(stream: str) -> date:
    """The day of the timetable that a flight belongs to: it stands in the stream's name."""
    return date.fromisoformat("-".join(stream.split("-")[1:4]))


def history(store: ef.EventStore, stream: str) -> Iterator[Chapter]:
    """The life of a flight, event by event."""
    state = flight.initial_state()
    for recorded in store.read_stream(stream):
        state = flight.evolve(state, recorded.event)
        yield Chapter(recorded, state)


def flight_at(store: ef.EventStore, stream: str, at: datetime) -> Flight:
    """The flight as it was known at a time: later events are not looked at."""
    return store.load(stream, flight, at_time=at).state


def aircraft_day(store: ef.EventStore, aircraft: str, day: date) -> list[Flight]:
    """What an aircraft was to fly on a day, in the order of the timetable: across flights, by its tag."""
    found: dict[str, Flight] = {}
    for recorded in store.read_all(query=ef.Query(tags=[f"aircraft:{aircraft}"])):
        stream = recorded.stream
        if stream is not None and day_of(stream) == day:
            found[stream] = flight.evolve(found.get(stream, flight.initial_state()), recorded.event)
    planned = [(one.plan.departure, one.plan.number, one) for one in found.values() if one.plan]
    return [one for _, _, one in sorted(planned, key=lambda planned: planned[:2])]


def cancellations(store: ef.EventStore) -> dict[date, int]:
    """How many flights of each day were cancelled, for the days that had any."""
    days: dict[date, int] = {}
    for recorded in store.read_all(query=ef.Query(types=[FlightCancelled])):
        if recorded.stream is not None:
            day = day_of(recorded.stream)
            days[day] = days.get(day, 0) + 1
    return dict(sorted(days.items()))


def board(store: ef.EventStore, airport: str, day: date, *, begin: time = time.min, lines: int) -> list[Departure]:
    """The departures board of an airport: the flights of a day, from a time on by its clock."""
    where = {"day": day.isoformat(), "origin": airport, "clock >=": begin.isoformat()}
    found: list[Departure] = store.read_model(departures).find(where, order_by=["due", "key"], limit=lines)
    return found


def punctuality(store: ef.EventStore, airport: str | None = None, day: date | None = None) -> list[Punctuality]:
    """Each carrier's, the one with the most flights first: from all of New York or one airport, over all days or one."""
    given = {"airport": airport, "day": day}
    where = {name: value for name, value in given.items() if value is not None}
    carriers: dict[str, list[dict[str, Any]]] = {}
    for row in store.read_model("punctuality").find(where):
        carriers.setdefault(row["carrier"], []).append(row)
    found = [_summed(carrier, rows) for carrier, rows in carriers.items()]
    return sorted(found, key=lambda one: (-one.flights, one.carrier))


def rotation(store: ef.EventStore, aircraft: str) -> Rotation | None:
    """What an aircraft flew; None for one that is not known."""
    found: Rotation | None = store.read_model(rotations).get(aircraft)
    return found


def busiest(store: ef.EventStore, lines: int) -> list[tuple[str, Rotation]]:
    """The aircraft with the most flights."""
    return store.read_model(rotations).items(order_by=["-flights", "-air_minutes"], limit=lines)


def _summed(carrier: str, rows: list[dict[str, Any]]) -> Punctuality:
    def total(column: str) -> int:
        return sum(row[column] for row in rows)

    worst = max((row["worst_delay"] for row in rows if row["worst_delay"] is not None), default=0)
    return Punctuality(
        carrier,
        flights=total("flights"),
        departed=total("departed"),
        cancelled=total("cancelled"),
        late=total("late"),
        total_delay=total("total_delay"),
        worst_delay=worst,
    )
