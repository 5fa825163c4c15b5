"""Deciding: load, decide, commit; and once more when another writer was faster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from .. import limits
from ..deciders.decider import Decider, decided_events, payload_of
from ..errors import ConfigurationError, ConflictError, WrongExpectedVersionError
from ..events.envelope import NewEvent
from ..events.expected import NO_STREAM, STREAM_EXISTS, Expected, expectation_code
from ..events.query import AppendCondition, Query
from ..events.stream import check_stream_name
from ..storage.unit import Snapshot
from ..telemetry.hooks import ConflictDetail, SnapshotSkippedDetail
from .append_async import AsyncUnitOfWork, append, append_if
from .boundary_async import fold_boundary
from .cache import CachedState, is_immutable
from .encoding import resolve_query
from .load_async import encode_snapshot, fold_tail, is_due, load_latest, state_type
from .outcome import AppendResult, Decision
from .retry import delay_seconds, may_decide_again
from .scope_async import AsyncScope

__all__ = ["close_and_open", "decide", "decide_over"]

State = TypeVar("State")


async def decide(
    scope: AsyncScope,
    stream: str,
    decider: Decider[Any, State],
    command: Any,
    *,
    expected_version: Expected | None,
    metadata: Mapping[str, Any] | None,
) -> Decision[State]:
    """Decide on one stream; see `AsyncEventStore.decide`."""
    run = _Run(scope, check_stream_name(stream), decider, command, metadata)
    if expected_version is not None:
        loaded = await load_latest(scope, stream, decider)
        _check_expected(stream, expected_version, loaded.version)
        return await run.commit(loaded, run.decide(loaded.state))
    loaded, events = await run.begin()
    for attempt in count(1):
        try:
            return await run.commit(loaded, events)
        except ConflictError as error:
            run.forget(error, attempt)
            if not may_decide_again(error, attempt):
                raise
        await scope.sleep(delay_seconds(attempt))
        loaded = await run.reload(loaded, len(events))
        events = run.decide(loaded.state)
    raise AssertionError("count() never ends")


@dataclass(frozen=True, slots=True)
class _Run:
    """One command on its way to a stream, through as many attempts as it takes."""

    scope: AsyncScope
    stream: str
    decider: Decider[Any, Any]
    command: Any
    metadata: Mapping[str, Any] | None

    @property
    def key(self) -> tuple[object, ...]:
        return self.scope.tenant, self.stream, self.decider

    def decide(self, state: Any) -> list[Any]:
        return decided_events(self.decider.decide(self.command, state))

    async def begin(self) -> tuple[CachedState, list[Any]]:
        """A state and the events decided on it. A cached state counts only for a decision that will be committed,
        as the commit finds out whether it was stale: a refusal, or nothing, is decided again on the current state."""
        cached = None if self.scope.cache is None else self.scope.cache.get(self.key)
        if cached is None:
            loaded = await load_latest(self.scope, self.stream, self.decider)
            return loaded, self.decide(loaded.state)
        with suppress(Exception):
            events = self.decide(cached.state)
            if events:
                return cached, events
        loaded = await fold_tail(self.scope, self.stream, self.decider, cached)
        return loaded, self.decide(loaded.state)

    async def reload(self, loaded: CachedState, events: int) -> CachedState:
        """The current state after a conflict: only the tail is read, unless a snapshot had used the old state up."""
        due = is_due(self.decider.snapshots, loaded, loaded.version + events)
        if due and not is_immutable(loaded.state):
            return await load_latest(self.scope, self.stream, self.decider)
        return await fold_tail(self.scope, self.stream, self.decider, loaded)

    def forget(self, error: ConflictError, attempt: int) -> None:
        """The cached state was stale."""
        if self.scope.cache is not None:
            self.scope.cache.drop(self.key)
        self.scope.tell(ConflictDetail(self.stream, attempt, error))

    async def commit(self, loaded: CachedState, events: list[Any]) -> Decision[Any]:
        """Append at exactly the version that the decision saw, with the snapshot when one is due."""
        if not events:
            return Decision(loaded.state, (), loaded.version, 0)
        version = loaded.version + len(events)
        payloads = tuple(payload_of(event) for event in events)
        due = is_due(self.decider.snapshots, loaded, version)
        state: Any = self.decider.fold(payloads, loaded.state) if due else None
        snapshots = self._snapshots(state, version) if due else ()
        result = await append(
            self.scope, self.stream, events, loaded.version, metadata=self.metadata, snapshots=snapshots
        )
        if not due:
            # only now: `evolve` may change the state it is given, and after a conflict that state is needed again
            state = self.decider.fold(payloads, loaded.state)
        if self.scope.cache is not None:
            snapshot_version = version if snapshots else loaded.snapshot_version
            self.scope.cache.put(self.key, CachedState(state, version, snapshot_version))
        return Decision(state, payloads, result.version, result.position, result)

    def _snapshots(self, state: Any, version: int) -> tuple[Snapshot, ...]:
        plan = self.decider.snapshots
        assert plan is not None
        kind = state_type(plan, self.decider.initial_state())
        snapshot = encode_snapshot(self.stream, plan, state, version, kind)
        if len(snapshot.data) <= limits.SNAPSHOT_BYTES_MAX:
            return (snapshot,)
        reason = f"{len(snapshot.data)} bytes are more than {limits.SNAPSHOT_BYTES_MAX}"
        self.scope.tell(SnapshotSkippedDetail(self.stream, reason))
        return ()


def _check_expected(stream: str, expected: Expected, actual: int) -> None:
    code = expectation_code(expected)
    if (code >= 0 and code != actual) or (expected is STREAM_EXISTS and actual == 0):
        raise WrongExpectedVersionError(stream, expected, actual)


async def decide_over(
    scope: AsyncScope,
    query: Query,
    decider: Decider[Any, State],
    command: Any,
    *,
    tags: Iterable[str],
    stream: str | None,
    metadata: Mapping[str, Any] | None,
) -> Decision[State]:
    """Decide over a dynamic consistency boundary; see `AsyncEventStore.decide_over`."""
    resolved = resolve_query(scope.registry, query)
    common = tuple(tags)
    for attempt in count(1):
        boundary = await fold_boundary(scope, resolved, decider)
        events = [_tagged(event, common) for event in decided_events(decider.decide(command, boundary.state))]
        payloads = tuple(payload_of(event) for event in events)
        if not events:
            return Decision(boundary.state, (), None, 0)
        condition = AppendCondition(resolved, boundary.horizon, boundary.seen)
        try:
            result = await append_if(scope, events, condition, stream=stream, metadata=metadata)
        except ConflictError as error:
            scope.tell(ConflictDetail(stream, attempt, error))
            if not may_decide_again(error, attempt):
                raise
        else:
            state = decider.fold(payloads, boundary.state)
            return Decision(state, payloads, result.version, result.position, result)
        await scope.sleep(delay_seconds(attempt))
    raise AssertionError("count() never ends")


def _tagged(event: Any, tags: tuple[str, ...]) -> NewEvent:
    if isinstance(event, NewEvent):
        return NewEvent(event.payload, id=event.id, metadata=event.metadata, tags=(*event.tags, *tags))
    return NewEvent(event, tags=tags)


async def close_and_open(
    scope: AsyncScope,
    old: str,
    end: Iterable[Any],
    new: str,
    start: Iterable[Any],
    *,
    expected_version: Expected,
    metadata: Mapping[str, Any] | None,
) -> tuple[AppendResult, AppendResult]:
    """Close one period's stream and open the next; see `AsyncEventStore.close_and_open`."""
    ends, starts = list(end), list(start)
    if old == new or not ends or not starts:
        raise ConfigurationError("close_and_open needs two streams, and at least one event for each")
    unit = AsyncUnitOfWork(scope)
    unit.append(old, ends, expected_version=expected_version, metadata=metadata)
    unit.append(new, starts, expected_version=NO_STREAM, metadata=metadata)
    closed, opened = await unit.commit()
    return closed, opened
