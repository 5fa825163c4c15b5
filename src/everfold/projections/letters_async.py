"""Dead letters: list them, try them again in their order, or skip one with a reason and an actor.

A retry holds the consumer's row, so no batch runs beside it; what it changes makes the consumer forget what it had read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from .. import limits
from ..errors import ConfigurationError, ProjectionError
from ..events.envelope import RecordedEvent
from ..events.query import Query
from ..runtime.clock import datetime_of
from ..runtime.context import current_context
from ..storage.control import ConsumerRow, LetterRow
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import StoredDocument, Target
from ..store.scope_async import AsyncScope
from ..subscriptions.applier_async import AsyncApplier
from ..subscriptions.batch import AllBut
from .feeding_async import applier_of
from .status import DeadLetter

__all__ = ["AsyncDeadLetters", "Retried"]


@dataclass(frozen=True, slots=True)
class Retried:
    """`done` letters were handled; `error` is what the first that failed again said, and stopped its key."""

    done: int
    error: dict[str, str] | None = None


class AsyncDeadLetters:
    """The dead letters of one projection, or of all. Iterating gives those that are parked, oldest first."""

    def __init__(self, scope: AsyncScope, projection: str | None) -> None:
        self._scope = scope
        self._projection = projection

    def __aiter__(self) -> AsyncIterator[DeadLetter]:
        return self.list()

    async def list(self, *, state: str | None = "parked") -> AsyncIterator[DeadLetter]:
        """Letters in one state ("parked", "done", "skipped"), or in every state (None)."""
        async for row in self._rows(state):
            yield dead_letter(row)

    async def get(self, number: int) -> DeadLetter | None:
        """One letter, in whichever state it is; None when there is none of this id."""
        rows = await self._scope.storage.letter_rows(
            self._scope.tenant, consumer=None, state=None, after=number - 1, limit=1
        )
        return dead_letter(rows[0]) if rows and rows[0].id == number else None

    async def retry(self, letter: DeadLetter | int | None = None, *, key: str | None = None) -> Retried:
        """Handle the parked events of one key again, in their order (of the key of `letter`); of every key without either.

        What succeeds is done, and its key is free again once nothing is parked under it. The first that fails again stops
        its key, and stays parked with the rest. All of one attempt is one transaction.
        """
        lanes = await self._lanes(letter, key)
        done, error = 0, None
        for consumer, lane in lanes:
            while True:
                one = await self._retry_lane(consumer, lane)
                done += one.done
                error = error or one.error
                if one.error is not None or one.done < limits.LETTERS_AT_ONCE:
                    break
        return Retried(done, error)

    async def skip(self, letter: DeadLetter | int, *, reason: str, actor: str | None = None) -> None:
        """Leave this event out of the read model for good. `reason` and `actor` (default: the context's) are kept."""
        if not reason or not isinstance(reason, str):
            raise ConfigurationError(
                "skipping an event takes a reason: whoever looks later must know why it is missing"
            )
        row = await self._letter(letter)
        by = actor or current_context().get("actor")

        async def work(transaction: AsyncTransaction) -> None:
            await self._touched(transaction, row.letter.consumer)
            await transaction.settle(
                self._scope.tenant, (row.id,), "skipped", actor=by, reason=reason, now=self._scope.recorded_at()
            )

        await self._scope.storage.transact(work)

    async def _rows(self, state: str | None) -> AsyncIterator[LetterRow]:
        await self._refuse_unknown()
        after = 0
        while True:
            rows = await self._scope.storage.letter_rows(
                self._scope.tenant, consumer=None, state=state, after=after, limit=limits.LETTERS_AT_ONCE
            )
            for row in rows:
                if self._projection in (None, row.letter.consumer.partition("@")[0]):
                    yield row
            if len(rows) < limits.LETTERS_AT_ONCE:
                return
            after = rows[-1].id

    async def _refuse_unknown(self) -> None:
        if self._projection is not None:
            rows = await self._scope.storage.build_rows(self._scope.tenant)
            self._scope.catalogue.known(self._projection, [r.target.projection for r in rows])

    async def _lanes(self, letter: DeadLetter | int | None, key: str | None) -> Sequence[tuple[str, str]]:
        if letter is not None:
            row = await self._letter(letter)
            return [(row.letter.consumer, row.letter.lane)]
        found = {(row.letter.consumer, row.letter.lane): None async for row in self._rows("parked")}
        wanted = [(consumer, lane) for consumer, lane in found if key is None or lane.partition(":")[2] == key]
        if key is not None and not wanted:
            raise ProjectionError(self._projection or "any", f"nothing is parked under {key!r}")
        return wanted

    async def _letter(self, letter: DeadLetter | int) -> LetterRow:
        number = letter if isinstance(letter, int) else letter.id
        rows = await self._scope.storage.letter_rows(
            self._scope.tenant, consumer=None, state=None, after=number - 1, limit=1
        )
        if not rows or rows[0].id != number or rows[0].state != "parked":
            raise ProjectionError(self._projection or "any", f"no dead letter {number} is parked")
        return rows[0]

    async def _retry_lane(self, consumer: str, lane: str) -> Retried:
        applier = await self._applier(consumer)
        parked = await self._parked(consumer, lane)
        events = await self._events([row.letter.position for row in parked])

        async def work(transaction: AsyncTransaction) -> Retried:
            await self._touched(transaction, consumer)
            still = {
                r.id for r in await transaction.letters(self._scope.tenant, consumer, lane=lane, limit=len(parked))
            }
            todo = [(r, events[r.letter.position]) for r in parked if r.id in still and r.letter.position in events]
            return await self._handle(transaction, applier, todo)

        return await self._scope.storage.transact(work)

    async def _handle(
        self, transaction: AsyncTransaction, applier: AsyncApplier, todo: Sequence[tuple[LetterRow, RecordedEvent]]
    ) -> Retried:
        tenant = self._scope.tenant

        async def load(target: Target, keys: Sequence[str]) -> Mapping[str, StoredDocument]:
            return await transaction.documents(tenant, target, keys)

        done: list[int] = []
        failed: Exception | None = None
        keys = await self._closed_keys(transaction, todo)
        for row, event in todo:
            applier.forget()
            try:
                plan = await applier.plan([event], _other_lanes(row, keys), load, {})
                failed = next((f.error for f in plan.findings.failures), None)  # under whatever lane it is now
                if failed is None and not _own_key(row) and plan.findings.behind:
                    failed = _behind(row, plan.findings.behind[0].lane)
                if failed is None:
                    await transaction.nested(plan.write)
            except Exception as error:  # noqa: BLE001  # it stays parked, whatever it was
                failed = error
            if failed is not None:
                break
            done.append(row.id)
        if done:
            actor = current_context().get("actor")
            await transaction.settle(tenant, done, "done", actor=actor, reason="retried", now=self._scope.recorded_at())
        said = None if failed is None else {"type": type(failed).__qualname__, "message": str(failed)}
        return Retried(len(done), said)

    async def _closed_keys(
        self, transaction: AsyncTransaction, todo: Sequence[tuple[LetterRow, RecordedEvent]]
    ) -> Collection[str]:
        """The keys that hold parked events, for letters whose key wasn't known when they were parked."""
        if not todo or _own_key(todo[0][0]):
            return ()
        consumer = todo[0][0].letter.consumer
        rows = await transaction.letters(self._scope.tenant, consumer, lane=None, limit=limits.POSITION_MAX)
        return {row.letter.lane for row in rows if _own_key(row)}

    async def _touched(self, transaction: AsyncTransaction, consumer: str) -> None:
        """Lock the consumer's rows, and have its owner read everything anew."""
        rows: list[ConsumerRow] = await transaction.consumers(self._scope.tenant, (consumer,))
        await transaction.save_consumers(
            self._scope.tenant, [msgspec.structs.replace(row, letters=row.letters + 1) for row in rows]
        )

    async def _applier(self, consumer: str) -> AsyncApplier:
        rows = await self._scope.storage.build_rows(self._scope.tenant)
        build = next((r for r in rows if r.target.consumer == consumer), None)
        name = consumer.partition("@")[0]
        projection = None if build is None else self._scope.catalogue.defined(name, build.target.version)
        if build is None or projection is None:
            raise ProjectionError(
                name, f"this store doesn't have the code of {consumer}: retry where its module is open"
            )
        return applier_of(self._scope, projection, build.target, rows)

    async def _parked(self, consumer: str, lane: str) -> Sequence[LetterRow]:
        found = [
            row async for row in self._rows("parked") if (row.letter.consumer, row.letter.lane) == (consumer, lane)
        ]
        return found[: limits.LETTERS_AT_ONCE]

    async def _events(self, positions: Sequence[int]) -> dict[int, RecordedEvent]:
        found: dict[int, RecordedEvent] = {}
        for position in positions:
            page = await self._scope.storage.read_all(
                self._scope.tenant,
                after=position - 1,
                before=position + 1,
                query=Query(),
                backwards=False,
                limit=1,
            )
            origin = self._scope.origin(page)
            found.update({row[0]: RecordedEvent(row, origin) for row in page.rows})
        return found


def _own_key(row: LetterRow) -> bool:
    return row.letter.lane.startswith("key:")


def _other_lanes(row: LetterRow, keys: Collection[str]) -> Collection[str]:
    """The lanes that are closed in a retry of this letter.

    An event with several keys was handled for its other ones already, so only its own is open. One whose key wasn't known is for
    every key that holds nothing parked.
    """
    return AllBut(row.letter.lane) if _own_key(row) else keys


def _behind(row: LetterRow, lane: str) -> ProjectionError:
    return ProjectionError(
        row.letter.consumer.partition("@")[0],
        f"it waits behind an event that is parked under {lane.partition(':')[2]!r}: retry that one first",
        position=row.letter.position,
        event_type=row.letter.event_type,
        stream=row.letter.stream,
    )


def dead_letter(row: LetterRow) -> DeadLetter:
    """A letter as stored, for people."""
    letter = row.letter
    name, _, version = letter.consumer.partition("@")
    error = msgspec.json.decode(letter.error)
    return DeadLetter(
        row.id,
        name,
        int(version.partition(".")[0] or 0),
        letter.lane.partition(":")[2],
        letter.position,
        letter.event_id,
        letter.event_type,
        letter.stream,
        error or None,
        letter.attempts,
        row.state,
        datetime_of(row.parked_at),
        datetime_of(row.settled_at) if row.settled_at else None,
        row.actor,
        row.reason,
    )
