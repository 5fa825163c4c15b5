"""What a span costs inside a database: it is found by position, however long the log is; and rules that once went wrong there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from everfold.codec.registry import Registry
from everfold.event_store import EventStore
from everfold.module import Module
from everfold.projections.sources import field
from everfold.projections.table import TableProjection
from everfold.storage.columns import Date, Integer, Numeric, Text, Timestamp
from everfold.storage.read_model import Selection, Target
from everfold.storage.table_sql import check_text, effect_text
from everfold.storage.table_sql_postgres import PostgresWords
from everfold.storage.table_sql_sqlite import SqliteWords
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

hotel = Module("hotel")
TARGET = Target("charges", 1)
NOON = datetime(2026, 5, 27, 12, tzinfo=timezone.utc)


@hotel.event("charge_recorded")
@dataclass(frozen=True)
class Charged:
    day: date
    amount: Decimal
    at: datetime
    kind: str = "bar"


REGISTRY = Registry.of([hotel])


def table(**columns: Any) -> TableProjection:
    return TableProjection("charges", columns={"day": Date, **columns}, key=["day"])


def filled(storage: Any, moments: list[datetime]) -> int:
    encoded = [REGISTRY.encode(Charged(NOON.date(), Decimal("1.50"), moment)) for moment in moments]
    events = [
        EncodedEvent(n.to_bytes(16, "big"), name, version, data) for n, (name, version, data) in enumerate(encoded)
    ]
    return storage.commit(Unit("", (StreamAppend("stay-1", -1, tuple(events)),))).appends[0].positions[-1]


def summing() -> TableProjection:
    of = table(amount=Numeric(9, 2))
    of.on(Charged).increment(amount="amount").at(day="day")
    return of


def test_sqlite_finds_a_span_by_position(tmp_path):
    """By an index that begins with the tenant, each span would look at the tenant's whole log."""
    path, of = tmp_path / "store.db", summing()
    program, words = of.program(REGISTRY), SqliteWords((0, 1))
    with EventStore.open(f"sqlite:///{path}") as store:
        filled(store.storage, [NOON])
    values = {"tenant": "", "after": 0, "up_to": 50_000}
    with closing(sqlite3.connect(path)) as connection:
        for text in (check_text(program, words), effect_text(program, of.shape, words).text):
            plan = [row[3] for row in connection.execute(f"explain query plan {text}", values)]
            assert "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan


def test_postgres_finds_a_span_by_position_whatever_the_plan_is_for(postgres_url, postgres_schema):
    of = summing()
    program, words = of.program(REGISTRY), PostgresWords(postgres_schema, (0, 1))
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    with EventStore.open(url, migrate="auto") as store:
        for turn in range(20):
            _append_many(store.storage, turn)
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        connection.execute(f'analyze "{postgres_schema}".event')
        connection.execute("set plan_cache_mode = force_generic_plan")
        for number, text in enumerate((check_text(program, words), effect_text(program, of.shape, words).text)):
            connection.execute(f"prepare span_{number} (text, bigint, bigint) as {text}")
            rows = connection.execute(f"explain execute span_{number} ('', 19000, 20000)").fetchall()
            plan = "\n".join(line for (line,) in rows)
            assert "event_pkey" in plan
            assert "Seq Scan" not in plan


def _append_many(storage: Any, turn: int) -> None:
    name, version, data = REGISTRY.encode(Charged(NOON.date(), Decimal("1.50"), NOON))
    events = [EncodedEvent((turn * 1000 + n).to_bytes(16, "big"), name, version, data) for n in range(1000)]
    storage.commit(Unit("", (StreamAppend(f"stay-{turn}", -1, tuple(events)),)))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def storage(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path / 'store.db'}"
    if request.param == "postgres":
        server, schema = (request.getfixturevalue(name) for name in ("postgres_url", "postgres_schema"))
        url = f"{server}{'&' if '?' in server else '?'}schema={schema}"
    with EventStore.open(url, migrate="auto") as store:
        yield store.storage


def rows_after(storage: Any, of: TableProjection, moments: list[datetime]) -> list[dict[str, Any]]:
    last, program = filled(storage, moments), of.program(REGISTRY)
    storage.transact(lambda transaction: transaction.create_target(TARGET, of.shape))
    count = storage.transact(lambda transaction: transaction.project("", TARGET, of.shape, program, span=(0, last)))
    assert count == len(moments)
    return list(storage.select("", TARGET, of.shape, Selection()).rows)


def test_moments_with_and_without_a_fraction_are_in_one_order(storage):
    """A whole second is written without a fraction: as text it would come after its own tenth."""
    of = table(first=Timestamp, last=Timestamp, later=Integer)
    of.on(Charged).min(first="at").max(last="at").at(day="day")
    of.on(Charged).increment(later=1).when(field("at") > NOON).at(day="day")
    tenth, second = NOON + timedelta(milliseconds=100), NOON + timedelta(seconds=1)
    assert rows_after(storage, of, [second, tenth, NOON]) == [
        {"day": NOON.date(), "first": NOON, "last": second, "later": 2}
    ]


def test_rules_that_each_change_another_column_run_in_one_statement(storage):
    """The first two say nothing of the third's counter: its place in theirs must be of its type."""
    of = table(amount=Numeric(9, 2), most=Numeric(9, 2), kind=Text, count=Integer)
    of.on(Charged).insert(kind="kind").at(day="day")
    of.on(Charged).max(most="amount").at(day="day")
    of.on(Charged).increment(amount="amount").at(day="day")
    of.on(Charged).increment(count=1).at(day="day")
    found = {"day": NOON.date(), "amount": Decimal("3.00"), "most": Decimal("1.50"), "kind": "bar", "count": 2}
    assert rows_after(storage, of, [NOON, NOON]) == [found]
