"""Which versions a worker makes a build of by itself."""

from __future__ import annotations

from dataclasses import dataclass

import everfold as ef


@dataclass(frozen=True)
class Paid:
    amount: int


def module(*versions: int) -> ef.Module:
    bank = ef.Module("bank")
    bank.event("paid")(Paid)
    for version in versions:
        totals = ef.DocumentProjection("totals", version=version)
        totals.on(Paid)(lambda document, event: {"sum": event.amount})
        bank.add(totals)
    return bank


def versions_of(store: ef.EventStore) -> list[tuple[int, str]]:
    return [(status.version, status.state) for status in store.projections().status("totals")]


def test_a_version_that_was_replaced_and_retired_is_not_built_again_by_a_worker_that_still_has_it(tmp_path):
    url = f"sqlite:///{tmp_path}/bank.db"
    with ef.EventStore.open(url, module(1, 2)) as store:
        store.append("account-1", [Paid(2)], expected_version=0)
        ef.Worker(store).run_until_caught_up()
        assert versions_of(store) == [(1, "active"), (2, "building")]
        store.projections().promote("totals")
        store.projections().retire("totals")
        ef.Worker(store).run_until_caught_up()
        assert versions_of(store) == [(2, "active")]


def test_a_candidate_that_was_retired_waits_for_a_rebuild(tmp_path):
    url = f"sqlite:///{tmp_path}/bank.db"
    with ef.EventStore.open(url, module(1, 2)) as store:
        store.append("account-1", [Paid(2)], expected_version=0)
        ef.Worker(store).run_until_caught_up()
        store.projections().retire("totals", version=2)
        ef.Worker(store).run_until_caught_up()
        assert versions_of(store) == [(1, "active")]
        store.projections().rebuild("totals")
        assert versions_of(store) == [(1, "active"), (2, "standby")]
