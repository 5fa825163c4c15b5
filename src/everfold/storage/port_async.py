"""The storage port: what a backend must do, in about a dozen coarse verbs. The memory backend is its specification.

Each verb is one transaction and, where the medium has round trips, one of them. A backend raises errors of
`errors.py` only, made in its one `errors` module, with the driver's error as the cause.
"""

from __future__ import annotations

from typing import Any, Protocol

from ..events.query import Query
from .unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit

__all__ = ["AsyncStorage", "AsyncUnitTarget"]


class AsyncUnitTarget(Protocol):
    """Whatever can take a unit: a storage, or a caller's own transaction on it."""

    async def commit(self, unit: Unit) -> Committed:
        """Apply the unit atomically, or raise and leave nothing behind.

        Order of judgement: a repetition of a stored unit gives its first result (see `repetition.py`); a closed
        stream raises StreamClosedError; a wrong expectation WrongExpectedVersionError; a matching event after a
        condition's position AppendConditionFailedError; a foreign reuse of an id EventIdReusedError. A refused
        unit uses no position. StorageUnavailableError: nothing was written. CommitUnknownError: it may have been.
        """
        ...


class AsyncStorage(AsyncUnitTarget, Protocol):
    """An open store's backend, safe to share between tasks."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def read_stream(
        self,
        tenant: str,
        stream: str,
        *,
        after_version: int,
        up_to_version: int | None,
        backwards: bool,
        limit: int,
    ) -> Page:
        """Up to `limit` events with after_version < version ≤ up_to_version, hidden ones left out.

        An unknown stream is an empty page at version 0. Raises StreamTombstonedError.
        """
        ...

    async def read_all(
        self,
        tenant: str,
        *,
        after: int,
        before: int | None,
        query: Query,
        backwards: bool,
        limit: int,
        beyond_horizon: bool = False,
    ) -> Page:
        """Up to `limit` events with after < position < before that match, in the order of positions.

        Nothing above the horizon is given, so a lower position can never appear later; `beyond_horizon` gives
        those events too, for a decision that names them in its condition (`Page.horizon` then says which they are).
        """
        ...

    async def head(self, tenant: str) -> int:
        """The horizon: the highest position of a stored event below which nothing can still appear; 0 when empty."""
        ...

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        """The stream's own row, or None when nothing was ever appended to it."""
        ...

    async def stream_rows(self, tenant: str, *, category: str | None, after: str, limit: int) -> list[StreamRow]:
        """Streams with a name above `after`, by name (compared as UTF-8 bytes)."""
        ...

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        """Every (type, schema version) stored, with its count, by name. Scans the log."""
        ...

    async def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        """The snapshot, if there is one of exactly this schema version."""
        ...

    def hint(self) -> int:
        """A number that grows whenever events may have come. Take it before reading, hand it to `wait`."""
        ...

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        """Return True as soon as events may have come since `hint`, False after the timeout or when closed."""
        ...

    async def migrate(self, mode: str) -> SchemaStatus:
        """Bring the schema to this release: "auto" creates and upgrades, "create" creates only, "never" only looks.

        Raises SchemaError when the schema is missing, outdated (and may not be changed), newer, or no store.
        """
        ...

    async def schema_status(self) -> SchemaStatus:
        """What `migrate` would find, without changing anything."""
        ...

    def join(self, connection: Any) -> AsyncUnitTarget:
        """A target inside the transaction that `connection` (the driver's own object) has open.

        The unit is applied under a savepoint: a refused one leaves the caller's transaction usable. Commit and
        rollback stay the caller's. Raises ConfigurationError for a connection that can't be joined.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way, wake every waiter, give all resources back. May be called again."""
        ...
