"""How a build comes to be fed inline, and back: behind the gate that every append with inline projections stands in.

While the gate is held alone, every append that found the build fed by its consumer has committed, and none is under way. What
is left of the log is drained into the build, and from the commit on appends find it fed inline. A crash before it
leaves everything as it was.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from .. import limits
from ..errors import ProjectionError, StorageUnavailableError
from ..events.envelope import RecordedEvent
from ..events.query import Query
from ..storage.control import BuildRow, ConsumerRow
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import StoredDocument, Target
from ..store.scope_async import AsyncScope
from ..subscriptions.applier_async import AsyncApplier
from . import control, lifecycle_async
from .feeding_async import applier_of
from .projection import Projection, Timing

__all__ = ["hand_over_due"]

_logger = logging.getLogger("everfold.projections")
_NEAR = 1000
"""What is drained behind the closed gate is time that appends wait: about 10 ms at most."""


async def hand_over_due(scope: AsyncScope) -> bool:
    """Hand every build over whose definition's timing is not how it is fed, if it is near enough; whether any was.

    A gate that others stand in for too long is tried again another time.
    """
    if not scope.catalogue.projections:
        return False
    rows = await scope.storage.build_rows(scope.tenant)
    handed = False
    for row in rows:
        projection = scope.catalogue.defined(row.target.projection, row.target.version)
        if projection is None or row.state not in control.FED or projection.timing is Timing.LIVE:
            continue
        inline = projection.timing is Timing.INLINE
        if inline is (row.fed == "inline") or control.code_changed(row, projection):
            continue
        try:
            handed = await (_to_inline if inline else _to_consumer)(scope, projection, row) or handed
        except StorageUnavailableError as error:
            _logger.info("the gate of %s is not free (%s); trying again", row.target.consumer, error)
    return handed


async def _to_inline(scope: AsyncScope, projection: Projection, row: BuildRow) -> bool:
    consumers = await scope.storage.consumer_rows(scope.tenant)
    own = [c for c in consumers if c.name == row.target.consumer]
    head = await scope.storage.head(scope.tenant)
    if any(c.status != "running" for c in own) or head - control.position_of(own, row) > _NEAR:
        return False
    applier = applier_of(scope, projection, row.target)

    async def work(transaction: AsyncTransaction) -> bool:
        await transaction.gate(scope.tenant, (row.target.projection,), exclusive=True)
        current = await _current(scope, transaction, row.target)
        held = await transaction.consumers(scope.tenant, (row.target.consumer,))
        if current is None or current.fed != "consumer" or not held or held[0].status != "running":
            return False
        if await transaction.letters(scope.tenant, row.target.consumer, lane=None, limit=1):
            return False  # an inline build has no dead letters: they are retried or skipped first
        position = await _drain(scope, transaction, applier, projection, held[0].position)
        # whoever holds the lease finds its next move refused, and every later one, as the consumer doesn't run
        moved = [_at_rest(c, position, "paused") for c in held]
        await transaction.save_consumers(scope.tenant, moved)
        changed = msgspec.structs.replace(current, fed="inline", timing="inline")
        await lifecycle_async.save(scope, transaction, changed, "fed inline", {"position": position})
        return True

    return await scope.storage.transact(work)


async def _to_consumer(scope: AsyncScope, projection: Projection, row: BuildRow) -> bool:
    head = await scope.storage.head(scope.tenant)
    query = projection.query(scope.registry)

    async def work(transaction: AsyncTransaction) -> bool:
        await transaction.gate(scope.tenant, (row.target.projection,), exclusive=True)
        current = await _current(scope, transaction, row.target)
        if current is None or current.fed != "inline":
            return False
        position = head
        async for events in _rest(scope, transaction, query, head):
            position = events[-1].position
        held = await transaction.consumers(scope.tenant, (row.target.consumer,))
        moved = [_at_rest(c, position, "running") for c in held]
        await transaction.save_consumers(scope.tenant, moved)
        changed = msgspec.structs.replace(current, fed="consumer", timing="catch_up")
        await lifecycle_async.save(scope, transaction, changed, "fed by its consumer", {"position": position})
        return True

    return await scope.storage.transact(work)


async def _drain(
    scope: AsyncScope, transaction: AsyncTransaction, applier: AsyncApplier, projection: Projection, after: int
) -> int:
    """Apply what the consumer hasn't; the position of the last event."""

    async def load(target: Target, keys: Sequence[str]) -> Mapping[str, StoredDocument]:
        return await transaction.documents(scope.tenant, target, sorted(keys))

    async for events in _rest(scope, transaction, projection.query(scope.registry), after):
        applier.forget()
        plan = await applier.plan(events, (), load, {})
        for failure in plan.findings.failures:
            event = failure.event
            raise ProjectionError(
                projection.name,
                f"it can't become inline: {type(failure.error).__name__}: {failure.error}",
                position=event.position,
                event_type=event.type,
                stream=event.stream,
            ) from failure.error
        await plan.write(transaction)
        after = events[-1].position
    return after


async def _rest(
    scope: AsyncScope, transaction: AsyncTransaction, query: Query, after: int
) -> AsyncIterator[list[RecordedEvent]]:
    while True:
        page = await transaction.events(scope.tenant, after=after, query=query, limit=limits.CONSUMER_BATCH_EVENTS)
        if page.rows:
            origin = scope.origin(page)
            yield [RecordedEvent(row, origin) for row in page.rows]
        if not page.more:
            return
        after = page.position


def _at_rest(row: ConsumerRow, position: int, status: str) -> ConsumerRow:
    return msgspec.structs.replace(row, position=position, event_id=None, token=row.token + 1, status=status)


async def _current(scope: AsyncScope, transaction: AsyncTransaction, target: Target) -> BuildRow | None:
    rows = await transaction.builds(scope.tenant, (target.projection,))
    return next((r for r in rows if r.target == target and r.state in control.FED), None)
