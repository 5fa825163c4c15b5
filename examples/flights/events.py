"""What can happen to a flight: the events of the module `flights`, stored under these names.

Times are instants in UTC. The clocks are what the timetable prints: local time at either end, without a date.

`day`, `carrier` and `origin` say whose event it is wherever someone counts by them: a reader of one event needs no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time

import everfold as ef

__all__ = [
    "CATEGORY",
    "FlightArrived",
    "FlightCancelled",
    "FlightDeparted",
    "FlightDiverted",
    "FlightEvent",
    "FlightScheduled",
    "flights",
]

CATEGORY = "flight"
"""A flight is a stream: `flight-2013-01-01-UA-1545-EWR`, unique by day, carrier, number and origin."""

flights = ef.Module("flights")


@flights.event("flight_scheduled")
@dataclass(frozen=True, slots=True)
class FlightScheduled:
    """The timetable of the day names the flight. `distance` in miles; without an aircraft when none was reported."""

    day: date
    carrier: str
    number: int
    origin: str
    destination: str
    aircraft: str | None
    departure: datetime
    arrival: datetime
    departure_clock: time
    arrival_clock: time
    distance: int


@flights.event("flight_departed")
@dataclass(frozen=True, slots=True)
class FlightDeparted:
    """It left the gate. `delay` in minutes against the timetable, negative when early."""

    at: datetime
    delay: int
    day: date
    carrier: str
    origin: str


@flights.event("flight_arrived")
@dataclass(frozen=True, slots=True)
class FlightArrived:
    """It reached the gate of its destination. `air_time` is the minutes off the ground."""

    at: datetime
    delay: int
    air_time: int


@flights.event("flight_diverted")
@dataclass(frozen=True, slots=True)
class FlightDiverted:
    """It left and did not arrive as planned: it landed elsewhere or came back. `due` is when it was expected."""

    due: datetime


@flights.event("flight_cancelled")
@dataclass(frozen=True, slots=True)
class FlightCancelled:
    """It never left. `due` is its departure by the timetable."""

    due: datetime
    day: date
    carrier: str
    origin: str


FlightEvent = FlightScheduled | FlightDeparted | FlightArrived | FlightDiverted | FlightCancelled
