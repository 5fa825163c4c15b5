"""everfold: production-grade event sourcing for Python.

`EventStore` (threads) and `AsyncEventStore` (tasks) are peers over memory, SQLite and PostgreSQL; the other names
are what goes into them and what comes out.
"""

from __future__ import annotations

from .deciders.aggregate import Aggregate, applies, decides
from .deciders.decider import Decider, Snapshots
from .errors import (
    AppendConditionFailedError,
    CodecError,
    CommitUnknownError,
    ConfigurationError,
    ConflictError,
    EventIdReusedError,
    EverfoldError,
    InvalidNameError,
    LimitExceededError,
    SchemaError,
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
from .runtime.context import context
from .store.cache import StateCache
from .subscriptions.marker import CaughtUp

__all__ = [
    "ANY",
    "NO_STREAM",
    "STREAM_EXISTS",
    "Aggregate",
    "AppendCondition",
    "AppendConditionFailedError",
    "AsyncEventStore",
    "CaughtUp",
    "CodecError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConflictError",
    "Decider",
    "EventIdReusedError",
    "EventStore",
    "EverfoldError",
    "Expected",
    "InvalidNameError",
    "LimitExceededError",
    "Limits",
    "Module",
    "NewEvent",
    "Query",
    "RecordedEvent",
    "SchemaError",
    "Snapshots",
    "StateCache",
    "StorageError",
    "StorageUnavailableError",
    "StoreClosedError",
    "StreamArchivedError",
    "StreamClosedError",
    "StreamState",
    "StreamTombstonedError",
    "UndecodableEventError",
    "UnencodableEventError",
    "UnknownEventTypeError",
    "UpcastError",
    "WrongExpectedVersionError",
    "applies",
    "context",
    "decides",
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("everfold")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
