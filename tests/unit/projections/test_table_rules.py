"""Declared tables: what their rules may say, what a store is told at its opening, and what an event does to a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from everfold.codec.registry import Registry
from everfold.errors import ConfigurationError, UndecodableEventError
from everfold.events.envelope import Origin, RecordedEvent
from everfold.module import Module
from everfold.projections.sources import case, date_of, envelope, field, literal, tag
from everfold.projections.table import TableProjection
from everfold.storage.columns import Boolean, Date, Integer, Json, Numeric, Text, Timestamp
from everfold.storage.memory.changes import changed_rows
from everfold.storage.read_model import TableChanges

hotel = Module("hotel")


@dataclass(frozen=True)
class Guest:
    name: str
    age: int | None = None


@hotel.event("charge_recorded", version=2)
@dataclass(frozen=True)
class ChargeRecorded:
    charged_on: date
    amount: Decimal
    kind: str = "bar"
    guest: Guest | None = None
    at: datetime | None = None
    rate: float | None = None
    late: bool | None = None
    extra: Any = None


@hotel.upcast("charge_recorded", from_version=1)
def _(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "amount": str(Decimal(data.pop("cents")) / 100)}


@hotel.event("day_closed")
@dataclass(frozen=True)
class DayClosed:
    day: date


REGISTRY = Registry.of([hotel])
COLUMNS = {
    "day": Date,
    "amount": Numeric(8, 2),
    "count": Integer,
    "note": Text,
    "least": Numeric(8, 2),
    "when": Timestamp,
}


def revenue(**options: Any) -> TableProjection:
    return TableProjection("revenue", columns={**COLUMNS, "data": Json, "open": Boolean}, key=["day"], **options)


def recorded(payload: object, position: int = 1, tags: tuple[str, ...] = (), **envelope_of: Any) -> RecordedEvent:
    name, version, data = REGISTRY.encode(payload)
    stream = envelope_of.get("stream", "stay-42-a")
    version = envelope_of.get("schema_version", version)
    data = envelope_of.get("data", data)
    marks = msgspec.json.encode(tags).decode() if tags else None
    metadata = msgspec.json.encode(envelope_of.get("metadata", {}))
    row = (position, stream, position, name, version, bytes(16), 1_700_000_000_000_000, data, metadata, marks)
    return RecordedEvent(row, Origin(REGISTRY.decode, ""))


def rows_after(table: TableProjection, *batches: list[RecordedEvent]) -> dict[tuple[Any, ...], dict[str, Any]]:
    evaluator, rows = table.evaluator(REGISTRY), {}
    for batch in batches:
        changes = evaluator.combine([change for event in batch for change in evaluator.evaluate(event)])
        rows = applied(table, rows, changes)
    return rows


def applied(table: TableProjection, rows: dict[Any, Any], changes: TableChanges) -> dict[Any, Any]:
    merged = {**rows, **changed_rows(table.shape, rows, changes)}
    return {key: row for key, row in merged.items() if row is not None}


MAY = date(2026, 5, 27)


def charge(amount: str = "10", **rest: Any) -> ChargeRecorded:
    return ChargeRecorded(MAY, Decimal(amount), **rest)


def test_an_increment_adds_to_the_row_of_its_key() -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(amount="amount", count=1).at(day="charged_on")
    assert table.problems(REGISTRY) == []
    row = rows_after(table, [recorded(charge("10.25")), recorded(charge("0.005"))])[(MAY,)]
    assert (row["amount"], row["count"], row["note"]) == (Decimal("10.26"), 2, None)


def test_a_lane_is_the_text_of_the_key() -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(count=1).at(day="charged_on")
    [change] = table.evaluator(REGISTRY).evaluate(recorded(charge()))
    assert change.lane == 'key:["2026-05-27"]'


def test_an_older_event_is_upcast_before_its_fields_are_read() -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(amount="amount").at(day="charged_on")
    old = recorded(charge(), schema_version=1, data=b'{"charged_on":"2026-05-27","cents":1234}')
    assert rows_after(table, [old])[(MAY,)]["amount"] == Decimal("12.34")


def test_an_event_that_is_no_json_is_undecodable() -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(amount="amount").at(day="charged_on")
    with pytest.raises(UndecodableEventError, match="position 7"):
        table.evaluator(REGISTRY).evaluate(recorded(charge(), 7, data=b"{"))


def test_an_event_of_a_type_without_a_rule_changes_nothing() -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(count=1).at(day="charged_on")
    assert table.evaluator(REGISTRY).evaluate(recorded(DayClosed(MAY))) == []


def test_a_deleted_row_is_made_anew_by_a_later_event_of_the_same_batch() -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(count=1).insert(note="kind").at(day="charged_on")
    table.on(DayClosed).delete().at(day="day")
    batch = [recorded(charge(kind="bar")), recorded(DayClosed(MAY)), recorded(charge(kind="spa")), recorded(charge())]
    row = rows_after(table, [recorded(charge())], batch)[(MAY,)]
    assert (row["count"], row["note"]) == (2, "spa")
    assert rows_after(table, [recorded(charge())], [recorded(DayClosed(MAY))]) == {}


def test_the_events_of_a_batch_count_one_after_the_other() -> None:
    table = revenue()
    table.on(ChargeRecorded).insert(amount=100).max(least="amount").at(day="charged_on")
    table.on(ChargeRecorded).increment(amount="amount").at(day="charged_on")
    events = [recorded(charge("5")), recorded(charge("7"))]
    at_once, one_by_one = rows_after(table, events), rows_after(table, events[:1], events[1:])
    assert at_once == one_by_one
    assert at_once[(MAY,)]["amount"] == Decimal("112.00")
    assert at_once[(MAY,)]["least"] == Decimal("7.00")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (field("amount") * 2 + 1, "21.00"),
        (1 - field("amount"), "-9.00"),
        (case(field("kind") == "bar", "amount", 0), "10.00"),
        (case(field("kind") == "spa", "amount", 0), "0.00"),
        (case(field("late"), "amount", None), None),
        (field("rate").otherwise(3), "3.00"),
        (lambda charge: charge.amount * 3, "30.00"),
    ],
)
def test_a_source_is_computed_from_the_event(source: Any, expected: str | None) -> None:
    table = revenue()
    table.on(ChargeRecorded).set(amount=source).at(day="charged_on")
    row = rows_after(table, [recorded(charge())])[(MAY,)]
    assert row["amount"] == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("condition", "taken"),
    [
        (field("amount") > 5, True),
        (field("amount") >= "10.5", False),
        (field("at") < "2026-01-01T00:00:00Z", False),
        (field("charged_on") <= "2026-05-27", True),
        ((field("late") == True) | (field("kind") != "spa"), True),  # noqa: E712  # an expression, no comparison
        (field("late") & (field("kind") == "bar"), False),
        (~field("late").is_null(), False),
        (field("guest.name").is_null() & field("rate").is_null(), True),
        (tag("room") == "12", True),
        (tag("floor").is_null(), True),
        (envelope("stream_id") == "42-a", True),
        (envelope("category") == "stay", True),
        (envelope("metadata:actor") == "anna", True),
        (envelope("metadata:n").is_null(), True),
        (envelope("position") + envelope("version") == 2, True),
        (date_of(envelope("recorded_at")) == "2023-11-14", True),
        (date_of("at").is_null(), True),
        (literal("bar") == field("kind"), True),
        (field("extra") == 1, False),
    ],
)
def test_a_rule_is_for_the_events_whose_condition_is_true(condition: Any, taken: bool) -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(count=1).at(day="charged_on").when(condition)
    assert table.problems(REGISTRY) == []
    event = recorded(charge(), tags=("room:12", "room:13"), metadata={"actor": "anna", "n": 1})
    assert bool(rows_after(table, [event])) is taken


def test_an_event_without_a_key_is_left_out() -> None:
    table = revenue()
    table.on(ChargeRecorded).increment(count=1).at(day=date_of("at"))
    assert rows_after(table, [recorded(charge())]) == {}
    noon = datetime(2026, 5, 28, 1, tzinfo=timezone.utc)
    assert list(rows_after(table, [recorded(charge(at=noon))])) == [(date(2026, 5, 28),)]


def test_json_columns_hold_what_was_stored() -> None:
    table = revenue()
    table.on(ChargeRecorded).set(data="guest").at(day="charged_on")
    assert rows_after(table, [recorded(charge(guest=Guest("Ada", 36)))])[(MAY,)]["data"] == {"name": "Ada", "age": 36}


def test_a_value_that_its_column_refuses_names_the_column() -> None:
    table = revenue()
    table.on(ChargeRecorded).set(amount="amount").at(day="charged_on")
    with pytest.raises(ValueError, match="column 'amount': a Decimal that is no Numeric"):
        table.evaluator(REGISTRY).evaluate(recorded(charge("1000000")))


def _rules(build: Callable[[TableProjection], object], **options: Any) -> list[str]:
    table = revenue(**options)
    build(table)
    return table.problems(REGISTRY)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda t: None, "has no rule"),
        (lambda t: t.on(ChargeRecorded).at(day="charged_on"), "does nothing"),
        (lambda t: t.on(ChargeRecorded).increment(count=1), "nothing is said about the key column 'day'"),
        (lambda t: t.on(ChargeRecorded).increment(total=1).at(day="charged_on"), "no column 'total'"),
        (lambda t: t.on(ChargeRecorded).increment(note=1).at(day="charged_on"), "increment can't be done"),
        (lambda t: t.on(ChargeRecorded).min(data=1).at(day="charged_on"), "min can't be done"),
        (lambda t: t.on(ChargeRecorded).set(day="charged_on").at(day="charged_on"), "is a key column"),
        (lambda t: t.on(ChargeRecorded).set(note="kind").at(day="charged_on", note="kind"), "not in the key"),
        (lambda t: t.on(ChargeRecorded).set(count=1).increment(count=1).at(day="charged_on"), "named twice"),
        (lambda t: t.on(ChargeRecorded).set(count=1).delete().at(day="charged_on"), "can't change it too"),
        (lambda t: t.on(ChargeRecorded).set(note="kimd").at(day="charged_on"), "did you mean 'kind'"),
        (lambda t: t.on(ChargeRecorded).set(note="kind.x").at(day="charged_on"), "is no object"),
        (lambda t: t.on(ChargeRecorded).set(count=field("kind") + 1).at(day="charged_on"), "take numbers"),
        (lambda t: t.on(ChargeRecorded).set(count="late").at(day="charged_on"), "its source is a boolean"),
        (lambda t: t.on(ChargeRecorded).set(count=1).at(day="charged_on").when(field("kind")), "neither true nor"),
        (lambda t: t.on(ChargeRecorded).set(count=1).at(day="charged_on").when(field("kind") > 1), "go together"),
        (lambda t: t.on(ChargeRecorded).set(count=1).at(day="charged_on").when(field("at") > "May"), "no timestamp"),
    ],
)
def test_a_rule_that_cannot_work_is_told_when_the_store_opens(build: Any, said: str) -> None:
    assert any(said in problem for problem in _rules(build)), _rules(build)


def test_a_column_accumulates_in_one_way() -> None:
    def build(table: TableProjection) -> None:
        table.on(ChargeRecorded).increment(amount="amount").at(day="charged_on")
        table.on(ChargeRecorded).max(amount="amount").at(day="charged_on")

    assert any("accumulates in one way" in problem for problem in _rules(build))


def test_partitions_go_with_increments_alone() -> None:
    assert _rules(lambda t: t.on(ChargeRecorded).increment(count=1).at(day="charged_on"), partitions=2) == []
    found = _rules(lambda t: t.on(ChargeRecorded).set(count=1).at(day="charged_on"), partitions=2)
    assert any("has partitions" in problem for problem in found)


def test_a_function_keeps_a_table_out_of_the_database() -> None:
    with_function, without = revenue(), revenue()
    with_function.on(ChargeRecorded).set(count=lambda charge: 1).at(day="charged_on")
    without.on(ChargeRecorded).set(count=1).at(day="charged_on")
    assert with_function.program(REGISTRY) is None
    assert without.program(REGISTRY) is not None
    assert with_function.fingerprint() != without.fingerprint()


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": {"Day": Date}, "key": ["Day"]},
        {"columns": {"tenant": Text}, "key": ["tenant"]},
        {"columns": {"day": "date"}, "key": ["day"]},
        {"columns": {"day": Date}, "key": []},
        {"columns": {"day": Date}, "key": "day"},
        {"columns": {"day": Date}, "key": ["night"]},
        {"columns": {"day": Json}, "key": ["day"]},
        {"columns": {"day": Date}, "key": ["day"], "indexes": [["night"]]},
    ],
)
def test_columns_that_can_be_no_table_are_refused_at_once(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        TableProjection("revenue", **wrong)


def test_a_condition_is_no_python_bool() -> None:
    with pytest.raises(TypeError, match="&"):
        bool(field("late") == literal("x"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: field("a..b"),
        lambda: field(""),
        lambda: envelope("nothing"),
        lambda: tag(""),
        lambda: literal(datetime(2026, 1, 1)),  # naive is the case
        lambda: literal("a\0b"),
        lambda: literal(Decimal("NaN")),
        lambda: literal([]),
        lambda: case("late", 1, 2),  # type: ignore[arg-type]
        lambda: revenue().on(),
        lambda: revenue().on(ChargeRecorded).when("late"),  # type: ignore[arg-type]
        lambda: revenue().on(ChargeRecorded).set(count=[1]),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_source_is_refused_where_it_is_written(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()
