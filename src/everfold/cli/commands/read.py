"""`everfold read`: the events of a stream, or of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..command import command
from ..failure import not_found, usage
from ..filters import filter_options, query_of
from ..settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...event_store import EventStore
    from ...events.envelope import RecordedEvent
    from ...events.query import Query

__all__ = ["read"]


@command("read")
@click.argument("stream", required=False)
@click.option("--all", "everything", is_flag=True, help="the whole log instead of a stream")
@click.option("-n", "--limit", type=click.IntRange(0), metavar="N", help="at most so many events")
@click.option("--after", type=click.IntRange(0), default=0, metavar="N", help="after this version (--all: position)")
@click.option("--up-to", type=click.IntRange(0), metavar="N", help="up to this version")
@click.option("--backwards", is_flag=True, help="the last one first")
@click.option("--raw", is_flag=True, help="the data as stored, not upcast by --app")
@filter_options
def read(
    settings: Settings,
    *,
    stream: str | None,
    everything: bool,
    limit: int | None,
    after: int,
    up_to: int | None,
    backwards: bool,
    raw: bool,
    types: tuple[str, ...],
    categories: tuple[str, ...],
    tags: tuple[str, ...],
) -> int:
    """Read a stream in order of version, or the log (--all) in order of position.

    --type, --category and --tag choose from the log. One line per event.
    """
    from ..event_writer import EventWriter
    from ..opening import open_store

    query = query_of(types, categories, tags)
    _check(stream, everything, up_to, query)
    with open_store(settings) as store:
        writer = EventWriter(settings, store, raw=raw)
        for event in (
            store.read_all(after=after, query=query, backwards=backwards, limit=limit)
            if stream is None
            else _of_stream(store, stream, (after, up_to), backwards=backwards, limit=limit)
        ):
            writer.write(event)
    return writer.exit_code


def _check(stream: str | None, everything: bool, up_to: int | None, query: Query | None) -> None:
    if (stream is None) is not everything:
        raise usage("name one stream, or --all for the log", "everfold read STREAM, or everfold read --all")
    if everything and up_to is not None:
        raise usage("--up-to is a version of a stream; with --all use -n")
    if not everything and query is not None:
        raise usage("--type, --category and --tag choose from the log: add --all, and leave out the stream")


def _of_stream(
    store: EventStore, stream: str, versions: tuple[int, int | None], *, backwards: bool, limit: int | None
) -> Iterator[RecordedEvent]:
    after, up_to = versions
    state = store.stream(stream)
    if state is None:
        raise not_found("stream_not_found", f"there is no stream {stream!r}", "everfold streams")
    if state.status == "tombstoned":
        message = f"stream {stream!r} was tombstoned at version {state.version} and can't be read as a stream"
        raise not_found("stream_tombstoned", message, "everfold read --all still shows its events")
    return store.read_stream(stream, after_version=after, up_to_version=up_to, backwards=backwards, limit=limit)
