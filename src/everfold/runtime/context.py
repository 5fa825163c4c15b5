"""Metadata that belongs to what is happening now, not to one call: who acts, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["context", "current_context"]

_EMPTY: Mapping[str, Any] = {}
_current: ContextVar[Mapping[str, Any]] = ContextVar("everfold_context", default=_EMPTY)


@contextmanager
def context(**metadata: Any) -> Iterator[None]:
    """Every event appended inside (in this task or thread) carries this metadata.

    Nested contexts add to the outer one and win over it; metadata given to an append wins over the context.
    `None` takes a key away. Usual keys: correlation_id, causation_id, actor.
    """
    merged = {key: value for key, value in {**_current.get(), **metadata}.items() if value is not None}
    token = _current.set(merged)
    try:
        yield
    finally:
        _current.reset(token)


def current_context() -> Mapping[str, Any]:
    """What the surrounding contexts say, merged."""
    return _current.get()
