"""Workers killed at moments of nobody's choice, one after the other: each event is in the read models once, in order."""

from __future__ import annotations

import random
import subprocess
import sys

import pytest

import everfold as ef

from .desk import Arrived, desk
from .frail import LEASE_SECONDS

KILLS = 4


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/desk.db"
    address, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{address}&schema={schema}"


def append(store: ef.EventStore, numbers: range) -> None:
    for number in numbers:
        store.append(f"stay-{number % 5}", [Arrived(f"guest {number}")], expected_version=ef.ANY)


def killed(store: ef.EventStore, url: str, numbers: range) -> None:
    """A worker's process that feeds while events come, until it is killed after the last of them."""
    command = [sys.executable, "-m", "tests.integration.workers.frail", url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        append(store, numbers[:3])
        assert process.stdout.readline().strip() == "running", process.stderr.read()
        append(store, numbers[3:])
    finally:
        process.kill()
        process.communicate()


def test_a_worker_killed_at_any_moment_leaves_each_event_to_count_once(url):
    seed = random.randrange(2**32)
    print("seed", seed)
    lengths, start = random.Random(seed), 0
    with ef.EventStore.open(url, desk, migrate="auto") as store:
        for _ in range(KILLS):
            end = start + lengths.randint(4, 40)
            killed(store, url, range(start, end))
            start = end
        ef.Worker(store, lease_seconds=LEASE_SECONDS).run_until_caught_up()
        documents = dict(store.read_model("stays").items())
        assert documents == {
            f"stay-{stay}": {"guests": [f"guest {n}" for n in range(start) if n % 5 == stay]} for stay in range(5)
        }
        assert {r["guest"]: r["times"] for r in store.read_model("arrivals").rows()} == {
            f"guest {n}": 1 for n in range(start)
        }
        counts = {s.name: s.events for s in store.projections().status()}
        assert (counts["stays"], counts["arrivals"]) == (start, start)
        assert 0 < counts["telling"] <= start
