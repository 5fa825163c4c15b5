"""Programs that a database runs over a span of the log: what it takes, what it declines, and that a declined span changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from everfold.codec.registry import Registry
from everfold.errors import StatementError
from everfold.event_store import EventStore
from everfold.module import Module
from everfold.projections.sources import case, field
from everfold.projections.table import TableProjection
from everfold.storage.columns import Date, Integer, Numeric, Text
from everfold.storage.port import Storage
from everfold.storage.read_model import Selection, Target
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

hotel = Module("hotel")
TARGET = Target("revenue", 1)


@hotel.event("charge_recorded", version=2)
@dataclass(frozen=True)
class ChargeRecorded:
    day: date
    amount: Decimal
    units: int = 1


@hotel.upcast("charge_recorded", from_version=1)
def _(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "units": 1}


REGISTRY = Registry.of([hotel])
DAY = date(2026, 5, 27)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Storage]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'store.db'}"
    if request.param == "postgres":
        server, schema = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_schema"))
        url = f"{server}{'&' if '?' in server else '?'}schema={schema}"
    with EventStore.open(url, migrate="auto") as store:
        yield store.storage


def table() -> TableProjection:
    return TableProjection(
        "revenue", columns={"day": Date, "amount": Numeric(6, 2), "units": Integer, "note": Text}, key=["day"]
    )


def append(storage: Storage, *amounts: str, units: int = 1, version: int = 2) -> int:
    """The position of the last one."""
    encoded = [REGISTRY.encode(ChargeRecorded(DAY, Decimal(amount), units)) for amount in amounts]
    number = storage.head("")
    events = [
        EncodedEvent((number * 100 + place).to_bytes(16, "big"), name, version, data)
        for place, (name, _, data) in enumerate(encoded)
    ]
    return storage.commit(Unit("", (StreamAppend("stay-1", -1, tuple(events)),))).appends[0].positions[-1]


def run(storage: Storage, of: TableProjection, span: tuple[int, int]) -> int | None:
    program = of.program(REGISTRY)
    assert program is not None
    storage.transact(lambda transaction: transaction.create_target(TARGET, of.shape))
    return storage.transact(lambda transaction: transaction.project("", TARGET, of.shape, program, span=span))


def rows(storage: Storage, of: TableProjection) -> list[dict[str, Any]]:
    return list(storage.select("", TARGET, of.shape, Selection()).rows)


def counting() -> TableProjection:
    of = table()
    of.on(ChargeRecorded).increment(amount="amount", units=case(field("amount") > 1, "units", 0)).at(day="day")
    return of


def test_spans_add_up(storage):
    first = append(storage, "1.005", "-0.125")
    last = append(storage, "2.5", units=3)
    of = counting()
    assert run(storage, of, (0, first)) == 2
    assert run(storage, of, (first, last)) == 1
    assert rows(storage, of) == [{"day": DAY, "amount": Decimal("3.38"), "units": 4, "note": None}]


def test_an_event_of_an_older_version_declines_the_span(storage):
    append(storage, "1")
    last = append(storage, "2", version=1)
    of = counting()
    assert run(storage, of, (0, last)) is None
    assert rows(storage, of) == []


def test_a_value_beyond_its_column_is_not_stored(storage):
    last = append(storage, "1", "10000")
    of = counting()
    with suppress(StatementError):
        assert run(storage, of, (0, last)) is None  # SQLite declines; the others refuse it
    assert rows(storage, of) == []


def test_rows_that_change_in_different_columns_are_kept_apart(storage):
    last = append(storage, "5", "7")
    of = table()
    of.on(ChargeRecorded).set(units="units").at(day="day")
    of.on(ChargeRecorded).max(amount="amount").at(day="day").when(field("amount") < 6)
    assert run(storage, of, (0, last)) == 2
    assert rows(storage, of) == [{"day": DAY, "amount": Decimal("5.00"), "units": 1, "note": None}]
