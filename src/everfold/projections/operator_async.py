"""`store.projections()`: what an operator sees of projections, and does with them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from .. import limits
from ..errors import ConfigurationError, ProjectionError
from ..runtime.concurrency_async import Later
from ..storage.control import BuildRow
from ..store.scope_async import AsyncScope
from ..subscriptions.worker_async import AsyncRunner, new_owner
from . import control, lifecycle_async, verify_async
from .control import Transition
from .feeding_async import consumers_of
from .inline_handover_async import hand_over_due
from .plan_async import AsyncPlans
from .projection import Projection, Timing, name_of
from .status import ProjectionStatus, status_of
from .verify_async import Verification

__all__ = ["AsyncProjections"]

Named = Projection | str
_PROGRESS_SECONDS = 0.25


class AsyncProjections:
    """Every method takes a projection or its name. Each change is one transaction, and an event in a system stream."""

    def __init__(self, scope: AsyncScope) -> None:
        self._scope = scope

    async def status(self, name: Named | None = None) -> list[ProjectionStatus]:
        """Where every build stands, of one projection or of all; retired ones are left out."""
        wanted = None if name is None else await self._known(name)
        storage, tenant = self._scope.storage, self._scope.tenant
        head = await storage.head(tenant)
        consumers = await storage.consumer_rows(tenant)
        rows = [r for r in await storage.build_rows(tenant) if wanted in (None, r.target.projection)]
        parked = await self._parked()
        return [
            status_of(row, consumers, head=head, parked=parked[row.target.consumer], code_changed=self._changed(row))
            for row in rows
            if row.state != "dropped"
        ]

    def definitions(self) -> tuple[Projection, ...]:
        """What the modules of this store define, LIVE projections too; empty for a store without modules."""
        found: tuple[Projection, ...] = self._scope.catalogue.projections
        return found

    def plans(self) -> AsyncPlans:
        """The same verbs, which only say what they would do."""
        return AsyncPlans(self._scope, self._defined)

    async def register(self, name: Named | None = None) -> list[ProjectionStatus]:
        """Make the builds that are missing (of one projection, or of all) and leave the feeding to workers.

        What a worker does when it starts, for a deploy: a projection's first version is the active one, a later one is
        built beside it.
        """
        wanted = None if name is None else name_of(name)
        if name is not None:
            self._defined(name)
        for projection in self._scope.catalogue.projections:
            if projection.timing is not Timing.LIVE and wanted in (None, projection.name):
                await lifecycle_async.register(self._scope, projection)
        return await self.status(name)

    async def rebuild(
        self,
        name: Named,
        *,
        in_place: bool = False,
        rate: float | None = None,
        progress: Callable[[ProjectionStatus], None] | None = None,
    ) -> ProjectionStatus:
        """Build the projection anew from the whole log, and return when it has caught up.

        It is built beside the version that readers see, which stays as it is: `verify`, then `promote`. A build that was cut off goes
        on where it stood. `in_place`: readers see it growing instead. `rate` bounds it, in events a second; `progress` is told
        where it stands, a few times a second. Raises ConsumerStoppedError, naming the event, when it fails on one.
        """
        projection = self._defined(name)
        begun = self._cleared(projection) if in_place else lifecycle_async.new_build(self._scope, projection)
        row = await begun
        await self._feed(projection, row, rate, progress)
        await hand_over_due(self._scope)
        if row.state != "active":
            await lifecycle_async.set_state(self._scope, row.target, "built", state="standby")
        return await self._one(row)

    async def verify(
        self,
        name: Named,
        *,
        version: int | None = None,
        ignore: Sequence[str] = (),
        expected: Callable[[Any, Any, Any], bool] | None = None,
    ) -> Verification:
        """Compare the build beside the active version with it: counts, digests by range of keys, then key by key.

        `ignore` leaves fields out; `expected(key, old, new)` says which differences are meant. Both builds go on meanwhile.
        """
        return await verify_async.verify(
            self._scope, await self._known(name), version=version, ignore=ignore, expected=expected
        )

    async def promote(
        self, name: Named, *, version: int | None = None, lag_max: int = lifecycle_async.LAG_MAX
    ) -> ProjectionStatus:
        """Switch readers to the build beside the active one, in one transaction. The old one is fed on, for `rollback`.

        Raises PromotionRefusedError, and changes nothing, while it stands behind the active one or more than `lag_max` positions behind
        the log, when its code changed since it was built, when it is stopped, or when its verification found differences.
        """
        row = await lifecycle_async.promote(self._scope, await self._known(name), version=version, lag_max=lag_max)
        return await self._one(row)

    async def rollback(self, name: Named) -> ProjectionStatus:
        """Switch readers back to the version before, in one transaction. Raises PromotionRefusedError."""
        return await self._one(await lifecycle_async.rollback(self._scope, await self._known(name)))

    async def retire(self, name: Named, *, version: int | None = None) -> list[str]:
        """Drop the builds that were replaced (or the one of `version`), tables and all, and give their names."""
        rows = await lifecycle_async.retire(self._scope, await self._known(name), version=version)
        return [row.target.consumer for row in rows]

    async def pause(self, name: Named) -> list[ProjectionStatus]:
        """Have it stand still, wherever its workers run; before the first of them, too."""
        await lifecycle_async.pause(self._scope, await self._registered(name))
        return await self.status(name)

    async def resume(self, name: Named) -> list[ProjectionStatus]:
        """Have it go on where it stands, after a pause or a fault."""
        await lifecycle_async.resume(self._scope, await self._known(name))
        return await self.status(name)

    async def accept(self, name: Named) -> list[ProjectionStatus]:
        """Declare that its changed code makes the same read model, and have it go on."""
        await lifecycle_async.accept(self._scope, await self._known(name))
        return await self.status(name)

    async def history(self, name: Named) -> list[tuple[Any, Transition]]:
        """What was done with it, oldest first: (when, transition)."""
        stream = f"$projection-{name_of(name)}"
        found: list[tuple[Any, Transition]] = []
        after = 0
        while True:
            page = await self._scope.storage.read_stream(
                f"${self._scope.tenant}",
                stream,
                after_version=after,
                up_to_version=None,
                backwards=False,
                limit=limits.PAGE_EVENTS,
            )
            origin = self._scope.origin(page)
            found += [_transition(row, origin) for row in page.rows]
            if len(page.rows) < limits.PAGE_EVENTS:
                return found
            after = page.rows[-1][2]

    async def _known(self, name: Named) -> str:
        rows = await self._scope.storage.build_rows(self._scope.tenant)
        known: str = self._scope.catalogue.known(name_of(name), [r.target.projection for r in rows])
        return known

    async def _registered(self, name: Named) -> str:
        known = await self._known(name)
        if not await self.status(known):
            await self.register(known)
        return known

    def _defined(self, name: Named) -> Projection:
        projection: Projection = name if isinstance(name, Projection) else self._scope.catalogue.newest(name)
        if projection not in self._scope.catalogue.projections:
            raise ProjectionError(projection.name, "it was not added to a module of this store")
        if projection.timing is Timing.LIVE:
            raise ConfigurationError(
                f"projection {projection.name!r} is LIVE: nothing is stored, so there is nothing to rebuild"
            )
        return projection

    async def _cleared(self, projection: Projection) -> BuildRow:
        row = await lifecycle_async.register(self._scope, projection)
        return await lifecycle_async.clear(self._scope, projection, row)

    async def _feed(
        self,
        projection: Projection,
        row: BuildRow,
        rate: float | None,
        progress: Callable[[ProjectionStatus], None] | None,
    ) -> None:
        rows = await self._scope.storage.build_rows(self._scope.tenant)
        stored = await self._scope.storage.consumer_rows(self._scope.tenant)
        consumers = consumers_of(self._scope, projection, row.target, rows, stored)
        for consumer in consumers:
            consumer.rate = rate
        runner = AsyncRunner(self._scope, consumers, new_owner())

        told_at = 0.0

        async def told() -> None:
            nonlocal told_at
            if progress is not None and time.monotonic() - told_at >= _PROGRESS_SECONDS:
                progress(await self._one(row))
                told_at = time.monotonic()

        after_round: Callable[[], Later[None]] = told
        await runner.run_until_caught_up(after_round)

    async def _one(self, row: BuildRow) -> ProjectionStatus:
        found = [s for s in await self.status(row.target.projection) if _same(s, row)]
        if not found:
            raise ProjectionError(row.target.projection, f"{row.target.consumer} was retired meanwhile")
        return found[0]

    async def _parked(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        after = 0
        while True:
            rows = await self._scope.storage.letter_rows(
                self._scope.tenant, consumer=None, state="parked", after=after, limit=limits.LETTERS_AT_ONCE
            )
            counts.update(row.letter.consumer for row in rows)
            if len(rows) < limits.LETTERS_AT_ONCE:
                return counts
            after = rows[-1].id

    def _changed(self, row: BuildRow) -> bool:
        projection = self._scope.catalogue.defined(row.target.projection, row.target.version)
        return projection is not None and control.code_changed(row, projection)


def _same(status: ProjectionStatus, row: BuildRow) -> bool:
    return (status.version, status.generation) == (row.target.version, row.target.generation)


def _transition(row: tuple[Any, ...], origin: Any) -> tuple[Any, Transition]:
    from ..events.envelope import RecordedEvent

    return RecordedEvent(row, origin).recorded_at, msgspec.json.decode(row[7], type=Transition)
