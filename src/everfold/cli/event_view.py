"""An event as the command line shows it: plain data, the same keys for every event. Pure.

`data` is upcast to the current schema version when an application was named, and as stored otherwise;
`data_schema_version` says which version it is in.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ..errors import CodecError
from ..events.envelope import RecordedEvent

__all__ = ["COLUMNS", "as_current", "as_stored", "compact", "fields", "moment"]

COLUMNS = ("position", "recorded_at", "stream", "version", "type", "schema_version", "id", "tags", "data", "metadata")
"""The fields of an event in a pipe, in this order."""

Encode = Callable[[Any], tuple[str, int, bytes]]


def as_stored(event: RecordedEvent) -> dict[str, Any]:
    """With the data that was written."""
    return _view(event, json.loads(event.raw), event.schema_version)


def as_current(event: RecordedEvent, encode: Encode) -> tuple[dict[str, Any], str]:
    """With the data in the current schema version; where that fails, as stored, and why it failed."""
    try:
        _, schema_version, data = encode(event.event)
    except CodecError as error:
        return as_stored(event), str(error)
    return _view(event, json.loads(data), schema_version), ""


def _view(event: RecordedEvent, data: Any, schema_version: int) -> dict[str, Any]:
    return {
        "position": event.position,
        "stream": event.stream,
        "version": event.version,
        "type": event.type,
        "schema_version": event.schema_version,
        "id": str(event.id),
        "recorded_at": moment(event.recorded_at),
        "tenant": event.tenant,
        "tags": list(event.tags),
        "metadata": event.metadata,
        "data": data,
        "data_schema_version": schema_version,
    }


def moment(at: datetime) -> str:
    """A time in UTC, always as long, so that it sorts as text."""
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def fields(view: dict[str, Any]) -> list[object]:
    """The event in the order of COLUMNS; what has parts is JSON."""
    return [compact(view[name]) if name in ("tags", "data", "metadata") else view[name] for name in COLUMNS]


def compact(value: Any) -> str:
    """JSON in as few characters as it takes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
