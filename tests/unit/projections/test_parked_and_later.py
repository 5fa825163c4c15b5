"""What is parked holds back a switch, and whatever comes after it under the same key, however that was parked."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import everfold as ef


@dataclass(frozen=True)
class Paid:
    account: str
    amount: int


class Desk:
    """A bank with a projection that fails on the amounts in `broken`, and on keys while `keyless`."""

    def __init__(self, *versions: int) -> None:
        self.broken: set[int] = set()
        self.keyless: set[int] = set()
        self.module = ef.Module("bank")
        self.module.event("paid")(Paid)
        for version in versions:
            totals = ef.DocumentProjection("totals", version=version, key=self.key, on_error=ef.Park())
            totals.on(Paid)(lambda document, event, recorded: self.handle(document, event))
            self.module.add(totals)

    def key(self, event: Paid) -> str:
        if event.amount in self.keyless:
            raise ValueError("no key yet")
        return event.account

    def handle(self, document, event):
        if event.amount in self.broken:
            raise ValueError("not yet")
        return {"paid": [*(document or {"paid": []})["paid"], event.amount]}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request, tmp_path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bank.db"
    address, schema = request.getfixturevalue("postgres_url"), request.getfixturevalue("postgres_schema")
    return f"{address}&schema={schema}"


def test_an_event_whose_key_was_unknown_is_retried_after_the_earlier_ones_of_that_key(url):
    desk = Desk(1)
    desk.broken, desk.keyless = {1}, {2}
    with ef.EventStore.open(url, desk.module, migrate="auto") as store:
        store.append("a-1", [Paid("x", 1)], expected_version=0)
        store.append("b-1", [Paid("x", 2)], expected_version=0)
        ef.Worker(store).run_until_caught_up()
        desk.broken, desk.keyless = set(), set()
        letters = store.dead_letters("totals")
        waiting = letters.retry(key="b-1")
        assert (waiting.done, "waits behind" in waiting.error["message"]) == (0, True)
        letters.retry(key="x")
        letters.retry(key="b-1")
        assert store.read_model("totals").get("x") == {"paid": [1, 2]}
        assert list(letters) == []


def test_a_build_that_has_parked_events_is_not_promoted_until_they_are_settled(url):
    desk = Desk(1, 2)
    with ef.EventStore.open(url, desk.module, migrate="auto") as store:
        store.append("a-1", [Paid("x", 1)], expected_version=0)
        ef.Worker(store).run_until_caught_up()
        store.projections().retire("totals", version=2)
        desk.broken = {1}
        store.projections().rebuild("totals")
        with pytest.raises(ef.PromotionRefusedError, match="parked"):
            store.projections().promote("totals")
        desk.broken = set()
        store.dead_letters("totals").retry()
        assert store.projections().promote("totals").version == 2
        assert store.read_model("totals").get("x") == {"paid": [1]}
