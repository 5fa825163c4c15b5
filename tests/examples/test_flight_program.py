"""The command line of the example: the demo, each question, and how it fails."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from examples.flights import questions, tour

from .conftest import cut, environment

FLIGHT = "2013-01-09-HA-51-JFK"


@pytest.fixture
def ask(program, january_url):
    """Put a question to the store of January."""
    return lambda *arguments: program(*arguments, "--db", january_url)


def test_the_demo_shows_a_flight_an_aircraft_and_the_snow_days(demo):
    text = demo[1]
    assert "HA 51  JFK → HNL  4,983 miles  aircraft N384HA" in text
    assert " 3  2013-01-10 22:42  flight_arrived    arrived 12:42 +1 day, 21 h 12 min late" in text
    assert "EV 3819   EWR → SDF  21:07 → 23:22  22:43 → 00:55  arrived, 1 h 33 min late" in text
    assert "Wed 2013-01-30    98  " + "█" * 48 in text


def test_the_demo_rebuilds_the_punctuality_while_the_import_goes_on(demo):
    text = demo[1].partition("A new definition")[2].partition("One flight")[0]
    steps = [line.split("  ")[0] for line in text.splitlines()[1:7]]
    assert steps == ["built", "verified", "promoted", "rolled back", "promoted", "retired"]
    assert "only in how many were late, as declared" in text
    assert "Meanwhile, the import:\nAdded" in text
    assert "were stored before" in text


def test_the_demo_shows_what_a_worker_keeps_ready(demo):
    text = demo[1]
    assert "A worker fed departures, rotations, punctuality; they had it all" in text
    assert "09:00  HA 51     HNL   N384HA    arrived    06:41 +1 day, 21 h 41 min late" in text
    assert "UA         4,637         32     4,605    735    16%         8.3 min      385 min" in text
    assert "N730MQ         74          2            111:25  LGA → RDU, LGA → RDU" in text


def test_the_demo_keeps_to_80_columns_and_plain_text(demo):
    answers = demo[1].partition("What to try next")[0]
    assert [line for line in answers.splitlines() if len(line) > 80] == []
    assert "\x1b" not in answers


def test_the_demo_run_again_says_so_and_goes_on(demo):
    folder, first = demo
    command = [sys.executable, "-m", "examples.flights", "demo"]
    again = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment(), check=True).stdout
    assert "flights.db is there already" in again
    assert "Nothing to add: all 80,491 events are stored already." in again
    assert again.partition("One flight")[2] == first.partition("One flight")[2]


@pytest.mark.parametrize("number", range(12))
def test_what_the_demo_says_to_try_next_works(demo, number):
    folder, text = demo
    steps = text.partition("What to try next\n")[2].splitlines()
    assert len(steps) == 12
    words = shlex.split(steps[number])
    if words[-1] == "tail":
        follow_until_stopped(words, folder)
    else:
        done = subprocess.run(words, capture_output=True, text=True, cwd=folder, env=environment(), check=False)
        assert (done.returncode, "error" in done.stderr) == (0, False)
        assert done.stdout


def follow_until_stopped(command: list[str], folder: Path) -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=folder, env=environment()) as process:
        lines = [process.stdout.readline() for _ in range(10)]
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert "flight-2013-01-31-AA-185-JFK" in lines[-1]
    assert process.returncode in (0, 130)


def test_the_log_is_followed_while_it_grows(start, program, some_days, tmp_path):
    program("import", "--db", "sqlite:///growing.db", "--csv", str(some_days))
    follower = start("tail", "-n", "1", "--db", "sqlite:///growing.db")
    assert "flight-2013-01-05" in follower.stdout.readline()
    program("import", "--db", "sqlite:///growing.db", "--csv", str(cut(tmp_path / "more.csv", range(6, 7))))
    assert "flight_scheduled  flight-2013-01-06" in follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    follower.communicate()
    assert follower.returncode == 0


@pytest.mark.parametrize("name", [FLIGHT, f"flight-{FLIGHT}"])
def test_the_history_of_a_flight_is_found_with_and_without_the_category(ask, name):
    lines = ask("history", name).stdout.splitlines()
    assert lines[0] == "HA 51  JFK → HNL  4,983 miles  aircraft N384HA"
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("moment", "shown"),
    [
        ("2013-01-08T11:00Z", "no flight yet\nunknown\n"),
        ("2013-01-09T20:00Z", "HA 51  JFK → HNL  4,983 miles  aircraft N384HA\nscheduled 09:00 → 15:30\n"),
        (
            "2013-01-10T06:41-05:00",
            "HA 51  JFK → HNL  4,983 miles  aircraft N384HA\ndeparted 06:41 +1 day, 21 h 41 min late\n",
        ),
    ],
)
def test_a_flight_is_shown_as_it_was_at_a_time(ask, moment, shown):
    assert ask("at", FLIGHT, moment).stdout == shown


def test_a_board_lists_the_departures_of_an_airport(ask):
    lines = ask("board", "jfk", "--day", "2013-01-09", "--from", "09:00", "-n", "5").stdout.splitlines()
    assert len(lines) == 6
    assert lines[5] == "09:00  HA 51     HNL   N384HA    arrived    06:41 +1 day, 21 h 41 min late"


def test_the_punctuality_of_one_day_at_one_airport_says_what_late_means(ask):
    answer = ask("punctuality", "--airport", "LGA", "--day", "2013-01-31")
    assert answer.stdout.splitlines()[0].split()[:5] == ["carrier", "flights", "cancelled", "departed", "late"]
    assert answer.stderr == "Late is more than 15 min after the timetable (version 2 of the table).\n"


def test_an_aircraft_shows_its_last_legs(ask):
    lines = ask("rotations", "N14228").stdout.splitlines()
    assert lines[0] == "N14228: 15 flights, 15 arrived, 0 diverted, 0 cancelled, 40 h 37 min in the air"
    assert (len(lines), lines[-1]) == (14, "2013-01-31 22:27  EWR → PDX  UA 1593   arrived, left 9 min late")


def test_cancellations_are_a_chart_of_31_days(ask):
    assert len(ask("cancellations").stdout.splitlines()) == 31


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["history", "nothing"], 4, "no flight flight-nothing in"),
        (["at", "nothing", "2013-01-10T06:41Z"], 4, "no flight flight-nothing in"),
        (["at", FLIGHT, "2013-01-10T06:41"], 2, "lacks a time zone"),
        (["at", FLIGHT, "noon"], 2, "a time is like 2013-01-09T20:00Z"),
        (["aircraft", "N0", "--day", "2013-01-10"], 4, "no flights of aircraft N0"),
        (["aircraft", "N14228", "--day", "today"], 2, "--day"),
        (["board", "JFK", "--day", "2014-01-01"], 4, "no departures from JFK"),
        (["board", "HNL", "--day", "2013-01-09"], 2, "HNL"),
        (["punctuality", "--day", "2014-01-01"], 4, "no such flights"),
        (["rotations", "N0"], 4, "no flights of aircraft N0"),
        (["import", "--year", "--month", "2"], 2, "exclude each other"),
        (["import", "--batch", "0"], 2, "--batch"),
        (["import", "--csv", "none.csv"], 2, "none.csv can't be read"),
    ],
)
def test_what_can_not_be_answered_is_told_with_its_exit_code(ask, arguments, code, told):
    done = ask(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_question_to_a_store_that_is_not_there_makes_none_and_says_how_to(program, tmp_path):
    done = program("cancellations")
    assert done.returncode == 2
    assert "python -m examples.flights import" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_url_that_is_none_is_told_in_words(program):
    done = program("import", "--db", "flights.db")
    assert done.returncode == 2
    assert "sqlite:///file.db" in done.stderr


def test_a_store_without_cancelled_flights_has_no_chart(program, tmp_path):
    from .test_flight_timeline import HEADER, HONOLULU

    (tmp_path / "one.csv").write_text(f"{HEADER}\n{HONOLULU}\n")
    assert program("import", "--csv", "one.csv").returncode == 0
    assert program("cancellations").returncode == 4


def test_a_terminal_without_arrows_gets_question_marks(january_url, tmp_path):
    settings = environment() | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "examples.flights", "history", FLIGHT, "--db", january_url]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=settings, check=True)
    assert "JFK ? HNL" in done.stdout


def test_programs_are_named_as_the_shell_finds_them(monkeypatch, tmp_path):
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    for name in ("python", "everfold"):
        (programs / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(programs / "python"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", os.defpath)
    assert tour.next_steps(tour.DATABASE)[6] == ".venv/bin/python -m examples.flights tail"
    monkeypatch.setenv("PATH", str(programs))
    assert tour.next_steps(tour.DATABASE)[6] == "python -m examples.flights tail"
    assert tour.next_steps(tour.DATABASE)[8] == "everfold --db sqlite:///flights.db types"


def test_the_day_of_a_flight_is_read_from_its_name():
    assert questions.day_of(f"flight-{FLIGHT}").isoformat() == "2013-01-09"
