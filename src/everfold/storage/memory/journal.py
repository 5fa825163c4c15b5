"""What a transaction has changed in memory, so that all of it can be undone, the last change first.

The invariant: values are replaced, never changed in place, so that the old value is the undo. Outside a transaction nothing
is noted.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

__all__ = ["Journal"]

K = TypeVar("K")
V = TypeVar("V")

_ABSENT: Any = object()


class Journal:
    """The changes of the transaction that is open, if one is."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []
        self._open = False

    def begin(self) -> None:
        """Note every change from here on."""
        self._open = True

    def end(self) -> None:
        """Forget what was noted: it stays."""
        self._open = False
        self._undo.clear()

    def mark(self) -> int:
        """The place to come back to."""
        return len(self._undo)

    def rewind(self, mark: int = 0) -> None:
        """Undo what was changed since the mark."""
        while len(self._undo) > mark:
            self._undo.pop()()

    def note(self, undo: Callable[[], object]) -> None:
        """Note how to undo a change that was made elsewhere."""
        if self._open:
            self._undo.append(undo)

    def put(self, table: dict[K, V], key: K, value: V) -> None:
        """Insert or replace."""
        self.note(partial(_restore, table, key, table.get(key, _ABSENT)))
        table[key] = value

    def drop(self, table: dict[K, V], key: K) -> None:
        """Remove, if it is there."""
        self.note(partial(_restore, table, key, table.pop(key, _ABSENT)))


def _restore(table: dict[Any, Any], key: Any, value: Any) -> None:
    if value is _ABSENT:
        table.pop(key, None)
    else:
        table[key] = value
