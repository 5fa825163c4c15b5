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
    │   ├── CommitUnknownError             the reply was lost; send again with the same event ids
    │   └── StatementError                 the database refused a statement of the application's, or a value in it
    ├── ProjectionError                    a projection failed on an event (names both), or can't do what was asked
    │   ├── ConsumerStoppedError           its consumer stands still until somebody acts
    │   └── PromotionRefusedError          the switch of versions isn't safe now; nothing was changed
    ├── CheckpointConflictError            another owner feeds this consumer; what was done here is rolled back
    ├── CheckpointMismatchError            the log under a checkpoint is another one than it was taken from
    ├── WaitTimeoutError                   a read model isn't there yet (a TimeoutError too); says how far it is
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
    "CheckpointConflictError",
    "CheckpointMismatchError",
    "CodecError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConflictError",
    "ConsumerStoppedError",
    "EventIdReusedError",
    "EverfoldError",
    "InvalidNameError",
    "LimitExceededError",
    "ProjectionError",
    "PromotionRefusedError",
    "SchemaError",
    "StatementError",
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
    "WaitTimeoutError",
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


class StatementError(StorageError):
    """The database refused a statement of the application's, or a value in it: a constraint, a type, a missing table."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"the database refused the statement: {reason}. Nothing of it was kept; correct the statement."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.reason,)


class ProjectionError(EverfoldError):
    """A projection failed, or can't do what was asked.

    `projection` is its name. When it failed on an event: `position`, `event_type` and `stream` name the event, and the
    cause is what its handler raised.
    """

    def __init__(
        self,
        projection: str,
        reason: str,
        *,
        position: int | None = None,
        event_type: str | None = None,
        stream: str | None = None,
    ) -> None:
        self.projection = projection
        self.reason = reason
        self.position = position
        self.event_type = event_type
        self.stream = stream
        at = "" if position is None else f" on {event_type} at position {position}"
        at += "" if stream is None else f" of stream {stream!r}"
        super().__init__(f"projection {projection!r}{at}: {reason}")

    def __reduce__(self) -> tuple[object, ...]:
        return _same_projection_error, (type(self), self.projection, self.reason, self._place())

    def _place(self) -> dict[str, object]:
        return {"position": self.position, "event_type": self.event_type, "stream": self.stream}


def _same_projection_error(
    cls: type[ProjectionError], name: str, reason: str, place: dict[str, object]
) -> ProjectionError:
    return cls(name, reason, **place)  # type: ignore[arg-type]


class ConsumerStoppedError(ProjectionError):
    """The consumer stands still at its last good event, and nothing is lost: correct the cause, then resume it."""


class PromotionRefusedError(ProjectionError):
    """Switching now would show readers a wrong or an older state; nothing was changed."""


class CheckpointConflictError(EverfoldError):
    """Another owner has the consumer, or somebody changed its row; what was done in this transaction is rolled back."""

    def __init__(
        self, consumer: str, reason: str = "its checkpoint, its token or its status is not what it was"
    ) -> None:
        self.consumer = consumer
        self.reason = reason
        super().__init__(
            f"consumer {consumer!r}: {reason}; what was done here is rolled back, and its owner goes on with it"
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.consumer, self.reason)


class CheckpointMismatchError(EverfoldError):
    """The checkpoint was taken from another log: the database was restored, failed over, or is another one."""

    def __init__(self, consumer: str, position: int, reason: str) -> None:
        self.consumer = consumer
        self.position = position
        self.reason = reason
        super().__init__(
            f"consumer {consumer!r} stands at position {position}, but {reason}: events may be missing from its read "
            "model, or in it twice. Nothing was read or written. Rebuild its projection, or restore the log that it was fed from."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.consumer, self.position, self.reason)


class WaitTimeoutError(EverfoldError, TimeoutError):
    """The read model didn't reach `wanted` in time; `reached` is the position that it stands at."""

    def __init__(self, projection: str, wanted: int, reached: int, seconds: float, state: str = "") -> None:
        self.projection = projection
        self.wanted = wanted
        self.reached = reached
        self.seconds = seconds
        self.state = state
        why = f" ({state})" if state else ""
        super().__init__(
            f"projection {projection!r} is at position {reached} after {seconds:g} s, not yet at {wanted}{why}. "
            "Is a worker running? Wait longer, or show what is there and say how old it is."
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.projection, self.wanted, self.reached, self.seconds, self.state)
