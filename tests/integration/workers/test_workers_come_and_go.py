"""Workers in processes of their own: they share the consumers, are told to stop, are killed, and outlive the database."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

import everfold as ef
from everfold.testing.racing import as_thread

from .desk import Arrived, desk

EVENTS = 60


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/desk.db"
    address, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{address}&schema={schema}"


@contextmanager
def worker(url: str) -> Iterator[subprocess.Popen[str]]:
    """A worker in a process of its own, once it holds a lease."""
    command = [sys.executable, "-m", "tests.integration.workers.desk", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().strip() == "running", process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate()


def fill(store: ef.EventStore, events: int = EVENTS) -> None:
    for turn in range(events):
        store.append(f"stay-{turn % 7}", [Arrived(f"guest {turn % 5}")], expected_version=ef.ANY)


def assert_everything_is_there(store: ef.EventStore) -> None:
    """The read models equal the fold of the log."""
    log = [event for event in store.read_all() if event.type == "arrived"]
    documents = dict(store.read_model("stays").items())
    assert documents == {
        name: {"guests": [e.event.guest for e in log if e.stream == name]} for name in {e.stream for e in log}
    }
    counted = {row["guest"]: row["times"] for row in store.read_model("arrivals").rows()}
    assert counted == {name: sum(e.event.guest == name for e in log) for name in {e.event.guest for e in log}}


def owners(store: ef.EventStore) -> set[str | None]:
    rows = store.storage.consumer_rows("")
    return {row.owner for row in rows if not row.name.startswith("$")}


def test_a_worker_that_is_told_to_stop_drains_and_gives_its_leases_back(url):
    with ef.EventStore.open(url, desk, migrate="auto") as store:
        fill(store)
        with worker(url) as process:
            store.wait_for("stays", store.head(), timeout=30)
            store.wait_for("arrivals", store.head(), timeout=30)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
            assert process.stdout.read().strip() == "drained"
        assert owners(store) == {None}
        assert_everything_is_there(store)


def test_what_a_killed_worker_held_is_taken_over_when_its_lease_has_run_out(url):
    with ef.EventStore.open(url, desk, migrate="auto") as store:
        fill(store)
        with worker(url) as process:
            store.wait_for("stays", store.head(), timeout=30)
            process.kill()
            process.wait(20)
        fill(store)
        ef.Worker(store).run_until_caught_up()
        assert_everything_is_there(store)


def test_two_workers_share_the_consumers_and_one_takes_them_all_when_the_other_leaves(url):
    with ef.EventStore.open(url, desk, migrate="auto") as store, worker(url) as first:
        (alone,) = owners(store)
        with worker(url) as second:  # it runs as soon as the first has given something up
            fill(store)
            store.wait_for("stays", store.head(), timeout=30)
            shared = owners(store)
            assert alone in shared
            assert len(shared) == 2
            second.send_signal(signal.SIGTERM)
            assert second.wait(20) == 0
        fill(store)
        store.wait_for("stays", store.head(), timeout=30)
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
        assert_everything_is_there(store)


@pytest.mark.slow
def test_a_worker_outlives_a_crash_of_the_database(own_postgres):
    server = own_postgres()
    with ef.EventStore.open(server.url, desk, migrate="auto") as store:
        feeding = ef.Worker(store)
        running = as_thread(feeding.run)
        fill(store)
        store.wait_for("arrivals", store.head(), timeout=30)
        server.restart("immediate")
        with ef.EventStore.open(server.url, desk) as other:
            fill(other)
            other.wait_for("arrivals", other.head(), timeout=30)
            other.wait_for("stays", other.head(), timeout=30)
            feeding.stop()
            running.join()
            assert_everything_is_there(other)
