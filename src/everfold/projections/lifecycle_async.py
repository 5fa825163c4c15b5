"""The steps in the life of a projection's builds, each one transaction that also appends what happened to a system stream.

The stream `$projection-<name>` belongs to the tenant `$<tenant>`: the history of deployments, out of the application's log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from ..errors import ProjectionError, PromotionRefusedError
from ..events.expected import CODE_ANY
from ..events.query import Query
from ..runtime.context import current_context
from ..runtime.ids import new_id_bytes
from ..storage.control import BuildRow, ConsumerRow
from ..storage.port_async import AsyncTransaction
from ..storage.read_model import Target
from ..storage.unit import EncodedEvent, StreamAppend, Unit
from ..store.scope_async import AsyncScope
from . import control
from .handler import HandlerProjection
from .handler_transaction_async import AsyncHandlerTransaction, resolved
from .projection import Projection, Timing

__all__ = [
    "accept",
    "clear",
    "new_build",
    "pause",
    "promote",
    "register",
    "resume",
    "retire",
    "rollback",
    "save",
    "set_state",
]

T = TypeVar("T")
LAG_MAX = 1000


async def register(scope: AsyncScope, projection: Projection) -> BuildRow:
    """The newest build of this version; when there is none, it is made: as the active one, or beside that."""
    rows = [r for r in await scope.storage.build_rows(scope.tenant) if r.target.projection == projection.name]
    found = _newest(rows, projection.version)
    if found is not None:
        return found
    head = await scope.storage.head(scope.tenant)

    async def work(transaction: AsyncTransaction) -> BuildRow:
        rows = await transaction.builds(scope.tenant, (projection.name,))
        return _newest(rows, projection.version) or await _create(scope, transaction, projection, rows, head)

    return await scope.storage.transact(work)


async def new_build(scope: AsyncScope, projection: Projection) -> BuildRow:
    """A build beside the active one, which begins at the beginning; one that is under way already goes on."""
    head = await scope.storage.head(scope.tenant)

    async def work(transaction: AsyncTransaction) -> BuildRow:
        rows = await transaction.builds(scope.tenant, (projection.name,))
        under_way = control.candidate_of(rows, projection.version)
        if under_way is not None and not control.code_changed(under_way, projection):
            return under_way
        if under_way is not None and under_way.fed == "inline":
            raise ProjectionError(projection.name, _retire_first(under_way))
        if under_way is not None:
            await _drop(scope, transaction, under_way)
            rows = await transaction.builds(scope.tenant, (projection.name,))
        return await _create(scope, transaction, projection, rows, head)

    return await scope.storage.transact(work)


async def clear(scope: AsyncScope, projection: Projection, row: BuildRow) -> BuildRow:
    """Empty a build where it stands, and have it begin at the beginning. Its owner of now is fenced out."""

    async def work(transaction: AsyncTransaction) -> BuildRow:
        await transaction.gate(scope.tenant, (projection.name,), exclusive=True)
        consumers = await transaction.consumers(scope.tenant, (row.target.consumer,))
        token = max((c.token for c in consumers), default=0) + 1
        await transaction.delete_consumers(scope.tenant, (row.target.consumer,))
        if isinstance(projection, HandlerProjection):
            await _call(projection.clear_function, transaction, row.target, projection)
        else:
            await transaction.clear_target(scope.tenant, row.target)
        await transaction.save_consumers(scope.tenant, _consumer_rows(projection, row.target, token))
        fresh = msgspec.structs.replace(row, code=projection.fingerprint(), fed="consumer", verified=None)
        return await save(scope, transaction, fresh, "rebuilt in place", {})

    return await scope.storage.transact(work)


async def promote(scope: AsyncScope, name: str, *, version: int | None = None, lag_max: int = LAG_MAX) -> BuildRow:
    """Switch readers to the newest build that stands beside the active one, in one transaction."""
    head = await scope.storage.head(scope.tenant)

    async def work(transaction: AsyncTransaction) -> BuildRow:
        await transaction.gate(scope.tenant, (name,), exclusive=True)
        rows = await transaction.builds(scope.tenant, (name,))
        green, blue = control.candidate_of(rows, version), control.active_of(rows)
        if green is None:
            raise PromotionRefusedError(name, _nothing_beside(rows, version))
        names = [green.target.consumer, *([blue.target.consumer] if blue is not None else [])]
        consumers = await transaction.consumers(scope.tenant, names)
        refusals = control.promotion_refusals(
            green,
            blue,
            consumers,
            lag=head - control.position_of(consumers, green),
            lag_max=lag_max,
            changed=_changed(scope, green),
        )
        refusals += await _behind_inline(scope, transaction, green, blue, consumers)
        refusals += await _parked(scope, transaction, green)
        if refusals:
            raise PromotionRefusedError(
                name, f"version {green.target.version} can't be promoted: {'; '.join(refusals)}"
            )
        return await _switch(scope, transaction, green, blue, "promoted")

    return await scope.storage.transact(work)


async def rollback(scope: AsyncScope, name: str) -> BuildRow:
    """Switch readers back to the build before: the same transaction the other way round."""

    async def work(transaction: AsyncTransaction) -> BuildRow:
        await transaction.gate(scope.tenant, (name,), exclusive=True)
        rows = await transaction.builds(scope.tenant, (name,))
        active = control.active_of(rows)
        before = None if active is None else _build(rows, active.previous)
        if active is None or active.previous is None:
            raise PromotionRefusedError(name, "there is no version before the active one to go back to")
        names = [t.consumer for t in (active.target, active.previous)]
        consumers = await transaction.consumers(scope.tenant, names)
        refusals = control.rollback_refusals(active, before, consumers)
        if before is not None:
            refusals += await _behind_inline(scope, transaction, before, active, consumers)
        if refusals or before is None:
            raise PromotionRefusedError(
                name, f"version {active.target.version} can't be rolled back: {'; '.join(refusals)}"
            )
        return await _switch(scope, transaction, before, active, "rolled back", aside="standby")

    return await scope.storage.transact(work)


async def retire(scope: AsyncScope, name: str, *, version: int | None = None) -> list[BuildRow]:
    """Stop feeding the builds that readers don't see (or only those of `version`), and drop their tables."""

    async def work(transaction: AsyncTransaction) -> list[BuildRow]:
        await transaction.gate(scope.tenant, (name,), exclusive=True)
        rows = await transaction.builds(scope.tenant, (name,))
        wanted = [
            r
            for r in rows
            if r.state not in ("active", "dropped")
            and (r.state == "retiring" if version is None else r.target.version == version)
        ]
        if not wanted:
            raise ProjectionError(name, _nothing_to_retire(rows, version))
        return [await _drop(scope, transaction, row) for row in wanted]

    return await scope.storage.transact(work)


async def pause(scope: AsyncScope, name: str) -> None:
    """Have every consumer of the projection stand still. What they are at now is finished or rolled back."""
    await _set_status(scope, name, "paused", ("running",))


async def resume(scope: AsyncScope, name: str) -> None:
    """Have paused and stopped consumers of the projection go on where they stand."""
    await _set_status(scope, name, "running", ("paused", "stopped"))


async def accept(scope: AsyncScope, name: str) -> None:
    """Declare that the code's change doesn't change the read model: the active build goes on with it."""

    async def work(transaction: AsyncTransaction) -> bool:
        rows = await transaction.builds(scope.tenant, (name,))
        for row in rows:
            projection = scope.catalogue.defined(name, row.target.version)
            if row.state in control.FED and projection is not None and control.code_changed(row, projection):
                changed = msgspec.structs.replace(row, code=projection.fingerprint())
                await save(scope, transaction, changed, "code accepted", {"before": row.code})
        return any(r.state in control.FED and r.fed == "consumer" for r in rows)

    if await scope.storage.transact(work):
        await resume(scope, name)


async def set_state(scope: AsyncScope, target: Target, step: str, **fields: Any) -> BuildRow | None:
    """Change a build's row, unless it is dropped by now."""

    async def work(transaction: AsyncTransaction) -> BuildRow | None:
        row = _build(await transaction.builds(scope.tenant, (target.projection,)), target)
        if row is None or row.state == "dropped":
            return None
        if row.state == "active":
            fields.pop("state", None)
        return await save(scope, transaction, msgspec.structs.replace(row, **fields), step, {})

    return await scope.storage.transact(work)


async def _set_status(scope: AsyncScope, name: str, status: str, before: Sequence[str]) -> None:
    async def work(transaction: AsyncTransaction) -> None:
        rows = await transaction.builds(scope.tenant, (name,))
        if not any(r.state in control.FED for r in rows):
            raise ProjectionError(name, "it is not registered in this store: run a worker with its module first")
        fed = [r for r in rows if r.state in control.FED and r.fed == "consumer"]
        if not fed:
            raise ProjectionError(
                name, "it is fed inline, by the appends themselves: no consumer to pause or to resume"
            )
        for row in fed:
            consumers = await transaction.consumers(scope.tenant, (row.target.consumer,))
            changed = [
                msgspec.structs.replace(c, status=status, fault=None, letters=c.letters + 1)
                for c in consumers
                if c.status in before
            ]
            if changed:
                await transaction.save_consumers(scope.tenant, changed)
                await save(scope, transaction, row, status, {})

    await scope.storage.transact(work)


async def _switch(
    scope: AsyncScope,
    transaction: AsyncTransaction,
    to: BuildRow,
    away: BuildRow | None,
    step: str,
    *,
    aside: str = "retiring",
) -> BuildRow:
    if away is not None:
        await transaction.save_build(scope.tenant, msgspec.structs.replace(away, state=aside))
    epoch = 1 + max(to.epoch, away.epoch if away is not None else 0)
    switched = msgspec.structs.replace(
        to, state="active", epoch=epoch, previous=None if away is None or aside == "standby" else away.target
    )
    return await save(scope, transaction, switched, step, {"from": None if away is None else away.target.consumer})


async def _create(
    scope: AsyncScope, transaction: AsyncTransaction, projection: Projection, rows: Sequence[BuildRow], head: int
) -> BuildRow:
    target = control.next_target(projection, rows)
    active = control.active_of(rows)
    inline = projection.timing is Timing.INLINE and head == 0 and active is None
    await transaction.create_target(target, projection.shape)
    if isinstance(projection, HandlerProjection):
        await _call(projection.setup_function, transaction, target, None)
    rows_of_consumer = _consumer_rows(projection, target, 0)
    if inline:
        rows_of_consumer = [msgspec.structs.replace(c, status="paused") for c in rows_of_consumer]
    await transaction.save_consumers(scope.tenant, rows_of_consumer)
    row = BuildRow(
        target,
        "active" if active is None else "building",
        projection.timing.value,
        "inline" if inline else "consumer",
        projection.fingerprint(),
        control.definition_of(projection),
        head,
    )
    return await save(scope, transaction, row, "registered", {"code": row.code})


async def _drop(scope: AsyncScope, transaction: AsyncTransaction, row: BuildRow) -> BuildRow:
    await transaction.delete_consumers(scope.tenant, (row.target.consumer,))
    dropped = msgspec.structs.replace(row, state="dropped", fed="consumer")
    saved = await save(scope, transaction, dropped, "retired", {})
    await transaction.clear_target(scope.tenant, row.target)
    if not await transaction.target_used(row.target):  # other tenants may have rows in the same table
        await transaction.drop_target(row.target, control.shape_of(row))
    return saved


async def save(
    scope: AsyncScope, transaction: AsyncTransaction, row: BuildRow, step: str, detail: dict[str, Any]
) -> BuildRow:
    """Save a build's row, and append what happened to the projection's system stream."""
    await transaction.save_build(scope.tenant, row)
    target = row.target
    payload = control.Transition(target.projection, target.version, target.generation, step, row.state, detail)
    event = EncodedEvent(
        new_id_bytes(),
        "$projection_transition",
        1,
        msgspec.json.encode(payload),
        msgspec.json.encode(current_context()),
    )
    stream = StreamAppend(f"$projection-{target.projection}", CODE_ANY, (event,))
    await transaction.commit(Unit(f"${scope.tenant}", (stream,), recorded_at=scope.recorded_at()))
    return row


async def _call(
    function: Callable[..., Any] | None, transaction: AsyncTransaction, target: Target, needed_by: Projection | None
) -> None:
    if function is None:
        if needed_by is not None:
            raise ProjectionError(
                needed_by.name,
                "it can't be rebuilt in place without a function that empties its tables: register one with "
                f"@{needed_by.name}.clear, or rebuild beside it",
            )
        return
    own = AsyncHandlerTransaction(transaction, target)
    await resolved(function(own))
    await own.flush()


def _consumer_rows(projection: Projection, target: Target, token: int) -> list[ConsumerRow]:
    count = projection.partitions
    return [ConsumerRow(target.consumer, number, count, token=token) for number in range(count)]


def _newest(rows: Sequence[BuildRow], version: int) -> BuildRow | None:
    found = [r for r in rows if r.target.version == version and r.state in control.FED]
    return max(found, key=lambda r: r.target.generation, default=None)


def _build(rows: Sequence[BuildRow], target: Target | None) -> BuildRow | None:
    return next((r for r in rows if r.target == target), None)


async def _parked(scope: AsyncScope, transaction: AsyncTransaction, green: BuildRow) -> list[str]:
    """A build with dead letters lacks what is in them."""
    letters = await transaction.letters(scope.tenant, green.target.consumer, lane=None, limit=1)
    if not letters:
        return []
    first = letters[0].letter
    return [f"events of it are parked, the first at position {first.position}: retry them, or skip them with a reason"]


async def _behind_inline(
    scope: AsyncScope,
    transaction: AsyncTransaction,
    to: BuildRow,
    away: BuildRow | None,
    consumers: Sequence[ConsumerRow],
) -> list[str]:
    """An inline build has everything that is committed; one that follows the log must have all of it, too.

    The gate is held alone: no append that would feed the inline build can commit meanwhile.
    """
    if away is None or away.fed != "inline" or to.fed == "inline":
        return []
    projection = scope.catalogue.defined(to.target.projection, to.target.version)
    query = Query() if projection is None else projection.query(scope.registry)
    after = control.position_of(consumers, to)
    page = await transaction.events(scope.tenant, after=after, query=query, limit=1)
    if not page.rows and not page.more:
        return []
    why = f"it stands at position {after}, and the active version is fed inline: readers would go back in time"
    return [f"{why}. Let it be handed over, which a worker does, or stop the appends for a moment"]


def _changed(scope: AsyncScope, row: BuildRow) -> bool:
    projection = scope.catalogue.defined(row.target.projection, row.target.version)
    return projection is not None and control.code_changed(row, projection)


def _retire_first(row: BuildRow) -> str:
    return f"{row.target.consumer} is fed inline by other code: retire version {row.target.version} first, then rebuild"


def _nothing_beside(rows: Sequence[BuildRow], version: int | None) -> str:
    if not rows:
        return "it is not registered in this store: run a worker with its module, or rebuild it"
    wanted = "" if version is None else f" of version {version}"
    return f"no build{wanted} stands beside the active one: rebuild it first"


def _nothing_to_retire(rows: Sequence[BuildRow], version: int | None) -> str:
    if version is not None and any(r.target.version == version and r.state == "active" for r in rows):
        return f"version {version} is what readers see: promote another one first"
    ready = {str(r.target.version) for r in rows if r.state not in ("active", "dropped")}
    hint = (
        f"; beside the active one stands version {', '.join(sorted(ready))}: say version= to drop it" if ready else ""
    )
    return f"no build waits to be retired{hint}"
