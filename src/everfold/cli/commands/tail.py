"""`everfold tail`: the log as it grows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command import command
from ..failure import usage
from ..filters import filter_options, query_of
from ..settings import Settings
from ..telling import note

if TYPE_CHECKING:
    from ...event_store import EventStore
    from ...events.query import Query
    from ..event_writer import EventWriter

__all__ = ["tail"]

LAST = 10
LAST_MAX = 10_000
"""Held in memory, as they are found backwards and shown forwards."""


@command("tail")
@click.option(
    "-n", "--last", type=click.IntRange(0, LAST_MAX), metavar="N", help=f"begin with the last N events [{LAST}]"
)
@click.option("--since", type=click.IntRange(0), metavar="POSITION", help="begin after this position instead")
@click.option("--no-follow", is_flag=True, help="end when everything there is was shown")
@click.option("--raw", is_flag=True, help="the data as stored, not upcast by --app")
@filter_options
def tail(
    settings: Settings,
    *,
    last: int | None,
    since: int | None,
    no_follow: bool,
    raw: bool,
    types: tuple[str, ...],
    categories: tuple[str, ...],
    tags: tuple[str, ...],
) -> int:
    """Show the last events of the log, and new ones as they come. Ctrl-C ends it.

    No event is missed and none is shown twice, whatever transactions are open.
    """
    from ..event_writer import EventWriter
    from ..opening import open_store

    if last is not None and since is not None:
        raise usage("--last and --since both say where to begin; give one of them")
    query = query_of(types, categories, tags)
    with open_store(settings) as store:
        writer = EventWriter(settings, store, raw=raw)
        after = _show_last(store, writer, query, LAST if last is None else last) if since is None else since
        if not no_follow:
            _follow(settings, store, writer, query, after)
        elif since is not None:
            _show_rest(store, writer, query, since)
    return writer.exit_code


def _show_last(store: EventStore, writer: EventWriter, query: Query | None, last: int) -> int:
    """Show the last events up to the horizon, and give the horizon."""
    horizon = store.head()
    newest = store.read_all(query=query, backwards=True, limit=last)
    # what came after the look at the horizon is left to following, which begins there
    for event in [event for event in newest if event.position <= horizon][::-1]:
        writer.write(event)
    return horizon


def _show_rest(store: EventStore, writer: EventWriter, query: Query | None, after: int) -> None:
    for event in store.read_all(after=after, query=query):
        writer.write(event)


def _follow(settings: Settings, store: EventStore, writer: EventWriter, query: Query | None, after: int) -> None:
    from ...subscriptions.marker import CaughtUp

    note(settings, f"following after position {after}; Ctrl-C ends it")
    writer.flush()
    for event in store.subscribe(after=after, query=query):
        if isinstance(event, CaughtUp):
            writer.flush()
        else:
            writer.write(event)
