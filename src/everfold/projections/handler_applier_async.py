"""A handler projection's part in its consumer: run the handlers on the transaction, in the order of the events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..events.envelope import RecordedEvent
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import Target
from ..store.scope_async import AsyncScope
from ..subscriptions.applier_async import ReadDocuments
from ..subscriptions.batch import Findings, stream_lane
from .handler import HandlerProjection
from .handler_transaction_async import AsyncHandlerTransaction, called

__all__ = ["AsyncHandlerApplier"]

Call = tuple[Callable[..., Any], RecordedEvent]


class AsyncHandlerApplier:
    """What fails shows only when the statements run; the consumer then tries the events one by one."""

    projects = False

    def __init__(self, scope: AsyncScope, projection: HandlerProjection, target: Target) -> None:
        self._projection = projection
        self._target = target
        self._named, self._always = projection.handlers(scope.registry)
        self._known = {name for t in scope.registry.types() for name in t.names}

    async def plan(
        self,
        events: Sequence[RecordedEvent],
        parked: Collection[str],
        load: ReadDocuments,
        known: Mapping[int, Exception],
    ) -> AsyncHandlerPlan:
        """Choose the handlers; nothing is run yet."""
        del load
        findings = Findings(parked)
        calls: list[Call] = []
        for index, event in enumerate(events):
            lane = self._lane(event) if findings.closing or known else ""
            if findings.closing and any(findings.waits(event, one) for one in (stream_lane(event), lane)):
                continue
            if event.position in known:
                findings.fail(index, event, lane, known[event.position])
                continue
            calls += [(handler, event) for handler in self._named.get(event.type, self._always)]
            if event.type not in self._named and event.type not in self._known and self._projection.unknown == "fail":
                self._fail_unknown(index, event, findings)
        return AsyncHandlerPlan(self._target, findings, calls)

    async def project(
        self, transaction: AsyncTransaction, span: tuple[int, int], partition: tuple[int, int]
    ) -> int | None:
        """Handlers are code."""
        del transaction, span, partition
        return None

    def forget(self) -> None:
        """Nothing is kept."""

    def _lane(self, event: RecordedEvent) -> str:
        try:
            return self._projection.lane(event)
        except Exception:  # noqa: BLE001  # its key isn't known: as with documents and tables, its stream waits
            return stream_lane(event)

    def _fail_unknown(self, index: int, event: RecordedEvent, findings: Findings) -> None:
        try:
            event.event  # noqa: B018  # raises UnknownEventTypeError
        except Exception as error:  # noqa: BLE001
            findings.fail(index, event, self._lane(event), error)


class AsyncHandlerPlan:
    """Handlers to call."""

    def __init__(self, target: Target, findings: Findings, calls: Sequence[Call]) -> None:
        self.findings = findings
        self._target = target
        self._calls = calls

    async def write(self, transaction: AsyncTransaction) -> None:
        """Call them all; statements that follow one another and are the same go to the database as one."""
        own = AsyncHandlerTransaction(transaction, self._target)
        for handler, event in self._calls:
            await called(handler, own, event)
        await own.flush()

    def kept(self) -> None:
        """Nothing is kept."""
