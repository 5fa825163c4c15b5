"""`everfold tail`: what there is, then what comes, until it is told to end."""

from __future__ import annotations

import json
import signal

import pytest

from everfold import EventStore


def positions(outcome):
    assert outcome.code == 0
    return [int(row[0]) for row in outcome.rows]


@pytest.fixture
def filled(url, write):
    """Twelve events: odd positions booked in stay-1, even ones opened in shift-1."""
    for number in range(6):
        write("stay-1", "booked", {"number": number}, tags=(f"guest:{number}",))
        write("shift-1", "opened")
    return url


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ([], [*range(3, 13)]),
        (["-n", "2"], [11, 12]),
        (["--last", "0"], []),
        (["--last", "100"], [*range(1, 13)]),
        (["--since", "0"], [*range(1, 13)]),
        (["--since", "10"], [11, 12]),
        (["--since", "99"], []),
        (["--type", "booked", "-n", "2"], [9, 11]),
        (["--category", "shift", "--since", "8"], [10, 12]),
        (["--tag", "guest:3"], [7]),
        (["--tenant", "north"], []),
    ],
)
def test_without_following_it_shows_the_end_of_the_log(run, filled, options, expected):
    assert positions(run("tail", "--no-follow", *options, db=filled)) == expected


def test_json_gives_one_object_a_line(run, filled):
    lines = run("tail", "--no-follow", "-n", "2", "--json", db=filled).objects
    assert [line["type"] for line in lines] == ["booked", "opened"]


def test_an_application_upcasts_and_raw_does_not(run, url, write, shop):
    write("order-1", "order_placed", {"total": "1"})
    app = shop()
    [upcast] = run("tail", "--no-follow", "--json", "--app", app, db=url).objects
    [raw] = run("tail", "--no-follow", "--json", "--raw", "--app", app, db=url).objects
    assert (upcast["data"], raw["data"]) == ({"total": "1", "currency": "EUR"}, {"total": "1"})


def test_an_event_that_does_not_decode_makes_it_partly_failed(run, url, write, shop):
    write("order-1", "unheard_of")
    assert run("tail", "--no-follow", "--app", shop(), db=url).code == 7


def test_last_and_since_contradict_each_other(run, url):
    assert run("tail", "--no-follow", "--last", "1", "--since", "1", db=url).code == 2


@pytest.mark.parametrize("wrong", [["-n", "-1"], ["--last", "10001"], ["--since", "-1"], ["--since", "yesterday"]])
def test_a_beginning_that_is_none_is_refused(run, url, wrong):
    assert run("tail", *wrong, db=url).code == 2


def test_it_follows_what_another_process_writes_and_ends_on_ctrl_c(start, url, write):
    write("stay-1", "booked")
    process = start("tail", "--json", db=url)
    assert json.loads(process.stdout.readline())["type"] == "booked"
    assert process.stderr.readline().startswith("following after position 1")
    write("stay-1", "moved")
    assert json.loads(process.stdout.readline())["type"] == "moved"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "")


def test_following_keeps_to_its_filters_and_shows_nothing_twice(start, url, write):
    write("stay-1", "booked", tags=("guest:1",))
    write("stay-1", "moved")
    process = start("tail", "--tag", "guest:1", db=url)
    assert process.stdout.readline().startswith("1\t")
    process.stderr.readline()
    write("stay-1", "moved")
    write("stay-1", "left", tags=("guest:1",))
    assert process.stdout.readline().startswith("4\t")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")


def test_quiet_says_nothing_but_the_events(start, url, write):
    write("stay-1", "booked")
    process = start("tail", "-q", db=url)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[1] == ""


def test_a_reader_that_goes_away_ends_it_at_the_next_event(start, url, write):
    process = start("tail", "-n", "0", db=url)
    process.stderr.readline()
    process.stdout.close()
    write("stay-1", "booked")
    assert process.wait(60) == 0


def test_a_store_that_is_not_there_is_told_in_json_on_the_last_line(run, folder):
    done = run("tail", "--json", db=f"sqlite:///{folder}/none.db")
    assert (done.code, done.error["code"]) == (2, "schema")


def test_events_that_come_between_two_looks_are_shown_once(run, url, write, monkeypatch):
    write("stay-1", "booked")
    look = EventStore.head

    def look_then_write(store):
        horizon = look(store)
        write("stay-1", "moved")
        return horizon

    monkeypatch.setattr(EventStore, "head", look_then_write)
    assert positions(run("tail", "--no-follow", db=url)) == [1]
