"""Loading: the state of a stream, folded from a snapshot or from the beginning, now or at a point of the past."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from ..codec.payload import value_codec
from ..deciders.decider import Decider, Snapshots
from ..errors import CodecError, ConfigurationError
from ..events.stream import check_stream_name
from ..runtime.clock import microseconds_of
from ..storage.unit import Snapshot
from ..telemetry.hooks import SnapshotSkippedDetail
from .cache import CachedState
from .outcome import Loaded
from .read_async import stream_pages
from .scope_async import AsyncScope

__all__ = ["fold_tail", "load", "load_latest"]

State = TypeVar("State")


async def load(
    scope: AsyncScope,
    stream: str,
    decider: Decider[Any, State],
    *,
    at_version: int | None,
    at_time: datetime | None,
) -> Loaded[State]:
    """The state as of a version or a time; see `AsyncEventStore.load`."""
    check_stream_name(stream, system=True)
    if at_version is not None and at_time is not None:
        raise ConfigurationError("load(...) takes at_version or at_time, not both")
    if at_time is not None:
        return await _load_at_time(scope, stream, decider, at_time)
    start = await _start(scope, stream, decider, at_version)
    found = await fold_tail(scope, stream, decider, start, up_to_version=at_version)
    return Loaded(found.state, found.version)


async def load_latest(scope: AsyncScope, stream: str, decider: Decider[Any, Any]) -> CachedState:
    """The current state, from the snapshot when the decider has them."""
    start = await _start(scope, stream, decider, None)
    return await fold_tail(scope, stream, decider, start)


async def fold_tail(
    scope: AsyncScope,
    stream: str,
    decider: Decider[Any, Any],
    start: CachedState,
    *,
    up_to_version: int | None = None,
) -> CachedState:
    """`start` carried on over the events after it. The state given is used up: `evolve` may have changed it.

    Where a truncation hides events that `start` has not seen, it folds anew what is left, as a first load does; so too
    when `start` is ahead of the stream, which a restore or a failover has set back.
    """
    state, version, stands = start.state, start.version, 0
    evolve, decode = decider.evolve, scope.registry.decode
    pages = stream_pages(scope, stream, after_version=start.version, up_to_version=up_to_version)
    async for page in pages:
        stands = page.version
        if start.version and page.rows and version == start.version and page.rows[0][2] != version + 1:
            return await fold_tail(scope, stream, decider, CachedState(decider.initial_state(), 0))
        for row in page.rows:
            state = evolve(state, decode(row[3], row[4], row[7], row[0]))
            version = row[2]
    if up_to_version is None and (version < stands or start.version > stands):
        if start.version:
            return await fold_tail(scope, stream, decider, CachedState(decider.initial_state(), 0))
        version = stands
    return CachedState(state, version, start.snapshot_version)


async def _load_at_time(
    scope: AsyncScope, stream: str, decider: Decider[Any, State], at_time: datetime
) -> Loaded[State]:
    if at_time.tzinfo is None:
        raise ConfigurationError("at_time must be an aware datetime: give it a time zone")
    until = microseconds_of(at_time)
    state, version = decider.initial_state(), 0
    async for page in stream_pages(scope, stream):
        for row in page.rows:
            if row[6] + page.epoch_microseconds > until:
                return Loaded(state, version)
            state = decider.evolve(state, scope.registry.decode(row[3], row[4], row[7], row[0]))
            version = row[2]
    return Loaded(state, version)


async def _start(scope: AsyncScope, stream: str, decider: Decider[Any, Any], at_version: int | None) -> CachedState:
    """The snapshot to go on from, or the initial state."""
    initial = decider.initial_state()
    plan = decider.snapshots
    if plan is None:
        return CachedState(initial, 0)
    # asked for at once: a state that can't be stored is refused at the first load, not at the event that is due
    codec = value_codec(state_type(plan, initial))
    found = await scope.storage.load_snapshot(scope.tenant, stream, plan.name, plan.schema_version)
    if found is None or (at_version is not None and found.version > at_version):
        return CachedState(initial, 0)
    try:
        state = codec.decode(found.data)
    except CodecError as error:
        scope.tell(SnapshotSkippedDetail(stream, str(error)))
        return CachedState(initial, 0)
    return CachedState(state, found.version, found.version)


def state_type(plan: Snapshots, state: object) -> Any:
    """What snapshots of this state are encoded as and decoded to."""
    return type(state) if plan.state_type is None else plan.state_type


def is_due(plan: Snapshots | None, before: CachedState, version: int) -> bool:
    """Whether a state at `version` should be kept as a snapshot."""
    return plan is not None and version - before.snapshot_version >= plan.every


def encode_snapshot(stream: str, plan: Snapshots, state: object, version: int, kind: Any) -> Snapshot:
    """The snapshot as the port takes it. Raises UnencodableEventError naming the field of the state."""
    return Snapshot(stream, plan.name, plan.schema_version, version, value_codec(kind).encode(state))
