"""Where projections stand, for people and tools. Pure values, computed from rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from ..runtime.clock import datetime_of
from ..storage.control import BuildRow, ConsumerRow
from . import control

__all__ = ["DeadLetter", "Plan", "ProjectionStatus", "status_of"]


@dataclass(frozen=True, slots=True)
class ProjectionStatus:
    """One build of a projection.

    `state`: registered, building, verifying, standby, active (what readers see), retiring or dropped. `status`: running, paused or
    stopped; `fault` is the error in full when it stopped. `lag` is `head - position`, in positions; an inline build has
    none. `events` counts what it has applied, `parked` its dead letters. `owner` holds the lease. `code_changed`: its
    code isn't what it was built with.
    """

    name: str
    version: int
    generation: int
    state: str
    timing: str
    fed: str
    status: str
    position: int
    head: int
    lag: int
    events: int
    parked: int
    partitions: int
    owner: str | None
    moved_at: datetime | None
    fault: dict[str, Any] | None
    verified: dict[str, Any] | None
    code_changed: bool = False


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that is parked: `projection` and its `version`, what it is parked under (`key`), and why.

    `error` is None for an event that only waits behind another one of the same key. `state`: parked, done or skipped.
    """

    id: int
    projection: str
    version: int
    key: str
    position: int
    event_id: bytes
    event_type: str
    stream: str | None
    error: dict[str, Any] | None
    attempts: int
    state: str
    parked_at: datetime
    settled_at: datetime | None
    actor: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a step would do, in sentences, and why it would be refused; no refusals: it would be done."""

    action: str
    projection: str
    steps: tuple[str, ...]
    refusals: tuple[str, ...]


def status_of(
    row: BuildRow, consumers: Sequence[ConsumerRow], *, head: int, parked: int, code_changed: bool
) -> ProjectionStatus:
    """The status of one build."""
    own = [c for c in consumers if c.name == row.target.consumer]
    follows = row.fed == "consumer" and row.state in control.FED
    position = control.position_of(own, row) if follows else head
    worst = next((c for s in ("stopped", "paused") for c in own if c.status == s), None) if follows else None
    moved = max((c.moved_at for c in own), default=0)
    return ProjectionStatus(
        name=row.target.projection,
        version=row.target.version,
        generation=row.target.generation,
        state=row.state,
        timing=row.timing,
        fed=row.fed,
        status="running" if worst is None else worst.status,
        position=position,
        head=head,
        lag=max(0, head - position),
        events=sum(c.events for c in own),
        parked=parked,
        partitions=max((c.partitions for c in own), default=1),
        owner=next((c.owner for c in own if c.owner), None),
        moved_at=datetime_of(moved) if moved else None,
        fault=None if worst is None or worst.fault is None else msgspec.json.decode(worst.fault),
        verified=None if row.verified is None else msgspec.json.decode(row.verified),
        code_changed=code_changed,
    )
