"""From what the caller hands over to what the port takes: ids, metadata, tags, bytes, and the limits on them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .. import limits as bounds
from ..codec.metadata import encode_metadata
from ..codec.registry import Registry
from ..errors import ConfigurationError, InvalidNameError, LimitExceededError
from ..events.envelope import NewEvent
from ..events.query import AppendCondition, Query, QueryItem
from ..events.stream import check_tag
from ..limits import Limits
from ..storage.unit import EncodedEvent

__all__ = ["Batch", "encode_batch", "resolve_condition", "resolve_query"]


class Batch(msgspec.Struct, frozen=True):
    """Events in both forms, in the same order. `sent` carries the ids, for sending them again; `size` is in bytes."""

    sent: tuple[NewEvent, ...]
    encoded: tuple[EncodedEvent, ...]
    size: int


def encode_batch(registry: Registry, limits: Limits, items: Iterable[Any], metadata: Mapping[str, Any]) -> Batch:
    """Encode payloads and NewEvents. Raises CodecError, InvalidNameError or LimitExceededError, naming the event."""
    if isinstance(items, (str, bytes, Mapping)):
        raise InvalidNameError("list of events", type(items).__name__, "hand over a list of payload objects")
    sent = [item if isinstance(item, NewEvent) else NewEvent(item) for item in items]
    limits.check_append(len(sent), 0)
    common = encode_metadata(metadata)
    encoded = [_encode(registry, limits, event, metadata, common) for event in sent]
    size = 0
    for event in encoded:
        size += len(event.data) + len(event.metadata)
    limits.check_append(len(sent), size)
    return Batch(tuple(sent), tuple(encoded), size)


def _encode(
    registry: Registry, limits: Limits, event: NewEvent, metadata: Mapping[str, Any], common: bytes
) -> EncodedEvent:
    type_name, schema_version, data = registry.encode(event.payload)
    if len(data) > limits.event_bytes:
        advice = f"Event {type_name!r}: store large content elsewhere and keep its address and digest in the event."
        raise LimitExceededError("bytes of an event", len(data), limits.event_bytes, advice)
    meta = encode_metadata({**metadata, **event.metadata}) if event.metadata else common
    if len(meta) > limits.metadata_bytes:
        advice = "Metadata is for ids and names, not for content."
        raise LimitExceededError("bytes of an event's metadata", len(meta), limits.metadata_bytes, advice)
    tags = _encode_tags(event.tags) if event.tags else ()
    return EncodedEvent(event.id_bytes, type_name, schema_version, data, meta, tags)


def _encode_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    unique = tuple(sorted({check_tag(tag) for tag in tags}))
    if len(unique) > bounds.TAGS_PER_EVENT_MAX:
        raise LimitExceededError("tags of an event", len(unique), bounds.TAGS_PER_EVENT_MAX, "Tag what is queried.")
    return unique


def resolve_query(registry: Registry, query: Query | None) -> Query:
    """The query in stored names: classes become names, a renamed type also finds what was written under its aliases."""
    if query is None:
        return Query()
    if not isinstance(query, Query):
        raise ConfigurationError(f"a query is an ef.Query(types=..., categories=..., tags=...), not {query!r}")
    if not any(item.types for item in query.items):
        return query
    return Query.of(QueryItem(registry.names_for(i.types), i.categories, i.tags) for i in query.items)


def resolve_condition(registry: Registry, condition: AppendCondition) -> AppendCondition:
    """The condition with its query in stored names."""
    if not isinstance(condition, AppendCondition):
        raise ConfigurationError(f"a condition is an ef.AppendCondition(query, after=...), not {condition!r}")
    return AppendCondition(resolve_query(registry, condition.query), condition.after, condition.seen)
