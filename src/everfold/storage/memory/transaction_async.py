"""A write transaction on a memory store. No verb suspends: the storage's lock is held from its begin to its end.

The invariant: after a verb has raised outside `nested`, nothing of the transaction can be kept, whatever its user does
with the error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any, NoReturn, ParamSpec, TypeVar

from ...errors import ConfigurationError
from ...events.query import Query
from ...runtime.concurrency_async import Later
from ..control import BuildRow, ConsumerRow, Letter, LetterRow, Move
from ..port_async import AsyncTransaction
from ..program import Program
from ..read_model import Shape, StoredDocument, TableChanges, Target
from ..unit import Committed, Page, Unit
from .models import no_sql
from .project import project
from .state import State

__all__ = ["AsyncMemoryTransaction"]

P = ParamSpec("P")
T = TypeVar("T")


class AsyncMemoryTransaction:
    """For one `transact`; `failure` is what a verb of it raised, if one did."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._over = False
        self.failure: BaseException | None = None

    def end(self) -> None:
        """No verb works from here on. Raises the failure that was swallowed, if one was."""
        self._over = True
        if self.failure is not None:
            raise self.failure

    async def nested(self, work: Callable[[AsyncTransaction], Later[T]]) -> T:
        self._refuse_unfit()
        mark = self._state.journal.mark()
        try:
            result = await work(self)
            self._refuse_unfit()
        except BaseException:
            self._state.journal.rewind(mark)
            self.failure = None
            raise
        return result

    async def commit(self, unit: Unit) -> Committed:
        return self._do(self._state.commit_noted, unit)

    # Checkpoints, builds, dead letters

    async def move(self, tenant: str, moves: Sequence[Move], *, now: int | None = None) -> None:
        event_id = self._state.logs[tenant].event_id
        self._do(self._state.control.move, tenant, moves, self._state.at(now), event_id)

    async def consumers(self, tenant: str, names: Sequence[str]) -> list[ConsumerRow]:
        return self._do(self._state.control.consumer_rows, tenant, names)

    async def save_consumers(self, tenant: str, rows: Sequence[ConsumerRow]) -> None:
        self._do(self._state.control.save_consumers, tenant, rows, self._state.identity)

    async def delete_consumers(self, tenant: str, names: Sequence[str]) -> None:
        self._do(self._state.control.delete_consumers, tenant, names)

    async def builds(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        return self._do(self._state.control.build_rows, tenant, projections)

    async def build_rows(self, tenant: str, projections: Sequence[str]) -> list[BuildRow]:
        return self._do(self._state.control.build_rows, tenant, projections)

    async def events(self, tenant: str, *, after: int, query: Query, limit: int) -> Page:
        log = self._state.logs[tenant]
        rows = [log.rows[index] for index in islice(log.matching(query, after), limit)]
        return Page(rows, rows[-1][0] if rows else after, more=len(rows) == limit)

    async def save_build(self, tenant: str, row: BuildRow) -> None:
        self._do(self._state.control.save_build, tenant, row)

    async def park(self, tenant: str, letters: Sequence[Letter], *, now: int | None = None) -> None:
        self._do(self._state.control.park, tenant, letters, self._state.at(now))

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
        self._do(self._state.control.settle, tenant, ids, state, (actor, reason, self._state.at(now)))

    async def letters(self, tenant: str, consumer: str, *, lane: str | None, limit: int) -> list[LetterRow]:
        return self._do(self._state.control.letters, tenant, consumer, lane, limit)

    # Read models

    async def create_target(self, target: Target, shape: Shape) -> None:
        self._do(self._state.models.create, target, shape)

    async def drop_target(self, target: Target, shape: Shape) -> None:  # noqa: ARG002  # there is no view to renew
        self._do(self._state.models.drop, target)

    async def target_used(self, target: Target) -> bool:
        return self._do(self._state.control.target_used, target)

    async def clear_target(self, tenant: str, target: Target) -> None:
        self._do(self._state.models.clear, tenant, target)

    async def documents(self, tenant: str, target: Target, keys: Sequence[str]) -> dict[str, StoredDocument]:
        return self._do(self._state.models.documents, tenant, target, keys)

    async def save_documents(
        self, tenant: str, target: Target, documents: Mapping[str, StoredDocument], deletes: Sequence[str]
    ) -> None:
        self._do(self._state.models.save, tenant, target, documents, deletes)

    async def change_rows(self, tenant: str, target: Target, shape: Shape, changes: TableChanges) -> None:
        self._do(self._state.models.change, tenant, target, shape, changes)

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
        found = self._do(project, self._state.logs[tenant], tenant, shape, program, (span, partition))
        if found is None:
            return None
        count, changes = found
        self._do(self._state.models.change, tenant, target, shape, changes)
        return count

    async def execute(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:  # noqa: ARG002
        self._do(_refuse_sql)

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:  # noqa: ARG002
        return self._do(_refuse_sql)

    async def gate(self, tenant: str, projections: Sequence[str], *, exclusive: bool) -> None:  # noqa: ARG002
        self._refuse_unfit()  # the storage's lock is every gate

    async def lock_stream(self, tenant: str, stream: str) -> int:
        self._refuse_unfit()
        row = self._state.logs[tenant].streams.get(stream)
        return 0 if row is None else row.version

    def _do(self, verb: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._refuse_unfit()
        try:
            return verb(*args, **kwargs)
        except BaseException as error:
            self.failure = error
            raise

    def _refuse_unfit(self) -> None:
        if self.failure is not None:
            raise self.failure
        if self._over:
            raise ConfigurationError("this transaction has ended: use it only inside the function given to transact")


def _refuse_sql() -> NoReturn:
    raise no_sql()
