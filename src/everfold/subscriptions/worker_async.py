"""A worker: whoever runs it feeds every consumer that it can get the lease of, until it is told to stop.

One read of the log feeds all consumers that stand at the same place; nothing is remembered between rounds but where they
stand. Hints only make it quicker: with every wake-up lost it finds the events by looking. A worker that dies is replaced by
the next one after the lease; one that only seems dead can't write any more once its successor has begun.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from .. import limits
from ..errors import (
    CheckpointConflictError,
    CommitUnknownError,
    ConsumerStoppedError,
    StorageUnavailableError,
    StoreClosedError,
)
from ..events.envelope import RecordedEvent
from ..events.query import Query
from ..events.stream import category_of
from ..runtime.concurrency_async import Later
from ..runtime.ids import new_id_bytes
from ..storage.control import ConsumerKey, ConsumerRow
from ..storage.port_async import AsyncTransaction
from ..store.scope_async import AsyncScope
from .batch import Batch
from .consumer_async import AsyncConsumer, commit_together
from .sharing import alive, presence, reach, share

__all__ = ["AsyncRunner", "new_owner"]

_logger = logging.getLogger("everfold.worker")
_HEAL_SECONDS_MIN = 0.05
_HEAL_SECONDS_MAX = 5.0
_WAKE_SECONDS = 0.1


def new_owner() -> str:
    """A name for the owner of leases that no other process has, and that tells a person where it runs."""
    return f"{socket.gethostname()}:{os.getpid()}:{new_id_bytes().hex()[-8:]}"


Refresh = Callable[[], Later[list[AsyncConsumer]]]


class AsyncRunner:
    """Consumers of one store, fed in rounds. `owner` names whom the leases belong to.

    `refresh` gives the consumers that there are now; asked again whenever the leases are renewed.
    """

    def __init__(
        self,
        scope: AsyncScope,
        consumers: Sequence[AsyncConsumer],
        owner: str,
        refresh: Refresh | None = None,
        *,
        lease_seconds: float = limits.LEASE_SECONDS,
    ) -> None:
        self.consumers = list(consumers)
        self.owner = owner
        self._refresh = refresh
        self._lease_seconds = lease_seconds
        self.stopping = False
        self._scope = scope
        self._leased_at = 0.0
        self._held: list[str] = []
        self._heal = 0.0
        self._given_up: dict[ConsumerKey, float] = {}

    def stop(self) -> None:
        """Finish the batch at hand, give the leases back, return from `run`. May be called from any thread, or a signal."""
        self.stopping = True

    async def run(self) -> None:
        """Until stopped, or until the store is closed. An unreachable database is waited for."""
        try:
            while not self.stopping and not self._scope.closed:
                await self._survive()
        except StoreClosedError:
            return
        finally:
            await self._release()

    async def run_until_caught_up(self, after_round: Callable[[], Later[None]] | None = None) -> None:
        """Until every consumer stands at the end of the log as it was when nothing was left to do.

        Waits for consumers that another worker holds. Raises ConsumerStoppedError for one that a fault stopped.
        """
        try:
            while True:
                hint = self._scope.storage.hint()
                moved = await self.round()
                if after_round is not None:
                    await after_round()
                if moved:
                    continue
                if await self._all_there():
                    return
                await self._pause(hint, limits.POLL_SECONDS_MAX)
        finally:
            await self._release()

    async def _survive(self) -> None:
        try:
            hint = self._scope.storage.hint()
            if not await self.round():
                await self._pause(hint, limits.SUBSCRIPTION_LOOK_SECONDS)
            self._heal = 0.0
        except (StorageUnavailableError, CommitUnknownError) as error:
            self._forget_leases()
            self._heal = min(max(self._heal * 2, _HEAL_SECONDS_MIN), _HEAL_SECONDS_MAX)
            _logger.warning("the database is not there (%s); looking again in %.2f s", error, self._heal)
            await self._scope.sleep(self._heal)

    # One round

    async def round(self) -> bool:
        """Give each consumer that can take one a batch; whether any of them got further."""
        await self._keep_leases()
        ready = [c for c in self.consumers if c.active and not c.waiting]
        moved = False
        spanned = await self._spans(ready)
        for place in sorted({(c.scanned, c.partition) for c in ready}):
            here = [c for c in ready if c.active and (c.scanned, c.partition) == place and c not in spanned]
            if here and not self.stopping:
                moved = await self._feed(here, place) or moved
        return moved or bool(spanned)

    async def _spans(self, ready: Sequence[AsyncConsumer]) -> list[AsyncConsumer]:
        able = [c for c in ready if c.applier.projects]
        if not able:
            return []
        head = await self._scope.storage.head(self._scope.tenant)
        return [c for c in able if await self._guarded_span(c, head)]

    async def _guarded_span(self, consumer: AsyncConsumer, head: int) -> bool:
        try:
            return await consumer.span(head)
        except CheckpointConflictError as error:
            self._lost(consumer, error)
            return False

    async def _feed(self, here: Sequence[AsyncConsumer], place: tuple[int, tuple[int, int]]) -> bool:
        after, partition = place
        query = _union([c.query for c in here])
        page = await self._scope.storage.read_all(
            self._scope.tenant,
            after=after,
            before=None,
            query=query,
            backwards=False,
            limit=limits.CONSUMER_BATCH_EVENTS,
            partition=partition,
        )
        origin = self._scope.origin(page)
        events = [RecordedEvent(row, origin) for row in page.rows]
        position, last = page.position, None
        if events and events[-1].position == position:
            last = events[-1].id.bytes
        elif position > after:  # it may be another tenant's: a checkpoint stands at an event of its own log
            position = min(position, await self._scope.storage.head(self._scope.tenant))
        if position <= after:
            return await self._flush(here)
        batches = [(c, Batch(after, position, _concerning(c.query, query, events), last, page.more)) for c in here]
        return await self._take_all(batches) or page.more

    async def _take_all(self, batches: Sequence[tuple[AsyncConsumer, Batch]]) -> bool:
        moved = False
        groups: dict[str, list[tuple[AsyncConsumer, Batch]]] = {}
        for consumer, batch in batches:
            groups.setdefault(consumer.group or f"\0{consumer.name}", []).append((consumer, batch))
        for members in groups.values():
            moved = await self._take_group(members) or moved
        return moved

    async def _take_group(self, members: Sequence[tuple[AsyncConsumer, Batch]]) -> bool:
        busy = [(c, b) for c, b in members if b.events]
        if len(busy) > 1:
            try:
                if await commit_together(self._scope, members):
                    return True
            except CheckpointConflictError:
                pass  # each finds out for itself
        moved = False
        for consumer, batch in members:
            try:
                moved = await consumer.take(batch) or moved
            except CheckpointConflictError as error:
                self._lost(consumer, error)
        return moved

    async def _flush(self, here: Sequence[AsyncConsumer]) -> bool:
        moved = False
        for consumer in here:
            try:
                moved = await consumer.catch_up() or moved
            except CheckpointConflictError as error:
                self._lost(consumer, error)
        return moved

    def _lost(self, consumer: AsyncConsumer, error: CheckpointConflictError) -> None:
        _logger.info("%s", error)
        consumer.drop()
        self._leased_at = 0.0

    # Leases

    async def _keep_leases(self) -> None:
        now = time.monotonic()
        if self._leased_at and now - self._leased_at < min(self._lease_seconds / 4, limits.LEASE_LOOK_SECONDS):
            return
        if self._refresh is not None:
            known = {(c.name, c.partition): c for c in self.consumers}
            self.consumers = [known.get((c.name, c.partition), c) for c in await self._refresh()]
        keys = [c.key for c in self.consumers]
        wanted = keys if self._refresh is None else await self._share(keys)
        held = await self._scope.storage.lease(
            self._scope.tenant, self.owner, wanted, seconds=self._lease_seconds, now=self._scope.recorded_at()
        )
        rows = {row.key: row for row in held}
        for consumer in self.consumers:
            row = rows.get(consumer.key)
            if row is None:
                consumer.drop()
            else:
                consumer.lease_seconds = self._lease_seconds
                await consumer.adopt(row)
        self._leased_at = now
        self._tell()

    def _tell(self) -> None:
        """Say whom it feeds, whenever that changes."""
        held = sorted(_label(c) for c in self.consumers if c.row is not None)
        if held != self._held:
            self._held = held
            _logger.info("%s holds %s", self.owner, ", ".join(held) or "no consumer: others hold them")

    async def _share(self, keys: Sequence[ConsumerKey]) -> list[ConsumerKey]:
        """This worker's part of the consumers, and those that nobody has fed for the time of a lease."""
        tenant, storage = self._scope.tenant, self._scope.storage
        own, can = (presence(self.owner), 0), reach(keys)
        shown = await storage.lease(
            tenant, self.owner, [own], seconds=self._lease_seconds, now=self._scope.recorded_at()
        )
        if not shown or shown[0].epoch != can:
            await storage.transact(lambda transaction: self._show(transaction, can))
            return await self._share(keys)
        rows = await storage.consumer_rows(tenant)
        now = shown[0].lease_until - int(self._lease_seconds * 1_000_000)
        living, dead = alive(rows, now, can)
        mine = share(keys, living, self.owner)
        surplus = [r for r in rows if r.owner == self.owner and r.key in set(keys) - set(mine)]
        if surplus or dead:
            await storage.transact(lambda transaction: self._give_up(transaction, surplus, dead))
        moment = time.monotonic()
        self._given_up.update({row.key: moment for row in surplus})
        return [k for k in keys if k in mine or moment - self._given_up.get(k, -1e9) > self._lease_seconds]

    async def _show(self, transaction: AsyncTransaction, can: bytes) -> None:
        await transaction.save_consumers(self._scope.tenant, [ConsumerRow(presence(self.owner), epoch=can)])

    async def _give_up(
        self, transaction: AsyncTransaction, surplus: Sequence[ConsumerRow], dead: Sequence[str]
    ) -> None:
        tenant = self._scope.tenant
        names = sorted({row.name for row in surplus})
        wanted = {row.key for row in surplus}
        held = await transaction.consumers(tenant, names)
        free = [
            msgspec.structs.replace(row, owner=None, lease_until=0)
            for row in held
            if row.key in wanted and row.owner == self.owner
        ]
        if free:
            await transaction.save_consumers(tenant, free)
        if dead:
            await transaction.delete_consumers(tenant, dead)

    def _forget_leases(self) -> None:
        for consumer in self.consumers:
            consumer.drop()
        self._leased_at = 0.0

    async def _release(self) -> None:
        try:
            await self._flush([c for c in self.consumers if c.active])
            await self._scope.storage.release(self._scope.tenant, self.owner)
            if self._refresh is not None:
                await self._scope.storage.transact(self._leave)
        except (StorageUnavailableError, CommitUnknownError, StoreClosedError):
            pass  # the leases run out by themselves
        self._forget_leases()

    async def _leave(self, transaction: AsyncTransaction) -> None:
        await transaction.delete_consumers(self._scope.tenant, [presence(self.owner)])

    # Waiting

    async def _pause(self, hint: int, seconds: float) -> None:
        """Wait for a hint; at most until a consumer may try again, or its checkpoint should follow."""
        waits = [c.waiting for c in self.consumers if c.active and c.waiting]
        if any(c.behind_itself for c in self.consumers):
            waits.append(limits.IDLE_MOVE_SECONDS)
        deadline = time.monotonic() + min([seconds, *waits])
        while not self.stopping and not self._scope.closed:
            left = deadline - time.monotonic()
            if left <= 0 or await self._scope.storage.wait(hint, min(left, _WAKE_SECONDS)):
                return

    async def _all_there(self) -> bool:
        head = await self._scope.storage.head(self._scope.tenant)
        wanted = {c.key for c in self.consumers}
        there, stopped = True, None
        for row in await self._scope.storage.consumer_rows(self._scope.tenant):
            if row.key not in wanted:
                continue
            if row.status == "stopped":
                stopped = stopped or row
            else:
                there = there and (row.status == "paused" or row.position >= head)
        if there and stopped is not None:
            raise stopped_error(stopped.name, stopped.fault)
        return there


def stopped_error(name: str, fault: bytes | None) -> ConsumerStoppedError:
    """What a stopped consumer's row says, as an error."""
    said: dict[str, Any] = msgspec.json.decode(fault) if fault else {}
    return ConsumerStoppedError(
        name.partition("@")[0],
        f"{said.get('type', 'Error')}: {said.get('message', 'no reason is on record')}. It stopped there and lost nothing: "
        "correct the cause, then resume it; with on_error=ef.Park() it would go on with other keys",
        position=said.get("position"),
        event_type=said.get("event_type"),
        stream=said.get("stream"),
    )


def _label(consumer: AsyncConsumer) -> str:
    number, count = consumer.partition
    return consumer.name if count == 1 else f"{consumer.name}[{number}/{count}]"


def _union(queries: Sequence[Query]) -> Query:
    items = tuple(dict.fromkeys(item for query in queries for item in query.items))
    if any(query.everything for query in queries) or len(items) > limits.QUERY_ITEMS_MAX:
        return Query()
    return Query.of(items)


def _concerning(query: Query, read: Query, events: list[RecordedEvent]) -> list[RecordedEvent]:
    if query == read or query.everything:
        return events
    tagged = any(item.tags for item in query.items)  # else the tags, which are stored as text, stay unread
    return [e for e in events if query.matches(e.type, _category(e), e.tags if tagged else ())]


def _category(event: RecordedEvent) -> str | None:
    return None if event.stream is None else category_of(event.stream)
