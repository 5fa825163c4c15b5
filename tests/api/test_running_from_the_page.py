"""Workers, builds and dead letters as the public surface tells of them, on every backend."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

import pytest
from tests.api.hotel_of_the_page import ChargeRecorded, GuestCheckedIn, charge, check_in, module, occupancy, revenue

import everfold as ef


class Mood:
    """Whether the handlers of a test are broken at the moment."""

    def __init__(self) -> None:
        self.broken = True
        self.calls = 0


def fragile(mood: Mood, **options: Any) -> ef.DocumentProjection:
    """Guests by room; fails on mallory while the mood is bad."""
    projection = ef.DocumentProjection("fragile", version=1, key=lambda e: str(e.room), **options)

    @projection.on(GuestCheckedIn)
    def arrived(document: Any, event: GuestCheckedIn, recorded: ef.RecordedEvent) -> Any:
        mood.calls += 1
        if mood.broken and event.guest_id == "mallory":
            raise ValueError("no such guest")
        return {"guests": [*(document or {"guests": []})["guests"], event.guest_id]}

    return projection


def three_events(store: Any) -> list[Any]:
    """A poison event, a later one of its key, and one of another key."""
    return [check_in(store, 12, "mallory"), check_in(store, 12, "bob"), check_in(store, 13, "cid")]


def test_a_consumer_stops_by_default_and_names_the_event(url: str) -> None:
    mood = Mood()
    with ef.EventStore.open(url, module(fragile(mood), occupancy())) as store:
        check_in(store, 11)
        poison = three_events(store)[0]
        with pytest.raises(ef.ConsumerStoppedError) as caught:
            ef.Worker(store).run_until_caught_up()
        assert all(
            word in str(caught.value) for word in ("fragile", str(poison.position), "guest_checked_in", "stay-12")
        )
        (status,) = store.projections().status("fragile")
        assert (status.status, status.position < poison.position) == ("stopped", True)
        assert "no such guest" in str(status.fault)
        assert store.read_model("fragile").count() == 1
        assert store.read_model("occupancy").count() == 3
        assert list(store.dead_letters("fragile")) == []
        mood.broken = False
        store.projections().resume("fragile")
        ef.Worker(store).run_until_caught_up()
        assert store.read_model("fragile").get("12") == {"guests": ["mallory", "bob"]}


def test_parking_holds_later_events_of_the_key_and_a_retry_applies_them_in_order(url: str) -> None:
    mood = Mood()
    projection = fragile(mood, on_error=ef.Park())
    with ef.EventStore.open(url, module(projection)) as store:
        written = three_events(store)
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(projection).get("12") is None
        assert store.read_model(projection).get("13") == {"guests": ["cid"]}
        letters = list(store.dead_letters(projection))
        assert [letter.position for letter in letters] == [result.position for result in written[:2]]
        assert [letter.key for letter in letters] == ["12", "12"]
        assert "no such guest" in str(letters[0].error)
        assert letters[1].error is None
        assert [letter.id for letter in store.dead_letters("fragile")] == [letter.id for letter in letters]
        assert store.projections().status("fragile")[0].parked == 2
        mood.broken = False
        store.dead_letters(projection).retry(letters[0])
        assert list(store.dead_letters(projection)) == []
        assert store.read_model(projection).get("12") == {"guests": ["mallory", "bob"]}
        check_in(store, 12, "dan")
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(projection).get("12") == {"guests": ["mallory", "bob", "dan"]}


def test_a_retry_that_fails_again_leaves_the_letters_parked(url: str) -> None:
    projection = fragile(Mood(), on_error=ef.Park())
    with ef.EventStore.open(url, module(projection)) as store:
        three_events(store)
        ef.Worker(store).run_until_caught_up()
        before = list(store.dead_letters(projection))
        store.dead_letters(projection).retry()
        after = list(store.dead_letters(projection))
        assert [letter.id for letter in after] == [letter.id for letter in before]
        assert after[0].error == before[0].error


def test_a_skipped_letter_keeps_its_reason_and_frees_what_waits_behind(url: str) -> None:
    projection = fragile(Mood(), on_error=ef.Park())
    with ef.EventStore.open(url, module(projection)) as store:
        three_events(store)
        ef.Worker(store).run_until_caught_up()
        letters = store.dead_letters(projection)
        first = next(iter(letters))
        with ef.context(actor="olga"):
            letters.skip(first, reason="a test guest")
        letters.retry(key="12")
        assert store.read_model(projection).get("12") == {"guests": ["bob"]}
        (skipped,) = letters.list(state="skipped")
        assert (skipped.id, skipped.reason, skipped.actor) == (first.id, "a test guest", "olga")
        assert list(letters) == []


def test_a_letter_is_skipped_by_its_number_and_never_without_a_reason(url: str) -> None:
    projection = fragile(Mood(), on_error=ef.Park())
    with ef.EventStore.open(url, module(projection)) as store:
        three_events(store)
        ef.Worker(store).run_until_caught_up()
        letters = store.dead_letters(projection)
        first = next(iter(letters))
        with pytest.raises(TypeError, match="reason"):
            letters.skip(first)  # type: ignore[call-arg]
        with pytest.raises((ValueError, ef.EverfoldError)):
            letters.skip(first, reason="")
        letters.skip(first.id, reason="known")
        with pytest.raises(ef.EverfoldError, match="999999"):
            letters.skip(999999, reason="known")


def test_retrying_tries_as_often_as_told_then_parks(url: str) -> None:
    mood = Mood()
    projection = fragile(mood, on_error=ef.Retry(attempts=3, delay=0.0, then=ef.Park()))
    with ef.EventStore.open(url, module(projection)) as store:
        check_in(store, 12, "mallory")
        ef.Worker(store).run_until_caught_up()
        (letter,) = store.dead_letters(projection)
        assert letter.attempts == 3
        assert mood.calls == 3


def test_retrying_then_stopping_is_the_other_choice(url: str) -> None:
    mood = Mood()
    projection = fragile(mood, on_error=ef.Retry(attempts=2, delay=0.0))
    with ef.EventStore.open(url, module(projection)) as store:
        check_in(store, 12, "mallory")
        with pytest.raises(ef.ConsumerStoppedError):
            ef.Worker(store).run_until_caught_up()
        assert mood.calls == 2


def test_what_passes_in_a_second_try_needs_no_one(url: str) -> None:
    calls: list[int] = []
    projection = ef.DocumentProjection("shaky", version=1, key=lambda e: "x", on_error=ef.Retry(attempts=3, delay=0.0))

    @projection.on(GuestCheckedIn)
    def arrived(document: Any, event: Any, recorded: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ConnectionError("not yet")
        return {"n": len(calls)}

    with ef.EventStore.open(url, module(projection)) as store:
        check_in(store, 12)
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(projection).get("x") == {"n": 2}


def test_status_lists_every_projection_with_where_it_stands(url: str) -> None:
    with ef.EventStore.open(url, module(occupancy(), revenue())) as store:
        written = check_in(store, 12)
        ef.Worker(store).run_until_caught_up()
        found = {status.name: status for status in store.projections().status()}
        assert set(found) == {"occupancy", "revenue"}
        for status in found.values():
            assert (status.version, status.state, status.status, status.lag) == (1, "active", "running", 0)
            assert status.position >= written.position


def test_a_paused_projection_stands_still_until_it_is_resumed(url: str) -> None:
    rooms = occupancy()
    with ef.EventStore.open(url, module(rooms)) as store:
        check_in(store, 12)
        ef.Worker(store).run_until_caught_up()
        store.projections().pause("occupancy")
        check_in(store, 13)
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(rooms).count() == 1
        assert store.projections().status(rooms)[0].status == "paused"
        store.projections().resume(rooms)
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(rooms).count() == 2


def test_a_projection_may_be_paused_before_any_worker_ran(url: str) -> None:
    rooms = occupancy()
    with ef.EventStore.open(url, module(rooms)) as store:
        check_in(store, 12)
        store.projections().pause(rooms)
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(rooms).count() == 0
        store.projections().resume(rooms)
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(rooms).count() == 1


def second_revenue() -> ef.TableProjection:
    """The same table with another meaning: charges count double."""
    projection = ef.TableProjection(
        "revenue", version=2, columns={"day": ef.Date, "amount": ef.Numeric(14, 2)}, key=["day"]
    )
    projection.on(ChargeRecorded).increment(amount=ef.field("amount") * 2).at(day="charged_on")
    return projection


def total(store: Any) -> Decimal:
    """All that readers see."""
    return sum((row["amount"] for row in store.read_model("revenue").rows()), Decimal(0))


@pytest.mark.parametrize("by", ["name", "object"])
def test_a_new_version_is_built_beside_verified_promoted_rolled_back_and_retired(durable_url: str, by: str) -> None:
    with ef.EventStore.open(durable_url, module(revenue())) as store:
        charge(store, 1, "10.00")
        charge(store, 2, "5.00")
        ef.Worker(store).run_until_caught_up()
    new = second_revenue()
    named: Any = "revenue" if by == "name" else new
    with ef.EventStore.open(durable_url, module(revenue(), new)) as store:
        assert total(store) == 15
        operator = store.projections()
        operator.rebuild(named)
        assert total(store) == 15
        found = operator.verify(named)
        assert (found.equal, found.differences, found.old_count, found.new_count) == (False, 2, 2, 2)
        with pytest.raises(ef.PromotionRefusedError, match="differ"):
            operator.promote(named)
        meant = operator.verify(named, expected=lambda key, old, was: was["amount"] == 2 * old["amount"])
        assert meant.equal
        operator.promote(named)
        assert total(store) == 30
        assert store.read_model(named).version() == 2
        operator.rollback(named)
        assert total(store) == 15
        operator.promote(named)
        assert total(store) == 30
        assert len(operator.retire(named)) == 1
        assert [status.version for status in operator.status(named)] == [2]
        with pytest.raises(ef.PromotionRefusedError):
            operator.rollback(named)


def test_waiting_holds_over_a_switch_of_versions(durable_url: str) -> None:
    with ef.EventStore.open(durable_url, module(revenue())) as store:
        charge(store, 1, "10.00")
        ef.Worker(store).run_until_caught_up()
    with ef.EventStore.open(durable_url, module(revenue(), second_revenue())) as store:
        store.projections().rebuild("revenue")
        written = charge(store, 1, "1.00")
        ef.Worker(store).run_until_caught_up()
        store.wait_for("revenue", written.position, timeout=1.0)
        store.projections().promote("revenue")
        store.wait_for("revenue", written.position, timeout=1.0)
        assert total(store) == 22


def test_a_same_version_is_rebuilt_to_the_same_rows(url: str) -> None:
    days, rooms = revenue(), occupancy()
    with ef.EventStore.open(url, module(days, rooms)) as store:
        for day in (1, 2, 2):
            charge(store, day, "0.10")
        check_in(store, 12)
        ef.Worker(store).run_until_caught_up()
        before = store.read_model(days).rows(order_by="day"), store.read_model(rooms).items()
        for projection in (days, rooms):
            store.projections().rebuild(projection)
            assert store.projections().verify(projection).equal
            store.projections().promote(projection)
            store.projections().rebuild(projection, in_place=True)
        assert (store.read_model(days).rows(order_by="day"), store.read_model(rooms).items()) == before


def test_promoting_without_a_build_beside_is_refused(url: str) -> None:
    with ef.EventStore.open(url, module(revenue())) as store:
        charge(store, 1, "1.00")
        ef.Worker(store).run_until_caught_up()
        for verb in ("promote", "rollback", "verify"):
            with pytest.raises(ef.ProjectionError, match="revenue"):
                getattr(store.projections(), verb)("revenue")
        assert total(store) == 1


def test_a_name_that_no_module_knows_is_told_with_those_that_are(url: str) -> None:
    with ef.EventStore.open(url, module(occupancy(), revenue())) as store:
        operator = store.projections()
        asked: list[Any] = [
            lambda: store.read_model("ocupancy"),
            lambda: store.wait_for("ocupancy", 1, timeout=0),
            lambda: list(store.dead_letters("ocupancy")),
            lambda: ef.Worker(store, only=["ocupancy"]),
            *(
                lambda verb=verb: getattr(operator, verb)("ocupancy")
                for verb in ("status", "rebuild", "verify", "promote", "rollback", "retire", "pause", "resume")
            ),
        ]
        for ask in asked:
            with pytest.raises(ef.EverfoldError, match="ocupancy") as caught:
                ask()
            assert "occupancy" in str(caught.value)


def test_a_running_worker_feeds_until_it_is_stopped(url: str) -> None:
    rooms = occupancy()
    with ef.EventStore.open(url, module(rooms)) as store:
        worker = ef.Worker(store)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            written = check_in(store, 12)
            store.wait_for(rooms, written.position, timeout=10.0)
            assert store.read_model(rooms).get("12")["guest"] == "ada"
        finally:
            worker.stop()
            thread.join(timeout=10.0)
        assert not thread.is_alive()


def test_two_running_workers_apply_each_event_once(durable_url: str) -> None:
    days, rooms = revenue(), occupancy()
    with ef.EventStore.open(durable_url, module(days, rooms)) as store:
        workers = [ef.Worker(store, owner=name) for name in ("one", "two")]
        threads = [threading.Thread(target=worker.run) for worker in workers]
        for thread in threads:
            thread.start()
        try:
            written = [charge(store, number % 5 + 1, "1.00") for number in range(30)]
            store.wait_for(days, written[-1].position, timeout=10.0)
            assert total(store) == 30
        finally:
            for worker in workers:
                worker.stop()
            for thread in threads:
                thread.join(timeout=10.0)


def test_both_versions_in_one_module_are_fed_until_one_is_retired(url: str) -> None:
    old, new = revenue(), second_revenue()
    with ef.EventStore.open(url, module(old, new)) as store:
        charge(store, 1, "10.00")
        ef.Worker(store).run_until_caught_up()
        assert total(store) in (10, 20)
        (active,) = (status for status in store.projections().status("revenue") if status.state == "active")
        other = 3 - active.version
        charge(store, 1, "1.00")
        ef.Worker(store).run_until_caught_up()
        store.projections().promote("revenue", version=other)
        assert total(store) == 11 * other
        store.projections().rollback("revenue")
        assert total(store) == 11 * active.version


def test_a_rebuild_needs_no_worker_before_it(url: str) -> None:
    with ef.EventStore.open(url, module(revenue())) as store:
        charge(store, 1, "10.00")
        store.projections().rebuild("revenue")
        assert total(store) == 10


def test_only_takes_projections_and_names_and_feeds_no_other(url: str) -> None:
    days, rooms = revenue(), occupancy()
    with ef.EventStore.open(url, module(days, rooms)) as store:
        charge(store, 1, "10.00")
        check_in(store, 12)
        ef.Worker(store, only=[days]).run_until_caught_up()
        assert (total(store), store.read_model(rooms).count()) == (10, 0)
        ef.Worker(store, only=["occupancy"]).run_until_caught_up()
        assert store.read_model(rooms).count() == 1
