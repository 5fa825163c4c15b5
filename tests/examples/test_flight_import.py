"""Importing: again, broken off at any point, and going on from there; always the same log."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import subprocess
from datetime import datetime, timezone

import pytest
from examples.flights import importing, questions
from examples.flights.events import flights
from examples.flights.progress import StopRequest, telling
from examples.flights.recording import HistoryClock, Step, record
from examples.flights.timetable import JANUARY, DataFileError, read_timetable

import everfold as ef

from .conftest import PROGRAM, cut, environment


def seen(r: ef.RecordedEvent) -> tuple:
    return r.position, r.stream, r.version, r.type, r.id, r.recorded_at, r.raw, r.tags


def log_of(url: str) -> list[tuple]:
    with questions.open_store(url) as store:
        return [seen(recorded) for recorded in store.read_all()]


@pytest.fixture(scope="module")
def whole_url(some_days, tmp_path_factory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('whole') / 'flights.db'}"
    importing.run(url, read_timetable(some_days), importing.BATCH_EVENTS)
    return url


@pytest.fixture(scope="module")
def whole(whole_url) -> list[tuple]:
    """The log of an import that nothing disturbed."""
    return log_of(whole_url)


def test_an_import_stores_every_event_of_its_timetable(whole, some_days):
    assert len(whole) == read_timetable(some_days).events


def test_importing_again_adds_nothing(program, some_days, whole_url, whole):
    again = program("import", "--db", whole_url, "--csv", str(some_days))
    assert (again.returncode, again.stdout) == (0, f"Nothing to add: all {len(whole):,} events are stored already.\n")
    assert log_of(whole_url) == whole


def test_an_import_that_was_killed_goes_on_and_ends_with_the_same_log(program, start, some_days, tmp_path, whole):
    arguments = ("import", "--db", "sqlite:///killed.db", "--csv", str(some_days), "--batch", "100")
    killed = start(*arguments)
    progress = [killed.stderr.readline() for _ in range(6)]
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    left = log_of(f"sqlite:///{tmp_path / 'killed.db'}")
    told = int(progress[-1].split()[1].replace(",", ""))
    assert told <= len(left) < len(whole)
    assert left == whole[: len(left)]

    resumed = program(*arguments)
    assert resumed.returncode == 0
    assert f"({len(left):,} were stored before)" in resumed.stdout
    assert log_of(f"sqlite:///{tmp_path / 'killed.db'}") == whole


def test_control_c_finishes_the_batch_and_says_how_to_go_on(program, start, some_days, tmp_path, whole):
    arguments = ("import", "--db", "sqlite:///stopped.db", "--csv", str(some_days), "--batch", "100")
    stopped = start(*arguments)
    for _ in range(4):
        stopped.stderr.readline()
    stopped.send_signal(signal.SIGINT)
    out, err = stopped.communicate()
    left = log_of(f"sqlite:///{tmp_path / 'stopped.db'}")
    assert stopped.returncode == 130
    assert f"{len(left):,} of {len(whole):,} events are stored." in out
    assert "Stopping after this batch" in err
    assert err.endswith("To go on, run the same command again.\n")
    assert left == whole[: len(left)]
    assert program(*arguments).returncode == 0
    assert log_of(f"sqlite:///{tmp_path / 'stopped.db'}") == whole


def test_a_second_control_c_breaks_off_at_once():
    request = StopRequest()
    request(signal.SIGINT, None)
    assert request.asked
    with pytest.raises(KeyboardInterrupt):
        request(signal.SIGINT, None)


def test_a_part_that_is_there_already_is_not_added_twice(tmp_path, whole, some_days):
    url = f"sqlite:///{tmp_path / 'parts.db'}"
    for days in (range(3, 5), range(1, 3)):
        importing.run(url, read_timetable(cut(tmp_path / "part.csv", days)), 100)
    found = importing.run(url, read_timetable(some_days), 100).step.found
    parts = log_of(url)
    assert 0 < found < len(whole)
    assert sorted(row[1:] for row in parts) == sorted(row[1:] for row in whole)


def test_the_log_is_the_same_on_memory(whole, some_days):
    async def in_memory() -> list[tuple]:
        clock = HistoryClock()
        async with ef.AsyncEventStore.open("memory://", flights, clock=clock) as store:
            async for _ in record(store, clock, read_timetable(some_days), batch=1000):
                pass
            return [seen(recorded) async for recorded in store.read_all()]

    assert asyncio.run(in_memory()) == whole


def test_on_postgresql_every_flight_has_the_same_history(whole, some_days, postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    importing.run(url, read_timetable(some_days), importing.BATCH_EVENTS)
    with questions.open_store(url) as store:
        stored = {(r.stream, r.version, r.type, r.id, r.recorded_at, r.raw, r.tags) for r in store.read_all()}
    assert stored == {row[1:] for row in whole}


def test_without_a_terminal_progress_is_plain_lines_on_stderr(program, some_days, whole):
    done = program("import", "--db", "sqlite:///plain.db", "--csv", str(some_days), "--batch", "100")
    first, *lines = done.stderr.splitlines()
    assert first == f"4,334 flights, {len(whole):,} events → sqlite:///plain.db"
    assert 15 <= len(lines) <= 22
    assert lines[-1].endswith(f"{len(whole):,} of {len(whole):,} events")
    assert "\x1b" not in done.stderr + done.stdout


def test_on_a_terminal_progress_is_a_bar(some_days, tmp_path):
    terminal, inner = pty.openpty()
    try:
        command = [*PROGRAM, "import", "--db", "sqlite:///bar.db", "--csv", str(some_days)]
        settings = environment() | {"TERM": "xterm", "COLUMNS": "80"}
        subprocess.run(command, stderr=inner, stdout=subprocess.DEVNULL, cwd=tmp_path, env=settings, check=True)
        shown = os.read(terminal, 100_000).decode()
    finally:
        os.close(inner)
        os.close(terminal)
    assert "━" in shown
    assert "2013-01-0" in shown


def test_an_empty_import_still_tells_its_end(capsys):
    with telling(10) as tell:
        tell(Step(datetime(2013, 1, 1, tzinfo=timezone.utc), 10, 0))
    assert capsys.readouterr().err == "2013-01-01  10 of 10 events\n"


def test_without_options_january_is_imported():
    assert importing.choose(None, None, year=False) == read_timetable(JANUARY)
    assert importing.choose(None, 1, year=False) == read_timetable(JANUARY)


def test_a_month_may_be_taken_from_a_file(some_days):
    assert importing.choose(some_days, 1, year=False).flights == 4334
    with pytest.raises(DataFileError, match="no flights of month 2"):
        importing.choose(some_days, 2, year=False)
