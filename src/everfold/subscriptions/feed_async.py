"""The endless feed: read to the horizon, say so, wait for a hint, read again.

A hint carries no data and may be lost or doubled; the feed polls by itself, so hints only make it quicker.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from .. import limits
from ..errors import StoreClosedError
from ..events.envelope import RecordedEvent
from ..events.query import Query
from ..storage.unit import Page
from ..store.encoding import resolve_query
from ..store.read_async import check_number, next_limit
from ..store.scope_async import AsyncScope
from .marker import CaughtUp

__all__ = ["subscribe"]


async def subscribe(scope: AsyncScope, *, after: int, query: Query | None) -> AsyncIterator[RecordedEvent | CaughtUp]:
    """Events after `after`, endlessly; see `AsyncEventStore.subscribe`."""
    check_number("after", after)
    resolved = resolve_query(scope.registry, query)
    told = False
    pause = limits.POLL_SECONDS_MIN
    size = limits.PAGE_EVENTS
    while not scope.closed:
        hint = scope.storage.hint()
        page = await _next_page(scope, after, resolved, size)
        if page is None:
            return
        origin = scope.origin(page)
        for row in page.rows:
            yield RecordedEvent(row, origin)
        after = page.position
        told = told and not page.rows
        pause = limits.POLL_SECONDS_MIN if page.rows else min(pause * 2, limits.POLL_SECONDS_MAX)
        if page.more:
            size = next_limit(page.rows)
            continue
        if not told:
            told = True
            yield CaughtUp(after)
        await scope.storage.wait(hint, pause if page.blocked else limits.SUBSCRIPTION_LOOK_SECONDS)


async def _next_page(scope: AsyncScope, after: int, query: Query, size: int) -> Page | None:
    try:
        return await scope.storage.read_all(
            scope.tenant, after=after, before=None, query=query, backwards=False, limit=size
        )
    except StoreClosedError:
        return None
