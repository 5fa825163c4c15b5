"""`store.projections().plans()` says what a step would do, changes nothing, and agrees with the step."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import everfold as ef
from everfold.errors import PromotionRefusedError


@dataclass(frozen=True)
class Paid:
    guest: str


def desk(version=1, handler=lambda document, event: {"guest": event.guest}):
    module = ef.Module("desk")
    module.event("paid")(Paid)
    guests = ef.DocumentProjection("guests", version=version)
    guests.on(Paid)(handler)
    log = ef.HandlerProjection("log")
    log.on(Paid)(lambda transaction, recorded: None)
    seen = ef.DocumentProjection("seen", timing=ef.LIVE)
    seen.on(Paid)(handler)
    module.add(guests, log, seen)
    return module


@pytest.fixture
def url(tmp_path):
    """Three events, and version 1 of everything fed."""
    address = f"sqlite:///{tmp_path}/desk.db"
    with ef.EventStore.open(address, desk()) as store:
        for number in range(3):
            store.append(f"bill-{number}", [Paid(f"g{number}")], expected_version=0)
        ef.Worker(store).run_until_caught_up()
    return address


def test_what_a_promotion_would_be_refused_for_is_what_refuses_it(url):
    with ef.EventStore.open(url, desk(2)) as store:
        projections = store.projections()
        projections.register("guests")
        planned = projections.plans().promote("guests")
        assert planned.steps[0] == "readers switch from guests@1 to guests@2, in one transaction"
        with pytest.raises(PromotionRefusedError) as refused:
            projections.promote("guests")
        assert [why in str(refused.value) for why in planned.refusals] == [True]
        projections.rebuild("guests")
        assert projections.plans().promote("guests").refusals == ()
        projections.promote("guests")
        assert projections.plans().rollback("guests").refusals == ()
        assert projections.plans().retire("guests").steps == ("drop guests@1 (retiring): its table, its checkpoint",)


def test_a_build_whose_code_changed_would_not_be_promoted(url):
    with ef.EventStore.open(url, desk(2)) as store:
        store.projections().rebuild("guests")
    with ef.EventStore.open(url, desk(2, lambda document, event: {"other": event.guest})) as store:
        assert store.projections().plans().promote("guests").refusals == (
            "its code is not what it was built with: rebuild it",
        )


def test_a_rollback_after_the_retirement_is_refused(url):
    with ef.EventStore.open(url, desk(2)) as store:
        projections = store.projections()
        projections.rebuild("guests")
        projections.promote("guests")
        projections.retire("guests")
        assert projections.plans().rollback("guests").refusals == ("the version before it is gone: it was retired",)


def test_a_handler_that_can_not_empty_its_tables_is_not_rebuilt_in_place(url):
    with ef.EventStore.open(url, desk()) as store:
        [why] = store.projections().plans().rebuild("log", in_place=True).refusals
        assert "@log.clear" in why
        assert store.projections().plans().rebuild("log").refusals == ()


def test_the_first_build_is_the_active_one(tmp_path):
    with ef.EventStore.open(f"sqlite:///{tmp_path}/new.db", desk()) as store:
        for in_place in (False, True):
            [step] = store.projections().plans().rebuild("guests", in_place=in_place).steps
            assert step.endswith("as the active version: readers see it growing")


def test_only_what_is_stored_is_registered_and_all_of_it_is_defined(tmp_path):
    with ef.EventStore.open(f"sqlite:///{tmp_path}/new.db", desk()) as store:
        assert [build.name for build in store.projections().register("log")] == ["log"]
        assert {build.name for build in store.projections().register()} == {"guests", "log"}
        assert [p.name for p in store.projections().definitions()] == ["guests", "log", "seen"]


def test_a_letter_is_got_by_its_id_in_whichever_state(url):
    def broken(document, event):
        if event.guest == "g1":
            raise ValueError(event.guest)
        return {}

    module = ef.Module("desk")
    module.event("paid")(Paid)
    parking = ef.DocumentProjection("parking", on_error=ef.Park())
    parking.on(Paid)(broken)
    module.add(parking)
    with ef.EventStore.open(url, module) as store:
        ef.Worker(store).run_until_caught_up()
        [letter] = store.dead_letters("parking")
        assert store.dead_letters().get(letter.id) == letter
        store.dead_letters().skip(letter, reason="why")
        skipped = store.dead_letters().get(letter.id)
        assert skipped is not None
        assert skipped.state == "skipped"
        assert store.dead_letters().get(letter.id + 1) is None


async def test_the_asynchronous_peer_plans_too(url):
    async with ef.AsyncEventStore.open(url, desk(2)) as store:
        plans = store.projections().plans()
        assert (await plans.rebuild("guests")).steps == (
            "build guests@2 from the beginning of the log up to position 3, beside guests@1",
        )
        assert (await plans.promote("guests")).refusals == ("no build stands beside the active one: rebuild it first",)
