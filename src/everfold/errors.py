"""Every error that everfold raises, drawn as one tree.

    EverfoldError
    ├── ConflictError                      nothing was written; reload and decide again
    │   ├── WrongExpectedVersionError      the stream stands elsewhere than expected
    │   ├── AppendConditionFailedError     an event that matches the condition's query was appended meanwhile
    │   └── EventIdReusedError             an event id is already stored, but not as a retry of this append
    ├── StreamClosedError                  the stream takes no more events
    │   ├── StreamTombstonedError          for ever
    │   └── StreamArchivedError            until it is restored
    ├── CodecError                         bytes ↔ objects
    │   ├── UnencodableEventError          a value that has no canonical form (names the field)
    │   ├── UnknownEventTypeError          a type that no module registered
    │   ├── UpcastError                    an upcaster raised or returned no object
    │   └── UndecodableEventError          stored bytes that no longer fit the type
    ├── InvalidNameError                   a stream name, tag or key that can't be stored
    ├── LimitExceededError                 larger than `limits.py` allows
    ├── SchemaError                        the database's schema and this release don't fit
    ├── StorageError
    │   ├── StorageUnavailableError        not reached, or refused; nothing was written, a retry may help
    │   └── CommitUnknownError             the reply was lost; send again with the same event ids
    ├── StoreClosedError                   the store was closed before the call
    └── ConfigurationError                 the application's own definitions contradict each other

Each error says what happened, why, and what to do next; attributes carry the data. A retry policy reads
the class, never the text. Payload values never stand in a message, as messages end up in logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

__all__ = [
    "AppendConditionFailedError",
    "CodecError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConflictError",
    "EventIdReusedError",
    "EverfoldError",
    "InvalidNameError",
    "LimitExceededError",
    "SchemaError",
    "StorageError",
    "StorageUnavailableError",
    "StoreClosedError",
    "StreamArchivedError",
    "StreamClosedError",
    "StreamTombstonedError",
    "UndecodableEventError",
    "UnencodableEventError",
    "UnknownEventTypeError",
    "UpcastError",
    "WrongExpectedVersionError",
]


class EverfoldError(Exception):
    """The root of everfold's errors: catch it to catch them all."""


class ConflictError(EverfoldError):
    """Another writer was faster. Nothing was written and no position was used; reload and decide again."""


class WrongExpectedVersionError(ConflictError):
    """The stream is not at the expected version. `actual` is its version, 0 when it is empty."""

    def __init__(self, stream: str, expected: object, actual: int) -> None:
        self.stream = stream
        self.expected = expected
        self.actual = actual
        super().__init__(
            f"stream {stream!r} is at version {actual}, expected {expected}: another writer appended first, "
            "or the expectation was wrong; nothing was written. Load the stream and decide again."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.stream, self.expected, self.actual)


class AppendConditionFailedError(ConflictError):
    """An event that matches the query was appended after `after`; `position` is the first such event's."""

    def __init__(self, query: object, after: int, position: int | None = None) -> None:
        self.query = query
        self.after = after
        self.position = position
        found = "" if position is None else f" (at position {position})"
        super().__init__(
            f"an event that matches {query} was appended after position {after}{found}; nothing was written. "
            "Read the query again and decide again."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.query, self.after, self.position)


class EventIdReusedError(ConflictError):
    """Some of the event ids are stored already, but not as one earlier, whole copy of this append."""

    def __init__(self, ids: Sequence[UUID]) -> None:
        self.ids = tuple(ids)
        shown = ", ".join(str(i) for i in self.ids[:3]) + (", …" if len(self.ids) > 3 else "")
        super().__init__(
            f"event id {shown} is stored already, and this is no repetition of that append; nothing was written. "
            "Give each new event a new id, and repeat an append only as a whole."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.ids,)


class StreamClosedError(EverfoldError):
    """The stream takes no more events; nothing was written."""

    _why = "is closed"

    def __init__(self, stream: str) -> None:
        self.stream = stream
        super().__init__(f"stream {stream!r} {self._why}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.stream,)


class StreamTombstonedError(StreamClosedError):
    """The stream was ended for ever; its name is never used again."""

    _why = (
        "was tombstoned: it takes no more events and can't be read as a stream, and its name is never used again. "
        "Use another stream name; read_all still shows its events."
    )


class StreamArchivedError(StreamClosedError):
    """The stream was archived; restore it before appending."""

    _why = "was archived: it takes no events until it is restored from the archive."


class CodecError(EverfoldError):
    """An event could not be turned into bytes, or bytes into an event."""


class UnencodableEventError(CodecError):
    """A value has no canonical JSON form; `field` names where it stands. Nothing was written."""

    def __init__(self, type_name: str, field: str, reason: str) -> None:
        self.type_name = type_name
        self.field = field
        self.reason = reason
        where = f"field {field!r} of event" if field else "event"
        super().__init__(f"{where} {type_name!r} can't be stored: {reason}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.type_name, self.field, self.reason)


class UnknownEventTypeError(CodecError):
    """No module of this store registered the type (`type_name`)."""

    def __init__(self, type_name: str, known: Sequence[str] = (), position: int | None = None) -> None:
        self.type_name = type_name
        self.known = tuple(known)
        self.position = position
        at = "" if position is None else f" (position {position})"
        near = f" Did you mean {', '.join(repr(k) for k in self.known)}?" if self.known else ""
        super().__init__(
            f"event type {type_name!r}{at} is not registered in a module of this store.{near} Register the class with "
            "@module.event(...), add the old name to its aliases, or open the store with the module that owns it."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.type_name, self.known, self.position)


class UpcastError(CodecError):
    """An upcaster raised (its error is the `__cause__`) or returned something that is no dict."""

    def __init__(self, type_name: str, from_version: int, reason: str, position: int | None = None) -> None:
        self.type_name = type_name
        self.from_version = from_version
        self.reason = reason
        self.position = position
        at = "" if position is None else f" at position {position}"
        super().__init__(
            f"upcaster of {type_name!r} from schema version {from_version} failed{at}: {reason}. "
            "Correct the upcaster; the stored event is unchanged."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.type_name, self.from_version, self.reason, self.position)


class UndecodableEventError(CodecError):
    """Stored bytes don't fit the registered type: broken, or changed without a new schema version."""

    def __init__(self, type_name: str, schema_version: int, reason: str, position: int | None = None) -> None:
        self.type_name = type_name
        self.schema_version = schema_version
        self.reason = reason
        self.position = position
        at = "" if position is None else f" at position {position}"
        super().__init__(
            f"event {type_name!r} (schema version {schema_version}){at} can't be decoded: {reason}. "
            "Its stored bytes are unchanged and stay readable as `.raw`; raise the schema version and add an upcaster, "
            "or repair the definition."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.type_name, self.schema_version, self.reason, self.position)


class InvalidNameError(EverfoldError, ValueError):
    """A stream name, tag, type name or metadata key that can't be stored the same way everywhere."""

    def __init__(self, kind: str, name: object, reason: str) -> None:
        self.kind = kind
        self.name = name
        self.reason = reason
        shown = repr(name)
        shown = shown if len(shown) <= 80 else shown[:76] + "…" + shown[-1]
        super().__init__(f"{kind} {shown} is refused: {reason}; nothing was written.")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.kind, self.name, self.reason)


class LimitExceededError(EverfoldError):
    """Larger than a bound in `limits.py`: `limit` names it, `actual` and `allowed` are in its unit."""

    def __init__(self, limit: str, actual: int, allowed: int, advice: str = "") -> None:
        self.limit = limit
        self.actual = actual
        self.allowed = allowed
        self.advice = advice
        super().__init__(f"{limit}: {actual} is more than the {allowed} allowed; nothing was written. {advice}".strip())

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.limit, self.actual, self.allowed, self.advice)


class SchemaError(EverfoldError):
    """The database's schema doesn't fit this release: missing, outdated, newer, changed by hand, or no store at all."""


class StorageError(EverfoldError):
    """The storage refused or failed for a reason that is neither a conflict nor a limit."""


class StorageUnavailableError(StorageError):
    """Not reached, full, or busy for too long. Nothing was written; a retry may help."""


class CommitUnknownError(StorageError):
    """The connection was lost before the reply: the append may have been committed or not.

    Send `events` again, with the same ids and the same expectation: an append that had succeeded
    gives its first result back, and nothing is stored twice.
    """

    def __init__(self, reason: str, events: Sequence[object] = ()) -> None:
        self.reason = reason
        self.events = tuple(events)
        super().__init__(
            f"whether the append was committed is unknown: {reason}. Send it again with the same event ids "
            "(`.events` of this error) and the same expectation: it will be stored exactly once."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason, self.events)


class StoreClosedError(EverfoldError):
    """The store was closed before this call, or while it waited."""

    def __init__(
        self, message: str = "the store is closed; open it again, or move the call inside its `with` block"
    ) -> None:
        super().__init__(message)


class ConfigurationError(EverfoldError):
    """The application's definitions or options contradict each other; the message lists every problem found."""
