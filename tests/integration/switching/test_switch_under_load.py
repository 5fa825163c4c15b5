"""A projection is built anew, promoted, rolled back and promoted again, while writers write and readers read."""

from __future__ import annotations

import os
import time

import pytest

import everfold as ef
from everfold.testing.racing import RACE_SECONDS_MAX, as_thread

from .bank import WRITERS, Load, bank

EVENTS = int(os.environ.get("EVERFOLD_STORM_EVENTS", "800"))
BEFORE = 300


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bank.db"
    address, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{address}&schema={schema}"


def insist(step):
    """Do a step that may be refused while something is still on its way, until it is done."""
    end = time.monotonic() + RACE_SECONDS_MAX
    while True:
        try:
            return step()
        except ef.PromotionRefusedError:
            if time.monotonic() > end:
                raise


@pytest.mark.slow
@pytest.mark.parametrize("timing", [ef.CATCH_UP, ef.INLINE], ids=["behind", "inline"])
def test_nobody_reads_a_wrong_state_and_no_event_is_lost_through_build_promotion_and_rollback(url, timing):
    with ef.EventStore.open(url, bank(1, timing=timing), migrate="auto") as store:
        for turn in range(BEFORE):
            store.append(f"account-{turn % 23}", [ef.NewEvent(paid(1))], expected_version=ef.ANY)
        ef.Worker(store).run_until_caught_up()

    load = Load(url, timing, EVENTS // WRITERS, hold=0.05 if url.startswith("postgres") else 0.0)
    with ef.EventStore.open(url, bank(1, 2, timing=timing)) as store:
        worker = ef.Worker(store)
        # the new version is known to every writer before it may be fed inline: the order of a deploy
        threads = load.start()
        running = as_thread(worker.run)
        operator = store.projections()
        store.wait_for("balance", BEFORE)
        for step in (operator.rebuild, operator.promote, operator.rollback, operator.promote):
            insist(lambda step=step: step("balance"))
        for thread in threads:
            thread.join()
        store.wait_for("balance", store.head(), timeout=60)
        worker.stop()
        running.join()
        ef.Worker(store).run_until_caught_up()

        documents = store.read_model("balance").find()
        counted = sum(document["payments"] for document in documents)
        states = {(status.version, status.state) for status in operator.status("balance")}
    print(f"{load.reads} reads, the slowest {load.slowest * 1000:.1f} ms")
    assert load.broken == []
    assert counted == BEFORE + EVENTS // WRITERS * WRITERS
    assert {document["version"] for document in documents} == {2}
    assert states == {(1, "retiring"), (2, "active")}


def paid(amount: int):
    from .bank import Paid

    return Paid(amount)
