"""The result of an append: what was just written, or what an earlier call of it had written."""

from __future__ import annotations

from ..events.envelope import Origin, RecordedEvent, Row
from ..events.query import Query
from ..storage.unit import Appended, StreamAppend
from .outcome import AppendResult, written_rows
from .scope_async import AsyncScope

__all__ = ["append_result"]


async def append_result(scope: AsyncScope, append: StreamAppend, appended: Appended, repeated: bool) -> AppendResult:
    """The result of one append of a committed unit; a repeated one shows the events that are stored, not those sent."""
    if repeated and append.events:
        rows, origin = await _stored(scope, appended)
        return AppendResult(appended, lambda: _recorded(rows, origin), repeated)
    origin = Origin(scope.registry.decode, scope.tenant)
    return AppendResult(appended, lambda: _recorded(written_rows(append, appended), origin), repeated)


def _recorded(rows: list[Row], origin: Origin) -> tuple[RecordedEvent, ...]:
    return tuple(RecordedEvent(row, origin) for row in rows)


async def _stored(scope: AsyncScope, appended: Appended) -> tuple[list[Row], Origin]:
    wanted = set(appended.positions)
    rows: list[Row] = []
    after = appended.positions[0] - 1
    while True:
        page = await scope.storage.read_all(
            scope.tenant,
            after=after,
            before=appended.positions[-1] + 1,
            query=Query(),
            backwards=False,
            limit=1000,
            beyond_horizon=True,
        )
        rows += [row for row in page.rows if row[0] in wanted]
        if len(rows) == len(wanted) or not page.more:
            return rows, scope.origin(page)
        after = page.position
