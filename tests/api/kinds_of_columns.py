"""A table with one column of each type, and an event that fills it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import everfold as ef


@dataclass(frozen=True)
class Measured:
    id: str
    small: int
    big: int
    exact: Decimal
    yes: bool
    day: date
    at: datetime
    uid: UUID
    extra: dict[str, Any]


MEASURED = Measured(
    id="ü'\"%s",
    small=-(2**31),
    big=2**62,
    exact=Decimal("-1234567.89"),
    yes=True,
    day=date(1999, 12, 31),
    at=datetime(2026, 5, 27, 23, 59, 59, 123456, tzinfo=UTC),
    uid=UUID("01234567-89ab-7def-8123-456789abcdef"),
    extra={"list": [1, 2.5, None, "x"], "deep": {"a": True}},
)


def measures() -> ef.TableProjection:
    """The table."""
    columns = {
        "id": ef.Text,
        "small": ef.Integer,
        "big": ef.BigInteger,
        "exact": ef.Numeric(12, 2),
        "yes": ef.Boolean,
        "day": ef.Date,
        "at": ef.Timestamp,
        "uid": ef.Uuid,
        "extra": ef.Json,
    }
    table = ef.TableProjection("measures", version=1, columns=columns, key=["id"])
    table.on(Measured).set(**{name: name for name in columns if name != "id"}).at(id="id")
    return table
