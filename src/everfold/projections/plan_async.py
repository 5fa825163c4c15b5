"""`store.projections().plans()`: what a step would do, and what would refuse it. Reads, and changes nothing.

The rules are those that the step itself is held to (`control`); what they are asked about may change before it is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..storage.control import BuildRow
from ..store.scope_async import AsyncScope
from . import control, lifecycle_async
from .handler import HandlerProjection
from .projection import Projection, name_of
from .status import Plan

__all__ = ["AsyncPlans"]

Named = Projection | str


class AsyncPlans:
    """The verbs of an operator, told and not done. Each gives a Plan."""

    def __init__(self, scope: AsyncScope, defined: Callable[[Named], Projection]) -> None:
        self._scope = scope
        self._defined = defined

    async def rebuild(self, name: Named, *, in_place: bool = False) -> Plan:
        """What `rebuild` would build, and from where. Raises ProjectionError when its code isn't in this store."""
        projection = self._defined(name)
        rows = await self._rows(projection.name)
        head = await self._scope.storage.head(self._scope.tenant)
        if in_place:
            return _in_place(projection, rows, head)
        return await self._beside(projection, rows, head)

    async def promote(self, name: Named, *, version: int | None = None, lag_max: int = lifecycle_async.LAG_MAX) -> Plan:
        """What `promote` would switch."""
        rows = await self._rows(name_of(name))
        green, blue = control.candidate_of(rows, version), control.active_of(rows)
        if green is None:
            wanted = "" if version is None else f" of version {version}"
            return _plan("promote", name, refusals=[f"no build{wanted} stands beside the active one: rebuild it first"])
        consumers = await self._scope.storage.consumer_rows(self._scope.tenant)
        refusals = control.promotion_refusals(
            green,
            blue,
            consumers,
            lag=await self._scope.storage.head(self._scope.tenant) - control.position_of(consumers, green),
            lag_max=lag_max,
            changed=self._changed(green),
        )
        return _plan("promote", name, _switch(green, blue, "is fed on, for rollback"), refusals)

    async def rollback(self, name: Named) -> Plan:
        """What `rollback` would switch."""
        rows = await self._rows(name_of(name))
        active = control.active_of(rows)
        if active is None or active.previous is None:
            return _plan("rollback", name, refusals=["there is no version before the active one to go back to"])
        before = next((row for row in rows if row.target == active.previous), None)
        consumers = await self._scope.storage.consumer_rows(self._scope.tenant)
        refusals = control.rollback_refusals(active, before, consumers)
        steps = [] if before is None else _switch(before, active, "stands beside it again, for promote")
        return _plan("rollback", name, steps, refusals)

    async def retire(self, name: Named, *, version: int | None = None) -> Plan:
        """What `retire` would drop."""
        rows = await self._rows(name_of(name))
        if version is None:
            wanted = [row for row in rows if row.state == "retiring"]
        else:
            wanted = [row for row in rows if row.target.version == version and row.state not in ("active", "dropped")]
        steps = [f"drop {row.target.consumer} ({row.state}): its table, its checkpoint" for row in wanted]
        return _plan("retire", name, steps, [] if wanted else [_nothing(rows, version)])

    async def _beside(self, projection: Projection, rows: Sequence[BuildRow], head: int) -> Plan:
        under_way = control.candidate_of(rows, projection.version)
        fresh = _fresh(projection, rows, head)
        if under_way is None:
            return _plan("rebuild", projection, [fresh])
        if not control.code_changed(under_way, projection):
            consumers = await self._scope.storage.consumer_rows(self._scope.tenant)
            at = control.position_of(consumers, under_way)
            return _plan("rebuild", projection, [f"go on with {under_way.target.consumer} at position {at} of {head}"])
        refusals = []
        if under_way.fed == "inline":
            refusals = [f"{under_way.target.consumer} is fed inline by other code: retire it first"]
        dropped = f"drop {under_way.target.consumer}, which other code has begun"
        return _plan("rebuild", projection, [dropped, fresh], refusals)

    async def _rows(self, name: str) -> list[BuildRow]:
        rows = await self._scope.storage.build_rows(self._scope.tenant)
        return [row for row in rows if row.target.projection == name]

    def _changed(self, row: BuildRow) -> bool:
        projection = self._scope.catalogue.defined(row.target.projection, row.target.version)
        return projection is not None and control.code_changed(row, projection)


def _plan(action: str, name: Named, steps: Sequence[str] = (), refusals: Sequence[str] = ()) -> Plan:
    return Plan(action, name_of(name), tuple(steps), tuple(refusals))


def _switch(to: BuildRow, away: BuildRow | None, then: str) -> list[str]:
    if away is None:
        return [f"readers see {to.target.consumer}"]
    return [
        f"readers switch from {away.target.consumer} to {to.target.consumer}, in one transaction",
        f"{away.target.consumer} {then}",
    ]


def _fresh(projection: Projection, rows: Sequence[BuildRow], head: int) -> str:
    made, active = control.next_target(projection, rows), control.active_of(rows)
    beside = "as the active version: readers see it growing" if active is None else f"beside {active.target.consumer}"
    return f"build {made.consumer} from the beginning of the log up to position {head}, {beside}"


def _in_place(projection: Projection, rows: Sequence[BuildRow], head: int) -> Plan:
    found = [row for row in rows if row.target.version == projection.version and row.state in control.FED]
    if not found:
        return _plan("rebuild", projection, [_fresh(projection, rows, head)])
    row = max(found, key=lambda row: row.target.generation)
    seen = "readers see it growing" if row.state == "active" else "readers see another version meanwhile"
    step = f"empty {row.target.consumer} and feed it again from the beginning up to position {head}: {seen}"
    refusals = []
    if isinstance(projection, HandlerProjection) and projection.clear_function is None:
        refusals = [f"no function is registered with @{projection.name}.clear that empties its tables"]
    return _plan("rebuild", projection, [step], refusals)


def _nothing(rows: Sequence[BuildRow], version: int | None) -> str:
    if version is not None and any(row.target.version == version and row.state == "active" for row in rows):
        return f"version {version} is what readers see: promote another one first"
    return "no build waits to be retired"
