"""The demo: January goes into a store and into read models, one of which is rebuilt meanwhile; then looks at all of it."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timezone
from datetime import time as clock_time
from pathlib import Path

import click

import everfold as ef

from . import feeding, importing, questions, rebuilding, screen
from .events import flights
from .projections import LATE_AFTER
from .questions import open_store
from .timetable import JANUARY, Timetable, read_timetable

__all__ = ["DATABASE", "definition", "next_steps", "show"]

DATABASE = "sqlite:///flights.db"
FLIGHT = "flight-2013-01-09-HA-51-JFK"
WAITING = datetime(2013, 1, 9, 20, tzinfo=timezone.utc)
HALF_TIME = datetime(2013, 1, 20, tzinfo=timezone.utc)
READ_MODELS = ("departures", "rotations", "punctuality")
BOARD, BOARD_DAY, BOARD_BEGIN = "JFK", date(2013, 1, 9), clock_time(8, 50)
LINES = 8
AIRCRAFT, AIRCRAFT_DAY = "N26549", date(2013, 1, 28)


def show(url: str) -> bool:
    """Import and show; False when it was stopped on the way."""
    january = read_timetable(JANUARY)
    _heading(f"January 2013: {january.flights:,} flights into {url}")
    _say_if_there(url)
    versions = _deployed(url)
    if versions == (rebuilding.NEWEST,):
        finished = _import(url, january, versions)
    else:
        finished = _import(url, january, versions, until=HALF_TIME) and _rebuild(url, january)
    if finished:
        _look_around(url)
        _look_at_read_models(url)
        _heading("What to try next")
        _echo(next_steps(url))
    return finished


def definition(version: int) -> str:
    """How a version of the table has it, in words."""
    minutes = LATE_AFTER[version]
    return f"Late is more than {minutes} min after the timetable (version {version} of the table)."


def next_steps(url: str) -> list[str]:
    """Commands that work from here."""
    python, everfold = _program("python", sys.executable), _program("everfold", str(_beside("everfold")))
    example = f"{python} -m examples.flights"
    db = "" if url == DATABASE else f" --db {url}"
    return [
        f"{example} at {FLIGHT.removeprefix('flight-')} 2013-01-10T13:00Z{db}",
        f"{example} aircraft N14228 --day 2013-01-09{db}",
        f"{example} board LGA --day 2013-01-31 --from 18:00{db}",
        f"{example} punctuality --airport EWR{db}",
        f"{example} rotations N14228{db}",
        f"{example} rebuild{db}",
        f"{example} tail{db}",
        f"{example} --help",
        f"{everfold} --db {url} types",
        f"{everfold} --db {url} read {FLIGHT}",
        f"{everfold} --db {url} projections list",
        f"{everfold} --db {url} tail",
    ]


def _deployed(url: str) -> tuple[int, ...]:
    """As the store is made here when there is none, the first worker finds it."""
    with ef.EventStore.open(url, flights) as store:
        return feeding.deployed(store)


def _import(url: str, timetable: Timetable, versions: tuple[int, ...], until: datetime | None = None) -> bool:
    with feeding.worker(url, *versions) as store:
        outcome = importing.run(url, timetable, importing.BATCH_EVENTS, until=until)
        click.echo(outcome.sentence)
        _wait_until_fed(store)
    return not outcome.stopped


def _wait_until_fed(store: ef.EventStore) -> None:
    end, begin = store.head(), time.perf_counter()
    for name in READ_MODELS:
        store.wait_for(name, end, timeout=rebuilding.WAIT_SECONDS)
    waited = (time.perf_counter() - begin) * 1000
    click.echo(f"A worker fed {', '.join(READ_MODELS)}; they had it all {waited:,.0f} ms later.")


def _rebuild(url: str, timetable: Timetable) -> bool:
    _heading(f"A new definition: late is more than {LATE_AFTER[rebuilding.NEWEST]} min, while the import goes on")
    with ThreadPoolExecutor(1) as thread:
        rebuilt = thread.submit(rebuilding.rebuild, url, click.echo)
        outcome = importing.run(url, timetable, importing.BATCH_EVENTS, quiet=True)
        rebuilt.result()
    click.echo(f"Meanwhile, the import:\n{outcome.sentence}")
    return not outcome.stopped


def _look_around(url: str) -> None:
    with open_store(url) as store:
        chapters = list(questions.history(store, FLIGHT))
        _heading("One flight: its events, and the flight after each")
        click.echo(screen.title_of(chapters[-1].flight))
        _echo(screen.history_lines(chapters))
        _heading(f"The same flight, as it was known on {WAITING:%Y-%m-%d at %H:%M} UTC")
        click.echo(screen.flight_line(questions.flight_at(store, FLIGHT, WAITING)))
        _heading(f"An aircraft's day across flights: {AIRCRAFT} on {AIRCRAFT_DAY}")
        _echo(screen.aircraft_lines(questions.aircraft_day(store, AIRCRAFT, AIRCRAFT_DAY)))
        _heading("Cancelled, day by day")
        _echo(screen.cancellation_lines(questions.cancellations(store)))


def _look_at_read_models(url: str) -> None:
    with feeding.caught_up(url) as store:
        _heading(f"The departures board of {BOARD} on {BOARD_DAY} after {BOARD_BEGIN:%H:%M}")
        _echo(screen.board_lines(questions.board(store, BOARD, BOARD_DAY, begin=BOARD_BEGIN, lines=LINES)))
        _heading("Punctuality: the carriers with the most flights")
        _echo(screen.punctuality_lines(questions.punctuality(store)[:LINES]))
        click.echo(definition(store.read_model("punctuality").version() or 1))
        _heading("Rotations: the busiest aircraft")
        _echo(screen.busiest_lines(questions.busiest(store, LINES)))


def _say_if_there(url: str) -> None:
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite:///") and file.exists():
        click.echo(f"{file} is there already; what it lacks is added. Delete it to begin anew.")


def _program(name: str, path: str) -> str:
    """How to call a program from this folder: by its name when the shell finds this one, else by its path."""
    here, there = Path.cwd(), Path(path).absolute()
    if (found := shutil.which(name)) and Path(found).absolute().parent == there.parent:
        return name
    return str(there.relative_to(here)) if there.is_relative_to(here) else path


def _beside(name: str) -> Path:
    return Path(sys.executable).with_name(name)


def _heading(text: str) -> None:
    click.echo()
    click.secho(text, bold="NO_COLOR" not in os.environ)


def _echo(lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(line)
