"""Inline projections: applied in the transaction of the append, so that reader and writer never disagree.

How a build is fed is decided in the transaction itself, behind the gate that a rebuild closes for its last step: whoever found it
fed by its consumer has committed before the rebuild drains the rest, and whoever comes later finds it fed inline. The
gate is taken first and the builds are looked at in a later statement; in one statement the look could be older than the gate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import CommitUnknownError, ProjectionError, StorageUnavailableError, StoreClosedError
from ..events.envelope import Origin, RecordedEvent
from ..events.stream import category_of
from ..storage.control import BuildRow
from ..storage.port_async import AsyncTransaction, AsyncUnitTarget
from ..storage.read_model import StoredDocument, Target
from ..storage.unit import Committed, Unit
from ..store.outcome import written_rows
from ..store.scope_async import AsyncInline, AsyncScope
from . import control, lifecycle_async
from .feeding_async import applier_of
from .projection import Projection, Timing

__all__ = ["AsyncInlineProjections", "inline_of"]


async def inline_of(scope: AsyncScope) -> AsyncInline | None:
    """What commits appends together with their inline projections; None when the store has none."""
    declared = [p for p in scope.catalogue.projections if p.timing is Timing.INLINE]
    rows = await scope.storage.build_rows(scope.tenant) if declared else []
    for projection in declared:
        if control.to_be_registered(projection, rows):
            await lifecycle_async.register(scope, projection)
    if not scope.catalogue.projections:
        return None
    names = {p.name for p in declared}
    if len(names) < len({p.name for p in scope.catalogue.projections}):
        # a release before this one may have declared them inline, and they are still fed so
        rows = await scope.storage.build_rows(scope.tenant)
        names |= {r.target.projection for r in rows if r.fed == "inline" and r.state != "dropped"}
    known = [p for p in scope.catalogue.projections if p.name in names]
    return AsyncInlineProjections(scope, known) if known else None


class AsyncInlineProjections:
    """The inline projections of one store."""

    def __init__(self, scope: AsyncScope, projections: Sequence[Projection]) -> None:
        self._scope = scope
        self._names = tuple(sorted({p.name for p in projections}))
        self._queries = [p.query(scope.registry) for p in projections]

    def concerns(self, unit: Unit) -> bool:
        """Whether one of the unit's events is one that an inline projection sees."""
        for append in unit.appends:
            category = None if append.stream is None else category_of(append.stream)
            for event in append.events:
                if any(query.matches(event.type, category, event.tags) for query in self._queries):
                    return True
        return False

    async def commit(self, unit: Unit, target: AsyncUnitTarget | None) -> Committed:
        """Commit the unit with what its events do. Raises ProjectionError, and writes nothing, when one fails."""

        async def work(transaction: AsyncTransaction) -> Committed:
            return await self._work(transaction, unit)

        if target is None:
            return await self._scope.storage.transact(work)
        joined: Any = target
        return await joined.nested(work)  # type: ignore[no-any-return]  # a joined transaction has every verb

    async def _work(self, transaction: AsyncTransaction, unit: Unit) -> Committed:
        tenant = self._scope.tenant
        await transaction.gate(tenant, self._names, exclusive=False)
        builds = await self._fed(transaction)
        committed = await transaction.commit(unit)
        if committed.repeated or not builds:
            return committed
        origin = Origin(self._scope.registry.decode, tenant)
        events = [
            RecordedEvent(row, origin)
            for append, appended in zip(unit.appends, committed.appends, strict=True)
            for row in written_rows(append, appended)
        ]
        for projection, target in builds:
            await self._apply(transaction, projection, target, events)
        return committed

    async def _fed(self, transaction: AsyncTransaction) -> list[tuple[Projection, Target]]:
        rows = await transaction.build_rows(self._scope.tenant, self._names)
        return [(self._code(row), row.target) for row in rows if row.fed == "inline" and row.state != "dropped"]

    def _code(self, row: BuildRow) -> Projection:
        name, version = row.target.projection, row.target.version
        projection: Projection | None = self._scope.catalogue.defined(name, version)
        if projection is None:
            raise ProjectionError(
                name,
                f"version {version} is fed inline, and this process doesn't have its definition, so the append would "
                "be missing from it. Nothing was written. Deploy the release that has both versions here, too",
            )
        return projection

    async def _apply(
        self, transaction: AsyncTransaction, projection: Projection, target: Target, events: Sequence[RecordedEvent]
    ) -> None:
        async def load(target: Target, keys: Sequence[str]) -> Mapping[str, StoredDocument]:
            return await transaction.documents(self._scope.tenant, target, sorted(keys))

        query = projection.query(self._scope.registry)
        seen = [e for e in events if query.matches(e.type, _category(e), e.tags)]
        if not seen:
            return
        plan = await applier_of(self._scope, projection, target).plan(seen, (), load, {})
        for failure in plan.findings.failures:
            raise _refused(projection, failure.event, failure.error) from failure.error
        try:
            await plan.write(transaction)
        except (StorageUnavailableError, CommitUnknownError, StoreClosedError):
            raise  # nothing that the projection did: the append may be sent again
        except Exception as error:
            raise _refused(projection, seen[-1], error) from error


def _refused(projection: Projection, event: RecordedEvent, error: Exception) -> ProjectionError:
    return ProjectionError(
        projection.name,
        f"{type(error).__name__}: {error}. It is inline, so the append was refused with it and nothing was written. "
        "Correct the projection, or give it timing=ef.CATCH_UP",
        event_type=event.type,
        stream=event.stream,
        position=event.position,
    )


def _category(event: RecordedEvent) -> str | None:
    return None if event.stream is None else category_of(event.stream)
