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

__all__ = [  # noqa: RUF022  (in the order of `sorted`, so that it is checked by it)
    "ANY",
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
    "NO_STREAM",
    "NewEvent",
    "Query",
    "RecordedEvent",
    "STREAM_EXISTS",
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
    "runtime.context": ("context",),
    "store.cache": ("StateCache",),
    "subscriptions.marker": ("CaughtUp",),
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
