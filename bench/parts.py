"""Where a single append's time goes: `python -m bench.parts` takes the flush away, and counts pages of the WAL.

Everything is microseconds an append to a new stream: through the store, at the storage port, and by the raw driver.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

import everfold as ef
from everfold.runtime.ids import new_id_bytes
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

from . import server
from .contestants import raw_postgres, raw_sqlite
from .sample import METADATA_JSON, line, orders, plain_json

CALLS = 2_000
FRAME_BYTES = 4096 + 24


def cost(call: Callable[[], object], calls: int = CALLS) -> float:
    """Microseconds a call, after a warm-up."""
    for _ in range(300):
        call()
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls * 1e6


def through_store(store: ef.EventStore) -> Callable[[], object]:
    numbers = itertools.count()
    return lambda: store.append(f"order-a{next(numbers)}", [line(1)], expected_version=0)


def at_port(store: ef.EventStore) -> Callable[[], object]:
    numbers = itertools.count()
    tenant = store.tenant
    data, metadata = plain_json(1).encode(), METADATA_JSON.encode()

    def append() -> object:
        event = EncodedEvent(new_id_bytes(), "order_line_added", 1, data, metadata)
        return store.storage.commit(Unit(tenant, (StreamAppend(f"order-b{next(numbers)}", 0, (event,)),)))

    return append


def pages(wal: Path, call: Callable[[], object]) -> float:
    """Pages that a call adds to the WAL."""
    before = wal.stat().st_size
    for _ in range(50):
        call()
    return (wal.stat().st_size - before) / FRAME_BYTES / 50


def sqlite(folder: Path) -> None:
    for synchronous in ("FULL", "NORMAL"):
        path, raw_path = folder / f"{synchronous}.db", folder / f"raw-{synchronous}.db"
        with ef.EventStore.open(f"sqlite:///{path}", orders, synchronous=synchronous) as store:
            connection = raw_sqlite._connect(f"sqlite:///{raw_path}")
            connection.execute(raw_sqlite.SCHEMA)
            connection.execute(f"pragma synchronous = {synchronous}")
            streams = raw_sqlite._streams()

            def raw(connection=connection, streams=streams) -> None:
                raw_sqlite._commit(connection, next(streams), 1)

            port = at_port(store)
            port()
            raw()
            counted = pages(Path(f"{path}-wal"), port), pages(Path(f"{raw_path}-wal"), raw)
            told("SQLite " + synchronous, cost(through_store(store)), cost(port), cost(raw))
            print(f"{'':24} WAL pages an append: everfold {counted[0]:.1f}, raw {counted[1]:.1f}")


def postgres(url: str) -> None:
    ours, plain = server.fresh_database(url, "parts"), server.fresh_database(url, "parts_raw")
    for commit in ("on", "off"):
        for database in ("parts", "parts_raw"):
            with psycopg.connect(url, autocommit=True) as admin:
                admin.execute(f"alter database {database} set synchronous_commit = {commit}")  # type: ignore[arg-type]
        # a tenant a round, so that every append begins a new stream
        own = ef.EventStore.open(ours, orders, tenant=commit)
        with own as store, psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(raw_postgres.SCHEMA)
            streams = raw_postgres._streams()

            def raw(connection=connection, streams=streams) -> object:
                return connection.execute(raw_postgres.INSERT, raw_postgres._row(next(streams), 1)).fetchone()

            told(f"PostgreSQL, flush {commit}", cost(through_store(store)), cost(at_port(store)), cost(raw))


def told(what: str, store: float, port: float, raw: float) -> None:
    print(f"{what:24} store {store:5.0f}   port {port:5.0f}   raw {raw:5.0f}", flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="everfold-parts-") as folder:
        sqlite(Path(folder))
    with server.postgres() as url:
        postgres(url)


if __name__ == "__main__":
    main()
