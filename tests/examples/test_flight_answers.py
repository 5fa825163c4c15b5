"""What the store answers about January, against what DuckDB computes from the raw file."""

from __future__ import annotations

from collections import Counter
from datetime import date, datetime, timedelta, timezone
from functools import reduce

import pytest
from examples.flights import questions
from examples.flights.events import FlightArrived, FlightDeparted, FlightScheduled
from examples.flights.flight import Flight, Status

import everfold as ef

STREAM = "'flight-' || on_day || '-' || carrier || '-' || flight || '-' || origin"
OUTCOME = """case when dep_time is null then 'cancelled' when arr_delay is null then 'diverted' else 'arrived' end"""
HONOLULU = "flight-2013-01-09-HA-51-JFK"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2013, 1, day, hour, minute, tzinfo=timezone.utc)


def test_there_are_as_many_events_of_each_type_as_the_file_has_such_flights(january, raw):
    [counts] = raw(
        "select count(*), count(dep_time), count(arr_delay), count(dep_time) - count(arr_delay), "
        "count(*) - count(dep_time) from flights"
    )
    names = ["flight_scheduled", "flight_departed", "flight_arrived", "flight_diverted", "flight_cancelled"]
    assert {one.type: one.events for one in january.types()} == dict(zip(names, counts, strict=True))


def test_every_flight_of_the_file_is_a_stream_that_ends_as_the_file_says(january, raw):
    last = {r.stream: r.type for r in january.read_all()}
    assert last == {stream: f"flight_{outcome}" for stream, outcome in raw(f"select {STREAM}, {OUTCOME} from flights")}


def test_the_sums_over_all_flights_are_those_of_the_file(january, raw):
    sums: Counter[str] = Counter()
    for event in (recorded.event for recorded in january.read_all()):
        match event:
            case FlightScheduled():
                sums.update(distance=event.distance, due=int(event.departure.timestamp()))
            case FlightDeparted():
                sums.update(departure_delay=event.delay, departed=int(event.at.timestamp()))
            case FlightArrived():
                sums.update(arrival_delay=event.delay, air_time=event.air_time)
    names = ["distance", "due", "departure_delay", "departed", "arrival_delay", "air_time"]
    [wanted] = raw(
        "select sum(distance), sum(epoch(due)), sum(dep_delay), sum(epoch(due + to_minutes(dep_delay))), "
        "sum(arr_delay), sum(air_time) from flights"
    )
    assert dict(sums) == {name: int(value) for name, value in zip(names, wanted, strict=True)}


def test_cancellations_per_day_are_those_of_the_file(january, raw):
    wanted = raw("select on_day, count(*) from flights where dep_time is null group by all order by all")
    assert list(questions.cancellations(january).items()) == wanted


@pytest.mark.parametrize(("aircraft", "day"), [("N26549", 28), ("N13969", 28), ("N14228", 9), ("N384HA", 9)])
def test_the_day_of_an_aircraft_is_that_of_the_file(january, raw, aircraft, day):
    flights = questions.aircraft_day(january, aircraft, date(2013, 1, day))
    answer = [(f.plan.carrier, f.plan.number, f.status.value, f.departure_delay, f.arrival_delay) for f in flights]
    assert answer == raw(
        f"select carrier, flight, {OUTCOME}, dep_delay, arr_delay from flights "
        f"where tailnum = '{aircraft}' and day = {day} order by due, flight"
    )
    assert answer


def test_a_tag_finds_what_happened_at_an_airport(january, raw):
    found = Counter(r.type for r in january.read_all(query=ef.Query(tags=["airport:HNL"])))
    [(scheduled, arrived)] = raw("select count(*), count(arr_delay) from flights where dest = 'HNL'")
    assert (found["flight_scheduled"], found["flight_arrived"]) == (scheduled, arrived)


def test_the_log_is_in_the_order_of_time(january):
    times = [recorded.recorded_at for recorded in january.read_all()]
    assert times == sorted(times)


def test_an_event_is_stamped_with_the_time_at_which_it_happened(january):
    query = ef.Query(types=[FlightDeparted, FlightArrived])
    assert [r.position for r in january.read_all(query=query) if r.recorded_at != r.event.at] == []


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        (at(8, 11, 59), Status.UNKNOWN),
        (at(8, 12), Status.SCHEDULED),
        (at(10, 11, 40), Status.SCHEDULED),
        (at(10, 11, 41), Status.DEPARTED),
        (at(10, 22, 41), Status.DEPARTED),
        (at(10, 22, 42), Status.ARRIVED),
        (at(31, 0), Status.ARRIVED),
    ],
)
def test_a_flight_is_seen_as_it_was_known_at_a_time(january, moment, status):
    assert questions.flight_at(january, HONOLULU, moment).status is status


def test_at_one_moment_of_a_snow_day_every_flight_is_as_the_file_says(january, raw):
    """Flights of a morning, seen at 15:00 UTC: by what had happened until then, which the file tells by its delays."""
    rows = raw(
        f"""select {STREAM}, dep_time is null and due <= timestamp '2013-01-16 15:00',
               due + to_minutes(dep_delay) <= timestamp '2013-01-16 15:00'
        from flights where day = 16 and hour between 8 and 11 and arr_delay is not null or day = 16 and dep_time is null"""
    )
    assert len(rows) > 150
    for stream, cancelled, departed in rows:
        seen = questions.flight_at(january, stream, at(16, 15)).status
        wanted = (
            {Status.CANCELLED} if cancelled else {Status.DEPARTED, Status.ARRIVED} if departed else {Status.SCHEDULED}
        )
        assert seen in wanted, stream


def test_the_history_of_a_flight_shows_its_state_after_each_event(january):
    chapters = list(questions.history(january, HONOLULU))
    assert [c.flight.status for c in chapters] == [Status.SCHEDULED, Status.DEPARTED, Status.ARRIVED]
    assert [c.flight for c in chapters] == [
        january.load(HONOLULU, questions.flight, at_version=c.recorded.version).state for c in chapters
    ]


def test_the_state_of_every_flight_keeps_what_its_events_said(january):
    states: dict[str, Flight] = {}
    for recorded in january.read_all():
        before = states.get(recorded.stream, Flight())
        states[recorded.stream] = reduce(questions.flight.evolve, [recorded.event], before)
    late = [s for s in states.values() if s.arrived_at and s.arrived_at - s.plan.arrival > timedelta(hours=20)]
    assert [(s.plan.carrier, s.plan.number, s.arrival_delay) for s in late] == [("HA", 51, 1272)]
