"""The read models of the example: fed live, rebuilt while an import goes on, and always what the raw file sums up to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timezone
from itertools import groupby
from typing import NamedTuple

import psycopg
import pytest
from examples.flights import feeding, importing, questions, rebuilding
from examples.flights.events import FlightDeparted, FlightScheduled, flights
from examples.flights.projections import LEGS_KEPT, Departure, Leg, Rotation, departures, read_models, rotations
from examples.flights.timetable import JANUARY, read_timetable

import everfold as ef

KEY = "on_day || '-' || carrier || '-' || flight || '-' || origin"
STATUS = """case when dep_time is null then 'cancelled' when arr_delay is null then 'diverted' else 'arrived' end"""
NAMES = ("departures", "rotations", "punctuality")
DAYS_FED, DAYS = range(1, 2), range(1, 5)


class Rebuilt(NamedTuple):
    """A store of four days: one was fed live, three came in while the table was rebuilt."""

    url: str
    told: list[str]
    heads: list[int]


@pytest.fixture(scope="module")
def urls(tmp_path_factory, postgres_url) -> Iterator[Callable[[str], str]]:
    schema = f"t_{uuid.uuid4().hex[:16]}"
    file = tmp_path_factory.mktemp("projections") / "flights.db"
    mark = "&" if "?" in postgres_url else "?"
    yield {"sqlite": f"sqlite:///{file}", "postgres": f"{postgres_url}{mark}schema={schema}"}.__getitem__
    with psycopg.connect(postgres_url, autocommit=True, options="-c lock_timeout=10s") as connection:
        connection.execute(f'drop schema if exists "{schema}" cascade')


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def rebuilt(urls, request) -> Rebuilt:
    url, january = urls(request.param), read_timetable(JANUARY)
    coming = [january.of_days(range(day, day + 1)) for day in DAYS if day not in DAYS_FED]
    done = Rebuilt(url, [], [])

    def tell(line: str) -> None:
        """After each step of the rebuild, the import goes on."""
        if coming:
            importing.run(url, coming.pop(0), importing.BATCH_EVENTS, quiet=True)
        with ef.EventStore.open(url, flights) as store:
            done.heads.append(store.head())
        done.told.append(line)

    with feeding.worker(url, 1) as store:
        importing.run(url, january.of_days(DAYS_FED), importing.BATCH_EVENTS, quiet=True)
        store.wait_for("punctuality", store.head(), timeout=60)
    rebuilding.rebuild(url, tell)
    return done


@pytest.fixture
def store(rebuilt) -> Iterator[ef.EventStore]:
    with feeding.caught_up(rebuilt.url) as store:
        yield store


def punctuality_of(store: ef.EventStore) -> list[tuple]:
    return [tuple(row.values()) for row in store.read_model("punctuality").rows(order_by="day, carrier, airport")]


def wanted_punctuality(raw, days: range, late_after: int) -> list[tuple]:
    return raw(
        f"""select on_day, carrier, origin, count(*), count(dep_time), count(*) - count(dep_time),
                   count(*) filter (dep_delay > {late_after}), coalesce(sum(dep_delay), 0)::int, max(dep_delay)
            from flights where day between {days[0]} and {days[-1]} group by all order by all"""
    )


def board_of(store: ef.EventStore) -> dict[str, tuple]:
    def line(d: Departure) -> tuple:
        return d.day, d.due, d.carrier, d.number, d.origin, d.destination, d.aircraft, d.status, d.delay

    return {key: line(document) for key, document in store.read_model(departures).items()}


def wanted_board(raw, days: range) -> dict[str, tuple]:
    rows = raw(
        f"""select {KEY}, on_day, due, carrier, flight, origin, dest, tailnum, {STATUS}, dep_delay
            from flights where day between {days[0]} and {days[-1]}"""
    )
    return {key: (day, due.replace(tzinfo=timezone.utc), *rest) for key, day, due, *rest in rows}


def wanted_rotations(raw, days: range) -> dict[str, Rotation]:
    found: dict[str, Rotation] = {}
    for aircraft, flights_, departed, arrived, air_minutes, legs in raw(
        f"""select tailnum, count(*), count(dep_time), count(arr_delay), coalesce(sum(air_time), 0)::int,
                   list(({KEY}, origin, dest, due, {STATUS}, dep_delay) order by due, {KEY})
            from flights where day between {days[0]} and {days[-1]} and tailnum is not null group by tailnum"""
    ):
        shown = [
            Leg(flight, origin, destination, due.replace(tzinfo=timezone.utc), status, delay)
            for flight, origin, destination, due, status, delay in legs[-LEGS_KEPT:]
        ]
        diverted, cancelled = departed - arrived, flights_ - departed
        found[aircraft] = Rotation(flights_, departed, arrived, diverted, cancelled, air_minutes, tuple(shown))
    return found


def test_the_table_that_was_rebuilt_during_an_import_is_what_the_file_sums_up_to(store, raw):
    assert store.read_model("punctuality").version() == 2
    assert punctuality_of(store) == wanted_punctuality(raw, DAYS, late_after=15)


def test_the_board_that_was_fed_live_has_every_flight_as_the_file_says(store, raw):
    assert board_of(store) == wanted_board(raw, DAYS)


def test_the_rotations_that_were_fed_live_are_what_the_file_sums_up_to(store, raw):
    assert dict(store.read_model(rotations).items()) == wanted_rotations(raw, DAYS)


def test_a_rebuild_tells_each_step_while_the_log_grows(rebuilt):
    steps = [line.split("  ")[0] for line in rebuilt.told]
    assert steps == ["built", "verified", "promoted", "rolled back", "promoted", "retired"]
    assert rebuilt.heads == sorted(rebuilt.heads)
    assert len(set(rebuilt.heads)) == len(DAYS) - len(DAYS_FED)
    assert "only in how many were late" in rebuilt.told[1]


def test_what_readers_saw_at_each_step_is_the_definition_of_that_version(rebuilt, raw):
    [[before, after]] = raw(
        "select count(*) filter (dep_delay > 0), count(*) filter (dep_delay > 15) from flights where day = 1"
    )
    assert f"version 2: {after} late on 1 January" in rebuilt.told[2]
    assert f"version 1: {before} late on 1 January" in rebuilt.told[3]
    assert f"for good: {after} late on 1 January" in rebuilt.told[4]


def test_every_step_of_a_rebuild_is_on_record(store):
    history = [(t.version, t.step) for _, t in store.projections().history("punctuality")]
    # a comparison during which the two never stood at one position is made again
    steps = [step for step, _ in groupby(history)]
    assert steps[:8] == [
        (1, "registered"),
        (2, "registered"),
        (2, "built"),
        (2, "verified"),
        (2, "promoted"),
        (1, "rolled back"),
        (2, "promoted"),
        (1, "retired"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_rebuilt_read_model_equals_the_one_that_was_fed_live(store, name):
    projections = store.projections()
    projections.rebuild(name)
    found = projections.verify(name)
    assert (found.equal, found.differences, found.unsettled) == (True, 0, 0)
    assert found.old_count == found.new_count == store.read_model(name).count()
    assert found.new_count > 0
    projections.retire(name, version=found.new_version)


@pytest.mark.parametrize(("name", "read"), [("departures", board_of), ("punctuality", punctuality_of)])
def test_a_read_model_that_is_rebuilt_in_place_comes_out_the_same(store, name, read):
    before = read(store)
    store.projections().rebuild(name, in_place=True)
    assert read(store) == before


def test_all_of_january_as_the_demo_fed_and_rebuilt_it_is_what_the_file_sums_up_to(january_url, raw):
    month = range(1, 32)
    with feeding.caught_up(january_url) as store:
        assert punctuality_of(store) == wanted_punctuality(raw, month, late_after=15)
        assert board_of(store) == wanted_board(raw, month)
        assert dict(store.read_model(rotations).items()) == wanted_rotations(raw, month)


NOON = datetime(2013, 1, 9, 12, tzinfo=timezone.utc)
PLAN = FlightScheduled(date(2013, 1, 9), "UA", 1, "EWR", "ORD", None, NOON, NOON, time(7), time(8), 719)


@pytest.mark.parametrize(("delay", "late"), [(-1, (0, 0)), (0, (0, 0)), (1, (1, 0)), (15, (1, 0)), (16, (1, 1))])
def test_late_is_more_than_0_minutes_in_version_1_and_more_than_15_in_version_2(delay, late):
    departed = FlightDeparted(NOON, delay, PLAN.day, PLAN.carrier, PLAN.origin)
    found = []
    for version in (1, 2):
        with ef.EventStore.open("memory://", flights, read_models(version)) as store:
            store.append("flight-2013-01-09-UA-1-EWR", [PLAN, departed], expected_version=0)
            ef.Worker(store).run_until_caught_up()
            found.append(store.read_model("punctuality").get((PLAN.day, "UA", "EWR"))["late"])
    assert tuple(found) == late


def test_a_difference_that_nobody_declared_is_shown_and_keeps_readers_where_they_are():
    with ef.EventStore.open("memory://", flights, read_models(1, 2)) as store:
        departed = FlightDeparted(NOON, 5, PLAN.day, PLAN.carrier, PLAN.origin)
        store.append("flight-2013-01-09-UA-1-EWR", [PLAN, departed], expected_version=0)
        ef.Worker(store).run_until_caught_up()
        store.projections().rebuild("punctuality")
        found = store.projections().verify("punctuality")
        assert (found.equal, [d.key for d in found.samples]) == (False, [(PLAN.day, "UA", "EWR")])
        with pytest.raises(ef.PromotionRefusedError, match="not declared"):
            store.projections().promote("punctuality")
        assert store.read_model("punctuality").version() == 1
        assert store.projections().verify("punctuality", expected=rebuilding.only_late_is_other).equal
        assert store.projections().promote("punctuality").state == "active"


ROW = {"day": PLAN.day, "flights": 3, "late": 2}


@pytest.mark.parametrize(
    ("old", "new", "meant"),
    [
        (ROW, {**ROW, "late": 1}, True),
        (ROW, {**ROW, "late": 3}, False),
        (ROW, {**ROW, "late": 1, "flights": 2}, False),
        (ROW, None, False),
        (None, ROW, False),
    ],
)
def test_only_fewer_late_flights_are_a_difference_that_is_meant(old, new, meant):
    assert rebuilding.only_late_is_other("key", old, new) is meant


def test_the_punctuality_of_a_carrier_is_the_sum_of_its_rows(january_url, raw):
    with feeding.caught_up(january_url) as store:
        everywhere, newark = questions.punctuality(store), questions.punctuality(store, "EWR", date(2013, 1, 9))
    assert [(one.carrier, one.flights) for one in everywhere] == raw(
        "select carrier, count(*) from flights group by all order by 2 desc, 1"
    )
    assert [(one.carrier, one.flights, one.total_delay, one.worst_delay) for one in newark] == raw(
        """select carrier, count(*), sum(dep_delay)::int, max(dep_delay) from flights
           where origin = 'EWR' and day = 9 group by all order by 2 desc, 1"""
    )


def test_a_board_begins_at_a_time_of_the_day_and_is_in_its_order(january_url, raw):
    with feeding.caught_up(january_url) as store:
        lines = questions.board(store, "JFK", date(2013, 1, 9), begin=time(8, 50), lines=8)
    assert [(line.carrier, line.number) for line in lines] == raw(
        f"""select carrier, flight from flights where origin = 'JFK' and day = 9 and sched_dep_time >= 850
            order by due, {KEY} limit 8"""
    )
