"""A LIVE projection: folded from the log whenever somebody asks, into a memory store that is thrown away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from .. import limits
from ..errors import ProjectionError
from ..events.envelope import RecordedEvent
from ..events.stream import category_of
from ..storage.port_async import AsyncStorage, AsyncTransaction
from ..storage.read_model import StoredDocument, Target
from ..store import read_async
from ..store.scope_async import AsyncScope
from ..subscriptions.applier_async import AsyncApplier
from .document import DocumentProjection
from .feeding_async import applier_of
from .keys import by_stream
from .projection import Projection

__all__ = ["live_model"]


async def live_model(scope: AsyncScope, projection: Projection, key: str | None) -> tuple[AsyncStorage, Target]:
    """A store that holds what the projection makes of the log as it is now; of one key only, where that is enough.

    Raises ProjectionError on the first event that it fails on.
    """
    storage = scope.scratch()
    target = projection.target()
    applier = applier_of(scope, projection, target)
    await storage.transact(lambda transaction: _begin(scope, transaction, projection, target))
    batch: list[RecordedEvent] = []
    async for event in _events(scope, projection, key):
        batch.append(event)
        if len(batch) == limits.CONSUMER_BATCH_EVENTS:
            await _apply(scope, storage, projection, applier, batch)
            batch = []
    await _apply(scope, storage, projection, applier, batch)
    return storage, target


async def _begin(scope: AsyncScope, transaction: AsyncTransaction, projection: Projection, target: Target) -> None:
    from ..storage.control import BuildRow
    from .control import definition_of

    await transaction.create_target(target, projection.shape)
    definition = definition_of(projection)
    await transaction.save_build(scope.tenant, BuildRow(target, "active", "live", "inline", "", definition))


async def _events(scope: AsyncScope, projection: Projection, key: str | None) -> AsyncIterator[RecordedEvent]:
    query = projection.query(scope.registry)
    whole_stream = (
        isinstance(projection, DocumentProjection) and projection.single_stream and projection.key is by_stream
    )
    if key is not None and whole_stream:
        async for event in read_async.read_stream(
            scope, key, after_version=0, up_to_version=None, backwards=False, limit=None
        ):
            if query.matches(event.type, category_of(key), event.tags):
                yield event
        return
    async for event in read_async.read_all(scope, after=0, query=query, backwards=False, limit=None):
        yield event


async def _apply(
    scope: AsyncScope, storage: AsyncStorage, projection: Projection, applier: AsyncApplier, batch: list[RecordedEvent]
) -> None:
    async def load(target: Target, keys: Sequence[str]) -> Mapping[str, StoredDocument]:
        return (await storage.stored_documents(scope.tenant, target, keys)).documents

    plan = await applier.plan(batch, (), load, {})
    for failure in plan.findings.failures:
        event = failure.event
        raise ProjectionError(
            projection.name,
            f"{type(failure.error).__name__}: {failure.error}",
            position=event.position,
            event_type=event.type,
            stream=event.stream,
        ) from failure.error
    await storage.transact(plan.write)
    plan.kept()
