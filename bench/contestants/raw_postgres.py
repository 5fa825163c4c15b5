"""The limit on PostgreSQL: psycopg by hand on the plainest event table (identity, unique stream and version, JSON).

No gap safety, no objects but what a load folds, no idempotency: a floor, not a product. Rows of many callers use 16
connections, each insert its own transaction.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from decimal import Decimal

import psycopg
from psycopg_pool import AsyncConnectionPool

from ..clock import rate, rate_tasks, throughput
from ..sample import (
    COMMAND_EVENTS,
    LOG_EVENTS,
    LOG_STREAM_EVENTS,
    METADATA_JSON,
    STREAM_EVENTS,
    Total,
    plain_json,
)

SCHEMA = """
create table if not exists event(
  position bigint generated always as identity primary key,
  stream text not null, version bigint not null, id uuid not null, type text not null,
  data json not null, metadata json not null, recorded_at timestamptz not null default now(),
  unique (stream, version))
"""
INSERT = "insert into event(stream, version, id, type, data, metadata) values (%s, %s, %s, 'order_line_added', %s, %s) returning position"
LOAD = "select data from event where stream = %s order by version"
PAGE = "select position, stream, version, id, type, data, metadata, recorded_at from event where position > %s order by position limit 1000"


def prepare(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
        with connection.cursor().copy("copy event(stream, version, id, type, data, metadata) from stdin") as copy:
            for n in range(LOG_EVENTS):
                stream, version = divmod(n, LOG_STREAM_EVENTS)
                copy.write_row(
                    (f"log-{stream}", version + 1, uuid.uuid4(), "order_line_added", plain_json(n), METADATA_JSON)
                )
        _insert(connection, "load-100", 0, STREAM_EVENTS)
        connection.execute("analyze event")


def append_1(url: str, seconds: float) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        streams = _streams()
        return rate(lambda: connection.execute(INSERT, _row(next(streams), 1)).fetchone(), seconds)


def batch_10(url: str, seconds: float) -> float:
    return _batch(url, seconds, 10)


def batch_1000(url: str, seconds: float) -> float:
    return _batch(url, seconds, 1000)


def _batch(url: str, seconds: float, size: int) -> float:
    with psycopg.connect(url) as connection:
        streams = _streams()

        def one() -> None:
            _insert(connection, next(streams), 0, size)
            connection.commit()

        return rate(one, seconds) * size


def append_16(url: str, seconds: float) -> float:
    return asyncio.run(_append_many(url, seconds, 16))


def append_128(url: str, seconds: float) -> float:
    return asyncio.run(_append_many(url, seconds, 128))


async def _append_many(url: str, seconds: float, tasks: int) -> float:
    streams = _streams()
    async with AsyncConnectionPool(url, min_size=16, max_size=16, kwargs={"autocommit": True}) as pool:

        async def one() -> None:
            async with pool.connection() as connection:
                await (await connection.execute(INSERT, _row(next(streams), 1))).fetchone()

        return await rate_tasks([one] * tasks, seconds)


def load_100(url: str, seconds: float) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        return rate(lambda: _load(connection.execute(LOAD, ("load-100",)).fetchall()), seconds)


def command_1(url: str, seconds: float) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        streams = itertools.cycle(_ten(connection))

        def one() -> None:
            stream = next(streams)
            state = _load(connection.execute(LOAD, (stream,)).fetchall())
            connection.execute(INSERT, _row(stream, state.lines + 1))

        return rate(one, seconds)


def command_16(url: str, seconds: float) -> float:
    return asyncio.run(_command_many(url, seconds))


async def _command_many(url: str, seconds: float) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        streams = itertools.cycle(_ten(connection))
    async with AsyncConnectionPool(url, min_size=16, max_size=16, kwargs={"autocommit": True}) as pool:

        async def one() -> None:
            stream = next(streams)
            async with pool.connection() as connection:
                state = _load(await (await connection.execute(LOAD, (stream,))).fetchall())
                await connection.execute(INSERT, _row(stream, state.lines + 1))

        return await rate_tasks([one] * 16, seconds)


def catch_up(url: str, seconds: float) -> float:
    def run() -> int:
        done, after = 0, 0
        while done < LOG_EVENTS:
            rows = connection.execute(PAGE, (after,)).fetchall()
            done, after = done + len(rows), rows[-1][0]
        return done

    with psycopg.connect(url, autocommit=True) as connection:
        run()
        return throughput(run)


def _load(rows: list[tuple]) -> Total:
    """Folded from plain data: by hand nobody would build an object only to add two numbers."""
    lines, amount = 0, Decimal(0)
    for (event,) in rows:
        lines += 1
        amount += event["quantity"] * Decimal(event["unit_price"])
    return Total(lines, amount)


def _row(stream: str, version: int) -> tuple:
    return stream, version, uuid.uuid4(), plain_json(version), METADATA_JSON


def _insert(connection: psycopg.Connection, stream: str, after: int, size: int) -> None:
    connection.cursor().executemany(INSERT, [_row(stream, after + n + 1) for n in range(size)])


def _ten(connection: psycopg.Connection) -> list[str]:
    run = uuid.uuid4().hex[:8]
    names = [f"ten-{run}-{n}" for n in range(2000)]
    rows = [_row(name, version + 1) for name in names for version in range(COMMAND_EVENTS)]
    connection.cursor().executemany(INSERT, rows)
    return names


def _streams():
    run = uuid.uuid4().hex[:8]
    return (f"order-{run}-{n}" for n in itertools.count())
