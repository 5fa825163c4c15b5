"""A declared table's part in its consumer: net effects per key, or the database's own INSERT … SELECT over a span."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ..events.envelope import RecordedEvent
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import Shape, TableChanges, Target
from ..store.scope_async import AsyncScope
from ..subscriptions.applier_async import ReadDocuments
from ..subscriptions.batch import Findings, stream_lane
from .table import TableProjection

__all__ = ["AsyncTableApplier"]


class AsyncTableApplier:
    """Keeps nothing from batch to batch."""

    def __init__(self, scope: AsyncScope, projection: TableProjection, target: Target) -> None:
        self._scope = scope
        self._shape = projection.shape
        self._target = target
        self._evaluator = projection.evaluator(scope.registry)
        self._program = projection.program(scope.registry)

    @property
    def projects(self) -> bool:
        """Whether every rule can be run inside a database."""
        return self._program is not None

    async def plan(
        self,
        events: Sequence[RecordedEvent],
        parked: Collection[str],
        load: ReadDocuments,
        known: Mapping[int, Exception],
    ) -> AsyncTablePlan:
        """Evaluate each event's rules and combine them by key."""
        del load
        findings = Findings(parked)
        changes = []
        for index, event in enumerate(events):
            if findings.closing and findings.waits(event, stream_lane(event)):
                continue
            try:
                found = self._evaluator.evaluate(event)
            except Exception as error:  # noqa: BLE001  # the codec's, a source's: the policy decides
                findings.fail(index, event, stream_lane(event), error)
                continue
            if event.position in known:
                for lane in [change.lane for change in found] or [stream_lane(event)]:
                    findings.fail(index, event, lane, known[event.position])
                continue
            if findings.closing:
                found = [change for change in found if not findings.waits(event, change.lane)]
            changes += found
        return AsyncTablePlan(self._scope.tenant, self._target, self._shape, findings, self._evaluator.combine(changes))

    async def project(
        self, transaction: AsyncTransaction, span: tuple[int, int], partition: tuple[int, int]
    ) -> int | None:
        """One statement over the span, inside the database."""
        if self._program is None:
            return None
        return await transaction.project(
            self._scope.tenant, self._target, self._shape, self._program, span=span, partition=partition
        )

    def forget(self) -> None:
        """Nothing is kept."""


class AsyncTablePlan:
    """Changes of rows."""

    def __init__(self, tenant: str, target: Target, shape: Shape, findings: Findings, changes: TableChanges) -> None:
        self.findings = findings
        self._tenant = tenant
        self._target = target
        self._shape = shape
        self._changes = changes

    async def write(self, transaction: AsyncTransaction) -> None:
        """One statement for all deletes, one for each kind of upsert."""
        if self._changes.deletes or self._changes.upserts:
            await transaction.change_rows(self._tenant, self._target, self._shape, self._changes)

    def kept(self) -> None:
        """Nothing is kept."""
