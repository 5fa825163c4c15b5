"""everfold's projections, on either engine: a `Worker` that catches up, one that follows, rebuilds, two that share."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import everfold as ef
from everfold import EventStore

from ..clock import throughput
from ..latency import probe
from ..projected import EVENTS, PRODUCTS, batches, peak_memory, product, sold
from ..sample import OrderLineAdded

COLUMNS = {"product": ef.Text, "lines": ef.Integer, "quantity": ef.BigInteger, "amount": ef.Numeric(14, 2)}
LIVE = "live_lines"
BURST_EVENTS = 200_000
UPSERT = (
    "insert into sold as s (product, lines, quantity, amount) values (%s, 1, %s, %s) on conflict (product) do update set "
    "lines = s.lines + 1, quantity = s.quantity + excluded.quantity, amount = s.amount + excluded.amount"
)


def _declared(name: str, **options: Any) -> ef.TableProjection:
    """Fed inside the database, as nothing in it is Python."""
    table = ef.TableProjection(name, columns=COLUMNS, key=["product"], **options)
    table.on(OrderLineAdded).increment(lines=1, quantity="quantity", amount="unit_price").at(product="product")
    return table


def _in_python(name: str, **options: Any) -> ef.TableProjection:
    """Fed in Python, as one of its sources is a function."""
    table = ef.TableProjection(name, columns=COLUMNS, key=["product"], **options)
    rule = table.on(OrderLineAdded)
    rule.increment(lines=1, quantity=lambda line: line.quantity, amount="unit_price").at(product="product")
    return table


def _documents(name: str, **options: Any) -> ef.DocumentProjection:
    return _counted(ef.DocumentProjection(name, key=lambda line: line.product, **options))


def _orders(name: str, **options: Any) -> ef.DocumentProjection:
    """As many documents as orders, for a rebuild that has more of them than it may keep."""
    return _counted(ef.DocumentProjection(name, key=lambda line: line.order_id, **options))


def _counted(documents: ef.DocumentProjection) -> ef.DocumentProjection:
    @documents.on(OrderLineAdded)
    def _(document: Any, line: OrderLineAdded, recorded: Any) -> dict[str, Any]:
        found = document or {"lines": 0, "quantity": 0}
        return {"lines": found["lines"] + 1, "quantity": found["quantity"] + line.quantity}

    return documents


def _handler(name: str, **options: Any) -> ef.HandlerProjection:
    handler = ef.HandlerProjection(name, **options)

    @handler.setup
    def _(transaction: Any) -> None:
        transaction.execute("drop table if exists sold")
        transaction.execute(
            "create table sold (product text primary key, lines bigint, quantity bigint, amount numeric(14, 2))"
        )

    @handler.on(OrderLineAdded)
    def _(transaction: Any, recorded: Any) -> None:
        line = recorded.event
        transaction.execute(UPSERT, (line.product, line.quantity, line.unit_price))

    return handler


KINDS: dict[str, Callable[..., Any]] = {
    "declared": _declared,
    "in_python": _in_python,
    "documents": _documents,
    "orders": _orders,
    "handler": _handler,
}


def _open(url: str, *projections: Any, **options: Any) -> EventStore:
    module = ef.Module("sales")
    module.event("order_line_added")(OrderLineAdded)
    module.add(*projections)
    return EventStore.open(url, module, migrate="auto", **options)


def prepare(url: str) -> None:
    fill(url, EVENTS)


def fill(url: str, events: str | int) -> None:
    """A log of so many events."""
    with _open(url) as store:
        for batch in batches(int(events)):
            with store.unit() as unit:
                for name, lines in batch:
                    unit.append(name, lines, expected_version=0)
    if url.startswith("postgres"):
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("analyze")


# Projecting a log that is there


def declared(url: str, turn: str) -> float:
    return _project(url, "declared", int(turn))


def in_python(url: str, turn: str) -> float:
    return _project(url, "in_python", int(turn))


def documents(url: str, turn: str) -> float:
    return _project(url, "documents", int(turn))


def handler(url: str, turn: str) -> float:
    return _project(url, "handler", int(turn))


def _project(url: str, kind: str, turn: int) -> float:
    projection = KINDS[kind](f"{kind}_{turn}")
    with _open(url, projection) as store:
        worker = ef.Worker(store)

        def run() -> int:
            worker.run_until_caught_up()
            return EVENTS

        rate = throughput(run)
        _check(store, projection, kind, EVENTS)
    return rate


def _check(store: EventStore, projection: Any, kind: str, events: int) -> None:
    """Every event once: what is not right isn't fast either."""
    if kind in ("declared", "in_python"):
        lines = sum(row["lines"] for row in store.read_model(projection).rows(limit=2 * PRODUCTS))
        assert lines == events, f"{lines} of {events} lines are in the table"
    elif kind == "documents":
        found = [store.read_model(projection).get(product(n)) for n in range(PRODUCTS)]
        assert sum(f["lines"] for f in found) == events, "the documents do not hold every line once"
    status = store.projections().status(projection)[0]
    assert (status.events, status.lag) == (events, 0), f"the worker stopped at {status}"


# Following


def live(url: str, kind: str) -> list[float]:
    """Milliseconds from the call of `append` until another process's projection shows the event."""
    projection = KINDS[kind](LIVE)
    with _open(url, projection) as store:
        store.append("first", [sold(0)], expected_version=0)
        worker = _worker("follow", url, kind, "1")
        try:
            store.wait_for(projection, store.head(), timeout=30)
            return probe(
                lambda n: store.append(f"probe-{n}", [sold(n)], expected_version=0).position,
                lambda position: store.wait_for(projection, position, timeout=10),
            )
        finally:
            worker.terminate()
            worker.wait(20)


def follow(url: str, kind: str, partitions: str) -> None:
    """A worker, until SIGTERM, or until the process that started it is gone."""
    with _open(url, KINDS[kind](LIVE, partitions=int(partitions))) as store:
        worker = ef.Worker(store)
        threading.Thread(target=lambda: (sys.stdin.read(), worker.stop()), daemon=True).start()
        worker.run()


def _worker(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.one_projected", "projecting_everfold", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


# Rebuilding


def rebuild(url: str, kind: str, events: str) -> dict[str, float]:
    """Events a second, and what the rebuilding process held at most."""
    projection = KINDS[kind](f"long_{kind}")
    with _open(url, projection) as store:
        store.projections().register(projection)
        before = peak_memory()

        def run() -> int:
            store.projections().rebuild(projection)
            return int(events)

        rate = throughput(run)
        _check_rebuilt(store, projection, int(events))
    return {"rate": rate, "memory": peak_memory(), "before": before}


def _check_rebuilt(store: EventStore, projection: Any, events: int) -> None:
    built = next(s for s in store.projections().status(projection) if s.state == "standby")
    assert (built.events, built.lag) == (events, 0), f"the rebuild stopped at {built}"


# Sharing


def shared(url: str, kind: str, processes: str) -> float:
    """Events a second of a projection in two parts, fed by that many processes, from one burst that is there at once."""
    projection = KINDS[kind](LIVE, partitions=2)
    limits = ef.Limits(append_events=BURST_EVENTS, append_bytes=1 << 30)
    with _open(url, projection, limits=limits) as store:
        store.projections().register(projection)
        workers = [_worker("follow", url, kind, "2") for _ in range(int(processes))]
        try:
            _until(lambda: len(_owners(url)) == int(processes))
            with store.unit() as unit:
                for name, lines in [pair for batch in batches(BURST_EVENTS) for pair in batch]:
                    unit.append(name, lines, expected_version=0)
            started, head = time.perf_counter(), store.head()
            store.wait_for(projection, head, timeout=200)
            rate = BURST_EVENTS / (time.perf_counter() - started)
            _check(store, projection, kind, BURST_EVENTS)
            assert len(_owners(url)) == int(processes), "a worker lost its part on the way"
            return rate
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(20)


def _owners(url: str) -> set[str]:
    """Who holds the projection's two parts; nobody while one of them is free."""
    import psycopg

    with psycopg.connect(url) as connection:
        rows = connection.execute("select owner from everfold.consumer where name like %s", (f"{LIVE}%",)).fetchall()
    owners = {row[0] for row in rows}
    return set() if None in owners or len(rows) != 2 else owners


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the workers did not share the projection in time"
        time.sleep(0.05)
