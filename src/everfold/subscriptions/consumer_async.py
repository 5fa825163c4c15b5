"""A consumer: named, durable, exactly once in effect. It takes batches of the log and commits each with its checkpoint.

The invariant: whatever is written for a batch is in the same transaction as the move of the checkpoint from exactly the place
that the batch begins at, under the token of exactly this owner. A batch that is given twice, by whomever, is applied
once; an owner that lost its lease loses its transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from .. import limits
from ..errors import (
    CheckpointConflictError,
    CheckpointMismatchError,
    CommitUnknownError,
    StorageUnavailableError,
    StoreClosedError,
)
from ..events.envelope import RecordedEvent
from ..events.query import Query
from ..storage.control import ConsumerRow, Letter, Move
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import StoredDocument, Target
from ..store.scope_async import AsyncScope
from .applier_async import AsyncApplier, AsyncPlan
from .batch import Batch, Failure, fault_json, letter_of
from .policy import ErrorPolicy, Verdict, verdict

__all__ = ["AsyncConsumer", "commit_together"]

_logger = logging.getLogger("everfold.worker")

WAITS = b"{}"
"""The error of an event that was never tried, as an earlier one of its key is parked."""
UNSURE = (StorageUnavailableError, CommitUnknownError, StoreClosedError, CheckpointConflictError)
"""Errors that say nothing about an event: the worker's to handle."""


class _Undo(Exception):  # noqa: N818  # no error: it ends a trial
    """Carries what a trial found out of its transaction, which is rolled back."""

    def __init__(self, found: dict[int, Exception]) -> None:
        self.found = found


class AsyncConsumer:
    """One partition of one consumer, in the hands of a worker. `row` is its row while the lease is held, else None."""

    def __init__(
        self,
        scope: AsyncScope,
        name: str,
        applier: AsyncApplier,
        *,
        query: Query,
        policy: ErrorPolicy,
        partition: tuple[int, int] = (0, 1),
        group: str | None = None,
    ) -> None:
        self.name = name
        self.query = query
        self.partition = partition
        self.group = group
        self.applier = applier
        self.row: ConsumerRow | None = None
        self.scanned = 0
        self.rate: float | None = None
        self.lease_seconds = limits.LEASE_SECONDS
        self._not_before = 0.0
        self._scope = scope
        self._policy = policy
        self._parked: set[str] = set()
        self._attempts: tuple[int, int] = (0, 0)
        self._idle_since = 0.0
        self._plan_until = 0

    @property
    def key(self) -> tuple[str, int]:
        """(name, partition)."""
        return self.name, self.partition[0]

    @property
    def active(self) -> bool:
        """Whether it may be given a batch: the lease is held, and it neither paused nor stopped."""
        return self.row is not None and self.row.status == "running"

    @property
    def waiting(self) -> float:
        """Seconds until it may be given a batch: it waits to try an event again, or for its rate."""
        return max(0.0, self._not_before - time.monotonic())

    # The lease

    async def adopt(self, row: ConsumerRow) -> None:
        """Take over at the row's checkpoint, if the log under it is still the one that it was taken from."""
        if self.row is not None and row == msgspec.structs.replace(self.row, lease_until=row.lease_until):
            self.row = row
            return
        self.applier.forget()
        self.row, self.scanned = row, row.position
        self._parked = await self._parked_lanes() if row.letters else set()
        if row.status != "running":
            return
        mismatch = await self._mismatch(row)
        if mismatch is not None:
            await self.stop(CheckpointMismatchError(self.name, row.position, mismatch))

    def drop(self) -> None:
        """Forget the lease and everything that was known under it."""
        self.row = None
        self._attempts = (0, 0)
        self.applier.forget()

    async def stop(self, error: Exception, event: RecordedEvent | None = None, **more: Any) -> None:
        """Stand still at the checkpoint, for everybody to see, until somebody resumes it."""
        row = self.row
        if row is None:
            return
        fault = fault_json(error, event, **more)

        async def work(transaction: AsyncTransaction) -> None:
            for found in await transaction.consumers(self._scope.tenant, (self.name,)):
                if found.partition == row.partition and found.token == row.token:
                    stopped = msgspec.structs.replace(found, status="stopped", fault=fault)
                    await transaction.save_consumers(self._scope.tenant, (stopped,))

        await self._scope.storage.transact(work)
        self.row = msgspec.structs.replace(row, status="stopped", fault=fault)
        _logger.error("%s stopped at position %s%s: %s", self.name, row.position, _at(event), error, exc_info=error)

    async def _mismatch(self, row: ConsumerRow) -> str | None:
        storage = self._scope.storage
        identity = await storage.identity()
        if row.epoch not in (b"", identity):
            return "this is another store than the one it was taken from (the store's id differs)"
        if row.position > await storage.head(self._scope.tenant):
            return "the log ends before it: a backup was restored, or a failover lost the last events"
        if row.event_id is not None and row.event_id != await storage.event_id(self._scope.tenant, row.position):
            return "another event stands at that position: a failover lost events and others took their places"
        return None

    async def _parked_lanes(self) -> set[str]:
        lanes: set[str] = set()
        after = 0
        while True:
            found = await self._scope.storage.letter_rows(
                self._scope.tenant, consumer=self.name, state="parked", after=after, limit=limits.LETTERS_AT_ONCE
            )
            lanes.update(letter.letter.lane for letter in found)
            if len(found) < limits.LETTERS_AT_ONCE:
                return lanes
            after = found[-1].id

    # Batches

    async def take(self, batch: Batch) -> bool:
        """Apply a batch that begins where the consumer stands; whether it got any further.

        Raises CheckpointConflictError when another owner was faster: nothing of the batch is kept then.
        """
        if not batch.events:
            return await self._pass_by(batch)
        try:
            return await self._settle(batch, await self._planned(batch, {}))
        except UNSURE:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a handler or the database says about the batch
            first = error
        try:
            return await self._settle(batch, await self._tried(batch, first))
        except UNSURE:
            raise
        except Exception as error:  # noqa: BLE001  # it fails otherwise each time: nothing more can be found out here
            await self.stop(error, batch.events[-1])
            return False

    async def span(self, head: int) -> bool:
        """Project a span of the log inside the database, up to `head` at most; False: take batches instead."""
        row = self.row
        if row is None or not self.applier.projects or self._plan_until > self.scanned or self._parked:
            return False
        if head - self.scanned <= limits.CONSUMER_SPAN_BEHIND:
            return False
        up_to = min(head, self.scanned + limits.CONSUMER_SPAN_POSITIONS)
        try:
            events = await self._project(row, up_to)
        except UNSURE:
            raise
        except Exception:  # noqa: BLE001
            events = None  # planning names the event that the database refused
        if events is None:
            self._plan_until = up_to
        else:
            self._pace(events)
        return events is not None

    async def _project(self, row: ConsumerRow, up_to: int) -> int | None:
        async def work(transaction: AsyncTransaction) -> int | None:
            events = await self.applier.project(transaction, (self.scanned, up_to), self.partition)
            if events is not None:
                await transaction.move(self._scope.tenant, (self._move(row, up_to, events),), now=self._now())
            return events

        events = await self._scope.storage.transact(work)
        if events is not None:
            self._moved(up_to, events, parked=False)
        return events

    async def _pass_by(self, batch: Batch) -> bool:
        """Nothing in the batch concerns it: the checkpoint follows now and then, in a transaction with nothing else."""
        self.scanned = batch.position
        now = time.monotonic()
        if not self._idle_since:
            self._idle_since = now
        if not batch.more and now - self._idle_since < limits.IDLE_MOVE_SECONDS:
            return False
        return await self.catch_up()

    async def catch_up(self) -> bool:
        """Move the checkpoint to what was scanned; whether it had to be moved."""
        row = self.row
        if row is None or self.scanned <= row.position:
            return False
        await self._commit([], row, Batch(row.position, self.scanned))
        return True

    @property
    def behind_itself(self) -> bool:
        """Whether the checkpoint stands below what was scanned."""
        return self.row is not None and self.scanned > self.row.position

    async def _planned(self, batch: Batch, known: Mapping[int, Exception]) -> AsyncPlan:
        return await self.applier.plan(batch.events, self._parked, self._load, known)

    async def _load(self, target: Target, keys: Sequence[str]) -> Mapping[str, StoredDocument]:
        return (await self._scope.storage.stored_documents(self._scope.tenant, target, keys)).documents

    async def _settle(self, batch: Batch, plan: AsyncPlan) -> bool:
        """Commit what the plan can, and do about its failures what the policy says."""
        row = self.row
        if row is None:
            return False
        failure, what = self._first_unparkable(plan.findings.failures)
        if failure is None:
            letters = self._letters(plan)
            await self._commit([plan], row, batch, letters)
            self._pace(len(batch.events))
            return True
        moved = False
        before = batch.events[: failure.index]
        if before:
            part = Batch(batch.since, before[-1].position, before, before[-1].id.bytes)
            moved = await self._settle(part, await self._planned(part, {}))
            if self.row is None or self.row.position != part.position:
                return moved  # something before it failed in its turn: that comes first
        await self._give_way(failure, what)
        return moved

    def _first_unparkable(self, failures: Sequence[Failure]) -> tuple[Failure | None, Verdict]:
        for failure in sorted(failures, key=lambda failure: failure.index):  # found by key: not yet in the log's order
            said = verdict(self._policy, failure.error, self._attempt(failure))
            if said.action != "park":
                return failure, said
        return None, Verdict("park")

    async def _give_way(self, failure: Failure, what: Verdict) -> None:
        attempts = self._attempt(failure)
        self._attempts = (failure.event.position, attempts)
        if what.action == "retry":
            self._not_before = time.monotonic() + what.delay
        else:
            await self.stop(failure.error, failure.event, lane=failure.lane, attempts=attempts)

    def _attempt(self, failure: Failure) -> int:
        position, attempts = self._attempts
        return attempts + 1 if position == failure.event.position else 1

    def _letters(self, plan: AsyncPlan) -> list[Letter]:
        found = plan.findings
        letters = [
            letter_of(self.key, f.event, f.lane, fault_json(f.error, f.event), self._attempt(f)) for f in found.failures
        ]
        letters += [letter_of(self.key, waiting.event, waiting.lane, WAITS, 0) for waiting in found.behind]
        return sorted(letters, key=lambda letter: letter.position)

    async def _tried(self, batch: Batch, error: Exception) -> AsyncPlan:
        """A plan that knows which events the database refused: each is tried by itself, and all of it undone."""

        async def work(transaction: AsyncTransaction) -> None:
            raise _Undo(await self._trial(transaction, batch))

        known: dict[int, Exception] = {}
        try:
            await self._scope.storage.transact(work)
        except _Undo as undone:
            known = undone.found
        if not known:  # it went well one by one: whatever it was, the whole batch is the last event's to answer for
            known = {batch.events[-1].position: error}
        return await self._planned(batch, known)

    async def _trial(self, transaction: AsyncTransaction, batch: Batch) -> dict[int, Exception]:
        async def load(target: Target, keys: Sequence[str]) -> Mapping[str, StoredDocument]:
            return await transaction.documents(self._scope.tenant, target, keys)

        found: dict[int, Exception] = {}
        for event in batch.events:
            self.applier.forget()
            try:
                plan = await self.applier.plan([event], self._parked, load, {})
                if not plan.findings.failures:
                    await transaction.nested(plan.write)
            except UNSURE:
                raise
            except Exception as error:  # noqa: BLE001
                found[event.position] = error
        self.applier.forget()
        return found

    # The transaction

    async def _commit(
        self,
        plans: Sequence[AsyncPlan],
        row: ConsumerRow,
        batch: Batch,
        letters: Sequence[Letter] = (),
    ) -> None:
        events = len(batch.events)
        move = self._move(row, batch.position, events, batch.event_id, parked=bool(letters))

        async def work(transaction: AsyncTransaction) -> None:
            await transaction.move(self._scope.tenant, (move,), now=self._now())
            for plan in plans:
                await plan.write(transaction)
            if letters:
                await transaction.park(self._scope.tenant, letters, now=self._now())

        await self._scope.storage.transact(work)
        for plan in plans:
            plan.kept()
        self._tell(letters)
        self._parked.update(letter.lane for letter in letters)
        self._moved(batch.position, events, parked=bool(letters), event_id=batch.event_id)

    def _tell(self, letters: Sequence[Letter]) -> None:
        """Log each event that failed, and how many wait behind such ones."""
        failed = [letter for letter in letters if letter.error != WAITS]
        for letter in failed:
            said = msgspec.json.decode(letter.error)
            what = f"{letter.event_type} at position {letter.position}: {said['type']}: {said['message']}"
            _logger.warning("%s parked %s", self.name, what)
        if len(letters) > len(failed):
            _logger.info(
                "%s parked %d event(s) behind earlier ones of their keys", self.name, len(letters) - len(failed)
            )

    def _move(
        self, row: ConsumerRow, position: int, events: int, event_id: bytes | None = None, *, parked: bool = False
    ) -> Move:
        return Move(
            row.name,
            row.partition,
            row.token,
            row.position,
            position,
            row.letters,
            event_id,
            events,
            parked,
            self.lease_seconds,
        )

    def _moved(self, position: int, events: int, *, parked: bool, event_id: bytes | None = None) -> None:
        assert self.row is not None
        self.row = msgspec.structs.replace(
            self.row,
            position=position,
            event_id=event_id,
            events=self.row.events + events,
            letters=self.row.letters + parked,
        )
        self.scanned = position
        self._idle_since = 0.0
        if events and self._attempts[0] <= position:
            self._attempts = (0, 0)

    def _pace(self, events: int) -> None:
        if self.rate is not None:
            self._not_before = max(time.monotonic(), self._not_before) + events / self.rate

    def _now(self) -> int | None:
        return self._scope.recorded_at()


def _at(event: RecordedEvent | None) -> str:
    return "" if event is None else f", before {event.type} at position {event.position}"


async def commit_together(scope: AsyncScope, members: Sequence[tuple[AsyncConsumer, Batch]]) -> bool:
    """Apply batches of several consumers in one transaction; False, and nothing done, when one has something to settle."""
    plans = [(consumer, batch, await consumer._planned(batch, {})) for consumer, batch in members]
    if any(plan.findings.failures or plan.findings.behind for _, _, plan in plans):
        return False
    moves = [c._move(c.row, b.position, len(b.events), b.event_id) for c, b, _ in plans if c.row is not None]

    async def work(transaction: AsyncTransaction) -> None:
        await transaction.move(scope.tenant, moves, now=scope.recorded_at())
        for _, _, plan in plans:
            await plan.write(transaction)

    try:
        await scope.storage.transact(work)
    except UNSURE:
        raise
    except Exception:  # noqa: BLE001  # each finds out for itself
        return False
    for consumer, batch, plan in plans:
        plan.kept()
        consumer._moved(batch.position, len(batch.events), parked=False, event_id=batch.event_id)
    return True
