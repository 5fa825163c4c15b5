"""A write transaction on the store's write connection, which holds the lock on the whole file from its begin to its end.

The invariant: after a verb has raised outside `nested`, nothing of the transaction can be kept, whatever its user does
with the error. Every verb is written here, for both colours: none of them suspends.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

from ...errors import ConfigurationError
from ...events.query import Query
from ...runtime.concurrency import Later
from ..control import BuildRow, ConsumerKey, ConsumerRow, Letter, LetterRow, Move
from ..port import Transaction
from ..program import Program
from ..read_model import Shape, StoredDocument, TableChanges, Target
from ..unit import Committed, Page, Unit
from . import application, control, read
from .apply import StreamIds, apply_guarded
from .changes import change_rows
from .documents import save_documents, stored_documents
from .errors import translate, translate_statement
from .judgement import stream_version
from .project import project
from .target_tables import clear_target, create_target, drop_target

__all__ = ["Setting", "SqliteTransaction"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a transaction takes over from its store."""

    path: str
    now: Callable[[], int]
    ids: StreamIds = field(default_factory=dict)

    def at(self, given: int | None) -> int:
        """The moment given, or the clock's."""
        return self.now() if given is None else given


class SqliteTransaction:
    """For one `transact`. `appended`: a unit was applied, so readers are to be told after the commit."""

    def __init__(self, cursor: sqlite3.Cursor, setting: Setting) -> None:
        self._cursor = cursor
        self._setting = setting
        self._over = False
        self._failure: BaseException | None = None
        self.appended = False

    def end(self) -> None:
        """No verb works from here on. Raises the failure that was swallowed, if one was."""
        self._over = True
        if self._failure is not None:
            raise self._failure

    def nested(self, work: Callable[[Transaction], Later[T]]) -> T:
        with self.savepoint():
            return work(self)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is done in it is kept, or, when something raises, undone alone."""
        self._do(_run, "savepoint everfold_nested")
        try:
            yield
            self._refuse_unfit()
        except BaseException as error:
            self._undo(error)
            raise
        self._do(_run, "release everfold_nested")

    def commit(self, unit: Unit) -> Committed:
        at = self._setting.at(unit.recorded_at)
        committed = self._do(apply_guarded, unit, at, self._setting.ids)
        self.appended = self.appended or not committed.repeated
        return committed

    # Checkpoints, builds, dead letters

    def move(self, tenant: str, moves: Sequence[Move], *, now: int | None = None) -> None:
        self._do(control.move, tenant, moves, self._setting.at(now))

    def consumers(self, tenant: str, names: Sequence[str]) -> list[ConsumerRow]:
        return self._do(control.consumer_rows, tenant, names)

    def save_consumers(self, tenant: str, rows: Sequence[ConsumerRow]) -> None:
        self._do(control.save_consumers, tenant, rows)

    def delete_consumers(self, tenant: str, names: Sequence[str]) -> None:
        self._do(control.delete_consumers, tenant, names)

    def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], *, seconds: float, now: int | None
    ) -> list[ConsumerRow]:
        """The storage's verb of this name."""
        begins = self._setting.at(now)
        return self._do(control.lease, tenant, owner, keys, (begins, begins + round(seconds * 1_000_000)))

    def release(self, tenant: str, owner: str) -> None:
        """The storage's verb of this name."""
        self._do(control.release, tenant, owner)

    def builds(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        return self._do(control.build_rows, tenant, projections)

    def build_rows(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        return self._do(control.build_rows, tenant, projections)

    def events(self, tenant: str, *, after: int, query: Query, limit: int) -> Page:
        def look(cursor: sqlite3.Cursor) -> Page:
            between = (after, None, (0, 1))
            names = read.Names()
            return read.read_all(
                cursor, names, tenant, query, between, backwards=False, limit=limit, beyond_horizon=True
            )

        return self._do(look)

    def save_build(self, tenant: str, row: BuildRow) -> None:
        self._do(control.save_build, tenant, row)

    def park(self, tenant: str, letters: Sequence[Letter], *, now: int | None = None) -> None:
        self._do(control.park, tenant, letters, self._setting.at(now))

    def settle(
        self,
        tenant: str,
        ids: Sequence[int],
        state: str,
        *,
        actor: str | None,
        reason: str | None,
        now: int | None = None,
    ) -> None:
        self._do(control.settle, tenant, ids, state, (actor, reason, self._setting.at(now)))

    def letters(self, tenant: str, consumer: str, *, lane: str | None, limit: int) -> list[LetterRow]:
        return self._do(control.parked_letters, tenant, consumer, lane, limit)

    # Read models

    def create_target(self, target: Target, shape: Shape) -> None:
        self._state(create_target, target, shape)

    def drop_target(self, target: Target, shape: Shape) -> None:
        self._state(drop_target, target, shape)

    def target_used(self, target: Target) -> bool:
        return self._do(control.target_used, target)

    def clear_target(self, tenant: str, target: Target) -> None:
        self._state(clear_target, tenant, target)

    def documents(self, tenant: str, target: Target, keys: Sequence[str]) -> dict[str, StoredDocument]:
        return self._state(stored_documents, tenant, target, keys)

    def save_documents(
        self, tenant: str, target: Target, documents: Mapping[str, StoredDocument], deletes: Sequence[str]
    ) -> None:
        self._state(save_documents, tenant, target, documents, deletes)

    def change_rows(self, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> None:
        self._state(change_rows, tenant, target, shape, changes)

    def project(
        self,
        tenant: str,
        target: Target,
        shape: Shape,
        program: Program,
        *,
        span: tuple[int, int],
        partition: tuple[int, int] = (0, 1),
    ) -> int | None:
        return self._state(project, tenant, (target, shape), program, (span, partition))

    def execute(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        self._state(application.execute, sql, rows)

    def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        return self._state(application.fetch, sql, parameters)

    def gate(self, tenant: str, projections: Sequence[str], *, exclusive: bool) -> None:  # noqa: ARG002
        self._do(_nothing)  # the lock on the file is every gate

    def lock_stream(self, tenant: str, stream: str) -> int:
        return self._do(stream_version, tenant, stream)

    # How a verb runs

    def _do(self, verb: Callable[Concatenate[sqlite3.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A verb on the store's own tables."""
        self._refuse_unfit()
        try:
            return self._call(verb, *args, **kwargs)
        except sqlite3.Error as error:
            raise self._failed(translate(error, self._setting.path)) from error
        except BaseException as error:
            self._failed(error)
            raise

    def _state(self, verb: Callable[Concatenate[sqlite3.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A verb in which the application's own words or values are what the database may refuse."""
        self._refuse_unfit()
        try:
            return self._call(verb, *args, **kwargs)
        except (sqlite3.Error, sqlite3.Warning, OverflowError, ValueError) as error:
            raise self._failed(translate_statement(error, self._setting.path)) from error
        except BaseException as error:
            self._failed(error)
            raise

    def _call(self, verb: Callable[Concatenate[sqlite3.Cursor, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return verb(self._cursor, *args, **kwargs)

    def _failed(self, error: BaseException) -> BaseException:
        """Nothing but rolling back is left."""
        self._failure = error
        return error

    def _undo(self, error: BaseException) -> None:
        """To the savepoint. A full disk or a failing one may have ended the whole transaction, and the savepoint with it."""
        try:
            self._cursor.execute("rollback to everfold_nested")
            self._cursor.execute("release everfold_nested")
        except sqlite3.Error:
            self._failure = self._failure or error
        else:
            self._failure = None

    def _refuse_unfit(self) -> None:
        if self._failure is not None:
            raise self._failure
        if self._over:
            raise ConfigurationError("this transaction has ended: use it only inside the function given to transact")


def _run(cursor: sqlite3.Cursor, statement: str) -> None:
    cursor.execute(statement)


def _nothing(cursor: sqlite3.Cursor) -> None:
    """For a verb that the lock on the file has done already."""
