"""The demo: January goes into a store, then four looks at it, and what to try next."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from datetime import date, datetime, timezone
from pathlib import Path

import click

from . import importing, questions, screen
from .questions import open_store
from .timetable import JANUARY, read_timetable

__all__ = ["DATABASE", "next_steps", "show"]

DATABASE = "sqlite:///flights.db"
FLIGHT = "flight-2013-01-09-HA-51-JFK"
WAITING = datetime(2013, 1, 9, 20, tzinfo=timezone.utc)
AIRCRAFT, AIRCRAFT_DAY = "N26549", date(2013, 1, 28)


def show(url: str) -> bool:
    """Import and show; False when it was stopped on the way."""
    timetable = read_timetable(JANUARY)
    _heading(f"January 2013: {timetable.flights:,} flights into {url}")
    _say_if_there(url)
    outcome = importing.run(url, timetable, importing.BATCH_EVENTS)
    click.echo(outcome.sentence)
    if not outcome.stopped:
        _look_around(url)
        _heading("What to try next")
        _echo(next_steps(url))
    return not outcome.stopped


def next_steps(url: str) -> list[str]:
    """Commands that work from here."""
    python, everfold = _program("python", sys.executable), _program("everfold", str(_beside("everfold")))
    flights = f"{python} -m examples.flights"
    db = "" if url == DATABASE else f" --db {url}"
    return [
        f"{flights} at {FLIGHT.removeprefix('flight-')} 2013-01-10T13:00Z{db}",
        f"{flights} aircraft N14228 --day 2013-01-09{db}",
        f"{flights} tail{db}",
        f"{flights} --help",
        f"{everfold} --db {url} types",
        f"{everfold} --db {url} read {FLIGHT}",
        f"{everfold} --db {url} streams",
        f"{everfold} --db {url} tail",
    ]


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
