"""January, twice: in a store, as the example imports it, and as the raw file, which DuckDB reads by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from examples.flights import questions, timetable

ROOT = Path(__file__).resolve().parents[2]
RAW = ROOT / "examples" / "flights" / "data" / "flights-2013-01.csv.gz"
PROGRAM = [sys.executable, "-m", "examples.flights"]


@pytest.fixture(scope="session")
def raw() -> Iterator[Callable[..., list[tuple]]]:
    """`raw("select … from flights")` asks the data file; `due` is the scheduled departure, an instant in UTC."""
    with duckdb.connect() as connection:
        connection.execute(
            f"""create table flights as
            select *, make_timestamp(year, month, day, 0, 0, 0)::date as on_day,
                   time_hour::timestamp + to_minutes(minute) as due
            from read_csv('{RAW}', nullstr='NA', types={{'time_hour': 'varchar'}})"""
        )
        yield lambda query: connection.execute(query).fetchall()


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> tuple[Path, str]:
    """The folder in which the demo ran once, with its store of January, and what it showed."""
    folder = tmp_path_factory.mktemp("demo")
    command = [*PROGRAM, "demo"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment(), check=True)
    return folder, done.stdout


@pytest.fixture(scope="session")
def january_url(demo) -> str:
    """The URL of a SQLite store that all of January was imported into."""
    return f"sqlite:///{demo[0] / 'flights.db'}"


@pytest.fixture
def january(january_url):
    with questions.open_store(january_url) as store:
        yield store


@pytest.fixture(scope="session")
def some_days(tmp_path_factory) -> Path:
    """A file of the first five days."""
    return cut(tmp_path_factory.mktemp("days") / "some_days.csv", range(1, 6))


@pytest.fixture
def program(tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the example as a user does, in a folder of its own, without a terminal."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments], capture_output=True, text=True, cwd=tmp_path, env=environment(), check=False
        )

    return run


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the example and leave it running; it is ended with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(
                [*PROGRAM, *arguments], stdout=pipe, stderr=pipe, text=True, cwd=tmp_path, env=environment()
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"}


def cut(path: Path, days: range) -> Path:
    """A file of some days of January, in the order of the whole."""
    table = timetable.read_timetable(RAW)
    lines = [timetable.HEADER, *(line for day in table.days if day.day in days for line in table.lines[day])]
    path.write_text("\n".join(lines) + "\n")
    return path
