"""The envelope: an event to write, an event as stored. Decoding happens on first use, never for a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Protocol
from uuid import UUID

import msgspec

from ..errors import CodecError, InvalidNameError, UnknownEventTypeError
from ..runtime.ids import new_id_bytes

__all__ = ["NewEvent", "Origin", "RecordedEvent", "Row"]

Row = tuple[Any, ...]
"""A stored event as every backend reads it: position, stream key, version, type, schema version, id (16 bytes),
recorded_at (microseconds since the origin's epoch), data (bytes), metadata (bytes), tags (JSON text or None), …"""

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_decode_json = msgspec.json.Decoder().decode
_decode_tags = msgspec.json.Decoder(tuple[str, ...]).decode
_UNSET: Any = object()


class NewEvent:
    """An event to write: a payload, and what goes with it. Two with the same `id` are the same event, sent twice."""

    __slots__ = ("_id", "id_bytes", "metadata", "payload", "tags")

    def __init__(
        self,
        payload: object,
        *,
        id: UUID | None = None,
        metadata: Mapping[str, Any] | None = None,
        tags: Iterable[str] = (),
    ) -> None:
        if id is not None and not isinstance(id, UUID):
            raise InvalidNameError("event id", id, "it must be a uuid.UUID")
        self.payload = payload
        self._id = id
        self.id_bytes = new_id_bytes() if id is None else id.bytes
        self.metadata = dict(metadata) if metadata else {}
        self.tags = (tags,) if isinstance(tags, str) else tuple(tags)

    @property
    def id(self) -> UUID:
        """The event's id: the one given, or a new UUIDv7."""
        if self._id is None:
            self._id = UUID(bytes=self.id_bytes)
        return self._id

    def __repr__(self) -> str:
        return f"NewEvent({type(self.payload).__name__}, id={self.id}, tags={list(self.tags)})"


class Decode(Protocol):
    """The one way from stored bytes to an event object."""

    def __call__(self, type_name: str, schema_version: int, data: bytes, position: int) -> Any: ...


class Origin:
    """What the events of one page share, so that an event itself is one row and one reference."""

    __slots__ = ("decode", "epoch_microseconds", "names", "tenant")

    def __init__(
        self, decode: Decode, tenant: str, names: Mapping[Any, str] | None = None, epoch_microseconds: int = 0
    ) -> None:
        self.decode = decode
        self.tenant = tenant
        self.names = names
        self.epoch_microseconds = epoch_microseconds


class RecordedEvent(msgspec.Struct, eq=False, gc=False):
    """An event as stored, with its place in the stream and in the store. Attributes are computed when asked for.

    `.event` is the payload object, upcast to the current schema version, decoded on first use and kept.
    `.data` is the stored payload as plain data, `.raw` its exact bytes. `.stream` and `.version` are None for an
    event that lives in no stream. Equal when tenant, position and id are.
    """

    _row: Row
    _origin: Origin
    _event: Any = _UNSET

    @property
    def event(self) -> Any:
        """The payload object. Raises UnknownEventTypeError, UpcastError or UndecodableEventError."""
        if self._event is _UNSET:
            row = self._row
            self._event = self._origin.decode(row[3], row[4], row[7], row[0])
        return self._event

    @property
    def position(self) -> int:
        """Place in the store: increasing, with gaps."""
        return self._row[0]  # type: ignore[no-any-return]

    @property
    def stream(self) -> str | None:
        """The stream's name; None for an event in no stream."""
        key, names = self._row[1], self._origin.names
        return key if names is None or key is None else names[key]

    @property
    def version(self) -> int | None:
        """Place in the stream, 1-based; None for an event in no stream."""
        return self._row[2]  # type: ignore[no-any-return]

    @property
    def type(self) -> str:
        """The stored type name (an alias stays what it was when written)."""
        return self._row[3]  # type: ignore[no-any-return]

    @property
    def schema_version(self) -> int:
        """The schema version that it was written with."""
        return self._row[4]  # type: ignore[no-any-return]

    @property
    def id(self) -> UUID:
        """The event's id, given by its writer."""
        return UUID(bytes=bytes(self._row[5]))

    @property
    def recorded_at(self) -> datetime:
        """When it was recorded, in UTC: the storage's clock, or the one given to `open`."""
        return _UNIX_EPOCH + timedelta(microseconds=self._row[6] + self._origin.epoch_microseconds)

    @property
    def raw(self) -> bytes:
        """The stored payload's exact bytes: canonical JSON."""
        return self._row[7]  # type: ignore[no-any-return]

    @property
    def data(self) -> dict[str, Any]:
        """The stored payload as plain data, not upcast."""
        return _decode_json(self._row[7])  # type: ignore[no-any-return]

    @property
    def metadata(self) -> dict[str, Any]:
        """correlation_id, causation_id, actor and free keys."""
        return _decode_json(self._row[8])  # type: ignore[no-any-return]

    @property
    def tags(self) -> tuple[str, ...]:
        """Its tags, sorted."""
        tags = self._row[9]
        return () if tags is None else _decode_tags(tags)

    @property
    def tenant(self) -> str:
        """The tenant; "" when the store has one."""
        return self._origin.tenant

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RecordedEvent) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, int, bytes]:
        return self._origin.tenant, self._row[0], bytes(self._row[5])

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled with its payload object, as a registry can't travel; one that can't be decoded goes without."""
        row = (self._row[0], self.stream, *map(_own, self._row[2:10]))
        try:
            event = self.event
        except CodecError:
            event = None
        travelling = event is not None
        return _arrived, (row, self._origin.tenant, self._origin.epoch_microseconds, travelling, event)

    def __repr__(self) -> str:
        place = f"{self.stream}@{self.version}" if self.stream is not None else "no stream"
        return f"RecordedEvent({self.type} v{self.schema_version}, {place}, position={self.position}, id={self.id})"


def _own(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _arrived(row: Row, tenant: str, epoch_microseconds: int, travelling: bool, event: object) -> RecordedEvent:
    origin = Origin(_decode_nowhere, tenant, None, epoch_microseconds)
    return RecordedEvent(row, origin, event) if travelling else RecordedEvent(row, origin)


def _decode_nowhere(type_name: str, schema_version: int, data: bytes, position: int) -> Any:
    """An event that was unpickled without its payload object has no registry to ask."""
    del schema_version, data
    raise UnknownEventTypeError(type_name, (), position)
