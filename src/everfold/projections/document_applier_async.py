"""A document projection's part in its consumer: load the documents of a batch's keys, fold, save.

The consumer is the only writer of its target, so the documents it has just saved are kept as they are for the next batch.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from .. import limits
from ..events.envelope import RecordedEvent
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import StoredDocument, Target
from ..store.scope_async import AsyncScope
from ..subscriptions.applier_async import ReadDocuments
from ..subscriptions.batch import Findings
from .document import DocumentProjection
from .fold import DocumentFold, Placed

__all__ = ["AsyncDocumentApplier", "DocumentCache", "Sources"]

Sources = Mapping[str, Target]
"""The targets that enrichments read, by the name of their projection."""


class DocumentCache:
    """Documents by key as their bytes, None where there is none; emptied when it has grown too large."""

    def __init__(self) -> None:
        self._documents: dict[str, StoredDocument | None] = {}
        self._size = 0

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Those of the keys that it knows nothing of."""
        return [key for key in keys if key not in self._documents]

    def found(self, keys: Sequence[str]) -> dict[str, StoredDocument]:
        """What it holds of these."""
        held = self._documents
        return {key: document for key in keys if (document := held.get(key)) is not None}

    def keep(self, documents: Mapping[str, StoredDocument | None]) -> None:
        """Remember these as they are now."""
        self._size += sum(len(key) + (len(d.data) if d is not None else 0) + 100 for key, d in documents.items())
        if self._size > limits.DOCUMENT_CACHE_BYTES:
            self.clear()
            return
        self._documents.update(documents)

    def clear(self) -> None:
        """Forget everything."""
        self._documents = {}
        self._size = 0


class AsyncDocumentApplier:
    """Safe for one consumer at a time."""

    projects = False

    def __init__(
        self, scope: AsyncScope, projection: DocumentProjection, target: Target, sources: Sources | None = None
    ) -> None:
        self._fold = DocumentFold(projection, scope.registry)
        self._projection = projection
        self._scope = scope
        self._target = target
        self._sources = sources or {}
        self._cache = DocumentCache()

    async def plan(
        self,
        events: Sequence[RecordedEvent],
        parked: Collection[str],
        load: ReadDocuments,
        known: Mapping[int, Exception],
    ) -> AsyncDocumentPlan:
        """Load, fold, and keep nothing yet."""
        findings = Findings(parked)
        placed = self._fold.slices(events, findings, known)
        keys = list(dict.fromkeys(one.key for _, _, one in placed))
        missing = self._cache.missing(keys)
        loaded = dict(await load(self._target, missing)) if missing else {}
        documents = {**self._cache.found(keys), **loaded}
        related = await self._related(placed, load)
        changed = self._fold.fold(placed, documents, related, findings)
        kept: dict[str, StoredDocument | None] = {key: loaded.get(key) for key in missing}
        return AsyncDocumentPlan(
            (self._scope.tenant, self._target), findings, changed, self._cache, {**kept, **changed}
        )

    async def project(
        self, transaction: AsyncTransaction, span: tuple[int, int], partition: tuple[int, int]
    ) -> int | None:
        """Documents are folded in Python."""
        del transaction, span, partition
        return None

    def forget(self) -> None:
        """Drop the documents that were kept."""
        self._cache.clear()

    async def _related(self, placed: Sequence[Placed], load: ReadDocuments) -> Any:
        """What gives an event its related documents, read once for the batch."""
        found: dict[str, dict[str, Any]] = {}
        for enrichment in self._projection.enrichments:
            wanted = list(dict.fromkeys(key for _, event, _ in placed for key in enrichment.keys_of(event)))
            target = self._sources.get(enrichment.source.name)
            documents = await load(target, wanted) if wanted and target is not None else {}
            decode = enrichment.source.decode
            found[enrichment.source.name] = {key: decode(stored.data) for key, stored in documents.items()}
        return lambda _: found


class AsyncDocumentPlan:
    """Documents to save and to delete."""

    def __init__(
        self,
        place: tuple[str, Target],
        findings: Findings,
        changed: Mapping[str, StoredDocument | None],
        cache: DocumentCache,
        kept: Mapping[str, StoredDocument | None],
    ) -> None:
        self.findings = findings
        self.changed = changed
        self._tenant, self._target = place
        self._cache = cache
        self._kept = kept

    async def write(self, transaction: AsyncTransaction) -> None:
        """One statement for what is saved, one for what is deleted."""
        saved = {key: document for key, document in self.changed.items() if document is not None}
        gone = [key for key, document in self.changed.items() if document is None]
        if saved or gone:
            await transaction.save_documents(self._tenant, self._target, saved, gone)

    def kept(self) -> None:
        """Remember the documents for the next batch."""
        self._cache.keep(self._kept)
