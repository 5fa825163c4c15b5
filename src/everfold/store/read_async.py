"""Reading: a stream, or the whole log, page by page."""

from __future__ import annotations

from collections.abc import AsyncIterator

from .. import limits
from ..errors import ConfigurationError
from ..events.envelope import RecordedEvent, Row
from ..events.query import Query
from ..storage.unit import Page
from .encoding import resolve_query
from .scope_async import AsyncScope

__all__ = ["check_number", "next_limit", "read_all", "read_stream", "stream_pages"]


async def read_stream(
    scope: AsyncScope,
    stream: str,
    *,
    after_version: int,
    up_to_version: int | None,
    backwards: bool,
    limit: int | None,
) -> AsyncIterator[RecordedEvent]:
    """The events of one stream; see `AsyncEventStore.read_stream`."""
    pages = stream_pages(
        scope, stream, after_version=after_version, up_to_version=up_to_version, backwards=backwards, limit=limit
    )
    async for page in pages:
        origin = scope.origin(page)
        for row in page.rows:
            yield RecordedEvent(row, origin)


async def stream_pages(
    scope: AsyncScope,
    stream: str,
    *,
    after_version: int = 0,
    up_to_version: int | None = None,
    backwards: bool = False,
    limit: int | None = None,
) -> AsyncIterator[Page]:
    """The pages of one stream, the first one short. There is always one, as it says the stream's version."""
    check_number("after_version", after_version)
    check_number("up_to_version", up_to_version)
    check_number("limit", limit)
    left = limit
    size = limits.PAGE_EVENTS_FIRST
    while True:
        scope.refuse_closed()
        wanted = size if left is None else min(size, left)
        page = await scope.storage.read_stream(
            scope.tenant,
            stream,
            after_version=after_version,
            up_to_version=up_to_version,
            backwards=backwards,
            limit=wanted,
        )
        yield page
        left = None if left is None else left - len(page.rows)
        if len(page.rows) < wanted or left == 0:
            return
        if backwards:
            up_to_version = page.rows[-1][2] - 1
        else:
            after_version = page.rows[-1][2]
        size = next_limit(page.rows)


async def read_all(
    scope: AsyncScope,
    *,
    after: int,
    query: Query | None,
    backwards: bool,
    limit: int | None,
) -> AsyncIterator[RecordedEvent]:
    """The events of the whole log; see `AsyncEventStore.read_all`."""
    check_number("after", after)
    check_number("limit", limit)
    resolved = resolve_query(scope.registry, query)
    before: int | None = None
    left = limit
    size = limits.PAGE_EVENTS
    while left != 0:
        scope.refuse_closed()
        page = await scope.storage.read_all(
            scope.tenant,
            after=after,
            before=before,
            query=resolved,
            backwards=backwards,
            limit=size if left is None else min(size, left),
        )
        origin = scope.origin(page)
        for row in page.rows:
            yield RecordedEvent(row, origin)
        if not page.more:
            return
        left = None if left is None else left - len(page.rows)
        if backwards:
            before = page.position
        else:
            after = page.position
        size = next_limit(page.rows) if page.rows else size


def next_limit(rows: list[Row]) -> int:
    """How many rows to fetch next: the full page, or fewer when these rows are so large that a page would swell."""
    average = sum(len(row[7]) for row in rows) // len(rows) + 1 if rows else 1
    return max(1, min(limits.PAGE_EVENTS, limits.PAGE_BYTES // average))


def check_number(name: str, value: int | None) -> None:
    """Raise ConfigurationError for what is no version, position or limit."""
    if value is not None and (type(value) is not int or not 0 <= value <= limits.POSITION_MAX):
        raise ConfigurationError(f"{name} must be a number from 0 on, not {value!r}")
