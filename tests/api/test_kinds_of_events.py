"""Projections over events of every kind that a module takes, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest
from tests.api.hotel_of_the_page import GuestCheckedIn, module

import everfold as ef


@dataclass(frozen=True)
class Paid:
    day: date
    amount: Decimal


class Refunded(msgspec.Struct, frozen=True):
    day: date
    amount: Decimal


class Tipped(pydantic.BaseModel):
    day: date
    amount: Decimal


def test_dataclasses_structs_and_models_feed_one_table(url: str) -> None:
    desk = ef.Module("desk")
    for name, kind in (("paid", Paid), ("refunded", Refunded), ("tipped", Tipped)):
        desk.event(name)(kind)
    till = ef.TableProjection("till", version=1, columns={"day": ef.Date, "amount": ef.Numeric(14, 2)}, key=["day"])
    till.on(Paid, Refunded, Tipped).increment(amount="amount").at(day="day")
    desk.add(till)
    with ef.EventStore.open(url, desk) as store:
        events = [kind(day=date(2026, 5, 1), amount=Decimal("1.10")) for kind in (Paid, Refunded, Tipped)]
        store.append("till-1", events, expected_version=0)
        ef.Worker(store).run_until_caught_up()
        assert store.read_model(till).rows() == [{"day": date(2026, 5, 1), "amount": Decimal("3.30")}]


def test_a_handler_projection_has_tables_of_its_own_to_ask() -> None:
    audit = ef.HandlerProjection("audit", version=1)

    @audit.on(GuestCheckedIn)
    def note(transaction: Any, recorded: ef.RecordedEvent) -> None:
        transaction.execute("insert into nowhere values (%s)", (recorded.event.room,))

    with ef.EventStore.open("memory://", module(audit)) as store:
        for ask in (store.read_model(audit).rows, store.read_model(audit).find, store.read_model(audit).count):
            with pytest.raises(ef.ConfigurationError, match="tables of its own"):
                ask()
