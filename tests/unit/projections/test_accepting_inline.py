"""Accepting a change of code: also where the appends themselves feed the build."""

from __future__ import annotations

from dataclasses import dataclass

import everfold as ef


@dataclass(frozen=True)
class Paid:
    amount: int


def module(step: int) -> ef.Module:
    """A release; another step is another code under the same version."""
    bank = ef.Module("bank")
    bank.event("paid")(Paid)
    totals = ef.DocumentProjection("totals", timing=ef.INLINE)
    totals.on(Paid)(lambda document, event, recorded: {"sum": (document or {"sum": 0})["sum"] + event.amount * step})
    bank.add(totals)
    return bank


def test_an_inline_build_goes_on_with_the_code_that_was_accepted(tmp_path):
    url = f"sqlite:///{tmp_path}/bank.db"
    with ef.EventStore.open(url, module(1)) as store:
        store.append("account-1", [Paid(2)], expected_version=0)
    with ef.EventStore.open(url, module(10)) as store:
        (before,) = store.projections().status("totals")
        (after,) = store.projections().accept("totals")
        store.append("account-1", [Paid(3)], expected_version=1)
        assert (before.code_changed, after.code_changed) == (True, False)
        assert store.read_model("totals").get("account-1") == {"sum": 32}
