"""What one may ask of the log of flights. Every answer is read from the events themselves; nothing else is stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

import everfold as ef

from .events import CATEGORY, FlightCancelled, flights
from .flight import Flight, flight

__all__ = ["Chapter", "aircraft_day", "cancellations", "day_of", "flight_at", "history", "open_store", "stream_of"]


@dataclass(frozen=True, slots=True)
class Chapter:
    """An event of a flight, and the flight after it."""

    recorded: ef.RecordedEvent
    flight: Flight


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
