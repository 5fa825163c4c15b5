"""From definitions to consumers: which builds a worker feeds, and with which code."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import msgspec

from ..errors import ProjectionError
from ..storage.control import BuildRow, ConsumerRow
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import Target
from ..store.scope_async import AsyncScope
from ..subscriptions.applier_async import AsyncApplier
from ..subscriptions.batch import fault_json
from ..subscriptions.consumer_async import AsyncConsumer
from . import control, lifecycle_async
from .document import DocumentProjection
from .document_applier_async import AsyncDocumentApplier
from .handler import HandlerProjection
from .handler_applier_async import AsyncHandlerApplier
from .projection import Projection
from .table import TableProjection
from .table_applier_async import AsyncTableApplier

__all__ = ["applier_of", "consumers", "consumers_of"]

_logger = logging.getLogger("everfold.projections")


async def consumers(scope: AsyncScope) -> list[AsyncConsumer]:
    """Consumers of every build that this store has the code of. Builds that are missing are registered first."""
    rows = await scope.storage.build_rows(scope.tenant)
    built = {(r.target.projection, r.target.version) for r in rows if r.state in control.FED}
    missing = [
        p for p in scope.catalogue.projections if (p.name, p.version) not in built and control.to_be_registered(p, rows)
    ]
    for projection in missing:
        await lifecycle_async.register(scope, projection)
    if missing:
        rows = await scope.storage.build_rows(scope.tenant)
    stored = await scope.storage.consumer_rows(scope.tenant)
    found: list[AsyncConsumer] = []
    for row in rows:
        projection = scope.catalogue.defined(row.target.projection, row.target.version)
        if projection is None or row.state not in control.FED or row.fed != "consumer":
            continue
        if control.code_changed(row, projection):
            await _stop_changed(scope, row)
        found += consumers_of(scope, projection, row.target, rows, stored)
    return found


def consumers_of(
    scope: AsyncScope,
    projection: Projection,
    target: Target,
    rows: Sequence[BuildRow],
    stored: Sequence[ConsumerRow],
) -> list[AsyncConsumer]:
    """One consumer per partition that the build was made with: each has its checkpoint, whatever the definition says now."""
    return [
        AsyncConsumer(
            scope,
            target.consumer,
            applier_of(scope, projection, target, rows),
            query=projection.query(scope.registry),
            policy=projection.on_error,
            partition=(row.partition, row.partitions),
            group=scope.catalogue.group_of(projection),
        )
        for row in stored
        if row.name == target.consumer
    ]


def applier_of(
    scope: AsyncScope, projection: Projection, target: Target, rows: Sequence[BuildRow] = ()
) -> AsyncApplier:
    """What applies events to this build of the projection."""
    if isinstance(projection, DocumentProjection):
        sources = {r.target.projection: r.target for r in rows if r.state == "active"}
        return AsyncDocumentApplier(scope, projection, target, sources)
    if isinstance(projection, TableProjection):
        return AsyncTableApplier(scope, projection, target)
    assert isinstance(projection, HandlerProjection), f"no applier for {projection!r}"
    return AsyncHandlerApplier(scope, projection, target)


async def _stop_changed(scope: AsyncScope, row: BuildRow) -> None:
    """Hold a build whose code changed under the same version, before the new code writes into the old one's rows."""
    name = row.target.projection
    error = ProjectionError(
        name,
        f"its code changed, but its version is still {row.target.version}: what it made so far was made by other code. "
        "Raise the version, or rebuild it; if the change makes no difference to the read model, accept it",
    )

    async def work(transaction: AsyncTransaction) -> None:
        rows = await transaction.consumers(scope.tenant, (row.target.consumer,))
        stopped = [
            msgspec.structs.replace(c, status="stopped", fault=fault_json(error)) for c in rows if c.status == "running"
        ]
        if stopped:
            _logger.error("%s", error)
            await transaction.save_consumers(scope.tenant, stopped)

    await scope.storage.transact(work)
