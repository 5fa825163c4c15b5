"""Writing: one stream, several streams, or under a condition over the whole log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from ..errors import ConfigurationError, WrongExpectedVersionError
from ..events.envelope import NewEvent
from ..events.expected import ANY, NO_STREAM, Expected, expectation_code
from ..events.query import AppendCondition
from ..events.stream import check_stream_name
from ..storage.port_async import AsyncUnitTarget
from ..storage.unit import Snapshot, StreamAppend, StreamMark, Unit
from .encoding import encode_batch, resolve_condition
from .outcome import AppendResult
from .result_async import append_result
from .scope_async import AsyncScope, said_by_caller

__all__ = ["AsyncUnitOfWork", "append", "append_if", "mark"]


async def append(
    scope: AsyncScope,
    stream: str,
    events: Iterable[Any],
    expected_version: Expected,
    *,
    metadata: Mapping[str, Any] | None = None,
    snapshots: tuple[Snapshot, ...] = (),
) -> AppendResult:
    """Append to one stream; see `AsyncEventStore.append`."""
    check_stream_name(stream)
    batch = encode_batch(scope.registry, scope.limits, events, scope.metadata(metadata))
    one = StreamAppend(stream, expectation_code(expected_version), batch.encoded)
    unit = Unit(scope.tenant, (one,), snapshots=snapshots, recorded_at=scope.recorded_at())
    try:
        committed = await scope.commit(unit, batch.sent)
    except WrongExpectedVersionError as error:
        raise said_by_caller(error, expected_version) from error.__cause__
    return await append_result(scope, one, committed.appends[0], committed.repeated)


async def append_if(
    scope: AsyncScope,
    events: Iterable[Any],
    condition: AppendCondition,
    *,
    stream: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> AppendResult:
    """Append unless the condition fails; see `AsyncEventStore.append_if`."""
    unit = AsyncUnitOfWork(scope)
    unit.append_if(events, condition, stream=stream, metadata=metadata)
    return (await unit.commit())[0]


async def mark(scope: AsyncScope, stream_mark: StreamMark, expected_version: Expected) -> None:
    """Commit a unit that cuts a stream's head or ends the stream."""
    unit = Unit(scope.tenant, marks=(stream_mark,), recorded_at=scope.recorded_at())
    try:
        await scope.commit(unit, ())
    except WrongExpectedVersionError as error:
        raise said_by_caller(error, expected_version) from error.__cause__


class AsyncUnitOfWork:
    """Appends that commit together or not at all, when the `with` block ends without an error.

    Nothing is written before. Appends are judged in their order, each seeing the ones before it. `results` holds one
    AppendResult per append after the commit. May be used once.
    """

    def __init__(self, scope: AsyncScope, target: AsyncUnitTarget | None = None) -> None:
        self._scope = scope
        self._target = target
        self._appends: list[StreamAppend] = []
        self._conditions: list[AppendCondition] = []
        self._sent: list[NewEvent] = []
        self._size = 0
        self._closing_words: dict[str, Expected] = {}
        self._results: tuple[AppendResult, ...] | None = None
        self._ended = False

    def append(
        self,
        stream: str,
        events: Iterable[Any],
        *,
        expected_version: Expected,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Add an append to the unit; what can't be encoded or named raises here, a conflict at the commit."""
        check_stream_name(stream)
        code = expectation_code(expected_version)
        if expected_version is NO_STREAM:
            self._closing_words[stream] = NO_STREAM
        self._add(stream, code, events, metadata)

    def append_if(
        self,
        events: Iterable[Any],
        condition: AppendCondition,
        *,
        stream: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Add events, and a condition that guards the whole unit. Without a stream they live in none."""
        if stream is not None:
            check_stream_name(stream)
        self._conditions.append(resolve_condition(self._scope.registry, condition))
        self._add(stream, expectation_code(ANY), events, metadata)

    @property
    def results(self) -> tuple[AppendResult, ...]:
        """One result per append, in order. Raises ConfigurationError before the commit."""
        if self._results is None:
            raise ConfigurationError("a unit has results once its `with` block has ended and it was committed")
        return self._results

    async def commit(self) -> tuple[AppendResult, ...]:
        """Commit now: what leaving the `with` block does."""
        self._refuse_ended()
        unit = Unit(
            self._scope.tenant,
            tuple(self._appends),
            tuple(self._conditions),
            recorded_at=self._scope.recorded_at(),
        )
        if not unit.appends:
            self._results, self._ended = (), True
            return self._results
        try:
            committed = await self._scope.commit(unit, tuple(self._sent), self._target)
        except WrongExpectedVersionError as error:
            said = self._closing_words.get(error.stream) if error.expected == 0 else None
            raise said_by_caller(error, said) from error.__cause__
        results = [
            await append_result(self._scope, one, appended, committed.repeated)
            for one, appended in zip(unit.appends, committed.appends, strict=True)
        ]
        self._results, self._ended = tuple(results), True
        return self._results

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._results is None:
                await self.commit()
        finally:
            self._ended = True

    def _refuse_ended(self) -> None:
        if self._ended:
            raise ConfigurationError("this unit has ended, committed or not; take a new one from store.unit()")

    def _add(self, stream: str | None, code: int, events: Iterable[Any], metadata: Mapping[str, Any] | None) -> None:
        self._refuse_ended()
        scope = self._scope
        batch = encode_batch(scope.registry, scope.limits, events, scope.metadata(metadata))
        self._appends.append(StreamAppend(stream, code, batch.encoded))
        self._sent.extend(batch.sent)
        # the limits hold for the unit as a whole: it is one transaction
        self._size += batch.size
        scope.limits.check_append(len(self._sent), self._size)
