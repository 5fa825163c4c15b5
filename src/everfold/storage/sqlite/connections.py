"""How a connection to the file is opened: the settings that durability and concurrency rest on.

Every connection is in autocommit mode, so each BEGIN and COMMIT of this backend stands in its code. WAL lets readers
go on beside the one writer; FULL flushes on each commit (NORMAL lost acknowledged appends in 120 of 120 power cuts).
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import ConfigurationError

__all__ = ["Options", "abandon", "connect", "set_wal"]

_STATEMENTS_CACHED = 256


@dataclass(frozen=True, slots=True)
class Options:
    """Where the file is and how it is used. Raises ConfigurationError for what can't be a store."""

    path: str
    synchronous: str = "FULL"
    busy_timeout_seconds: float = 5.0

    def __post_init__(self) -> None:
        if not self.path or self.path.startswith((":memory:", "file:")):
            raise ConfigurationError(f"{self.path!r} is no path of a file; for a store in memory open memory://")
        if self.synchronous not in ("FULL", "NORMAL"):
            raise ConfigurationError(f"synchronous must be 'FULL' or 'NORMAL', not {self.synchronous!r}")
        if self.busy_timeout_seconds < 0:
            raise ConfigurationError(f"busy_timeout_seconds must be 0 or more, not {self.busy_timeout_seconds!r}")

    @property
    def file(self) -> Path:
        """The file, as an absolute path."""
        return Path(self.path).absolute()


def connect(options: Options, *, create: bool = False, timeout_seconds: float | None = None) -> sqlite3.Connection:
    """A connection that one thread at a time may use. Only `create` makes a file that isn't there."""
    timeout = options.busy_timeout_seconds if timeout_seconds is None else timeout_seconds
    connection = sqlite3.connect(
        f"{options.file.as_uri()}?mode={'rwc' if create else 'rw'}",
        timeout=timeout,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=_STATEMENTS_CACHED,
        uri=True,
    )
    try:
        connection.execute(f"pragma synchronous = {options.synchronous}")
        connection.execute("pragma temp_store = memory")
        # macOS: fsync alone leaves the data in the drive's cache; without effect elsewhere
        connection.execute("pragma fullfsync = on")
        connection.execute("pragma checkpoint_fullfsync = on")
    except BaseException:
        connection.close()
        raise
    return connection


def abandon(connection: sqlite3.Connection) -> None:
    """Roll back what is open, and close. Closing alone would keep the locks for as long as a cursor lives somewhere."""
    with suppress(sqlite3.Error):
        connection.rollback()
    connection.close()


def set_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, which stays; without effect when it is already."""
    (mode,) = connection.execute("pragma journal_mode = wal").fetchone()
    if mode != "wal":
        raise ConfigurationError(f"the file system allows no write-ahead log (journal mode {mode!r}): use a local disk")
