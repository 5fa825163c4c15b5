"""The one object that users hold. It composes the capabilities below and owns no logic of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from .codec.registry import Registry
from .connect_async import connect, default_migrate
from .deciders.aggregate import Aggregate, as_decider
from .deciders.decider import Decider
from .errors import ConfigurationError
from .events.envelope import RecordedEvent
from .events.expected import ANY, STREAM_EXISTS, Expected, expectation_code
from .events.query import AppendCondition, Query
from .events.stream import StreamState, check_stream_name, check_tenant
from .limits import POSITION_MAX, STREAM_LIST_MAX, Limits
from .module import Module
from .projections import wait_async
from .projections.catalogue import Catalogue
from .projections.inline_async import inline_of
from .projections.letters_async import AsyncDeadLetters
from .projections.operator_async import AsyncProjections
from .projections.projection import Projection, name_of
from .projections.read_model_async import AsyncReadModel
from .runtime.clock import Clock, as_clock, datetime_of
from .runtime.concurrency_async import sleep
from .runtime.opening_async import AsyncOpening, opened
from .storage.port_async import AsyncStorage
from .storage.unit import SchemaStatus, StreamMark, StreamRow, TypeCount
from .store import append_async, decide_async, load_async, read_async
from .store.append_async import AsyncUnitOfWork
from .store.cache import StateCache, as_cache
from .store.outcome import AppendResult, Decision, Loaded
from .store.scope_async import AsyncScope
from .subscriptions import feed_async
from .subscriptions.marker import CaughtUp
from .telemetry.hooks import Telemetry

__all__ = ["AsyncEventStore"]

Command = TypeVar("Command")
State = TypeVar("State")
Class = TypeVar("Class", bound=Aggregate)


class AsyncEventStore:
    """An open event store: one tenant of one database, seen through the modules of one application.

    Safe to share between tasks. Use it as a context manager, or call `close()`, which drains what is
    under way. Every method raises errors of `everfold.EverfoldError` only, and StoreClosedError after `close()`.
    """

    def __init__(self, scope: AsyncScope) -> None:
        self._scope = scope

    @classmethod
    def open(
        cls,
        url: str,
        *modules: Module,
        tenant: str = "",
        migrate: str | None = None,
        clock: Clock | Callable[[], datetime] | None = None,
        telemetry: Telemetry | None = None,
        cache: StateCache | int | None = None,
        limits: Limits | None = None,
        **options: Any,
    ) -> AsyncOpening[AsyncEventStore]:
        """Open `memory://`, `sqlite:///file.db` or `postgresql://…` (any libpq URI; `?schema=name`).

        `migrate`: "auto" creates and upgrades the schema (the default when embedded), "create" creates an empty one and
        refuses an outdated one (the default on PostgreSQL), "never" changes nothing. `clock`, an object with `now()` or
        a function, stamps the events (default: the database's clock). `cache` is a StateCache, or a number of states to
        keep. `options` are the backend's own: `synchronous="NORMAL"` (SQLite), `pool_size=10` (PostgreSQL). Raises ConfigurationError listing every contradiction in the modules, SchemaError,
        StorageUnavailableError.
        """
        if migrate not in (None, "auto", "create", "never"):
            raise ConfigurationError(f'migrate must be "auto", "create" or "never", not {migrate!r}')
        given_clock = as_clock(clock)
        registry = Registry.of(modules)
        catalogue = Catalogue.of(modules, registry)
        scope = AsyncScope(
            storage=connect(url, clock=given_clock, **options),
            registry=registry,
            catalogue=catalogue,
            scratch=lambda: connect("memory://", clock=given_clock),
            tenant=check_tenant(tenant),
            limits=limits or Limits(),
            sleep=sleep,
            clock=given_clock,
            cache=as_cache(cache),
            telemetry=telemetry,
        )
        return opened(cls._open(scope, migrate or default_migrate(url)))

    @classmethod
    async def _open(cls, scope: AsyncScope, migrate: str) -> AsyncEventStore:
        try:
            await scope.storage.migrate(migrate)
            scope.inline = await inline_of(scope)
        except BaseException:
            await scope.storage.close()
            raise
        return cls(scope)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what is under way, end the subscriptions, give every resource back. May be called again."""
        self._scope.closed = True
        await self._scope.storage.close()

    @property
    def tenant(self) -> str:
        """The tenant whose events this store shows; "" when there is one."""
        return self._scope.tenant

    @property
    def storage(self) -> AsyncStorage:
        """The backend, for tools that operate it; applications use the methods of the store."""
        return self._scope.storage

    @property
    def registry(self) -> Registry:
        """The event types of the modules, for tools."""
        return self._scope.registry

    # Writing

    async def append(
        self,
        stream: str,
        events: Iterable[Any],
        *,
        expected_version: Expected,
        metadata: Mapping[str, Any] | None = None,
    ) -> AppendResult:
        """Append payload objects or NewEvents to the end of a stream, atomically and durably.

        `expected_version`: a version (0: the stream is empty), ANY, NO_STREAM or STREAM_EXISTS. The events get the next
        versions without holes; of several writers with the same exact expectation one wins. Sent again with the same
        event ids, it gives the first result back, whatever the expectation and however much later. An
        empty list checks the expectation and writes nothing.

        Raises WrongExpectedVersionError, EventIdReusedError, StreamTombstonedError, StreamArchivedError, CodecError,
        InvalidNameError, LimitExceededError, StorageUnavailableError (nothing written), CommitUnknownError (send
        `error.events` again).
        """
        return await append_async.append(self._scope, stream, events, expected_version, metadata=metadata)

    async def append_if(
        self,
        events: Iterable[Any],
        condition: AppendCondition,
        *,
        stream: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> AppendResult:
        """Append unless an event that matches the condition's query stands after its position.

        Of several writers under the same condition one wins, also when the query found nothing. Without `stream` the
        events live in none: queries find them. Raises AppendConditionFailedError, and what `append` raises.
        """
        return await append_async.append_if(self._scope, events, condition, stream=stream, metadata=metadata)

    def unit(self) -> AsyncUnitOfWork:
        """Several appends that commit together when the `with` block ends, or not at all."""
        return AsyncUnitOfWork(self._scope)

    def join(self, connection: Any) -> AsyncUnitOfWork:
        """The same inside the caller's own transaction (a psycopg or sqlite3 connection on the same database).

        When the block ends the events are written, under a savepoint; they commit or roll back with the caller's
        transaction. A conflict leaves that transaction usable. On PostgreSQL an append that stays open holds back
        every reader of later events: commit soon.
        """
        self._scope.refuse_closed()
        return AsyncUnitOfWork(self._scope, self._scope.storage.join(connection))

    async def truncate(self, stream: str, *, before_version: int, expected_version: Expected = ANY) -> None:
        """Cut the head of a stream: versions below `before_version` are hidden from reads of the stream.

        The log keeps them: `read_all` still shows them, versions and positions don't change. It only moves forward.
        """
        if type(before_version) is not int or not 1 <= before_version <= POSITION_MAX:
            raise ConfigurationError(f"before_version must be a version from 1 on, not {before_version!r}")
        code = expectation_code(expected_version)
        cut = StreamMark(check_stream_name(stream), code, truncate_before=before_version)
        await append_async.mark(self._scope, cut, expected_version)

    async def tombstone(self, stream: str, *, expected_version: Expected = STREAM_EXISTS) -> None:
        """End a stream for ever: it takes no events and can't be read as a stream, and its name is never used again.

        The log keeps its events: `read_all` still shows them.
        """
        end = StreamMark(check_stream_name(stream), expectation_code(expected_version), tombstone=True)
        await append_async.mark(self._scope, end, expected_version)

    # Reading

    def read_stream(
        self,
        stream: str,
        *,
        after_version: int = 0,
        up_to_version: int | None = None,
        backwards: bool = False,
        limit: int | None = None,
    ) -> AsyncIterator[RecordedEvent]:
        """The events of a stream, in order of version (or the reverse), fetched page by page.

        Versions after `after_version` up to `up_to_version`; an unknown stream gives none. Raises
        StreamTombstonedError while iterating.
        """
        check_stream_name(stream, system=True)
        return read_async.read_stream(
            self._scope,
            stream,
            after_version=after_version,
            up_to_version=up_to_version,
            backwards=backwards,
            limit=limit,
        )

    def read_all(
        self, *, after: int = 0, query: Query | None = None, backwards: bool = False, limit: int | None = None
    ) -> AsyncIterator[RecordedEvent]:
        """The events of the log after a position, up to the horizon, in order of position (or the reverse).

        None is ever missed: what is given has nothing below it that could still appear. Backwards it begins at the
        horizon and ends above `after`.
        """
        return read_async.read_all(self._scope, after=after, query=query, backwards=backwards, limit=limit)

    def subscribe(self, *, after: int = 0, query: Query | None = None) -> AsyncIterator[RecordedEvent | CaughtUp]:
        """`read_all` without an end: whenever everything there is was given it yields a `CaughtUp`, then waits.

        It ends when the store closes. A slow reader falls behind and catches up; it is never dropped. Nothing is
        remembered: pass the position of the last event handled as `after`.
        """
        return feed_async.subscribe(self._scope, after=after, query=query)

    async def stream(self, stream: str) -> StreamState | None:
        """Where a stream stands, also when it is tombstoned; None when nothing was ever appended to it."""
        check_stream_name(stream, system=True)
        row = await self._scope.storage.stream_row(self._scope.tenant, stream)
        return None if row is None else _state(row)

    async def streams(
        self, *, category: str | None = None, after: str = "", limit: int = STREAM_LIST_MAX
    ) -> list[StreamState]:
        """Streams by name, `limit` of them (1,000 at most) after the name `after`."""
        wanted = max(0, min(limit, STREAM_LIST_MAX))
        rows = await self._scope.storage.stream_rows(self._scope.tenant, category=category, after=after, limit=wanted)
        return [_state(row) for row in rows]

    async def types(self) -> list[TypeCount]:
        """Every (type, schema version) that is stored, with its number of events. Scans the log."""
        return await self._scope.storage.type_counts(self._scope.tenant)

    async def head(self) -> int:
        """The horizon: the position of the last event below which nothing can still appear; 0 when empty."""
        self._scope.refuse_closed()
        return await self._scope.storage.head(self._scope.tenant)

    async def schema_status(self) -> SchemaStatus:
        """The schema version found, the one this release brings, and the migrations in between."""
        return await self._scope.storage.schema_status()

    # Projections

    def read_model(self, projection: Projection | str) -> AsyncReadModel:
        """What a projection made, for readers: `get`, `find`, `page`, `count`, and `rows` of a declared table."""
        known = projection if isinstance(projection, Projection) else self._scope.catalogue.newest(name_of(projection))
        return AsyncReadModel(self._scope, known)

    async def wait_for(self, projection: Projection | str, position: int, timeout: float = 5.0) -> None:
        """Return when the read model holds every event up to `position` (`result.position` of an append).

        It asks the stored checkpoint of the version that readers see, so it works across processes and switches of
        versions. Raises WaitTimeoutError, a TimeoutError, after `timeout` seconds: it says how far the read model is.
        """
        await wait_async.wait_for(self._scope, name_of(projection), position, timeout)

    def projections(self) -> AsyncProjections:
        """What an operator does: status, rebuild, verify, promote, rollback, retire, pause, resume."""
        return AsyncProjections(self._scope)

    def dead_letters(self, consumer: Projection | str | None = None) -> AsyncDeadLetters:
        """The events that a projection parked, oldest first; of every projection without one."""
        return AsyncDeadLetters(self._scope, None if consumer is None else name_of(consumer).partition("@")[0])

    # Deciding

    @overload
    async def decide(
        self,
        stream: str,
        decider: Decider[Command, State],
        command: Command,
        *,
        expected_version: Expected | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Decision[State]: ...
    @overload
    async def decide(
        self,
        stream: str,
        decider: type[Class],
        command: Any,
        *,
        expected_version: Expected | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Decision[Class]: ...
    async def decide(
        self,
        stream: str,
        decider: Any,
        command: Any,
        *,
        expected_version: Expected | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Decision[Any]:
        """Load the state, decide the command, append the events at exactly the version that was loaded.

        When another writer was faster it reads the tail and decides again, a bounded number of times; with an
        `expected_version` it doesn't, and the conflict is raised. What `decide` raises passes through; nothing is
        written then.
        """
        return await decide_async.decide(
            self._scope,
            stream,
            as_decider(decider),
            command,
            expected_version=expected_version,
            metadata=metadata,
        )

    @overload
    async def load(
        self,
        stream: str,
        decider: Decider[Any, State],
        *,
        at_version: int | None = None,
        at_time: datetime | None = None,
    ) -> Loaded[State]: ...
    @overload
    async def load(
        self,
        stream: str,
        decider: type[Class],
        *,
        at_version: int | None = None,
        at_time: datetime | None = None,
    ) -> Loaded[Class]: ...
    async def load(
        self,
        stream: str,
        decider: Any,
        *,
        at_version: int | None = None,
        at_time: datetime | None = None,
    ) -> Loaded[Any]:
        """The state now, after `at_version`, or as it was at `at_time` (an aware datetime).

        At a time: the state before the first event recorded later. An unknown stream gives the initial state at
        version 0.
        """
        return await load_async.load(self._scope, stream, as_decider(decider), at_version=at_version, at_time=at_time)

    @overload
    async def decide_over(
        self,
        query: Query,
        decider: Decider[Command, State],
        command: Command,
        *,
        tags: Iterable[str] = (),
        stream: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Decision[State]: ...
    @overload
    async def decide_over(
        self,
        query: Query,
        decider: type[Class],
        command: Any,
        *,
        tags: Iterable[str] = (),
        stream: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Decision[Class]: ...
    async def decide_over(
        self,
        query: Query,
        decider: Any,
        command: Any,
        *,
        tags: Iterable[str] = (),
        stream: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Decision[Any]:
        """Decide on everything that matches `query`, wherever it was appended (dynamic consistency boundary).

        The events get `tags` and are appended only if nothing that matches came meanwhile; else it reads and decides
        again, a bounded number of times. Tag the events so that the same query finds them.
        """
        return await decide_async.decide_over(
            self._scope, query, as_decider(decider), command, tags=tags, stream=stream, metadata=metadata
        )

    async def close_and_open(
        self,
        old: str,
        end: Iterable[Any],
        new: str,
        start: Iterable[Any],
        *,
        expected_version: Expected = STREAM_EXISTS,
        metadata: Mapping[str, Any] | None = None,
    ) -> tuple[AppendResult, AppendResult]:
        """Close the books: append `end` to the old period's stream and `start` to the new one's, atomically.

        `expected_version` is of the old stream: pass the version that the closing figures were computed at. The new
        stream must be empty.
        """
        return await decide_async.close_and_open(
            self._scope, old, end, new, start, expected_version=expected_version, metadata=metadata
        )


def _state(row: StreamRow) -> StreamState:
    created, updated = datetime_of(row.created_at), datetime_of(row.updated_at)
    return StreamState(row.name, row.version, row.status, created, updated, row.truncated_before)
