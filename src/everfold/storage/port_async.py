"""The storage port: what a backend must do, in coarse verbs. The memory backend is its specification.

Each verb is one transaction and, where the medium has round trips, one of them. A backend raises errors of
`errors.py` only, made in its one `errors` module, with the driver's error as the cause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from ..events.query import Query
from ..runtime.concurrency_async import Later
from .control import BuildRow, ConsumerKey, ConsumerRow, Letter, LetterRow, Move
from .program import Program
from .read_model import Found, Selection, Shape, StoredDocument, TableChanges, Target
from .unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit

__all__ = ["AsyncStorage", "AsyncTransaction", "AsyncUnitTarget"]

T = TypeVar("T")


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


class AsyncTransaction(AsyncUnitTarget, Protocol):
    """A write transaction under way: what is done through it, units included, commits together or not at all.

    For one task, and only until its `transact` ends. Every verb sees what the ones before it did. A verb that raises
    leaves the transaction fit for nothing but rolling back, unless it was called inside `nested`: when its error is
    swallowed, `transact` raises it all the same.
    """

    async def nested(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        """Run `work` under a savepoint: when it raises, what it did is undone, the error raised, the rest kept."""
        ...

    # Checkpoints, builds, dead letters

    async def move(self, tenant: str, moves: Sequence[Move], *, now: int | None = None) -> None:
        """Advance checkpoints, all or none, and lock their rows until the transaction ends.

        Raises CheckpointConflictError, naming the consumer, unless each row stands exactly as its move says: the
        transaction must be rolled back then. `now`: microseconds since 1970; None: the storage's clock.
        """
        ...

    async def consumers(self, tenant: str, names: Sequence[str]) -> list[ConsumerRow]:
        """The rows of these consumers, by name and partition, locked until the transaction ends."""
        ...

    async def save_consumers(self, tenant: str, rows: Sequence[ConsumerRow]) -> None:
        """Insert or replace whole rows. A row without `epoch` gets the store's identity."""
        ...

    async def delete_consumers(self, tenant: str, names: Sequence[str]) -> None:
        """Remove the rows and the dead letters of these consumers."""
        ...

    async def builds(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        """The builds of these projections, by target, locked until the transaction ends."""
        ...

    async def build_rows(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        """The same as they are committed now, without a lock: for whoever stands in the gate."""
        ...

    async def events(self, tenant: str, *, after: int, query: Query, limit: int) -> Page:
        """Events that are committed, or were appended in this transaction, after a position; see `read_all` for the page.

        There is no horizon: the caller knows that nothing can appear below, as it stands in the gate alone.
        """
        ...

    async def save_build(self, tenant: str, row: BuildRow) -> None:
        """Insert or replace a build. At most one of a projection is active: a second one raises ConfigurationError."""
        ...

    async def park(self, tenant: str, letters: Sequence[Letter], *, now: int | None = None) -> None:
        """Store letters. One that is parked already (consumer, lane, position) stays as it is."""
        ...

    async def settle(
        self,
        tenant: str,
        ids: Sequence[int],
        state: str,
        *,
        actor: str | None,
        reason: str | None,
        now: int | None = None,
    ) -> None:
        """Mark parked letters as "done" or "skipped"."""
        ...

    async def letters(self, tenant: str, consumer: str, *, lane: str | None, limit: int) -> list[LetterRow]:
        """Letters that are parked, by id, which is their order within a lane."""
        ...

    # Read models

    async def create_target(self, target: Target, shape: Shape) -> None:
        """Create the target's table and indexes, and renew the view that shows people the active rows. Idempotent."""
        ...

    async def drop_target(self, target: Target, shape: Shape) -> None:
        """Drop the target's table, and renew the view. Idempotent."""
        ...

    async def target_used(self, target: Target) -> bool:
        """Whether a build of any tenant, one that isn't dropped, stands in the target's table."""
        ...

    async def clear_target(self, tenant: str, target: Target) -> None:
        """Delete all rows of the tenant."""
        ...

    async def documents(self, tenant: str, target: Target, keys: Sequence[str]) -> dict[str, StoredDocument]:
        """The documents at these keys, each locked until the transaction ends, also where there is none yet."""
        ...

    async def save_documents(
        self, tenant: str, target: Target, documents: Mapping[str, StoredDocument], deletes: Sequence[str]
    ) -> None:
        """Insert or replace documents, and delete others."""
        ...

    async def change_rows(self, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> None:
        """Apply a batch's changes to a table: one statement for all deletes, one per Upserts. Raises StatementError."""
        ...

    async def project(
        self,
        tenant: str,
        target: Target,
        shape: Shape,
        program: Program,
        *,
        span: tuple[int, int],
        partition: tuple[int, int] = (0, 1),
    ) -> int | None:
        """Run the program inside the database over after < position ≤ up_to (`span`), and count the events it matched.

        None, and nothing changed: this backend can't express the program, or an event of the span is of another schema
        version, so the events must be decoded. Raises StatementError, such as for a value that doesn't fit its column.
        """
        ...

    async def execute(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement of the application once per row of parameters (`%s`). Raises StatementError."""
        ...

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run a statement of the application that gives rows. Raises StatementError."""
        ...

    async def gate(self, tenant: str, projections: Sequence[str], *, exclusive: bool) -> None:
        """Enter the gate of inline projections, shared or alone, until the transaction ends.

        Alone: every transaction that entered it has ended, and none enters. Call it before any other verb. Raises
        StorageUnavailableError when the gate wasn't free within the backend's timeout.
        """
        ...

    async def lock_stream(self, tenant: str, stream: str) -> int:
        """Lock the stream's row until the transaction ends, and give its version; 0, unlocked, when there is none."""
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
        partition: tuple[int, int] = (0, 1),
    ) -> Page:
        """Up to `limit` events with after < position < before that match, in the order of positions.

        Nothing above the horizon is given, so a lower position can never appear later; `beyond_horizon` gives
        those events too, for a decision that names them in its condition (`Page.horizon` then says which they are).
        `partition` (i, n): only streams of the i-th of n parts, by the stream's key; events in no stream are in part 0.
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

    def join(self, connection: Any) -> AsyncTransaction:
        """The transaction that `connection` (the driver's own object) has open.

        A unit is applied under a savepoint: a refused one leaves the caller's transaction usable. Commit and
        rollback stay the caller's. Raises ConfigurationError for a connection that can't be joined.
        """
        ...

    async def transact(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        """Run `work` in one write transaction and commit it; when it raises, roll everything back and raise that.

        `work` is called once, and awaits nothing but the transaction: SQLite runs it in its writer thread, holding the
        lock on the whole file. Raises StorageUnavailableError (nothing written), CommitUnknownError (perhaps).
        """
        ...

    async def identity(self) -> bytes:
        """The store's own id, 16 bytes: its epoch, which a checkpoint carries. A store made anew has another one."""
        ...

    async def event_id(self, tenant: str, position: int) -> bytes | None:
        """The id of the tenant's event at exactly this position."""
        ...

    async def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        """Every consumer's row, by name and partition."""
        ...

    async def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], *, seconds: float, now: int | None = None
    ) -> list[ConsumerRow]:
        """Take, or renew, each of these that is free, expired or the owner's already; give the rows that are now held.

        The token grows by one when the owner changes, and stays when it renews. One atomic step by the database's clock.
        """
        ...

    async def release(self, tenant: str, owner: str) -> None:
        """Give up every lease of the owner. The tokens stay."""
        ...

    async def build_rows(self, tenant: str) -> list[BuildRow]:
        """Every build, by target."""
        ...

    async def letter_rows(
        self, tenant: str, *, consumer: str | None, state: str | None, after: int, limit: int
    ) -> list[LetterRow]:
        """Dead letters with an id above `after`, by id; of every consumer and in every state where None is given."""
        ...

    async def stored_documents(self, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        """The documents at these keys, and the active target, in one snapshot."""
        ...

    async def select(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        """The rows or documents that are selected, in order, and the active target, in one snapshot.

        Raises StatementError for SQL that the database refuses.
        """
        ...

    async def count(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        """How many are selected (its order and limit left out of account), and the active target, in one snapshot."""
        ...

    async def close(self) -> None:
        """Finish what is under way, wake every waiter, give all resources back. May be called again."""
        ...
