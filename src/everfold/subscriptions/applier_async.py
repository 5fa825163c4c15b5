"""What a consumer is made of: the part that knows what its events do. The rest is the same for all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from ..events.envelope import RecordedEvent
from ..runtime.concurrency_async import Later
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import StoredDocument, Target
from .batch import Findings

__all__ = ["AsyncApplier", "AsyncPlan", "ReadDocuments"]

ReadDocuments = Callable[[Target, Sequence[str]], Later[Mapping[str, StoredDocument]]]
"""How documents are read: outside a transaction, or through it."""


class AsyncPlan(Protocol):
    """What a batch will change, and what failed in it."""

    @property
    def findings(self) -> Findings:
        """Failures in the order of events, and what waits behind parked lanes."""
        ...

    async def write(self, transaction: AsyncTransaction) -> None:
        """Make the changes, without those of failed and parked lanes. What it raises undoes the transaction."""
        ...

    def kept(self) -> None:
        """The transaction was committed."""
        ...


class AsyncApplier(Protocol):
    """What the events of a consumer do."""

    async def plan(
        self,
        events: Sequence[RecordedEvent],
        parked: Collection[str],
        load: ReadDocuments,
        known: Mapping[int, Exception],
    ) -> AsyncPlan:
        """Work out what the events change. `known`: positions of events that are known to fail, and how."""
        ...

    async def project(
        self, transaction: AsyncTransaction, span: tuple[int, int], partition: tuple[int, int]
    ) -> int | None:
        """Apply a span of the log inside the database, and count its events; None: it must be planned instead."""
        ...

    @property
    def projects(self) -> bool:
        """Whether `project` may help."""
        ...

    def forget(self) -> None:
        """Drop what is cached: the read model may have been changed by another hand."""
        ...
