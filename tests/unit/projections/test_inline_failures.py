"""What an append raises when an inline projection can't follow it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

import everfold as ef
from everfold.testing.faults import Faults


@dataclass(frozen=True)
class Paid:
    amount: int


bank = ef.Module("bank")
bank.event("paid")(Paid)
audit = ef.HandlerProjection("audit", timing=ef.INLINE)


@audit.on(Paid)
def paid(transaction, recorded):
    if recorded.event.amount < 0:
        raise ValueError("a payment is no refund")
    transaction.execute("insert into paid (amount) values (%s)", (recorded.event.amount,))


@audit.setup
def setup(transaction):
    transaction.execute("create table if not exists paid (amount integer)")


bank.add(audit)


def test_a_handler_that_raises_refuses_the_append_and_is_named(tmp_path):
    with ef.EventStore.open(f"sqlite:///{tmp_path}/bank.db", bank) as store:
        with pytest.raises(ef.ProjectionError, match=r"audit.*a payment is no refund") as caught:
            store.append("account-1", [Paid(-1)], expected_version=0)
        assert isinstance(caught.value.__cause__, ValueError)
        assert list(store.read_all()) == []


def test_a_database_that_is_not_there_is_no_fault_of_the_projection(tmp_path):
    with ef.EventStore.open(f"sqlite:///{tmp_path}/bank.db", bank) as store:
        faults = Faults(store.storage)
        scope = replace(store._scope, storage=faults)
        scope.inline = type(store._scope.inline)(scope, [audit])
        faulty = type(store)(scope)
        faults.fail_before("tx.execute", ef.StorageUnavailableError("gone"))
        with pytest.raises(ef.StorageUnavailableError):
            faulty.append("account-1", [Paid(1)], expected_version=0)
        faulty.append("account-1", [Paid(1)], expected_version=0)
        assert [event.event for event in store.read_all()] == [Paid(1)]
