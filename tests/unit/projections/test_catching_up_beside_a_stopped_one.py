"""`run_until_caught_up` tells of a stopped consumer when the others have nothing left to do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import everfold as ef


@dataclass(frozen=True)
class Paid:
    guest: str


def test_a_consumer_that_waits_to_try_again_is_waited_for_when_another_is_stopped():
    desk = ef.Module("desk")
    desk.event("paid")(Paid)
    stops = ef.DocumentProjection("stops")
    parks = ef.DocumentProjection("parks", on_error=ef.Retry(attempts=2, delay=0.01, then=ef.Park()))

    @stops.on(Paid)
    @parks.on(Paid)
    def _(document, event):
        if event.guest == "bad":
            raise ValueError(event.guest)
        return {"guest": event.guest}

    desk.add(stops, parks)
    with ef.EventStore.open("memory://", desk) as store:
        store.append("pay-1", [Paid("bad")], expected_version=0)
        store.append("pay-2", [Paid("Ada")], expected_version=0)
        with pytest.raises(ef.ConsumerStoppedError):
            ef.Worker(store).run_until_caught_up()
        assert store.read_model(parks).get("pay-2") == {"guest": "Ada"}
        assert [letter.key for letter in store.dead_letters(parks)] == ["pay-1"]
