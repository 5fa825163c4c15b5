"""What is kept ready to be read: the departures board, the rotations of the aircraft, and the punctuality of each day.

Each is made from the log alone, so it can be thrown away and built anew; a worker feeds them, milliseconds behind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time

import everfold as ef

from .events import FlightArrived, FlightCancelled, FlightDeparted, FlightDiverted, FlightEvent, FlightScheduled

__all__ = [
    "LATE_AFTER",
    "LEGS_KEPT",
    "PUNCTUALITY",
    "Departure",
    "Leg",
    "Rotation",
    "departures",
    "read_models",
    "rotations",
]

# The departures board: a document per flight


@dataclass(frozen=True, slots=True)
class Departure:
    """A line of the board. `delay` in minutes, once it left."""

    day: date
    due: datetime
    clock: time
    carrier: str
    number: int
    origin: str
    destination: str
    aircraft: str | None
    status: str = "scheduled"
    delay: int | None = None


departures = ef.DocumentProjection(
    "departures", key=ef.by_stream_id, document=Departure, indexes=["day", "origin", "status"]
)


@departures.on(FlightScheduled)
def _(_: None, event: FlightScheduled) -> Departure:
    return Departure(
        day=event.day,
        due=event.departure,
        clock=event.departure_clock,
        carrier=event.carrier,
        number=event.number,
        origin=event.origin,
        destination=event.destination,
        aircraft=event.aircraft,
    )


@departures.on(FlightDeparted, FlightArrived, FlightDiverted, FlightCancelled)
def _(line: Departure, event: FlightEvent) -> Departure:
    return replace(line, status=_status(event), delay=_delay(event, line.delay))


# Rotations: a document per aircraft, across flights, by the tag that their events bear

LEGS_KEPT = 12
"""The legs that a rotation shows; what it counts is of all of them. A document that only grows would cost ever more."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One flight of an aircraft."""

    flight: str
    origin: str
    destination: str
    departure: datetime
    status: str = "scheduled"
    delay: int | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """What an aircraft flew, and its last legs in the order of the timetable."""

    flights: int = 0
    departed: int = 0
    arrived: int = 0
    diverted: int = 0
    cancelled: int = 0
    air_minutes: int = 0
    legs: tuple[Leg, ...] = ()


rotations = ef.DocumentProjection(
    "rotations", key=ef.by_tag("aircraft"), document=Rotation, indexes=["flights", "air_minutes"]
)


@rotations.on(FlightScheduled)
def _(rotation: Rotation | None, event: FlightScheduled, recorded: ef.RecordedEvent) -> Rotation:
    before = rotation or Rotation()
    leg = Leg(_flight(recorded), event.origin, event.destination, event.departure)
    legs = sorted((*before.legs, leg), key=lambda leg: (leg.departure, leg.flight))
    return replace(before, flights=before.flights + 1, legs=tuple(legs[-LEGS_KEPT:]))


@rotations.on(FlightDeparted, FlightArrived, FlightDiverted, FlightCancelled)
def _(rotation: Rotation, event: FlightEvent, recorded: ef.RecordedEvent) -> Rotation:
    status, flight = _status(event), _flight(recorded)
    return Rotation(
        flights=rotation.flights,
        departed=rotation.departed + (status == "departed"),
        arrived=rotation.arrived + (status == "arrived"),
        diverted=rotation.diverted + (status == "diverted"),
        cancelled=rotation.cancelled + (status == "cancelled"),
        air_minutes=rotation.air_minutes + (event.air_time if isinstance(event, FlightArrived) else 0),
        legs=tuple(
            replace(leg, status=status, delay=_delay(event, leg.delay)) if leg.flight == flight else leg
            for leg in rotation.legs
        ),
    )


def _status(event: FlightEvent) -> str:
    match event:
        case FlightScheduled():
            return "scheduled"
        case FlightDeparted():
            return "departed"
        case FlightArrived():
            return "arrived"
        case FlightDiverted():
            return "diverted"
        case FlightCancelled():
            return "cancelled"


def _delay(event: FlightEvent, before: int | None) -> int | None:
    """The delay of the departure, once it is known."""
    return event.delay if isinstance(event, FlightDeparted) else before


def _flight(recorded: ef.RecordedEvent) -> str:
    return (recorded.stream or "").partition("-")[2]


# Punctuality: a row per day, carrier and airport; rules instead of code, so a database can run them itself

LATE_AFTER = {1: 0, 2: 15}
"""By version of the table: a departure is late when it left so many minutes after the timetable, and more."""


def _punctuality(version: int) -> ef.TableProjection:
    table = ef.TableProjection(
        "punctuality",
        version=version,
        columns={
            "day": ef.Date,
            "carrier": ef.Text,
            "airport": ef.Text,
            "flights": ef.Integer,
            "departed": ef.Integer,
            "cancelled": ef.Integer,
            "late": ef.Integer,
            "total_delay": ef.Integer,
            "worst_delay": ef.Integer,
        },
        key=["day", "carrier", "airport"],
        indexes=[["airport", "day"]],
    )
    late = ef.case(ef.field("delay") > LATE_AFTER[version], 1, 0)
    row = {"day": "day", "carrier": "carrier", "airport": "origin"}
    table.on(FlightScheduled).increment(flights=1).at(**row)
    left = table.on(FlightDeparted).increment(departed=1, late=late, total_delay="delay").max(worst_delay="delay")
    left.at(**row)
    table.on(FlightCancelled).increment(cancelled=1).at(**row)
    return table


PUNCTUALITY = {version: _punctuality(version) for version in LATE_AFTER}


def read_models(*versions: int) -> ef.Module:
    """What a deployment feeds: everything, with these versions of the punctuality table; two of them during a rebuild.

    Board and rotations are a group: each batch of the log is read once for both, and is in both or in none.
    """
    module = ef.Module("read_models")
    module.add(ef.ProjectionGroup("boards", departures, rotations), *(PUNCTUALITY[version] for version in versions))
    return module
