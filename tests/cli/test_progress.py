"""The progress of a rebuild: what its line says, and that it never costs a line of the log."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from everfold.cli.progress import CLEAR_LINE, Progress, duration, progress_line
from everfold.cli.settings import Settings
from everfold.projections.status import ProjectionStatus

BUILD = ProjectionStatus(
    name="stays",
    version=2,
    generation=1,
    state="building",
    timing="catch_up",
    fed="consumer",
    status="running",
    position=0,
    head=10_000,
    lag=10_000,
    events=0,
    parked=0,
    partitions=1,
    owner=None,
    moved_at=None,
    fault=None,
    verified=None,
)


def at(position, events=0, parked=0):
    return replace(BUILD, position=position, lag=BUILD.head - position, events=events, parked=parked)


class Terminal(io.StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


@pytest.fixture
def screen(monkeypatch):
    def make(is_terminal):
        stream = Terminal(is_terminal)
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("COLUMNS", "200")
        return stream

    return make


class Seconds:
    """A clock that goes when it is told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0.0 s"), (0.72, "0.7 s"), (12, "0:12"), (754, "12:34"), (10_921, "3:02:01")]
)
def test_a_duration_is_short(seconds, text):
    assert duration(seconds) == text


def test_the_line_says_where_it_is_how_fast_and_how_long_it_takes():
    samples = [(0.0, 0, 0), (10.0, 4_000, 2_000)]
    assert progress_line(at(4_000, 2_000), samples) == (
        "stays@2   40%  position 4,000 of 10,000, 200 events/s, 0:15 left"
    )


def test_parked_events_stand_in_the_line():
    assert progress_line(at(4_000, 2_000, parked=3), [(0.0, 0, 0), (1.0, 4_000, 2_000)]).endswith(", 3 parked")


def test_without_any_way_made_there_is_no_rate():
    assert progress_line(at(4_000, 20), [(5.0, 4_000, 20)]) == "stays@2   40%  position 4,000 of 10,000, 20 events"


def test_who_holds_a_build_that_does_not_move_is_named():
    held = replace(at(4_000, 20), owner="there:7:abc")
    assert progress_line(held, [(5.0, 4_000, 20), (9.0, 4_000, 20)]).endswith("20 events, held by there:7:abc")


def test_an_empty_log_is_all_of_it():
    assert "100%" in progress_line(replace(BUILD, head=0, lag=0), [(0.0, 0, 0)])


def test_without_a_terminal_there_is_a_line_every_ten_seconds(screen):
    stream, clock = screen(False), Seconds()
    progress = Progress(Settings(), clock)
    for second in range(25):
        clock.now = 100.0 + second
        progress(at(second * 100, second * 100))
    assert [line.partition("position ")[2].partition(" ")[0] for line in stream.getvalue().splitlines()] == [
        "1,000",
        "2,000",
    ]


def test_quiet_shows_none_of_it(screen):
    stream, clock = screen(True), Seconds()
    progress = Progress(Settings(quiet=True), clock)
    clock.now += 60
    progress(at(5_000))
    assert stream.getvalue() == ""


def test_what_is_logged_stands_above_the_line_in_full(screen):
    stream = screen(True)
    progress = Progress(Settings(), Seconds())
    progress(at(5_000))
    line = stream.getvalue().removeprefix(CLEAR_LINE)
    progress.above("it failed:\nTraceback, all of it")
    assert stream.getvalue() == f"{CLEAR_LINE}{line}{CLEAR_LINE}it failed:\nTraceback, all of it\n{CLEAR_LINE}{line}"
    progress.clear()
    assert stream.getvalue().endswith(CLEAR_LINE)


def test_a_name_can_not_act_on_the_terminal(screen):
    stream = screen(True)
    Progress(Settings(), Seconds())(replace(at(5_000), owner="\x1b[2J"))
    assert "\x1b[2J" not in stream.getvalue()
    assert r"\u001b[2J" in stream.getvalue()


def test_a_line_is_cut_before_it_wraps(screen, monkeypatch):
    stream = screen(True)
    monkeypatch.setenv("COLUMNS", "30")
    Progress(Settings(), Seconds())(at(5_000))
    assert len(stream.getvalue().removeprefix(CLEAR_LINE)) == 29
