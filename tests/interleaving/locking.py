"""A store whose appends are open for a while: positions are drawn before they are seen, and others come in between.

The lock horizon, step by step as PostgreSQL has it, each step a point. A writer looks at the last drawn position,
takes a lock under that key, draws, becomes visible, and lets the lock go. A reader looks at the last drawn position,
then at the lowest key held, then at the rows, and delivers up to the lower of the two.
"""

from __future__ import annotations

from itertools import count

from everfold.errors import AppendConditionFailedError
from everfold.events.query import Query
from everfold.storage.memory.store import MemoryStorage
from everfold.storage.unit import Appended, Committed, Page, Unit
from everfold.testing.interleave import InterleavedStorage, point, touch


class LockingStorage(InterleavedStorage):
    """Takes units of events in no stream, with conditions; gives them by `read_all`, forwards."""

    def __init__(self) -> None:
        super().__init__(MemoryStorage())
        self.drawn = 0
        self.held: dict[int, int] = {}
        self.rows: dict[int, tuple] = {}
        self.tags: dict[int, tuple[str, ...]] = {}
        self._transactions = count(1)

    async def commit(self, unit: Unit) -> Committed:
        transaction = next(self._transactions)
        positions = await self.enter(transaction, len(unit.appends[0].events))
        try:
            await point("before becoming visible")
            touch("rows")
            self._check(unit)
            for event, position in zip(unit.appends[0].events, positions, strict=True):
                place = (position, None, None, event.type, event.schema_version, event.id, 0)
                self.rows[position] = (*place, event.data, event.metadata, None)
                self.tags[position] = event.tags
        finally:
            await self.unlock(transaction)
        return Committed((Appended(None, positions, 0),))

    async def enter(self, transaction: int, events: int) -> range:
        await self.lock(transaction)
        return await self.draw(events)

    async def lock(self, transaction: int) -> None:
        await point("before the writer's look")
        touch("drawn", changed=False)
        key = self.drawn
        await point("before the lock")
        touch("locks")
        self.held[transaction] = key

    async def draw(self, events: int) -> range:
        await point("before drawing")
        touch("drawn")
        self.drawn += events
        return range(self.drawn - events + 1, self.drawn + 1)

    async def unlock(self, transaction: int) -> None:
        await point("before unlocking")
        touch("locks")
        self.held.pop(transaction, None)

    async def read_all(
        self, tenant: str, *, after: int, query: Query, limit: int, beyond_horizon: bool = False, **_: object
    ) -> Page:
        horizon = await self.horizon()
        await point("before the rows")
        touch("rows", changed=False)
        return self.page(after, query, limit, horizon, beyond_horizon)

    async def horizon(self) -> int:
        return min(await self.look_at_drawn(), await self.look_at_locks())

    async def look_at_drawn(self) -> int:
        await point("before the look at the last drawn position")
        touch("drawn", changed=False)
        return self.drawn

    async def look_at_locks(self) -> int:
        await point("before the look at the locks")
        touch("locks", changed=False)
        return min(self.held.values(), default=1_000_000)

    def page(self, after: int, query: Query, limit: int, horizon: int, beyond_horizon: bool) -> Page:
        end = 1_000_000 if beyond_horizon else horizon
        found = [
            row
            for position, row in sorted(self.rows.items())
            if after < position <= end and query.matches(row[3], None, self.tags[position])
        ]
        more = len(found) > limit
        rows = found[:limit]
        seen = [position for position in self.rows if position <= horizon]
        position = rows[-1][0] if more else max(after, max(seen, default=0))
        return Page(rows, position, more, horizon=horizon if beyond_horizon else 0)

    def _check(self, unit: Unit) -> None:
        for condition in unit.conditions:
            for position, row in self.rows.items():
                known = position <= condition.after or position in condition.seen
                if not known and condition.query.matches(row[3], None, self.tags[position]):
                    raise AppendConditionFailedError(condition.query, condition.after, position)


class OpenAppend(LockingStorage):
    """An append that drew position 1 of an empty storage before the scenario begins, and becomes visible within it."""

    def __init__(self, storage: LockingStorage) -> None:
        storage.drawn = 1
        storage.held[-1] = 0
        self.__dict__ = storage.__dict__

    async def enter(self, transaction: int, events: int) -> range:
        return range(1, 2)

    async def unlock(self, transaction: int) -> None:
        await super().unlock(-1)
