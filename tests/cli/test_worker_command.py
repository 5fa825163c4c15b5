"""`everfold worker`: a process that feeds projections until it is told to end."""

from __future__ import annotations

import json
import signal

import pytest

from everfold import EventStore


@pytest.fixture
def filled(url, write):
    for number in range(4):
        write(f"stay-{number}", "checked_in", {"guest": f"g{number}", "room": number % 2})
    return url


def line_with(process, text):
    """The first line on stderr that holds the text."""
    return next(line for line in process.stderr if text in line)


def owners(url):
    with EventStore.open(url) as store:
        return {build.owner for build in store.projections().status()}


def test_once_ends_when_everything_is_handled(run, filled, hotel):
    done = run("worker", "--once", "--json", "--app", hotel(), db=filled)
    assert done.code == 0
    assert [(b["name"], b["lag"], b["events"]) for b in done.data["projections"]] == [
        ("occupancy", 0, 4),
        ("stays", 0, 4),
    ]
    assert f"{done.data['owner']} holds occupancy@1, stays@1" in done.err


def test_only_those_that_are_named_are_fed(run, filled, hotel):
    done = run("worker", "--once", "--only", "stays", "--app", hotel(), db=filled)
    assert [row[0] for row in done.rows] == ["stays"]
    assert [row[8] for row in run("projections", "list", db=filled).rows] == ["0", "4"]


def test_what_it_can_not_feed_is_told(run, filled, hotel, shop):
    assert run("worker", "--once", db=filled).code == 2
    assert run("worker", "--once", "--only", "nothing", "--app", hotel(), db=filled).code == 4
    done = run("worker", "--once", "--app", shop(), db=filled)
    assert (done.code, "nothing to feed" in done.err) == (2, True)


def test_a_fault_is_told_in_full_and_makes_once_partly_failed(run, filled, hotel):
    done = run("worker", "--once", "--app", hotel(broken="g2"), db=filled)
    assert (done.code, done.out) == (7, "")
    for told in ("ERROR occupancy@1 stopped", "position 3", "no such guest", "Traceback", "in count"):
        assert told in done.err
    assert [(row[0], row[5]) for row in run("projections", "list", db=filled).rows] == [
        ("occupancy", "stopped"),
        ("stays", "running"),
    ]


def test_a_parked_event_is_told_with_how_many_wait_behind_it(run, filled, hotel):
    done = run("worker", "--once", "--app", hotel(broken="g0", parking=True), db=filled)
    assert done.code == 0
    assert "WARNING occupancy@1 parked checked_in at position 1: ValueError: no such guest" in done.err
    assert "occupancy@1 parked 1 event(s) behind" in done.err


def test_quiet_leaves_only_warnings_and_errors(run, filled, hotel):
    assert run("worker", "--once", "-q", "--app", hotel(), db=filled).err == ""
    assert "no such guest" in run("worker", "--once", "-q", "--app", hotel(2, broken="g1"), db=filled).err


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_it_and_gives_the_leases_back(start, filled, hotel, sent):
    process = start("worker", "--json", "--app", hotel(), db=filled)
    owner = line_with(process, "holds occupancy@1, stays@1").split()[3]
    assert owners(filled) == {owner}
    process.send_signal(sent)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, "drained" in err) == (0, True)
    assert json.loads(out)["data"]["owner"] == owner
    assert owners(filled) == {None}


def test_it_feeds_what_another_process_appends(start, filled, hotel, write):
    app = hotel()
    process = start("worker", "--app", app, db=filled)
    line_with(process, "holds")
    write("stay-9", "checked_in", {"guest": "g9", "room": 1})
    wait_until_fed(filled, "stays", 5)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert [line.split("\t")[8] for line in out.splitlines()] == ["5", "5"]


def wait_until_fed(url, name, events):
    """Follow the store's own hints until the build has that many events."""
    with EventStore.open(url) as store:
        while store.projections().status(name)[0].events < events:
            store.storage.wait(store.storage.hint(), 0.05)
