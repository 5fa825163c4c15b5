"""pyeventsourcing, on either engine: its Application with its default, safe settings (no database functions).

Appends through `events.put`, loads through `repository.get`, commands as get, trigger, save; its own notification
log for catching up. Sixteen and 128 callers are threads, as its API is synchronous.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

from ..clock import rate, rate_threads, throughput
from ..sample import COMMAND_EVENTS, CORRELATION, LINE, LOG_EVENTS, LOG_STREAM_EVENTS, STREAM_EVENTS

FIELDS: dict[str, Any] = {
    "order_id": LINE.order_id,
    "product": LINE.product,
    "description": LINE.description,
    "quantity": LINE.quantity,
    "unit_price": LINE.unit_price,
    "currency": LINE.currency,
    "warehouse": LINE.warehouse,
    "placed_at": LINE.placed_at,
    "correlation_id": CORRELATION,
}


class Order(Aggregate):
    @event("Started")
    def __init__(self) -> None:
        self.lines = 0
        self.amount = Decimal(0)

    @event("LineAdded")
    def add(
        self, line: int, order_id: str, product: str, description: str, quantity: int, unit_price: Decimal,
        currency: str, warehouse: str, placed_at: datetime, correlation_id: str,
    ) -> None:  # fmt: skip
        self.lines += 1
        self.amount += quantity * unit_price


def _open(url: str) -> Application:
    return Application(env=_environment(url))


def _environment(url: str) -> dict[str, str]:
    if url.startswith("sqlite:"):
        name = url.removeprefix("sqlite:///")
        return {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": name, "SQLITE_LOCK_TIMEOUT": "30"}
    parts = urlsplit(url)
    host = parts.hostname or dict(parse_qsl(parts.query)).get("host", "localhost")
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parts.path[1:],
        "POSTGRES_HOST": host,
        "POSTGRES_PORT": str(parts.port or 5432),
        "POSTGRES_USER": parts.username or "postgres",
        "POSTGRES_PASSWORD": parts.password or "postgres",
        "POSTGRES_POOL_SIZE": "16",
        "POSTGRES_MAX_OVERFLOW": "16",
    }


def _line(order: uuid.UUID, version: int) -> Any:
    return Order.LineAdded(  # type: ignore[attr-defined]
        originator_id=order,
        originator_version=version,
        timestamp=datetime.now(timezone.utc),
        line=version,
        **FIELDS,
    )


def _started(order: uuid.UUID) -> Any:
    topic = "bench.contestants.pyeventsourcing:Order"
    return Order.Started(  # type: ignore[attr-defined]
        originator_id=order, originator_version=1, timestamp=datetime.now(timezone.utc), originator_topic=topic
    )


def _history(lines: int) -> list[Any]:
    order = uuid.uuid4()
    return [_started(order), *(_line(order, n + 2) for n in range(lines - 1))]


def prepare(url: str) -> None:
    application = _open(url)
    for _ in range(LOG_EVENTS // LOG_STREAM_EVENTS // 50):
        application.events.put([e for _ in range(50) for e in _history(LOG_STREAM_EVENTS)])
    application.close()


def append_1(url: str, seconds: float) -> float:
    return _with(url, lambda application: rate(lambda: application.events.put([_started(uuid.uuid4())]), seconds))


def append_16(url: str, seconds: float) -> float:
    return _threads(url, seconds, 16)


def append_128(url: str, seconds: float) -> float:
    return _threads(url, seconds, 128)


def _threads(url: str, seconds: float, threads: int) -> float:
    def run(application: Application) -> float:
        calls = [lambda: application.events.put([_started(uuid.uuid4())])] * threads
        return rate_threads(calls, seconds)

    return _with(url, run)


def batch_10(url: str, seconds: float) -> float:
    return _with(url, lambda application: rate(lambda: application.events.put(_history(10)), seconds) * 10)


def batch_1000(url: str, seconds: float) -> float:
    return _with(url, lambda application: rate(lambda: application.events.put(_history(1000)), seconds) * 1000)


def load_100(url: str, seconds: float) -> float:
    def run(application: Application) -> float:
        history = _history(STREAM_EVENTS)
        application.events.put(history)
        return rate(lambda: application.repository.get(history[0].originator_id), seconds)

    return _with(url, run)


def command_1(url: str, seconds: float) -> float:
    def run(application: Application) -> float:
        orders = _ten(application, 500)
        return rate(lambda: _command(application, next(orders)), seconds)

    return _with(url, run)


def command_16(url: str, seconds: float) -> float:
    def run(application: Application) -> float:
        shares = [_ten(application, 60) for _ in range(16)]
        calls: list[Callable[[], object]] = [
            lambda share=share: _command(application, next(share))
            for share in shares  # type: ignore[misc]
        ]
        return rate_threads(calls, seconds)

    return _with(url, run)


def _command(application: Application, order_id: uuid.UUID) -> None:
    order: Any = application.repository.get(order_id)
    order.add(line=order.lines + 1, **FIELDS)
    application.save(order)


def catch_up(url: str, seconds: float) -> float:
    def run(application: Application) -> float:
        def read() -> int:
            done, after = 0, 0
            while done < LOG_EVENTS:
                page = application.recorder.select_notifications(start=after + 1, limit=1000)
                for notification in page:
                    application.mapper.to_domain_event(notification)
                if not page:
                    break
                done, after = done + len(page), page[-1].id
            return done

        read()
        return throughput(read)

    return _with(url, run)


def _with(url: str, run: Callable[[Application], float]) -> float:
    application = _open(url)
    try:
        return run(application)
    finally:
        application.close()


def _ten(application: Application, number: int) -> Iterator[uuid.UUID]:
    histories = [_history(COMMAND_EVENTS) for _ in range(number)]
    for history in histories:  # thousands in one call never return on PostgreSQL
        application.events.put(history)
    return itertools.cycle([history[0].originator_id for history in histories])
