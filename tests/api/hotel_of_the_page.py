"""The events and projections that the public surface is told with, made anew for each test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import everfold as ef


@dataclass(frozen=True, slots=True)
class GuestCheckedIn:
    guest_id: str
    room: int
    rate: Decimal


@dataclass(frozen=True, slots=True)
class GuestCheckedOut:
    room: int


@dataclass(frozen=True, slots=True)
class ChargeRecorded:
    charged_on: date
    amount: Decimal
    kind: str = "room"


def module(*projections: Any, name: str = "hotel") -> ef.Module:
    """A module of the three events and these projections."""
    hotel = ef.Module(name)
    hotel.event("guest_checked_in")(GuestCheckedIn)
    hotel.event("guest_checked_out")(GuestCheckedOut)
    hotel.event("charge_recorded")(ChargeRecorded)
    hotel.add(*projections)
    return hotel


def occupancy(version: int = 1, **options: Any) -> ef.DocumentProjection:
    """Who is in which room."""
    projection = ef.DocumentProjection("occupancy", version=version, key=lambda e: str(e.room), **options)

    @projection.on(GuestCheckedIn)
    def arrived(document: Any, event: GuestCheckedIn, recorded: ef.RecordedEvent) -> Any:
        return {"guest": event.guest_id, "rate": str(event.rate), "since": recorded.version}

    @projection.on(GuestCheckedOut)
    def left(document: Any, event: GuestCheckedOut, recorded: ef.RecordedEvent) -> Any:
        return None

    return projection


def revenue(version: int = 1, **options: Any) -> ef.TableProjection:
    """What was charged, by day."""
    projection = ef.TableProjection(
        "revenue", version=version, columns={"day": ef.Date, "amount": ef.Numeric(14, 2)}, key=["day"], **options
    )
    projection.on(ChargeRecorded).increment(amount="amount").at(day="charged_on")
    return projection


def check_in(store: Any, room: int, guest: str = "ada", rate: str = "90.50") -> Any:
    """Append one arrival to the stay of this room."""
    return store.append(f"stay-{room}", [GuestCheckedIn(guest, room, Decimal(rate))], expected_version=ef.ANY)


def charge(store: Any, day: int, amount: str, kind: str = "room") -> Any:
    """Append one charge."""
    event = ChargeRecorded(date(2026, 5, day), Decimal(amount), kind)
    return store.append("folio-1", [event], expected_version=ef.ANY)
