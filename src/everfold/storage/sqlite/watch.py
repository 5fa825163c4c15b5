"""Whether another connection has committed, in this process or another one: `pragma data_version`, 4 µs a look."""

from __future__ import annotations

import sqlite3
import threading

from .connections import Options, connect

__all__ = ["Watch"]


class Watch:
    """A look at the file that costs no read of it. Safe between threads."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._mutex = threading.Lock()
        self._cursor: sqlite3.Cursor | None = None
        self._seen: int | None = None

    def changed(self) -> bool:
        """Whether something was committed since the last look. The first look only remembers.

        A file that can't be looked at now shows no change; the reads of its user say why.
        """
        with self._mutex:
            try:
                version = self._version()
            except sqlite3.Error:
                return False
            changed = self._seen is not None and version != self._seen
            self._seen = version
            return changed

    def close(self) -> None:
        """Close the connection."""
        with self._mutex:
            if self._cursor is not None:
                self._cursor.connection.close()
                self._cursor = None

    def _version(self) -> int:
        if self._cursor is None:
            self._cursor = connect(self._options, timeout_seconds=0).cursor()
        (version,) = self._cursor.execute("pragma data_version").fetchone()
        return int(version)
