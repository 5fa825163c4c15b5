"""What a store tells its application, and that a failing hook changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import everfold as ef
from everfold.telemetry.hooks import AppendDetail, ConflictDetail

till = ef.Module("till")


@till.event("cash_taken")
@dataclass(frozen=True, slots=True)
class CashTaken:
    amount: int


counter = ef.Decider(
    initial_state=int,
    evolve=lambda state, event: state + event.amount,
    decide=lambda command, state: CashTaken(command),
)


def test_an_append_and_its_repetition_are_told():
    told = []
    with ef.EventStore.open("memory://", till, telemetry=told.append) as store:
        event = ef.NewEvent(CashTaken(1))
        store.append("till-1", [event], expected_version=0)
        store.append("till-1", [event], expected_version=0)
    assert told == [
        AppendDetail(("till-1",), events=1, position=1, repeated=False),
        AppendDetail(("till-1",), events=1, position=1, repeated=True),
    ]


def test_a_conflict_of_a_decision_is_told_with_its_attempt():
    told = []
    with ef.EventStore.open("memory://", till, telemetry=told.append) as store:

        def decide(command, state):
            if state == 0:
                store.append("till-1", [CashTaken(5)], expected_version=0)
            return CashTaken(command)

        rival = ef.Decider(initial_state=int, evolve=counter.evolve, decide=decide)
        assert store.decide("till-1", rival, 1).state == 6
    (conflict,) = [detail for detail in told if isinstance(detail, ConflictDetail)]
    assert (conflict.stream, conflict.attempt) == ("till-1", 1)
    assert isinstance(conflict.error, ef.WrongExpectedVersionError)


def test_a_hook_that_fails_is_logged_and_the_append_stands(caplog: pytest.LogCaptureFixture):
    def fail(detail: object) -> None:
        raise ZeroDivisionError

    with ef.EventStore.open("memory://", till, telemetry=fail) as store:
        assert store.append("till-1", [CashTaken(1)], expected_version=0).version == 1
    assert "the telemetry hook failed on AppendDetail" in caplog.text
