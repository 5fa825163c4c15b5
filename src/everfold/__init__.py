"""everfold: production-grade event sourcing for Python.

`EventStore` (threads) and `AsyncEventStore` (tasks) are peers over memory, SQLite and PostgreSQL; the other names
are what goes into them and what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .deciders.aggregate import Aggregate, applies, decides
    from .deciders.decider import Decider, Snapshots
    from .errors import (
        AppendConditionFailedError,
        CheckpointConflictError,
        CheckpointMismatchError,
        CodecError,
        CommitUnknownError,
        ConfigurationError,
        ConflictError,
        ConsumerStoppedError,
        EventIdReusedError,
        EverfoldError,
        InvalidNameError,
        LimitExceededError,
        ProjectionError,
        PromotionRefusedError,
        SchemaError,
        StatementError,
        StorageError,
        StorageUnavailableError,
        StoreClosedError,
        StreamArchivedError,
        StreamClosedError,
        StreamTombstonedError,
        UndecodableEventError,
        UnencodableEventError,
        UnknownEventTypeError,
        UpcastError,
        WaitTimeoutError,
        WrongExpectedVersionError,
    )
    from .event_store import EventStore
    from .event_store_async import AsyncEventStore
    from .events.envelope import NewEvent, RecordedEvent
    from .events.expected import ANY, NO_STREAM, STREAM_EXISTS, Expected
    from .events.query import AppendCondition, Query
    from .events.stream import StreamState
    from .limits import Limits
    from .module import Module
    from .projections.document import DocumentProjection
    from .projections.group import ProjectionGroup
    from .projections.handler import HandlerProjection
    from .projections.keys import by_stream, by_stream_id, by_tag
    from .projections.projection import CATCH_UP, INLINE, LIVE, Projection
    from .projections.sources import case, date_of, envelope, field, literal, tag
    from .projections.status import DeadLetter, ProjectionStatus
    from .projections.table import TableProjection
    from .projections.verify import Verification
    from .projections.worker import Worker
    from .projections.worker_async import AsyncWorker
    from .runtime.context import context
    from .storage.columns import BigInteger, Boolean, Date, Integer, Json, Numeric, Text, Timestamp, Uuid
    from .store.cache import StateCache
    from .subscriptions.marker import CaughtUp
    from .subscriptions.policy import Park, Retry, Stop

__all__ = [  # noqa: RUF022  (in the order of `sorted`, so that it is checked by it)
    "ANY",
    "Aggregate",
    "AppendCondition",
    "AppendConditionFailedError",
    "AsyncEventStore",
    "AsyncWorker",
    "BigInteger",
    "Boolean",
    "CATCH_UP",
    "CaughtUp",
    "CheckpointConflictError",
    "CheckpointMismatchError",
    "CodecError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConflictError",
    "ConsumerStoppedError",
    "Date",
    "DeadLetter",
    "Decider",
    "DocumentProjection",
    "EventIdReusedError",
    "EventStore",
    "EverfoldError",
    "Expected",
    "HandlerProjection",
    "INLINE",
    "Integer",
    "InvalidNameError",
    "Json",
    "LIVE",
    "LimitExceededError",
    "Limits",
    "Module",
    "NO_STREAM",
    "NewEvent",
    "Numeric",
    "Park",
    "Projection",
    "ProjectionError",
    "ProjectionGroup",
    "ProjectionStatus",
    "PromotionRefusedError",
    "Query",
    "RecordedEvent",
    "Retry",
    "STREAM_EXISTS",
    "SchemaError",
    "Snapshots",
    "StateCache",
    "StatementError",
    "Stop",
    "StorageError",
    "StorageUnavailableError",
    "StoreClosedError",
    "StreamArchivedError",
    "StreamClosedError",
    "StreamState",
    "StreamTombstonedError",
    "TableProjection",
    "Text",
    "Timestamp",
    "UndecodableEventError",
    "UnencodableEventError",
    "UnknownEventTypeError",
    "UpcastError",
    "Uuid",
    "Verification",
    "WaitTimeoutError",
    "Worker",
    "WrongExpectedVersionError",
    "applies",
    "by_stream",
    "by_stream_id",
    "by_tag",
    "case",
    "context",
    "date_of",
    "decides",
    "envelope",
    "field",
    "literal",
    "tag",
]

_HOMES = {
    "deciders.aggregate": ("Aggregate", "applies", "decides"),
    "deciders.decider": ("Decider", "Snapshots"),
    "errors": tuple(name for name in __all__ if name.endswith("Error")),
    "event_store": ("EventStore",),
    "event_store_async": ("AsyncEventStore",),
    "events.envelope": ("NewEvent", "RecordedEvent"),
    "events.expected": ("ANY", "NO_STREAM", "STREAM_EXISTS", "Expected"),
    "events.query": ("AppendCondition", "Query"),
    "events.stream": ("StreamState",),
    "limits": ("Limits",),
    "module": ("Module",),
    "projections.document": ("DocumentProjection",),
    "projections.group": ("ProjectionGroup",),
    "projections.handler": ("HandlerProjection",),
    "projections.keys": ("by_stream", "by_stream_id", "by_tag"),
    "projections.projection": ("CATCH_UP", "INLINE", "LIVE", "Projection"),
    "projections.sources": ("case", "date_of", "envelope", "field", "literal", "tag"),
    "projections.status": ("DeadLetter", "ProjectionStatus"),
    "projections.table": ("TableProjection",),
    "projections.verify": ("Verification",),
    "projections.worker": ("Worker",),
    "projections.worker_async": ("AsyncWorker",),
    "runtime.context": ("context",),
    "storage.columns": ("BigInteger", "Boolean", "Date", "Integer", "Json", "Numeric", "Text", "Timestamp", "Uuid"),
    "store.cache": ("StateCache",),
    "subscriptions.marker": ("CaughtUp",),
    "subscriptions.policy": ("Park", "Retry", "Stop"),
}
"""Where each public name is written. It is imported at its first use: the command line, and whoever needs one colour
only, start without the rest."""


def __getattr__(name: str) -> object:
    from importlib import import_module, metadata

    if name == "__version__":
        return metadata.version("everfold")
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f".{home}", __name__), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
