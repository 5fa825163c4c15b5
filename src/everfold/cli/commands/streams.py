"""`everfold streams`: which streams there are, and where each stands."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ..command import command
from ..results import show
from ..settings import Settings
from ..telling import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...event_store import EventStore
    from ...events.stream import StreamState

__all__ = ["streams"]

COLUMNS = ("stream", "version", "status", "created_at", "updated_at", "truncated_before")
LIMIT = 1000


@command("streams")
@click.option("--category", metavar="NAME", help="only streams of this category")
@click.option("--after", default="", metavar="STREAM", help="only streams that come after this name")
@click.option("-n", "--limit", type=click.IntRange(0), default=LIMIT, metavar="N", help=f"at most so many [{LIMIT}]")
def streams(settings: Settings, *, category: str | None, after: str, limit: int) -> None:
    """List the streams by name: version, status, when each began and last changed."""
    from ..opening import open_store

    with open_store(settings) as store:
        found = [_view(state) for state in islice(_all(store, category, after), limit + 1)]
    shown, more = found[:limit], len(found) > limit
    last = shown[-1]["stream"] if more and shown else None
    rows = [[stream[column] for column in COLUMNS] for stream in shown]
    show(settings, {"streams": shown, "next": last}, columns=COLUMNS, rows=rows, narrow=COLUMNS[:5])
    if last is not None:
        note(settings, f"there are more: --after {last!r}")


def _all(store: EventStore, category: str | None, after: str) -> Iterator[StreamState]:
    while page := store.streams(category=category, after=after):
        yield from page
        after = page[-1].name


def _view(state: StreamState) -> dict[str, Any]:
    from ..event_view import moment

    return {
        "stream": state.name,
        "version": state.version,
        "status": state.status,
        "created_at": moment(state.created_at),
        "updated_at": moment(state.updated_at),
        "truncated_before": state.truncated_before,
    }
