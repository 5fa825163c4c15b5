"""The state cache: a folded state a stream may continue from. It can be stale, never wrong.

Nothing is believed because of the cache. A decision made on a cached state is committed with the exact version
that the state stands at, so a newer event is a conflict like any other; and a decision that would write nothing, or
refuses, is made again on the current state first.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import threading
import uuid
from collections import OrderedDict
from typing import Any

import msgspec

from ..errors import ConfigurationError

__all__ = ["CachedState", "StateCache", "as_cache", "is_immutable"]

_VALUES = (
    str, bytes, int, float, complex, bool, type(None), tuple, frozenset, enum.Enum, decimal.Decimal,
    datetime.date, datetime.time, datetime.timedelta, uuid.UUID,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True)
class CachedState:
    """A state at a version, and the version of the last snapshot known."""

    state: Any
    version: int
    snapshot_version: int = 0


class StateCache:
    """The most recently used states of one process: `EventStore.open(url, ..., cache=StateCache(10_000))`.

    Only states of an immutable class are kept (frozen dataclass, Struct, attrs or pydantic class, tuple, string,
    number, …): one that a caller could change by accident is folded anew each time. Safe between threads; may be shared by
    stores on the same database and tenant only.
    """

    def __init__(self, entries: int = 10_000) -> None:
        if entries < 1:
            raise ConfigurationError("StateCache(entries=...) must be at least 1")
        self.entries = entries
        self._states: OrderedDict[tuple[object, ...], CachedState] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...]) -> CachedState | None:
        """The state kept for (tenant, stream, decider), which counts as used now."""
        with self._lock:
            found = self._states.get(key)
            if found is not None:
                self._states.move_to_end(key)
            return found

    def put(self, key: tuple[object, ...], cached: CachedState) -> None:
        """Keep the state, unless a newer one is there or its class is mutable."""
        if not is_immutable(cached.state):
            return
        with self._lock:
            known = self._states.get(key)
            if known is None or known.version <= cached.version:
                self._states[key] = cached
                self._states.move_to_end(key)
            while len(self._states) > self.entries:
                self._states.popitem(last=False)

    def drop(self, key: tuple[object, ...]) -> None:
        """Forget the state: it turned out to be stale."""
        with self._lock:
            self._states.pop(key, None)

    def __len__(self) -> int:
        return len(self._states)


def as_cache(given: StateCache | int | None) -> StateCache | None:
    """A cache as it is; a number as one of so many states. Anything else is a ConfigurationError."""
    if given is None or isinstance(given, StateCache):
        return given
    if type(given) is int:
        return StateCache(given)
    raise ConfigurationError(f"cache must be an ef.StateCache, or the number of states to keep, not {given!r}")


def is_immutable(state: object) -> bool:
    """Whether the state's class refuses to be changed (its fields' own contents are the application's promise)."""
    if isinstance(state, _VALUES):
        return True
    kind = type(state)
    if isinstance(state, msgspec.Struct):
        return bool(kind.__struct_config__.frozen)  # type: ignore[attr-defined]
    if dataclasses.is_dataclass(kind):
        return bool(getattr(kind, "__dataclass_params__").frozen)  # noqa: B009  # unknown to the type checkers
    if hasattr(kind, "__attrs_attrs__"):
        return kind.__setattr__ is not object.__setattr__ and "frozen" in getattr(kind.__setattr__, "__name__", "")
    return bool(getattr(kind, "model_config", {}).get("frozen", False))
