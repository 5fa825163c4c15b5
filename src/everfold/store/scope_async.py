"""What every capability of an open store works with, gathered once when it opens."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..codec.registry import Registry
from ..errors import CommitUnknownError, StoreClosedError, WrongExpectedVersionError
from ..events.envelope import NewEvent, Origin
from ..events.expected import NO_STREAM
from ..limits import Limits
from ..runtime.clock import Clock, microseconds_of
from ..runtime.concurrency_async import Sleep
from ..runtime.context import current_context
from ..storage.port_async import AsyncStorage, AsyncUnitTarget
from ..storage.unit import Committed, Page, Unit
from ..telemetry.hooks import AppendDetail, Detail, Telemetry
from ..telemetry.trace import current_trace
from .cache import StateCache

__all__ = ["AsyncScope"]

_logger = logging.getLogger("everfold")


class AsyncInline(Protocol):
    """What commits a unit together with what follows from its events."""

    def concerns(self, unit: Unit) -> bool:
        """Whether anything follows from the events of this unit."""
        ...

    async def commit(self, unit: Unit, target: AsyncUnitTarget | None) -> Committed:
        """Commit the unit and what follows from it, or nothing."""
        ...


@dataclass(slots=True)
class AsyncScope:
    """One tenant of one storage, seen through the modules of one application."""

    storage: AsyncStorage
    registry: Registry
    tenant: str
    limits: Limits
    sleep: Sleep
    clock: Clock | None = None
    cache: StateCache | None = None
    telemetry: Telemetry | None = None
    closed: bool = False
    catalogue: Any = None
    """The projections of the modules, for those above who know what they are."""
    scratch: Any = None
    """Makes an empty memory storage, for what is folded on demand."""
    inline: AsyncInline | None = None
    """What has to happen in the transaction of an append: inline projections, injected from above."""

    def refuse_closed(self) -> None:
        """Raise StoreClosedError once the store was closed."""
        if self.closed:
            raise StoreClosedError

    def recorded_at(self) -> int | None:
        """The time to stamp events with; None leaves it to the storage's clock."""
        return None if self.clock is None else microseconds_of(self.clock.now())

    def metadata(self, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
        """The active trace, the surrounding context, and what was given: later ones win."""
        surrounding, trace = current_context(), current_trace()
        if not trace and not given:
            return surrounding
        return {**trace, **surrounding, **(given or {})}

    def origin(self, page: Page) -> Origin:
        """What the events of this page share."""
        return Origin(self.registry.decode, self.tenant, page.names, page.epoch_microseconds)

    def tell(self, detail: Detail) -> None:
        """Hand a detail to the application's hook. Its errors are logged: what it is told of has happened already."""
        if self.telemetry is None:
            return
        try:
            self.telemetry(detail)
        except Exception:
            _logger.exception("the telemetry hook failed on %s", type(detail).__name__)

    async def commit(self, unit: Unit, sent: tuple[NewEvent, ...], target: AsyncUnitTarget | None = None) -> Committed:
        """Commit through the one write door. A CommitUnknownError leaves with the events to send again."""
        self.refuse_closed()
        try:
            if self.inline is not None and self.inline.concerns(unit):
                committed = await self.inline.commit(unit, target)
            else:
                committed = await (target or self.storage).commit(unit)
        except CommitUnknownError as error:
            raise CommitUnknownError(error.reason, sent) from error
        if self.telemetry is not None:
            self.tell(_detail(unit, committed))
        return committed


def said_by_caller(error: WrongExpectedVersionError, expected: object) -> WrongExpectedVersionError:
    """The same error in the caller's own words: NO_STREAM crosses the port as 0."""
    return WrongExpectedVersionError(error.stream, NO_STREAM, error.actual) if expected is NO_STREAM else error


def _detail(unit: Unit, committed: Committed) -> AppendDetail:
    positions = [append.positions[-1] for append in committed.appends if append.positions]
    return AppendDetail(
        streams=tuple(append.stream for append in unit.appends),
        events=sum(len(append.events) for append in unit.appends),
        position=max(positions, default=0),
        repeated=committed.repeated,
    )
