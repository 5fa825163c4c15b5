"""The decider of a flight: what may follow on what. Pure: a command and a state in, an event out, or a refusal.

The life of a flight: scheduled, then departed or cancelled; once departed, arrived or diverted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

import everfold as ef

from .events import FlightArrived, FlightCancelled, FlightDeparted, FlightDiverted, FlightEvent, FlightScheduled

__all__ = [
    "Arrive",
    "Cancel",
    "Command",
    "Depart",
    "Divert",
    "Flight",
    "FlightRefusedError",
    "Schedule",
    "Status",
    "flight",
]

_MINUTE = timedelta(minutes=1)


class Status(Enum):
    """How far a flight has come."""

    UNKNOWN = "unknown"
    SCHEDULED = "scheduled"
    DEPARTED = "departed"
    ARRIVED = "arrived"
    DIVERTED = "diverted"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Flight:
    """A flight as its events tell it."""

    status: Status = Status.UNKNOWN
    plan: FlightScheduled | None = None
    departed_at: datetime | None = None
    arrived_at: datetime | None = None
    departure_delay: int | None = None
    arrival_delay: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Put it on the timetable."""

    plan: FlightScheduled


@dataclass(frozen=True, slots=True)
class Depart:
    """It leaves the gate."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Arrive:
    """It reaches the gate of its destination."""

    at: datetime
    air_time: int


@dataclass(frozen=True, slots=True)
class Divert:
    """It goes elsewhere."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """It will not leave."""


Command = Schedule | Depart | Arrive | Divert | Cancel


class FlightRefusedError(Exception):
    """The command does not fit what has happened to the flight; nothing follows from it."""


def decide(command: Command, state: Flight) -> FlightEvent:
    """The event that follows from the command. Raises FlightRefusedError."""
    match command:
        case Schedule():
            return _schedule(command.plan, state)
        case Depart():
            return _depart(command, state)
        case Arrive():
            return _arrive(command, state)
        case Divert():
            return _divert(state)
        case Cancel():
            return _cancel(state)


def evolve(state: Flight, event: FlightEvent) -> Flight:
    """The state after the event."""
    match event:
        case FlightScheduled():
            return Flight(Status.SCHEDULED, event)
        case FlightDeparted():
            return replace(state, status=Status.DEPARTED, departed_at=event.at, departure_delay=event.delay)
        case FlightArrived():
            return replace(state, status=Status.ARRIVED, arrived_at=event.at, arrival_delay=event.delay)
        case FlightDiverted():
            return replace(state, status=Status.DIVERTED)
        case FlightCancelled():
            return replace(state, status=Status.CANCELLED)


flight: ef.Decider[Command, Flight] = ef.Decider(initial_state=Flight, evolve=evolve, decide=decide)


def _schedule(plan: FlightScheduled, state: Flight) -> FlightScheduled:
    if state.status is not Status.UNKNOWN:
        raise FlightRefusedError(f"it is on the timetable already: {state.status.value}")
    if plan.arrival <= plan.departure:
        raise FlightRefusedError("it can't be due to arrive before it is due to depart")
    return plan


def _depart(command: Depart, state: Flight) -> FlightDeparted:
    plan = _plan(state, Status.SCHEDULED, "depart")
    delay = (command.at - plan.departure) // _MINUTE
    return FlightDeparted(command.at, delay, plan.day, plan.carrier, plan.origin)


def _arrive(command: Arrive, state: Flight) -> FlightArrived:
    plan = _plan(state, Status.DEPARTED, "arrive")
    assert state.departed_at is not None, "a departed flight has its departure"
    if command.at - state.departed_at < command.air_time * _MINUTE:
        raise FlightRefusedError(f"it can't have been {command.air_time} minutes in the air when it arrives")
    return FlightArrived(command.at, (command.at - plan.arrival) // _MINUTE, command.air_time)


def _divert(state: Flight) -> FlightDiverted:
    plan = _plan(state, Status.DEPARTED, "be diverted")
    assert state.departure_delay is not None, "a departed flight has its delay"
    return FlightDiverted(plan.arrival + max(0, state.departure_delay) * _MINUTE)


def _cancel(state: Flight) -> FlightCancelled:
    plan = _plan(state, Status.SCHEDULED, "be cancelled")
    return FlightCancelled(plan.departure, plan.day, plan.carrier, plan.origin)


def _plan(state: Flight, wanted: Status, what: str) -> FlightScheduled:
    if state.status is not wanted or state.plan is None:
        raise FlightRefusedError(f"a flight that is {state.status.value} can't {what}; it must be {wanted.value}")
    return state.plan
