"""The limit of projecting: a driver by hand, on either engine, the checkpoint in the transaction of its rows.

`batched` reads pages and upserts a page's sums, `each` runs one statement an event, `inside` is one statement for many pages.
One reader that trusts the numbers of an identity column: no gap safety, no lease, no dead letters.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ..clock import throughput
from ..projected import BATCH, EVENTS, sold, streams
from ..sample import METADATA_JSON, plain
from . import raw_postgres, raw_sqlite

SPAN = 50_000
TABLES = (
    "drop table if exists sold",
    "create table sold (product text primary key, lines bigint, quantity bigint, amount numeric(14, 2))",
    "create table if not exists checkpoint (name text primary key, position bigint)",
    "delete from checkpoint",
    "insert into checkpoint values ('sold', 0)",
)
PAGE = "select position, data from event where position > {mark} order by position limit {limit}"
MOVE = "update checkpoint set position = {mark} where name = 'sold' and position = {mark}"
ADD = (
    "on conflict (product) do update set lines = s.lines + excluded.lines, "
    "quantity = s.quantity + excluded.quantity, amount = s.amount + excluded.amount"
)
ROW = f"insert into sold as s values ({{mark}}, {{mark}}, {{mark}}, {{mark}}) {ADD}"
ROWS_POSTGRES = (
    f"insert into sold as s select * from unnest(%s::text[], %s::bigint[], %s::bigint[], %s::numeric[]) {ADD}"
)
INSIDE_POSTGRES = (
    "insert into sold as s select data->>'product', count(*), sum((data->>'quantity')::bigint), "
    "sum((data->>'unit_price')::numeric) from event where position > %s and position <= %s group by 1 order by 1 " + ADD
)
INSIDE_SQLITE = (
    "insert into sold as s select data->>'product', count(*), sum(data->>'quantity'), sum(cast(data->>'unit_price' as real)) "
    "from event where position > ? and position <= ? group by 1 " + ADD
)


class _Postgres:
    """One connection, `%s`, sums in one `unnest`."""

    mark, inside = "%s", INSIDE_POSTGRES

    def __init__(self, url: str) -> None:
        import psycopg

        self.connection = psycopg.connect(url, autocommit=True)

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        return self.connection.execute(sql, values)

    def transaction(self) -> Any:
        return self.connection.transaction()

    def many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        self.connection.cursor().executemany(sql, rows)

    def upsert(self, sums: dict[str, list[Any]]) -> None:
        columns = zip(*((key, *values) for key, values in sums.items()), strict=True)
        self.execute(ROWS_POSTGRES, tuple(list(column) for column in columns))

    def data(self, value: Any) -> Any:
        return value


class _Sqlite:
    """One connection, `?`, sums by executemany."""

    mark, inside = "?", INSIDE_SQLITE

    def __init__(self, url: str) -> None:
        self.connection: sqlite3.Connection = raw_sqlite._connect(url)
        self.connection.isolation_level = "IMMEDIATE"

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> Any:
        return self.connection.execute(sql, values)

    def transaction(self) -> Any:
        return self.connection

    def many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        self.connection.executemany(sql, rows)

    def upsert(self, sums: dict[str, list[Any]]) -> None:
        rows = [(key, lines, quantity, float(amount)) for key, (lines, quantity, amount) in sums.items()]
        self.many(ROW.format(mark="?"), rows)

    def data(self, value: str) -> Any:
        return json.loads(value)


def _open(url: str) -> Any:
    return _Sqlite(url) if url.startswith("sqlite:") else _Postgres(url)


def prepare(url: str) -> None:
    database = _open(url)
    schema = raw_sqlite.SCHEMA if url.startswith("sqlite:") else raw_postgres.SCHEMA
    insert = raw_sqlite.INSERT if url.startswith("sqlite:") else raw_postgres.INSERT.removesuffix("returning position")
    database.execute(schema)
    rows = [
        (name, version, str(uuid.uuid4()), _json(line.line), METADATA_JSON)
        for name, lines in streams(EVENTS)
        for version, line in enumerate(lines, 1)
    ]
    with database.transaction():
        database.many(insert, rows)
    database.execute("analyze")


def _json(number: int) -> str:
    line = sold(number)
    return json.dumps({**plain(number), "order_id": line.order_id, "product": line.product}, separators=(",", ":"))


def batched(url: str, turn: str) -> float:
    return _project(url, _batched)


def each(url: str, turn: str) -> float:
    return _project(url, _each)


def inside(url: str, turn: str) -> float:
    return _project(url, _inside)


def _project(url: str, way: Callable[[Any], int]) -> float:
    database = _open(url)
    for statement in TABLES:
        database.execute(statement)
    if url.startswith("sqlite:"):
        database.connection.commit()
    rate = throughput(lambda: way(database))
    found = database.execute("select sum(lines) from sold").fetchone()[0]
    assert found == EVENTS, f"{found} of {EVENTS} lines are in the table"
    return rate


def _batched(database: Any) -> int:
    def write(page: list[Any]) -> None:
        sums: dict[str, list[Any]] = {}
        for event in page:
            known = sums.setdefault(event["product"], [0, 0, Decimal(0)])
            known[0] += 1
            known[1] += event["quantity"]
            known[2] += Decimal(event["unit_price"])
        database.upsert(sums)

    return _pages(database, write)


def _each(database: Any) -> int:
    statement = ROW.format(mark=database.mark)
    number = float if database.mark == "?" else Decimal
    return _pages(
        database,
        lambda page: database.many(
            statement, [(e["product"], 1, e["quantity"], number(e["unit_price"])) for e in page]
        ),
    )


def _pages(database: Any, write: Callable[[list[Any]], None]) -> int:
    page, move = (sql.format(mark=database.mark, limit=BATCH) for sql in (PAGE, MOVE))
    done = since = 0
    while rows := database.execute(page, (since,)).fetchall():
        with database.transaction():
            assert database.execute(move, (rows[-1][0], since)).rowcount == 1
            write([database.data(data) for _, data in rows])
        since, done = rows[-1][0], done + len(rows)
    return done


def _inside(database: Any) -> int:
    move = MOVE.format(mark=database.mark)
    head, since = database.execute("select max(position) from event").fetchone()[0], 0
    while since < head:
        up_to = min(head, since + SPAN)
        with database.transaction():
            assert database.execute(move, (up_to, since)).rowcount == 1
            database.execute(database.inside, (since, up_to))
        since = up_to
    return EVENTS
