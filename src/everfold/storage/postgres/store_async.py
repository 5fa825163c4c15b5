"""The PostgreSQL backend: the storage port on psycopg, composed of the files beside it. Policy is in SQL and in pure files.

The invariant: whatever is written goes through the append functions of the schema, and whatever is read of the whole
log lies below the lock horizon (`horizon_async.py`, `sql/schema/02_horizon.sql`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec
import psycopg

from ... import limits
from ...errors import ConfigurationError, EverfoldError
from ...events.query import Query
from ...runtime.clock import Clock, microseconds_of
from ...runtime.concurrency_async import Later
from ..control import BuildRow, ConsumerKey, ConsumerRow, LetterRow
from ..port_async import AsyncTransaction
from ..read_model import Found, Selection, Shape, Target
from ..unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from .commit_async import commit_unit
from .control_rows import build_of, consumer_of, lease_parameters, letter_of
from .encode import batch_committed, batch_parameters, is_plain, size_of
from .errors import connection_lost, translate
from .group_async import AsyncGroup, Outcome
from .join_async import AsyncJoined
from .migrate_async import found_status, migrate, pending_script, self_test
from .packing import EPOCH_MICROSECONDS
from .pool_async import AsyncPool
from .read_async import AsyncReader, Span
from .read_models_async import AsyncReadModels
from .schema import roles_sql
from .session_async import check_conninfo, connect
from .statements import statements
from .transaction_async import AsyncPostgresTransaction, Setting
from .wakeup_async import AsyncWakeup

__all__ = ["AsyncPostgresStorage"]

T = TypeVar("T")

_POOL_SIZE_MIN = 2
"""The self-test looks at one session's lock from another."""


class AsyncPostgresStorage:
    """A store in one schema of a PostgreSQL database. Nothing is connected before the first use.

    `conninfo` is a libpq URI or string. At most `pool_size` connections, and one more while somebody waits for events.
    Reads and own transactions run in READ COMMITTED; a lock that is waited for longer than `pool_timeout_seconds`
    raises StorageUnavailableError.
    """

    capabilities = Capabilities(
        durable=True,
        several_processes=True,
        concurrent_transactions=True,
        joins=True,
        enforces_immutability=True,
    )

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "everfold",
        clock: Clock | None = None,
        pool_size: int = 10,
        pool_timeout_seconds: float = 10.0,
        connect_timeout_seconds: float = 10.0,
        group_commit: bool = True,
    ) -> None:
        check_conninfo(conninfo)
        if pool_size < _POOL_SIZE_MIN:
            raise ConfigurationError(f"pool_size must be at least {_POOL_SIZE_MIN}, not {pool_size}")
        self._schema = schema
        self._sql = statements(schema)
        self._clock = clock
        connecting = partial(connect, conninfo, schema, connect_timeout_seconds, pool_timeout_seconds)
        self._setting = Setting(schema, self._sql, self._complete, self._at)
        self._pool = AsyncPool(connecting, pool_size, pool_timeout_seconds)
        self._reader = AsyncReader(schema, self._sql)
        self._read_models = AsyncReadModels(schema, self._sql)
        self._wakeup = AsyncWakeup(self._sql, connecting, self._pool.run)
        self._group = AsyncGroup(self._alone, self._together) if group_commit else None

    async def commit(self, unit: Unit) -> Committed:
        unit = self._complete(unit)
        committer = self._group.commit if self._group is not None and _groups(unit) else self._alone
        committed = await committer(unit)
        if not committed.repeated:
            await self._tell(committed)
        return committed

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
        return await self._pool.read(
            lambda session: self._reader.stream(
                session, tenant, stream, after_version, up_to_version, backwards=backwards, limit=limit
            )
        )

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
        span = Span.of(tenant, after, before, query, limit, partition=partition)
        page = await self._pool.read(
            lambda session: self._reader.log(session, span, backwards=backwards, beyond_horizon=beyond_horizon)
        )
        if page.rows and page.rows[-1][0] - after == len(page.rows):
            self._wakeup.saw(after, page.rows[-1][0])
        return page

    async def head(self, tenant: str) -> int:
        return await self._pool.read(lambda session: self._reader.head(session, tenant))

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        rows = await self._rows("stream_row", tenant, stream)
        return _stream_row(rows[0]) if rows else None

    async def stream_rows(self, tenant: str, *, category: str | None, after: str, limit: int) -> list[StreamRow]:
        if category is None:
            rows = await self._rows("stream_rows", tenant, after, limit)
        else:
            rows = await self._rows("category_rows", tenant, after, limit, category)
        return [_stream_row(row) for row in rows]

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        return [TypeCount(*row) for row in await self._rows("type_counts", tenant)]

    async def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        rows = await self._rows("load_snapshot", tenant, stream, name, schema_version)
        return Snapshot(stream, name, schema_version, rows[0][0], rows[0][1]) if rows else None

    def hint(self) -> int:
        return self._wakeup.hints.count

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        return await self._wakeup.wait(hint, timeout_seconds)

    async def migrate(self, mode: str) -> SchemaStatus:
        status = await self._pool.run(lambda session: migrate(session, self._sql, self._schema, mode))
        await self_test(self._pool.run, self._sql)
        return status

    async def schema_status(self) -> SchemaStatus:
        return await self._pool.read(lambda session: found_status(session, self._sql, self._schema))

    async def pending_sql(self) -> str:
        """What `migrate("auto")` would run, for an administrator to run instead; "" when there is nothing to do."""
        return await self._pool.read(lambda session: pending_script(session, self._sql, self._schema))

    def roles_sql(self) -> str:
        """The script that makes a writer's and a reader's role of least privilege on this schema."""
        return roles_sql(self._schema)

    def join(self, connection: Any) -> AsyncTransaction:
        return AsyncJoined(connection, self._setting)

    async def transact(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        session = await self._pool.acquire()
        transaction = AsyncPostgresTransaction(session, self._setting)
        try:
            result = await transaction.run(work)
        finally:
            await self._pool.release(session)
        for committed in transaction.committed:
            await self._tell(committed)
        return result

    async def identity(self) -> bytes:
        ((identity,),) = await self._rows("identity")
        return bytes(identity)

    async def event_id(self, tenant: str, position: int) -> bytes | None:
        rows = await self._rows("event_id", tenant, position)
        return bytes(rows[0][0]) if rows else None

    async def consumer_rows(self, tenant: str) -> list[ConsumerRow]:
        return [consumer_of(row) for row in await self._rows("consumer_rows", tenant)]

    async def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], *, seconds: float, now: int | None = None
    ) -> list[ConsumerRow]:
        parameters = lease_parameters(tenant, owner, keys, seconds, self._at(now))
        rows = await self._pool.run(lambda session: session.fetch(self._sql["lease"], *parameters))
        return [consumer_of(row) for row in rows]

    async def release(self, tenant: str, owner: str) -> None:
        await self._pool.run(lambda session: session.fetch_none(self._sql["release"], tenant, owner))

    async def build_rows(self, tenant: str) -> list[BuildRow]:
        return [build_of(row) for row in await self._rows("build_rows", tenant)]

    async def letter_rows(
        self, tenant: str, *, consumer: str | None, state: str | None, after: int, limit: int
    ) -> list[LetterRow]:
        return [letter_of(row) for row in await self._rows("letter_rows", tenant, consumer, state, after, limit)]

    async def stored_documents(self, tenant: str, target: Target, keys: Sequence[str]) -> Found:
        return await self._pool.read(lambda session: self._read_models.documents(session, tenant, target, keys))

    async def select(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        place = tenant, target, shape
        return await self._pool.read(lambda session: self._read_models.select(session, place, selection))

    async def count(self, tenant: str, target: Target, shape: Shape, selection: Selection) -> Found:
        place = tenant, target, shape
        return await self._pool.read(lambda session: self._read_models.count(session, place, selection))

    async def close(self) -> None:
        await self._wakeup.close()
        await self._pool.close()

    async def _alone(self, unit: Unit) -> Committed:
        return await self._pool.run(lambda session: commit_unit(session, self._sql, unit), unit)

    async def _together(self, units: Sequence[Unit]) -> Sequence[Outcome]:
        """One transaction for all. When the server refuses it as a whole, each is left to go alone."""
        session = await self._pool.acquire()
        try:
            row = await session.fetch_one(self._sql["append_many"], *batch_parameters(units))
            assert row is not None
            return batch_committed(units, row)
        except psycopg.Error as error:
            return [_outcome(error, unit) for unit in units]
        finally:
            await self._pool.release(session)

    async def _rows(self, name: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return await self._pool.read(lambda session: session.fetch(self._sql[name], *parameters))

    async def _tell(self, committed: Committed) -> None:
        places = [append.positions for append in committed.appends if append.positions]
        if places:
            first, last = places[0][0], places[-1][-1]
            contiguous = last - first == sum(map(len, places)) - 1
            await self._wakeup.committed(first if contiguous else last, last)

    def _at(self, given: int | None) -> int | None:
        """The time given, or the clock's that the store was given; None: the server's."""
        return given if given is not None or self._clock is None else microseconds_of(self._clock.now())

    def _complete(self, unit: Unit) -> Unit:
        """With the time of the clock that the store was given, if it was given one."""
        if self._clock is None or unit.recorded_at is not None:
            return unit
        return msgspec.structs.replace(unit, recorded_at=microseconds_of(self._clock.now()))


def _groups(unit: Unit) -> bool:
    return is_plain(unit) and bool(unit.appends[0].events) and size_of(unit) < limits.GROUP_COMMIT_BYTES_MAX


def _outcome(error: psycopg.Error, unit: Unit) -> EverfoldError | None:
    if not connection_lost(error):
        return None
    outcome = translate(error, unit)
    outcome.__cause__ = error
    return outcome


def _stream_row(row: tuple[Any, ...]) -> StreamRow:
    name, version, status, created_at, updated_at, truncated_before = row
    return StreamRow(
        name, version, status, created_at + EPOCH_MICROSECONDS, updated_at + EPOCH_MICROSECONDS, truncated_before
    )
