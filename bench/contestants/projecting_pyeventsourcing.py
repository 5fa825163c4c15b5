"""pyeventsourcing's projections: a `Projection` whose view writes its row and the tracking record in one transaction.

On PostgreSQL its `ProjectionRunner` feeds it, in a process of its own for the live row. Its SQLite has no subscriptions, so
there the notification log is pulled in sections and each event handed to `process_event`, as its pull-based runner does.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from eventsourcing.application import Application
from eventsourcing.domain import AggregateCreated
from eventsourcing.persistence import InfrastructureFactory, Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteTrackingRecorder
from eventsourcing.utils import Environment
from psycopg.sql import SQL

from ..latency import probe
from ..projected import PEER_EVENTS, product, streams
from ..sample import OrderLineAdded
from .pyeventsourcing import FIELDS, Order, _environment, _open, _started

TABLE = (
    "create table if not exists sold (product text primary key, lines bigint, quantity bigint, amount numeric(14, 2))"
)
UPSERT = (
    "insert into sold as s values ({mark}, 1, {mark}, {mark}) on conflict (product) do update set lines = s.lines + 1, "
    "quantity = s.quantity + excluded.quantity, amount = s.amount + excluded.amount"
)
PAGE = 1000


class PostgresSold(PostgresTrackingRecorder):
    def __init__(self, datastore: Any, **options: Any) -> None:
        super().__init__(datastore, **options)
        self.sql_create_statements.append(SQL(TABLE))

    def add(self, values: tuple[Any, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(UPSERT.format(mark="%s"), values, prepare=True)


class SqliteSold(SQLiteTrackingRecorder):
    def construct_create_table_statements(self) -> list[str]:
        return [*super().construct_create_table_statements(), TABLE]

    def add(self, values: tuple[Any, ...], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            product, quantity, amount = values
            cursor.execute(UPSERT.format(mark="?"), (product, quantity, float(amount)))


class Sold(Projection[Any]):
    name = "sold"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        if isinstance(domain_event, AggregateCreated):
            values: tuple[Any, ...] = (product(0), FIELDS["quantity"], FIELDS["unit_price"])
        else:
            values = (domain_event.product, domain_event.quantity, domain_event.unit_price)
        self.view.add(values, tracking)


def each(url: str, turn: str) -> float:
    """Events a second, on a database of its own: one transaction an event, as its view has it."""
    application = _open(url)
    for history in _histories():
        application.events.put(history)
    started = time.perf_counter()
    if url.startswith("sqlite:"):
        view = _pulled(application, url)
    else:
        application.close()
        with _runner(url) as runner:
            _wait_for(runner.view, PEER_EVENTS, seconds=60)
        return PEER_EVENTS / (time.perf_counter() - started)
    rate = PEER_EVENTS / (time.perf_counter() - started)
    assert view.max_tracking_id(application.name) == PEER_EVENTS
    application.close()
    return rate


def _histories() -> Iterator[list[Any]]:
    for _, lines in streams(PEER_EVENTS):
        order = uuid.uuid4()
        yield [_started(order), *(_sold(order, version, line) for version, line in enumerate(lines[1:], 2))]


def _sold(order: uuid.UUID, version: int, line: OrderLineAdded) -> Any:
    return Order.LineAdded(  # type: ignore[attr-defined]
        originator_id=order,
        originator_version=version,
        timestamp=datetime.now(timezone.utc),
        line=version,
        **{**FIELDS, "product": line.product},
    )


def _runner(url: str) -> Any:
    return ProjectionRunner(
        application_class=Application, projection_class=Sold, view_class=PostgresSold, env=_environment(url)
    )


def _view(url: str) -> Any:
    env = Environment("sold", _environment(url))
    return (
        InfrastructureFactory[Any]
        .construct(env=env)
        .tracking_recorder(SqliteSold if url.startswith("sqlite:") else PostgresSold)
    )


def _pulled(application: Application, url: str) -> Any:
    view = _view(url)
    projection, after = Sold(view=view), 0
    while page := application.recorder.select_notifications(start=after + 1, limit=PAGE):
        for notification in page:
            projection.process_event(
                application.mapper.to_domain_event(notification), Tracking(application.name, notification.id)
            )
        after = page[-1].id
    return view


def live(url: str, _: str) -> list[float]:
    """Milliseconds from `put` until another process's runner has tracked the event."""
    application = _open(url)
    view = _view(url)
    first = _put(application)
    runner = subprocess.Popen(
        [sys.executable, "-m", "bench.one_projected", "projecting_pyeventsourcing", "follow", url],
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(view, first, seconds=30)
        return probe(
            lambda number: _put(application),
            lambda position: _wait_for(view, position, seconds=10),
        )
    finally:
        runner.terminate()
        runner.wait(20)
        application.close()


def _put(application: Application) -> int:
    application.events.put([_started(uuid.uuid4())])
    position = application.recorder.max_notification_id()
    assert position is not None
    return position


def follow(url: str) -> None:
    """A runner, until SIGTERM."""
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with _runner(url):
        stopped.wait()


def _wait_for(view: Any, position: int, seconds: float) -> None:
    """Its own `wait` looks every 100 ms; this is as quick as everfold's `wait_for`."""
    end, pause = time.monotonic() + seconds, 0.001
    while (view.max_tracking_id(Application.name) or 0) < position:
        assert time.monotonic() < end, "the runner did not get there in time"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.05)
