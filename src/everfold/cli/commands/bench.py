"""`everfold bench`: what this store does on this machine, with events of a usual size, in streams of its own.

Events can't be deleted, so it refuses a store that holds any, unless it is told again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command import command
from ..failure import refused
from ..results import show
from ..settings import Settings
from ..telling import note

if TYPE_CHECKING:
    from ...event_store import EventStore
    from ..measuring import Measured

__all__ = ["bench"]

COLUMNS = ("measure", "value")
KINDS = ("append", "read", "load")
CONCURRENCY_MAX = 256


@command("bench")
@click.argument("what", type=click.Choice(KINDS))
@click.option("--duration", type=click.FloatRange(0.01, 3600), default=5.0, metavar="SECONDS", help="how long [5]")
@click.option("--concurrency", type=click.IntRange(1, CONCURRENCY_MAX), default=1, metavar="N", help="threads [1]")
@click.option(
    "--batch",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="events of one append [1], of one read [1000], of the stream that is loaded [100]",
)
def bench(settings: Settings, *, what: str, duration: float, concurrency: int, batch: int | None) -> None:
    """Measure appending events, reading the log, or loading a stream and folding it.

    It writes to streams of the category everfoldbench, which stay; a store that holds events is refused without --yes.
    """
    from ..measuring import BENCH, measure, workload
    from ..opening import open_store

    with open_store(settings, migrate="create", modules=(BENCH,)) as store:
        _refuse_events(settings, store)
        note(settings, f"{what}: preparing")
        work = workload(what, store, batch)
        note(settings, f"{what}: {concurrency} thread(s), {work.batch} event(s) each time, {duration:g} s")
        measured = measure(work.operation, duration, concurrency)
    _show(settings, measured, {"what": what, "concurrency": concurrency, "batch": work.batch})


def _refuse_events(settings: Settings, store: EventStore) -> None:
    if store.head() and not settings.yes:
        message = "the store holds events, and what a bench appends can't be deleted again"
        raise refused("store_not_empty", message, "name a store of its own: --db sqlite:///bench.db; or pass --yes")


def _show(settings: Settings, measured: Measured, asked: dict[str, object]) -> None:
    data = {**asked, **measured.figures()}
    rows = [(name, value) for name, value in data.items() if name != "latency_ms"]
    rows += [(f"latency_ms_{name}", value) for name, value in measured.latencies_ms().items()]
    show(settings, data, columns=COLUMNS, rows=rows)
