"""Reading the log and streams, page by page, on one session.

A page of the whole log that is contiguous from where it begins needs no horizon: nothing can appear between adjacent
positions. At a gap the horizon is taken and the rows are read again, in a later snapshot. `Page.position` is always
a position at which a committed event stood, or the `after` that was given: a crash of the server takes the sequence
back below what was drawn, and a place that was never an event's may be another event's later.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from ... import limits
from ...events.envelope import Row
from ...events.query import Query
from ..unit import Page
from .errors import stream_closed
from .horizon_async import Horizon, take_horizon
from .packing import EPOCH_MICROSECONDS, pack_int8
from .query import matching
from .session_async import AsyncSession

__all__ = ["AsyncReader", "Span"]

_LAST = 2**63 - 1
_position = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Span:
    """What of a tenant's log is asked for: low < position ≤ high, up to `limit` events of the part that match."""

    tenant: str
    low: int
    high: int
    query: Query
    limit: int
    partition: tuple[int, int] = (0, 1)

    @classmethod
    def of(
        cls,
        tenant: str,
        after: int,
        before: int | None,
        query: Query,
        limit: int,
        *,
        partition: tuple[int, int] = (0, 1),
    ) -> Span:
        """The port's bounds, both exclusive there."""
        return cls(tenant, after, _LAST if before is None else before - 1, query, limit, partition)

    @property
    def everything(self) -> bool:
        """Whether every event between the bounds is asked for, so that adjacent positions leave nothing out."""
        return self.query.everything and self.partition[1] == 1

    @property
    def scans(self) -> bool:
        """Whether events must be looked at that don't match."""
        return not self.everything and not all(item.tags for item in self.query.items)


class AsyncReader:
    """Reads of one schema. Keeps names of streams by id; they never change."""

    def __init__(self, schema: str, sql: Mapping[str, bytes]) -> None:
        self._schema = schema
        self._sql = sql
        self._names: dict[int, str] = {}
        self._gaps = False

    async def stream(
        self,
        session: AsyncSession,
        tenant: str,
        stream: str,
        low: int,
        high: int | None,
        *,
        backwards: bool,
        limit: int,
    ) -> Page:
        """One round trip: the stream's own row and its events, low < version ≤ high."""
        statement = self._sql["stream_backwards" if backwards else "stream_forwards"]
        rows = await session.fetch(statement, tenant, stream, low, _LAST if high is None else high, limit)
        if not rows:
            return Page([])
        version, status = rows[0][10:12]
        if status == "tombstoned":
            raise stream_closed(stream, status)
        if rows[0][0] is None:
            return Page([], version=version)
        end = rows[-1][2]
        rest = end > low + 1 if backwards else end < version and (high is None or end < high)
        more = len(rows) == limit and rest
        names = {rows[0][1]: stream}
        return Page(rows, more=more, version=version, names=names, epoch_microseconds=EPOCH_MICROSECONDS)

    async def log(self, session: AsyncSession, span: Span, *, backwards: bool, beyond_horizon: bool) -> Page:
        """A page of the tenant's log."""
        if backwards:
            page = await self._backwards(session, span)
        elif beyond_horizon:
            page = await self._beyond(session, span)
        elif span.everything:
            page = await self._everything(session, span)
        else:
            page = await self._window(session, span, await take_horizon(session, self._sql))
        page.names = await self._names_of(session, span.tenant, page.rows)
        page.epoch_microseconds = EPOCH_MICROSECONDS
        return page

    async def head(self, session: AsyncSession, tenant: str) -> int:
        """The highest committed position up to the horizon."""
        return await self._last(session, tenant, 0, (await take_horizon(session, self._sql)).position)

    async def _everything(self, session: AsyncSession, span: Span) -> Page:
        # where the last page had gaps this one will have some too, so it begins with the horizon
        if not self._gaps:
            rows = await self._rows(session, span)
            if _contiguous(rows, span.low):
                return _delivered(rows, span)
        horizon = await take_horizon(session, self._sql)
        rows = await self._rows(session, span)
        self._gaps = not _contiguous(rows, span.low)
        return _delivered(rows, span) if not self._gaps else _up_to(horizon, rows, span)

    async def _window(self, session: AsyncSession, span: Span, horizon: Horizon, *, final: bool = True) -> Page:
        """What matches in the positions that one statement may look at; `final`: only up to the horizon."""
        first = await self._first(session, span.tenant, span.low, span.high)
        top = min(span.high, horizon.position) if final else span.high
        if first is None or first > top:
            return Page([], span.low, blocked=first is not None and horizon.blocks(first))
        high = min(top, first + limits.SCAN_POSITIONS - 1) if span.scans else top
        wanted = matching(self._schema, span.query, False, span.partition)
        rows = await session.fetch(wanted.text, span.tenant, span.low, high, span.limit, *wanted.parameters)
        if len(rows) == span.limit:
            return Page(rows, rows[-1][0], more=True)
        # above the horizon others may still appear, also between two looks at the same place: a cursor, no checkpoint
        last = max(await self._last(session, span.tenant, span.low, high), rows[-1][0] if rows else 0)
        above = None if high < top or not final else await self._first(session, span.tenant, top, span.high)
        return Page(rows, last, more=high < top, blocked=above is not None and horizon.blocks(above))

    async def _beyond(self, session: AsyncSession, span: Span) -> Page:
        horizon = await take_horizon(session, self._sql)
        taken = await self._last(session, span.tenant, 0, horizon.position)
        page = await self._window(session, span, horizon, final=False)
        page.horizon = taken
        return page

    async def _backwards(self, session: AsyncSession, span: Span) -> Page:
        top = min(span.high, (await take_horizon(session, self._sql)).position)
        last = await self._last(session, span.tenant, span.low, top)
        low = max(span.low, last - limits.SCAN_POSITIONS) if span.scans else span.low
        if span.everything:
            rows = await session.fetch(self._sql["page_backwards"], span.tenant, low, last, span.limit)
        else:
            wanted = matching(self._schema, span.query, True, span.partition)
            rows = await session.fetch(wanted.text, span.tenant, low, last, span.limit, *wanted.parameters)
        if len(rows) == span.limit:
            return Page(rows, rows[-1][0], more=True)
        if low == span.low:
            return Page(rows, span.low)
        return Page(rows, await self._first(session, span.tenant, low, last) or span.low, more=True)

    async def _rows(self, session: AsyncSession, span: Span) -> list[Row]:
        return await session.fetch(self._sql["page"], span.tenant, span.low, span.high, span.limit)

    async def _first(self, session: AsyncSession, tenant: str, low: int, high: int) -> int | None:
        row = await session.fetch_one(self._sql["first_position"], tenant, low, high)
        return None if row is None else row[0]

    async def _last(self, session: AsyncSession, tenant: str, low: int, high: int) -> int:
        row = await session.fetch_one(self._sql["last_position"], tenant, low, high)
        return low if row is None else row[0]

    async def _names_of(self, session: AsyncSession, tenant: str, rows: list[Row]) -> Mapping[Any, str]:
        """The cache, once it has every stream of the page. A full one is left to the pages that hold it, and begun anew."""
        names = self._names
        missing = {row[1] for row in rows} - names.keys() - {None}
        if not missing:
            return names
        if len(names) + len(missing) > limits.NAME_CACHE_ENTRIES:
            self._names = names = {}
            missing = {row[1] for row in rows} - {None}
        names.update(await session.fetch(self._sql["names"], pack_int8(list(missing)), tenant))
        return names


def _contiguous(rows: list[Row], after: int) -> bool:
    """Positions increase, so the last one tells."""
    return not rows or rows[-1][0] - after == len(rows)


def _delivered(rows: list[Row], span: Span) -> Page:
    return Page(rows, rows[-1][0] if rows else span.low, more=len(rows) == span.limit)


def _up_to(horizon: Horizon, rows: list[Row], span: Span) -> Page:
    """The rows that are final; those above wait for an open append, or were drawn after the first look."""
    final = max(bisect_right(rows, horizon.position, key=_position), _contiguous_prefix(rows, span.low))
    if final == len(rows):
        return _delivered(rows, span)
    blocked = horizon.blocks(rows[final][0])
    kept = rows[:final]
    return Page(kept, kept[-1][0] if kept else span.low, more=not blocked, blocked=blocked)


def _contiguous_prefix(rows: list[Row], after: int) -> int:
    """How many rows follow `after` without a gap."""
    return bisect_right(range(len(rows)), 0, key=lambda index: rows[index][0] - after - 1 - index)
