"""The little domain that the cases speak about: notes, a tally, guests, and two releases of one application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import everfold as ef

__all__ = [
    "Add",
    "Blob",
    "Charged",
    "CheckedIn",
    "Counted",
    "Noted",
    "RefusedError",
    "Tally",
    "TallyAggregate",
    "conformance",
    "ids_of",
    "notes",
    "tally",
    "texts",
]

conformance = ef.Module("conformance")


@conformance.event("noted")
@dataclass(frozen=True, slots=True)
class Noted:
    text: str = ""


@conformance.event("counted")
@dataclass(frozen=True, slots=True)
class Counted:
    by: int = 1


@conformance.event("checked_in", aliases=["arrived"])
@dataclass(frozen=True, slots=True)
class CheckedIn:
    guest: str
    room: int = 0


@conformance.event("blob")
@dataclass(frozen=True, slots=True)
class Blob:
    content: bytes


@conformance.event("charged")
@dataclass(frozen=True, slots=True)
class Charged:
    amount: Decimal
    at: datetime
    by: UUID
    lines: tuple[str, ...] = ()
    rates: dict[str, Decimal] = field(default_factory=dict)
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    total: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Add:
    """Add `by`; refused when the total would be more than `limit`; nothing happens when `by` is 0."""

    by: int = 1
    limit: int | None = None


class RefusedError(Exception):
    """The domain's own refusal."""


def add_up(state: Tally, event: Any) -> Tally:
    return Tally(state.total + (event.by if isinstance(event, Counted) else 0), state.events + 1)


def decide_add(command: Add, state: Tally) -> Counted | None:
    if command.limit is not None and state.total + command.by > command.limit:
        raise RefusedError
    return Counted(command.by) if command.by else None


tally = ef.Decider(initial_state=Tally, evolve=add_up, decide=decide_add)


class TallyAggregate(ef.Aggregate):
    """The same tally as a class."""

    def __init__(self) -> None:
        self.total = 0

    @ef.applies(Counted)
    def _(self, event: Counted) -> None:
        self.total += event.by

    @ef.decides(Add)
    def add(self, command: Add) -> Counted | None:
        return decide_add(command, Tally(self.total))


def notes(count: int, prefix: str = "") -> list[ef.NewEvent]:
    """`count` notes "1", "2", … with ids of their own, ready to be sent twice."""
    return [ef.NewEvent(Noted(f"{prefix}{number}")) for number in range(1, count + 1)]


def ids_of(events: Any) -> list[UUID]:
    """The events' ids, in order."""
    return [event.id for event in events]


def texts(events: Any) -> list[str]:
    """What the notes say, in order."""
    return list(_texts(events))


def _texts(events: Any) -> Iterator[str]:
    for recorded in events:
        yield recorded.event.text
