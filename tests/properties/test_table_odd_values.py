"""Stored values that are not what their event's class says now: no database takes what Python refuses, or as another value.

Such events come from a class that was changed without a new schema version, or from a store that was filled by hand.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

import everfold as ef
from everfold.codec.registry import Registry
from everfold.errors import CodecError, StatementError
from everfold.events.envelope import Origin, RecordedEvent
from everfold.events.query import Query
from everfold.projections.sources import date_of, field, literal
from everfold.projections.table import TableProjection
from everfold.runtime.ids import new_id
from everfold.storage.columns import BigInteger, Boolean, Date, Integer, Json, Numeric, Text, Timestamp, Uuid
from everfold.storage.port import Storage
from everfold.storage.read_model import Selection, Target
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

hotel = ef.Module("hotel")


@hotel.event("measured")
@dataclass(frozen=True)
class Measured:
    whole: int | None = None
    amount: Decimal | None = None
    flag: bool | None = None
    note: str | None = None
    day: date | None = None
    at: datetime | None = None
    token: UUID | None = None
    other: Any = None


REGISTRY = Registry.of([hotel])
DECODED, PROJECTED = Target("odd", 1, 1), Target("odd", 1, 2)
COLUMNS = {
    "name": Text,
    "whole": Integer,
    "big": BigInteger,
    "amount": Numeric(9, 2),
    "flag": Boolean,
    "note": Text,
    "day": Date,
    "at": Timestamp,
    "token": Uuid,
    "data": Json,
    "count": Integer,
}
ODD = [
    *[
        "",
        " ",
        "null",
        "true",
        "0",
        "1",
        "-1",
        "-0",
        "+5",
        "5.",
        ".5",
        "1e5",
        "1E+2",
        "1e-7",
        "1e",
        "--1",
        "1-1",
        "1.1.1",
    ],
    *[
        "NaN",
        "nan",
        " NaN",
        "Infinity",
        "-Infinity",
        "inf",
        "0x1F",
        "0b1",
        "1_000",
        " 5",
        "5 ",
        "5\n",
        "１２",
        "1,5",
        "12345678.995",
    ],
    *[
        "99999999.99",
        "-9999999.995",
        "9999999.994",
        "0.005",
        "-0.005",
        "0." + "0" * 30 + "1",
        "1" * 20,
        "a",
        "'",
        '"',
        "\\",
        "\u0001",
    ],
    *[
        "2026-05-01",
        "2026-02-30",
        "2026-13-01",
        "0000-01-01",
        "0001-01-01",
        "9999-12-31",
        "10000-01-01",
        "20260501",
        "2026-W01-1",
    ],
    *[
        "2026-5-1",
        "2026-05-01 ",
        "yesterday",
        "now",
        "epoch",
        "infinity",
        "-infinity",
        "today",
        "2024-02-29",
        "2023-02-29",
    ],
    *["2026-05-01T00:00:00Z", "2026-05-01T00:00:00.5Z", "2026-05-01T23:59:59.999999Z", "2026-05-01T00:00:00.1234567Z"],
    *[
        "2026-05-01T24:00:00Z",
        "2026-05-01T23:59:60Z",
        "2026-05-01T25:00:00Z",
        "2026-05-01 00:00:00Z",
        "2026-05-01T00:00:00",
    ],
    *[
        "2026-05-01T00:00:00+02:00",
        "2026-05-01T00:00:00-23:59",
        "2026-05-01t00:00:00z",
        "2026-05-01T00:00Z",
        "2026-05-01T000000Z",
    ],
    *["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "2026-05-01T00:00:00 Z", "2026-05-01T00:00:00.Z"],
    *["2026-05-01T00:00:00ZZ", "2026-02-30T00:00:00Z", "2026-05-01T00:00:00.12a456Z", "2026-05-01T-1:00:00Z"],
    *[
        "c0ffee00-0000-4000-8000-000000000001",
        "C0FFEE00-0000-4000-8000-000000000001",
        "c0ffee00000040008000000000000001",
    ],
    *["{c0ffee00-0000-4000-8000-000000000001}", "urn:uuid:c0ffee00-0000-4000-8000-000000000001", "c0ffee00-0000"],
    *["g0ffee00-0000-4000-8000-000000000001", "c0ff-ee00-0000-4000-8000-0000-0000-0001"],
]
texts = st.sampled_from([json.dumps(text) for text in ODD] + [json.dumps(text, ensure_ascii=False) for text in ODD])
others = st.sampled_from(
    [
        *[
            "null",
            "true",
            "false",
            "0",
            "1",
            "-1",
            "-0",
            "0.0",
            "-0.0",
            "1.0",
            "2.5",
            "1e16",
            "1e-7",
            "12345678.995",
        ],
        *["9999999.994", "0.12499999999999999", "0.30000000000000004", "2147483647", "2147483648", "-2147483648"],
        *[
            "9223372036854775807",
            "9223372036854775808",
            "1" * 30,
            "1." + "0" * 40 + "1",
            "{}",
            "[]",
            "[1]",
            '{"a":1}',
            '["2026-05-01"]',
        ],
    ]
)
spaced = st.sampled_from(["%s", " %s ", "\n%s"])
values = st.builds(lambda form, value: form % value, spaced, texts | others)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    chosen = draw(st.dictionaries(st.sampled_from(Measured.__match_args__), values, min_size=1, max_size=3))
    return ("{" + ",".join(f'"{name}":{value}' for name, value in chosen.items()) + "}").encode()


def _compare(name: str, value: Any) -> Callable[[TableProjection], Any]:
    return lambda t: t.on(Measured).increment(count=1).when(field(name) >= value).at(name=ONE_KEY)


ONE_KEY = literal("x")
MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)
ONE = "c0ffee00-0000-4000-8000-000000000001"
RULES: list[Callable[[TableProjection], Any]] = [
    lambda t: t.on(Measured).set(whole="whole").at(name=ONE_KEY),
    lambda t: t.on(Measured).increment(whole="whole").at(name=ONE_KEY),
    lambda t: t.on(Measured).max(big="whole").at(name=ONE_KEY),
    lambda t: t.on(Measured).set(amount="amount").at(name=ONE_KEY),
    lambda t: t.on(Measured).increment(amount="amount").at(name=ONE_KEY),
    lambda t: t.on(Measured).min(amount="whole").at(name=ONE_KEY),
    lambda t: t.on(Measured).set(flag="flag").at(name=ONE_KEY),
    lambda t: t.on(Measured).set(note="note").at(name=ONE_KEY),
    lambda t: t.on(Measured).insert(note="whole").at(name=ONE_KEY),
    lambda t: t.on(Measured).increment(count=1).at(name="note"),
    lambda t: t.on(Measured).min(day="day").at(name=ONE_KEY),
    lambda t: t.on(Measured).set(day=date_of("at")).at(name=ONE_KEY),
    lambda t: t.on(Measured).set(at="at").at(name=ONE_KEY),
    lambda t: t.on(Measured).max(at="at").at(name=ONE_KEY),
    lambda t: t.on(Measured).set(token="token").at(name=ONE_KEY),
    lambda t: t.on(Measured).set(data="other").at(name=ONE_KEY),
    lambda t: t.on(Measured).increment(count=1).when(field("flag")).at(name=ONE_KEY),
    _compare("amount", Decimal("0.5")),
    _compare("whole", 1),
    _compare("note", "1"),
    _compare("day", date(2026, 1, 1)),
    _compare("at", MOMENT),
    lambda t: t.on(Measured).increment(count=1).when(field("token") == UUID(ONE)).at(name=ONE_KEY),
    lambda t: t.on(Measured).set(amount=field("amount") * 2).at(name=ONE_KEY),
]


def stored(storage: Storage, tenant: str, data: list[bytes]) -> list[RecordedEvent]:
    events = tuple(EncodedEvent(new_id().bytes, "measured", 1, one, b"{}") for one in data)
    storage.commit(Unit(tenant, (StreamAppend("meter-1", -1, events),)))
    page = storage.read_all(tenant, after=0, before=None, query=Query(), backwards=False, limit=100)
    origin = Origin(REGISTRY.decode, tenant, page.names, page.epoch_microseconds)
    return [RecordedEvent(row, origin) for row in page.rows]


def decoded(storage: Storage, tenant: str, table: TableProjection, events: list[RecordedEvent]) -> bool:
    evaluator = table.evaluator(REGISTRY)
    try:
        changes = evaluator.combine([change for event in events for change in evaluator.evaluate(event)])
        storage.transact(lambda tx: tx.change_rows(tenant, DECODED, table.shape, changes))
    except (CodecError, ValueError, TypeError, ArithmeticError, StatementError):
        return False
    return True


def projected(storage: Storage, tenant: str, table: TableProjection, up_to: int) -> int | None:
    program = table.program(REGISTRY)
    assert program is not None
    try:
        return storage.transact(lambda tx: tx.project(tenant, PROJECTED, table.shape, program, span=(0, up_to)))
    except StatementError:
        return None


def rows_of(storage: Storage, tenant: str, target: Target, table: TableProjection) -> list[str]:
    found = storage.select(tenant, target, table.shape, Selection()).rows
    return [repr({**row, "data": json.dumps(row["data"], sort_keys=True)}) for row in found]


def agrees(storage: Storage, table: TableProjection, data: list[bytes]) -> None:
    tenant = uuid4().hex
    events = stored(storage, tenant, data)
    by_python = decoded(storage, tenant, table, events)
    count = projected(storage, tenant, table, events[-1].position)
    if count is not None:
        assert by_python, "the database took what Python refuses"
        assert rows_of(storage, tenant, PROJECTED, table) == rows_of(storage, tenant, DECODED, table)


def checked(open_store: Callable[[], ef.EventStore], examples: int) -> None:
    with open_store() as store:
        tables = []
        for number, rule in enumerate(RULES):
            table = TableProjection(f"odd_{number}", columns=COLUMNS, key=["name"])
            rule(table)
            assert table.problems(REGISTRY) == []
            tables.append(table)

        @settings(max_examples=examples * settings.default.max_examples // 100)
        @given(st.integers(0, len(tables) - 1), st.lists(payloads(), min_size=1, max_size=3))
        def story(number: int, data: list[bytes]) -> None:
            agrees(store.storage, tables[number], data)

        shape = tables[0].shape
        store.storage.transact(lambda tx: (tx.create_target(DECODED, shape), tx.create_target(PROJECTED, shape)))
        story()


def test_memory_takes_no_value_that_python_refuses():
    checked(lambda: ef.EventStore.open("memory://"), 300)


def test_sqlite_takes_no_value_that_python_refuses(tmp_path):
    checked(lambda: ef.EventStore.open(f"sqlite:///{tmp_path / 'store.db'}"), 300)


def test_postgres_takes_no_value_that_python_refuses(postgres_url, postgres_schema):
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    checked(lambda: ef.EventStore.open(url, migrate="auto"), 150)
