"""Conditions over the log, repeated sends and closed books, in every schedule."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import pytest

import everfold as ef
from everfold.testing.interleave import Scenario, alone, explore

from .bank import (
    ACCOUNT,
    Account,
    Closed,
    Deposit,
    Deposited,
    Opened,
    Refused,
    account,
    fresh,
    logged,
    payloads,
    recorded,
)

NEXT = "account-2"
ROOM = ef.Query(tags=["room:12"])


@dataclass(frozen=True, slots=True)
class Taken:
    by: tuple[str, ...] = ()


def take(name: str, state: Taken) -> object:
    if len(state.by) >= 2:
        raise Refused("full")
    return Deposited(1, name)


room = ef.Decider(initial_state=Taken, evolve=lambda state, event: Taken((*state.by, event.by)), decide=take)


@pytest.mark.parametrize("stream", [None, ACCOUNT])
def test_a_boundary_is_never_overbooked_and_never_refuses_while_there_is_room(stream):
    def make() -> Scenario:
        store = fresh()
        tasks = {name: store.decide_over(ROOM, room, name, tags=["room:12"], stream=stream) for name in ("a", "b", "c")}

        def check(results):
            refused = [name for name, result in results.items() if isinstance(result, Refused)]
            events = alone(_listed(store.read_all(query=ROOM)))
            assert len(refused) == 1
            assert sorted([*refused, *(event.event.by for event in events)]) == ["a", "b", "c"]
            assert [event.version for event in events] == ([None, None] if stream is None else [1, 2])
            for result in results.values():
                if not isinstance(result, Refused):
                    assert result.state.by == tuple(e.event.by for e in events if e.position <= result.position)

        return Scenario(tasks, check, may_raise=(Refused,))

    assert explore(make, reduce=True).schedules > 20


async def _listed(events) -> list:
    return [event async for event in events]


def test_boundaries_that_share_no_tag_never_wait_for_each_other():
    def make() -> Scenario:
        conflicts = []
        store = fresh(
            telemetry=lambda detail: conflicts.append(detail) if "Conflict" in type(detail).__name__ else None
        )
        tasks = {
            name: store.decide_over(ef.Query(tags=[name]), room, name, tags=[name]) for name in ("room:1", "room:2")
        }

        def check(results):
            assert {name: result.state for name, result in results.items()} == {n: Taken((n,)) for n in results}
            assert conflicts == []

        return Scenario(tasks, check)

    explore(make)


def test_a_plain_append_that_matches_makes_a_condition_fail():
    def make() -> Scenario:
        store = fresh()
        tagged = ef.NewEvent(Deposited(1, "plain"), tags=["room:12"])
        tasks = {
            "conditional": store.append_if([Deposited(2, "guarded")], ef.AppendCondition(ROOM, after=0)),
            "plain": store.append(ACCOUNT, [tagged], expected_version=ef.ANY),
        }

        def check(results):
            stored = [event.event.by for event in logged(store)]
            refused = isinstance(results["conditional"], ef.AppendConditionFailedError)
            assert stored == (["plain"] if refused else ["guarded", "plain"])

        return Scenario(tasks, check, may_raise=(ef.AppendConditionFailedError,))

    explore(make)


@pytest.mark.parametrize("expected", [0, ef.ANY, ef.NO_STREAM], ids=str)
def test_an_append_sent_again_while_the_first_is_in_flight_is_stored_once(expected):
    event_id = UUID(int=7)

    def make() -> Scenario:
        store = fresh()

        def send():
            return store.append(ACCOUNT, [ef.NewEvent(Deposited(1, "anna"), id=event_id)], expected_version=expected)

        rival = store.append("account-3", [Deposited(2, "ben")], expected_version=ef.ANY)

        def check(results):
            assert [event.id for event in recorded(store)] == [event_id]
            first, again = results["first"], results["again"]
            assert (first.version, first.position) == (again.version, again.position)
            assert [event.id for event in first.events] == [event.id for event in again.events] == [event_id]
            assert sorted([first.repeated, again.repeated]) == [False, True]

        return Scenario({"first": send(), "again": send(), "rival": rival}, check)

    explore(make, reduce=True)


def test_a_unit_sent_again_while_the_first_is_in_flight_is_stored_once():
    ids = {ACCOUNT: UUID(int=1), NEXT: UUID(int=2)}

    def make() -> Scenario:
        store = fresh()

        async def send():
            async with store.unit() as unit:
                for stream, event_id in ids.items():
                    unit.append(stream, [ef.NewEvent(Deposited(1, "a"), id=event_id)], expected_version=ef.ANY)
            return [(result.version, result.position, result.repeated) for result in unit.results]

        def check(results):
            assert [event.id for event in logged(store)] == list(ids.values())
            assert sorted(results.values()) == [[(1, 1, no), (1, 2, no)] for no in (False, True)]

        return Scenario({"first": send(), "again": send()}, check)

    explore(make)


def test_books_are_closed_once_and_no_late_deposit_is_lost():
    """The closing figure, computed at a version, is carried over; a late deposit makes it compute again, or is refused."""

    def make() -> Scenario:
        store = fresh()
        alone(store.decide(ACCOUNT, account, Deposit(5, "owner")))

        async def close():
            while True:
                loaded = await store.load(ACCOUNT, account)
                if loaded.state.closed:
                    return "closed already"
                figure = loaded.state.balance
                try:
                    await store.close_and_open(
                        ACCOUNT, [Closed(figure)], NEXT, [Opened(figure)], expected_version=loaded.version
                    )
                except ef.ConflictError:
                    continue
                return "closed"

        tasks = {"closer": close(), "rival": close(), "late": store.decide(ACCOUNT, account, Deposit(1, "late"))}

        def check(results):
            assert sorted([results["closer"], results["rival"]]) == ["closed", "closed already"]
            was_late = isinstance(results["late"], Refused)
            balance = 5 if was_late else 6
            assert payloads(store)[-1] == Closed(balance)
            assert payloads(store, NEXT) == [Opened(balance)]
            assert alone(store.load(NEXT, account)).state == Account(balance)

        return Scenario(tasks, check, may_raise=(Refused,))

    assert explore(make, reduce=True).schedules > 20


def test_of_two_who_open_the_same_period_the_loser_leaves_nothing():
    def make() -> Scenario:
        store = fresh()
        alone(store.append(ACCOUNT, [Deposited(5, "owner")], expected_version=0))
        tasks = {
            str(n): store.close_and_open(ACCOUNT, [Closed(5)], NEXT, [Opened(n)], expected_version=ef.STREAM_EXISTS)
            for n in (1, 2)
        }

        def check(results):
            lost = [name for name, result in results.items() if isinstance(result, ef.WrongExpectedVersionError)]
            assert len(lost) == 1
            assert results[lost[0]].stream == NEXT
            assert payloads(store) == [Deposited(5, "owner"), Closed(5)]
            assert payloads(store, NEXT) == [Opened(3 - int(lost[0]))]

        return Scenario(tasks, check, may_raise=(ef.WrongExpectedVersionError,))

    explore(make)


def test_a_stream_ended_beside_an_append_holds_the_append_or_refuses_it():
    def make() -> Scenario:
        store = fresh()
        alone(store.append(ACCOUNT, [Deposited(5, "owner")], expected_version=0))
        tasks = {
            "late": store.append(ACCOUNT, [Deposited(1, "late")], expected_version=ef.ANY),
            "decider": store.decide(ACCOUNT, account, Deposit(2, "decider")),
            "end": store.tombstone(ACCOUNT),
        }

        def check(results):
            accepted = [name for name in ("late", "decider") if not isinstance(results[name], ef.StreamTombstonedError)]
            assert sorted(event.event.by for event in logged(store)) == sorted([*accepted, "owner"])
            assert alone(store.stream(ACCOUNT)).version == 1 + len(accepted)

        return Scenario(tasks, check, may_raise=(ef.StreamTombstonedError,))

    explore(make, reduce=True)
