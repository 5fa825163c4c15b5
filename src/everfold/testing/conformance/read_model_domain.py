"""What the cases about consumers and read models speak of: a desk's documents, a ledger, and a table of every type."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from ...runtime.ids import new_id_bytes
from ...storage.columns import BigInteger, Boolean, Date, Integer, Json, Numeric, Text, Timestamp, Uuid
from ...storage.control import BuildRow, ConsumerRow, Letter, Move
from ...storage.read_model import Column, Selection, Shape, StoredDocument, TableChanges, Target, Upserts
from ...storage.unit import EncodedEvent, StreamAppend, Unit

__all__ = [
    "DESK",
    "EVERY",
    "EVERY_SHAPE",
    "EXTREMES",
    "GUESTS",
    "LEDGER",
    "LEDGER_SHAPE",
    "build",
    "consumer",
    "document",
    "encoded",
    "everything",
    "letter",
    "move",
    "one_upsert",
    "unit_of",
]

DESK = Target("desk", 1)
GUESTS = Shape("document", indexes=(("room",), ("guest", "name")))

LEDGER = Target("ledger", 1)
LEDGER_SHAPE = Shape(
    "table",
    columns=(
        Column("day", Date),
        Column("room", Text),
        Column("nights", Integer, 0),
        Column("amount", Numeric(14, 2), 0),
        Column("cheapest", Numeric(14, 2)),
        Column("dearest", Numeric(14, 2)),
        Column("note", Text),
        Column("opened_by", Text),
    ),
    key=("day", "room"),
)

EVERY = Target("every", 1)
EVERY_SHAPE = Shape(
    "table",
    columns=(
        Column("id", Text),
        Column("text", Text),
        Column("small", Integer),
        Column("big", BigInteger),
        Column("amount", Numeric(14, 2)),
        Column("fine", Numeric(15, 15)),
        Column("whole", Numeric(15, 0)),
        Column("yes", Boolean),
        Column("day", Date),
        Column("moment", Timestamp),
        Column("token", Uuid),
        Column("data", Json),
    ),
    key=("id",),
)

EXTREMES: dict[str, tuple[Any, ...]] = {
    "text": ("", "0", "null", "é", "e\u0301", "🛫\U0010ffff", "a\nb\t\\'\"%s$1?", "x" * 100_000),
    "small": (0, -1, 2**31 - 1, -(2**31)),
    "big": (0, 2**53 + 1, 2**63 - 1, -(2**63)),
    "amount": (Decimal("0.00"), Decimal("0.10"), Decimal("999999999999.99"), Decimal("-999999999999.99")),
    "fine": (Decimal("0E-15"), Decimal("0.999999999999999"), Decimal("-0.000000000000001")),
    "whole": (Decimal(999999999999999), Decimal(-999999999999999)),
    "yes": (True, False),
    "day": (date(1, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31)),
    "moment": (
        datetime(1, 1, 1, tzinfo=timezone.utc),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        datetime(2026, 3, 29, 1, 30, 0, 1, tzinfo=timezone.utc),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=timezone.utc),
    ),
    "token": (UUID(int=0), UUID(int=2**128 - 1), UUID("0190a5d0-1111-7abc-8def-0123456789ab")),
    "data": ({}, [], "text", 0, 12.5, True, {"a": [1, {"b": None}], "é": "\\u"}, [[[]]], 2**53 + 1),
}
"""Values of every column type at the edges of what it holds."""


def encoded(type_name: str = "noted", **data: Any) -> EncodedEvent:
    """An event with an id of its own."""
    return EncodedEvent(new_id_bytes(), type_name, 1, msgspec.json.encode(data))


def unit_of(stream: str | None, count: int = 1, *, tenant: str = "", expected: int = -1) -> Unit:
    """`count` events for one stream."""
    return Unit(tenant, (StreamAppend(stream, expected, tuple(encoded() for _ in range(count))),))


def consumer(name: str = "desk@1", **fields: Any) -> ConsumerRow:
    """A consumer's row."""
    return ConsumerRow(name, **fields)


def move(row: ConsumerRow, position: int, **fields: Any) -> Move:
    """The next move of a row, as its owner would make it, but for the fields given."""
    stands: dict[str, Any] = {"token": row.token, "since": row.position, "position": position, "letters": row.letters}
    return Move(row.name, row.partition, **(stands | fields))


def build(target: Target = DESK, state: str = "active", **fields: Any) -> BuildRow:
    """A build's row."""
    return BuildRow(target, state, "catch_up", "consumer", "c0de", b'{"kind":"document"}', **fields)


def letter(position: int, lane: str = "stay-1", consumer: str = "desk@1", **fields: Any) -> Letter:
    """A letter about the event at a position."""
    given = {"event_id": position.to_bytes(16), "event_type": "noted", "stream": "stay-1", "error": b"{}"}
    return Letter(consumer, 0, lane, position, **(given | fields))


def document(version: int = 0, **content: Any) -> StoredDocument:
    """A document of this content."""
    return StoredDocument(msgspec.json.encode(content), version)


def one_upsert(shape: Shape, actions: dict[str, str], *rows: tuple[Any, ...]) -> TableChanges:
    """A batch of one Upserts: `actions` of the columns behind the key."""
    keys = dict.fromkeys(shape.key, "key")
    return TableChanges(upserts=[Upserts((*keys, *actions), (*keys.values(), *actions.values()), rows)])


def everything(order_by: Iterable[tuple[str, bool]] = ()) -> Selection:
    """A selection without conditions."""
    return Selection(order_by=tuple(order_by))
