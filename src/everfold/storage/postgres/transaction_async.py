"""A write transaction under way: every verb of the port's transaction, on one session.

The invariant: after a verb has raised outside `nested`, nothing of the transaction can be kept, whatever its user does
with the error. READ COMMITTED: what a lock was waited for is seen by the statement after it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from ...errors import CommitUnknownError, ConfigurationError, EverfoldError, StatementError
from ...events.query import Query
from ...limits import POSITION_MAX
from ...runtime.concurrency_async import Later
from ..control import BuildRow, ConsumerRow, Letter, LetterRow, Move
from ..port_async import AsyncTransaction
from ..program import Program
from ..read_model import Shape, StoredDocument, TableChanges, Target
from ..unit import Committed, Page, Unit
from .changes import change_statements
from .commit_async import apply_unit_safely
from .control_async import (
    builds_of,
    delete_consumers,
    locked_builds,
    locked_consumers,
    move,
    park,
    parked_letters,
    save_build,
    save_consumers,
    settle,
    target_used,
)
from .documents_async import locked_documents, save_documents
from .errors import connection_lost, stale_plan, translate, translate_rows, translate_statement
from .marks import numbered, refuse_ending
from .packing import pack_texts
from .project_async import project
from .read_async import AsyncReader, Span
from .session_async import AsyncSession
from .targets_async import clear_target, create_target, drop_target

__all__ = ["AsyncPostgresTransaction", "Setting"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a transaction takes over from its store. `complete` adds what every unit gets; `at` gives the store's clock's time."""

    schema: str
    sql: Mapping[str, bytes]
    complete: Callable[[Unit], Unit]
    at: Callable[[int | None], int | None]


class AsyncPostgresTransaction:
    """For one `transact`, which begins and ends it, or for a transaction of the caller's own."""

    def __init__(self, session: AsyncSession, setting: Setting) -> None:
        self._session = session
        self._setting = setting
        self._sql = setting.sql
        self._schema = setting.schema
        self._over = False
        self._failure: BaseException | None = None
        self.committed: list[Committed] = []
        """What was appended, for whoever tells the readers after the commit."""

    async def run(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        """Begin, work, commit; roll back what raises."""
        self._session.begin()
        try:
            result = await work(self)
            self.refuse_unfit()
        except Exception as error:
            await self._roll_back(error)
            raise
        finally:
            self._over = True  # a transaction cut off by its task's end goes with its session
        await self._commit()
        return result

    async def nested(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        with _Verb(self):
            await self._session.fetch_none(b"savepoint everfold_nested")
        try:
            result = await work(self)
            self.refuse_unfit()
        except Exception as error:
            await self._undo_nested(error)
            raise
        with _Verb(self):
            await self._session.fetch_none(b"release savepoint everfold_nested")
        return result

    async def commit(self, unit: Unit) -> Committed:
        unit = self._setting.complete(unit)
        with _Verb(self, lambda error: translate(error, None if connection_lost(error) else unit)):
            committed = await apply_unit_safely(self._session, self._sql, unit)
        if not committed.repeated:
            self.committed.append(committed)
        return committed

    # Checkpoints, builds, dead letters

    async def move(self, tenant: str, moves: Sequence[Move], *, now: int | None = None) -> None:
        with _Verb(self):
            await move(self._session, self._sql, tenant, moves, self._setting.at(now))

    async def consumers(self, tenant: str, names: Sequence[str]) -> list[ConsumerRow]:
        with _Verb(self):
            return await locked_consumers(self._session, self._sql, tenant, names)

    async def save_consumers(self, tenant: str, rows: Sequence[ConsumerRow]) -> None:
        with _Verb(self):
            await save_consumers(self._session, self._sql, tenant, rows)

    async def delete_consumers(self, tenant: str, names: Sequence[str]) -> None:
        with _Verb(self):
            await delete_consumers(self._session, self._sql, tenant, names)

    async def builds(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        with _Verb(self):
            return await locked_builds(self._session, self._sql, tenant, projections)

    async def build_rows(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        with _Verb(self):
            return await builds_of(self._session, self._sql, tenant, projections)

    async def events(self, tenant: str, *, after: int, query: Query, limit: int) -> Page:
        span = Span(tenant, after, POSITION_MAX, query, limit)
        with _Verb(self):
            reader = AsyncReader(self._schema, self._sql)
            return await reader.log(self._session, span, backwards=False, beyond_horizon=True)

    async def save_build(self, tenant: str, row: BuildRow) -> None:
        with _Verb(self):
            await save_build(self._session, self._sql, tenant, row)

    async def park(self, tenant: str, letters: Sequence[Letter], *, now: int | None = None) -> None:
        with _Verb(self):
            await park(self._session, self._sql, tenant, letters, self._setting.at(now))

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
        with _Verb(self):
            ending = state, actor, reason, self._setting.at(now)
            await settle(self._session, self._sql, tenant, ids, ending)

    async def letters(self, tenant: str, consumer: str, *, lane: str | None, limit: int) -> list[LetterRow]:
        with _Verb(self):
            return await parked_letters(self._session, self._sql, tenant, (consumer, lane, limit))

    # Read models

    async def create_target(self, target: Target, shape: Shape) -> None:
        with _Verb(self):
            await create_target(self._session, self._sql, self._schema, target, shape)

    async def drop_target(self, target: Target, shape: Shape) -> None:
        with _Verb(self):
            await drop_target(self._session, self._sql, self._schema, target, shape)

    async def target_used(self, target: Target) -> bool:
        with _Verb(self):
            return await target_used(self._session, self._sql, target)

    async def clear_target(self, tenant: str, target: Target) -> None:
        with _Verb(self):
            await clear_target(self._session, self._sql, self._schema, tenant, target)

    async def documents(self, tenant: str, target: Target, keys: Sequence[str]) -> dict[str, StoredDocument]:
        with _Verb(self, translate_rows):
            return await locked_documents(self._session, self._sql, self._schema, tenant, (target, keys))

    async def save_documents(
        self, tenant: str, target: Target, documents: Mapping[str, StoredDocument], deletes: Sequence[str]
    ) -> None:
        with _Verb(self, translate_rows):
            await save_documents(self._session, self._schema, tenant, (target, documents, deletes))

    async def change_rows(self, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> None:
        with _Verb(self, translate_rows):
            statements = change_statements(self._schema, tenant, target, shape, changes)
            if statements:
                await self._session.pipelined(*statements)

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
        with _Verb(self, translate_statement):
            place, table = (self._schema, tenant), (target, shape)
            return await project(self._session, place, table, program, (span, partition))

    async def execute(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            await self._application(sql, rows)

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return await self._application(sql, [parameters])

    async def gate(self, tenant: str, projections: Sequence[str], *, exclusive: bool) -> None:
        with _Verb(self):
            statement = self._sql["close_gate" if exclusive else "enter_gate"]
            await self._session.fetch(statement, tenant, pack_texts(projections))

    async def lock_stream(self, tenant: str, stream: str) -> int:
        with _Verb(self):
            version: int | None = await self._session.value(self._sql["lock_stream"], tenant, stream)
            return version or 0

    def refuse_unfit(self) -> None:
        """Raise what a verb of it raised, or ConfigurationError after its end."""
        if self._failure is not None:
            raise self._failure
        if self._over:
            raise ConfigurationError("this transaction has ended: use it only inside the function given to transact")

    def failed(self, error: BaseException) -> None:
        """Nothing but rolling back is left."""
        self._failure = error

    async def _application(self, sql: str, rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
        with _Verb(self, translate_statement):
            refuse_ending(sql)
            found = await self._session.application(numbered(sql, rows), rows)
            if not self._session.in_transaction:
                raise StatementError("it ended the transaction, which is not a handler's to end")
            return found

    async def _undo_nested(self, error: BaseException) -> None:
        """The transaction goes on, unless its connection is gone: then the error says so already, or the next verb will."""
        try:
            await self._session.run(b"rollback to savepoint everfold_nested; release savepoint everfold_nested")
        except psycopg.Error:
            self.failed(self._failure or error)
        else:
            self._failure = None

    async def _roll_back(self, error: Exception) -> None:
        if isinstance(error.__cause__, psycopg.Error) and stale_plan(error.__cause__):
            self._session.abandon()  # the next attempt has another session, without that plan
            return
        try:
            await self._session.end(b"rollback")
        except psycopg.Error:
            self._session.abandon()  # the server rolls back what it can't reach any more

    async def _commit(self) -> None:
        try:
            await self._session.end(b"commit")
        except psycopg.Error as error:
            if connection_lost(error):
                raise CommitUnknownError(f"the connection was lost before the reply ({error})") from error
            raise translate_statement(error) from error  # a constraint that is judged at the end


class _Verb:
    """Around one verb: refused when the transaction is unfit; the driver's errors become ours, and are remembered."""

    __slots__ = ("_meaning", "_transaction")

    def __init__(
        self, transaction: AsyncPostgresTransaction, meaning: Callable[[psycopg.Error], EverfoldError] = translate
    ) -> None:
        self._transaction = transaction
        self._meaning = meaning

    def __enter__(self) -> None:
        self._transaction.refuse_unfit()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            return
        if not isinstance(error, psycopg.Error):
            self._transaction.failed(error)
            return
        meant = self._meaning(error)
        self._transaction.failed(meant)
        raise meant from error
