"""The limit on SQLite: the sqlite3 module by hand on the plainest event table, WAL, synchronous FULL."""

from __future__ import annotations

import itertools
import json
import sqlite3
import threading
import uuid
from decimal import Decimal

from ..clock import rate, rate_threads, throughput
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
  position integer primary key autoincrement, stream text not null, version integer not null, id text not null,
  type text not null, data text not null, metadata text not null, recorded_at text not null default current_timestamp,
  unique (stream, version))
"""
INSERT = "insert into event(stream, version, id, type, data, metadata) values (?, ?, ?, 'order_line_added', ?, ?)"
LOAD = "select data from event where stream = ? order by version"
PAGE = "select position, stream, version, id, type, data, metadata, recorded_at from event where position > ? order by position limit 1000"


def _connect(url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        url.removeprefix("sqlite:///"), timeout=30, isolation_level=None, check_same_thread=False
    )
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = full")
    return connection


def prepare(url: str) -> None:
    connection = _connect(url)
    connection.execute(SCHEMA)
    connection.execute("begin immediate")
    for n in range(LOG_EVENTS):
        stream, version = divmod(n, LOG_STREAM_EVENTS)
        connection.execute(INSERT, (f"log-{stream}", version + 1, str(uuid.uuid4()), plain_json(n), METADATA_JSON))
    _insert(connection, "load-100", STREAM_EVENTS)
    connection.execute("commit")
    connection.close()


def append_1(url: str, seconds: float) -> float:
    connection, streams = _connect(url), _streams()
    return rate(lambda: _commit(connection, next(streams), 1), seconds)


def batch_10(url: str, seconds: float) -> float:
    connection, streams = _connect(url), _streams()
    return rate(lambda: _commit(connection, next(streams), 10), seconds) * 10


def batch_1000(url: str, seconds: float) -> float:
    connection, streams = _connect(url), _streams()
    return rate(lambda: _commit(connection, next(streams), 1000), seconds) * 1000


def append_128(url: str, seconds: float) -> float:
    """128 threads over one connection and a lock: SQLite has one writer, so no more can be had without group commit."""
    connection, streams, lock = _connect(url), _streams(), threading.Lock()

    def one() -> None:
        with lock:
            _commit(connection, next(streams), 1)

    return rate_threads([one] * 128, seconds)


def load_100(url: str, seconds: float) -> float:
    connection = _connect(url)
    return rate(lambda: _load(connection.execute(LOAD, ("load-100",)).fetchall()), seconds)


def command_1(url: str, seconds: float) -> float:
    connection = _connect(url)
    names = [f"ten-{uuid.uuid4().hex[:8]}-{n}" for n in range(2000)]
    connection.execute("begin immediate")
    for name in names:
        _insert(connection, name, COMMAND_EVENTS)
    connection.execute("commit")
    streams = itertools.cycle(names)

    def one() -> None:
        stream = next(streams)
        state = _load(connection.execute(LOAD, (stream,)).fetchall())
        connection.execute("begin immediate")
        connection.execute(INSERT, _row(stream, state.lines + 1))
        connection.execute("commit")

    return rate(one, seconds)


def catch_up(url: str, seconds: float) -> float:
    connection = _connect(url)

    def run() -> int:
        done, after = 0, 0
        while done < LOG_EVENTS:
            rows = connection.execute(PAGE, (after,)).fetchall()
            done, after = done + len(rows), rows[-1][0]
        return done

    run()
    return throughput(run)


def _commit(connection: sqlite3.Connection, stream: str, size: int) -> None:
    connection.execute("begin immediate")
    _insert(connection, stream, size)
    connection.execute("commit")


def _insert(connection: sqlite3.Connection, stream: str, size: int) -> None:
    connection.executemany(INSERT, [_row(stream, n + 1) for n in range(size)])


def _row(stream: str, version: int) -> tuple:
    return stream, version, str(uuid.uuid4()), plain_json(version), METADATA_JSON


def _load(rows: list[tuple]) -> Total:
    """Folded from plain data: by hand nobody would build an object only to add two numbers."""
    lines, amount = 0, Decimal(0)
    for (data,) in rows:
        event = json.loads(data)
        lines += 1
        amount += event["quantity"] * Decimal(event["unit_price"])
    return Total(lines, amount)


def _streams():
    run = uuid.uuid4().hex[:8]
    return (f"order-{run}-{n}" for n in itertools.count())
