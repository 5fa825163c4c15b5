"""Does it stay as fast? Appends, loads and tail reads at 100,000, 1 and 5 million events, on both engines."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

import everfold as ef

from . import server
from .sample import LOG_STREAM_EVENTS, line, order, orders

STEPS = (100_000, 1_000_000, 5_000_000)
UNIT_STREAMS = 140
LOOKS = 1_000
TAIL = 50_000


@dataclass(frozen=True)
class Grown:
    engine: str
    events: int
    append_p50: float
    append_p99: float
    load_p50: float
    tail: float
    size: int


def measure(postgres_url: str, folder: Path, up_to: int) -> list[Grown]:
    """Grow a store on each engine to `up_to` events, measuring at each step."""
    database = server.fresh_database(postgres_url, "bench_growth")
    found = []
    for engine, url in (("PostgreSQL", database), ("SQLite", f"sqlite:///{folder}/growth.db")):
        with ef.EventStore.open(url, orders, migrate="auto") as store:
            found += _grow(
                store, engine, [step for step in STEPS if step <= up_to], lambda e=engine: _size(e, database, folder)
            )
    return found


def _grow(store: ef.EventStore, engine: str, steps: list[int], size: Callable[[], int]) -> list[Grown]:
    found, streams = [], 0
    chance = random.Random(4711)
    for step in steps:
        while streams * LOG_STREAM_EVENTS < step:
            with store.unit() as unit:
                for _ in range(UNIT_STREAMS):
                    events = [line(n) for n in range(LOG_STREAM_EVENTS)]
                    unit.append(f"log-{streams}", events, expected_version=0)
                    streams += 1
        print(f"growth: {engine} at {step:,} events", file=sys.stderr, flush=True)
        found.append(_look(store, engine, streams, chance, size()))
    return found


def _look(store: ef.EventStore, engine: str, streams: int, chance: random.Random, size: int) -> Grown:
    events = streams * LOG_STREAM_EVENTS
    appends = [
        _timed(lambda n=n: store.append(f"new-{events}-{n}", [line(1)], expected_version=0)) for n in range(LOOKS)
    ]
    loads = [_timed(lambda: store.load(f"log-{chance.randrange(streams)}", order)) for _ in range(LOOKS)]
    after = store.head() - TAIL
    started = time.perf_counter()
    read = sum(1 for recorded in store.read_all(after=after) if recorded.event)
    tail = read / (time.perf_counter() - started)
    cuts = quantiles(appends, n=100)
    return Grown(engine, events, cuts[49], cuts[98], quantiles(loads, n=100)[49], tail, size)


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1e6


def _size(engine: str, database: str, folder: Path) -> int:
    if engine == "SQLite":
        return sum(path.stat().st_size for path in folder.glob("growth.db*"))
    import psycopg

    with psycopg.connect(database) as connection:
        row = connection.execute("select pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])
