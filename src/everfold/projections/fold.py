"""Folding a batch of events into documents. Pure: documents in, documents out.

Between two events of one key a document passes through its bytes, so that a handler gets exactly what it would get after a
restart, and one that changes its argument and then fails has changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..codec.registry import Registry
from ..events.envelope import RecordedEvent
from ..storage.read_model import StoredDocument
from ..subscriptions.batch import Findings, stream_lane
from .document import DocumentProjection, Slice

__all__ = ["DocumentFold", "Placed", "key_lane"]

Placed = tuple[int, RecordedEvent, Slice]
"""A slice with its event, and the event's place in the batch."""


def key_lane(key: str) -> str:
    """What events of a document's key are parked under."""
    return f"key:{key}"


class DocumentFold:
    """The rules of one projection, resolved against the registry of a store."""

    def __init__(self, projection: DocumentProjection, registry: Registry) -> None:
        self.projection = projection
        self._named, self._other = projection.handlers(registry)
        self._known = {name for t in registry.types() for name in t.names}
        self._single = projection.single_stream

    def slices(
        self, events: Sequence[RecordedEvent], findings: Findings, known: Mapping[int, Exception]
    ) -> list[Placed]:
        """The events cut into slices by key; those that can't be, or are known to fail, are findings."""
        placed: list[Placed] = []
        for index, event in enumerate(events):
            lane = stream_lane(event)
            if findings.closing and findings.waits(event, lane):
                continue
            try:
                slices = self._slices(event)
            except Exception as error:  # noqa: BLE001  # the codec's, a key function's: the policy decides
                findings.fail(index, event, lane, error)
                continue
            if event.position in known:
                for failing in [key_lane(s.key) for s in slices] or [lane]:
                    findings.fail(index, event, failing, known[event.position])
                continue
            placed += [(index, event, one) for one in slices]
        return placed

    def fold(
        self,
        placed: Sequence[Placed],
        documents: Mapping[str, StoredDocument],
        related: Callable[[RecordedEvent], Any],
        findings: Findings,
    ) -> dict[str, StoredDocument | None]:
        """The documents that changed: None for one that goes. Of an event that fails under a key nothing is kept there."""
        changed: dict[str, StoredDocument | None] = {}
        standing: dict[str, StoredDocument | None] = {}  # by key, before the first slice of the event at hand
        at = -1
        for index, event, one in placed:
            if index != at:
                at, standing = index, {}
            lane = key_lane(one.key)
            if findings.closing and findings.waits(event, lane):
                continue
            before = changed[one.key] if one.key in changed else documents.get(one.key)
            standing.setdefault(one.key, before)
            try:
                after = self._step(before, event, one, related)
            except Exception as error:  # noqa: BLE001  # whatever the handler raises: the policy decides
                findings.fail(index, event, lane, error)
                if one.key in changed:
                    changed[one.key] = standing[one.key]
                continue
            if after is not before:
                changed[one.key] = after
        return changed

    def _slices(self, event: RecordedEvent) -> list[Slice]:
        handler = self._named.get(event.type, self._other)
        if handler is not None:
            return handler.slices(event)
        if event.type not in self._known:
            event.event  # noqa: B018  # raises UnknownEventTypeError: it was asked for with unknown="fail"
        return []

    def _step(
        self, before: StoredDocument | None, event: RecordedEvent, one: Slice, related: Callable[[RecordedEvent], Any]
    ) -> StoredDocument | None:
        document = None if before is None else self.projection.decode(before.data)
        wants = related(event) if one.handler.most > 3 else None
        after = one.handler.handle(document, one.item, event, wants)
        if after is None:
            return None
        return StoredDocument(self.projection.encode(after), (event.version or 0) if self._single else 0)
