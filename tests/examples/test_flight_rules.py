"""The decider of a flight: every refusal, and what follows from a command that is accepted."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from functools import reduce

import pytest
from examples.flights.events import FlightArrived, FlightCancelled, FlightDeparted, FlightDiverted, FlightScheduled
from examples.flights.flight import Arrive, Cancel, Depart, Divert, Flight, FlightRefusedError, Schedule, Status, flight

import everfold as ef

NOON = datetime(2013, 1, 9, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
DAY = date(2013, 1, 9)
WHOSE = (DAY, "UA", "EWR")
PLAN = FlightScheduled(DAY, "UA", 1, "EWR", "ORD", "N1", NOON, NOON + 2 * HOUR, time(7), time(8), 719)
LEFT = FlightDeparted(NOON + HOUR, 60, *WHOSE)
HISTORIES = {
    Status.UNKNOWN: [],
    Status.SCHEDULED: [PLAN],
    Status.DEPARTED: [PLAN, LEFT],
    Status.ARRIVED: [PLAN, LEFT, FlightArrived(NOON + 3 * HOUR, 60, 100)],
    Status.DIVERTED: [PLAN, LEFT, FlightDiverted(NOON + 3 * HOUR)],
    Status.CANCELLED: [PLAN, FlightCancelled(NOON, *WHOSE)],
}
COMMANDS = {
    Schedule(PLAN): Status.UNKNOWN,
    Depart(NOON): Status.SCHEDULED,
    Cancel(): Status.SCHEDULED,
    Arrive(NOON + 3 * HOUR, 100): Status.DEPARTED,
    Divert(): Status.DEPARTED,
}
REFUSED = [(status, command) for status in Status for command, fits in COMMANDS.items() if status is not fits]


def state(status: Status) -> Flight:
    return reduce(flight.evolve, HISTORIES[status], flight.initial_state())


@pytest.mark.parametrize("status", Status, ids=lambda status: status.value)
def test_every_state_is_reached_by_its_events(status):
    assert state(status).status is status


@pytest.mark.parametrize(
    ("status", "command"), REFUSED, ids=[f"{status.value}-{type(c).__name__}" for status, c in REFUSED]
)
def test_a_command_that_does_not_fit_the_state_is_refused(status, command):
    with pytest.raises(FlightRefusedError, match=status.value):
        flight.decide(command, state(status))


def test_a_flight_cannot_be_due_to_arrive_before_it_departs():
    backwards = FlightScheduled(DAY, "UA", 1, "EWR", "ORD", None, NOON, NOON, time(7), time(7), 719)
    with pytest.raises(FlightRefusedError, match="before it is due to depart"):
        flight.decide(Schedule(backwards), Flight())


def test_a_flight_cannot_have_been_longer_in_the_air_than_between_the_gates():
    with pytest.raises(FlightRefusedError, match="121 minutes in the air"):
        flight.decide(Arrive(NOON + 3 * HOUR, 121), state(Status.DEPARTED))


@pytest.mark.parametrize(
    ("before", "command", "event"),
    [
        (Status.UNKNOWN, Schedule(PLAN), PLAN),
        (
            Status.SCHEDULED,
            Depart(NOON - timedelta(minutes=3)),
            FlightDeparted(NOON - timedelta(minutes=3), -3, *WHOSE),
        ),
        (Status.SCHEDULED, Cancel(), FlightCancelled(NOON, *WHOSE)),
        (Status.DEPARTED, Arrive(NOON + 3 * HOUR, 120), FlightArrived(NOON + 3 * HOUR, 60, 120)),
        (Status.DEPARTED, Divert(), FlightDiverted(NOON + 3 * HOUR)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_accepted_command_becomes_the_event_with_its_delay(before, command, event):
    assert flight.decide(command, state(before)) == event


def test_a_flight_that_left_early_and_was_diverted_is_due_by_the_timetable():
    early = flight.evolve(state(Status.SCHEDULED), FlightDeparted(NOON - HOUR, -60, *WHOSE))
    assert flight.decide(Divert(), early) == FlightDiverted(PLAN.arrival)


def test_a_store_decides_by_the_same_rules_and_writes_nothing_when_refused():
    from examples.flights.events import flights

    with ef.EventStore.open("memory://", flights) as store:
        store.decide("flight-1", flight, Schedule(PLAN))
        with pytest.raises(FlightRefusedError):
            store.decide("flight-1", flight, Arrive(NOON + 3 * HOUR, 100))
        decision = store.decide("flight-1", flight, Depart(NOON + HOUR))
        assert (decision.version, decision.state) == (2, state(Status.DEPARTED))
