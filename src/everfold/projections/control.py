"""The life of a build: its states, what may follow what, and when a switch is safe. Pure.

registered → building → standby ⇄ active → retiring → dropped
                │ verifying ┘        ⇡ rollback ⇣
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..codec.registry import Registry
from ..errors import ConfigurationError
from ..storage.columns import ColumnType
from ..storage.control import BuildRow, ConsumerRow
from ..storage.read_model import Column, Shape, Target
from .fingerprint import comparable
from .projection import Projection, Timing

__all__ = [
    "FED",
    "Transition",
    "active_of",
    "candidate_of",
    "code_changed",
    "definition_of",
    "next_target",
    "position_of",
    "promotion_refusals",
    "rollback_refusals",
    "shape_of",
    "to_be_registered",
]

FED = ("registered", "building", "verifying", "standby", "active", "retiring")
"""States in which a worker feeds a build."""

CANDIDATES = ("registered", "building", "verifying", "standby")


@dataclass(frozen=True, slots=True)
class Transition:
    """A step in the life of a projection: the payload of the system event that records it."""

    projection: str
    version: int
    generation: int
    step: str
    state: str
    detail: dict[str, Any]


class _StoredDefinition(msgspec.Struct):
    kind: str
    columns: list[tuple[str, str, int, int, Any]]
    key: list[str]
    indexes: list[list[str]]


def definition_of(projection: Projection) -> bytes:
    """What readers need to know of a build without having its code, as JSON."""
    shape = projection.shape
    columns = [(c.name, c.type.kind, c.type.precision, c.type.scale, c.default) for c in shape.columns]
    return msgspec.json.encode(
        _StoredDefinition(shape.kind, columns, list(shape.key), [list(index) for index in shape.indexes])
    )


def shape_of(row: BuildRow) -> Shape:
    """The shape that a build was made with."""
    stored = msgspec.json.decode(row.definition, type=_StoredDefinition)
    columns = tuple(Column(name, ColumnType(kind, p, s), default) for name, kind, p, s, default in stored.columns)
    return Shape(stored.kind, columns, tuple(stored.key), tuple(tuple(index) for index in stored.indexes))


def active_of(rows: Sequence[BuildRow]) -> BuildRow | None:
    """The build that readers see."""
    return next((row for row in rows if row.state == "active"), None)


def candidate_of(rows: Sequence[BuildRow], version: int | None = None) -> BuildRow | None:
    """The build that would be promoted: the newest that stands beside the active one."""
    found = [r for r in rows if r.state in CANDIDATES and version in (None, r.target.version)]
    return max(found, key=lambda r: (r.target.version, r.target.generation), default=None)


def next_target(projection: Projection, rows: Sequence[BuildRow]) -> Target:
    """Where the next build of the projection stands: a version's builds are counted."""
    taken = [r.target.generation for r in rows if r.target.version == projection.version]
    return projection.target(max(taken, default=0) + 1)


def to_be_registered(projection: Projection, rows: Sequence[BuildRow]) -> bool:
    """Whether a worker that finds no build of this version makes one.

    Not of a version below the active one, which an older release still has, nor of one that was retired: that takes a rebuild.
    """
    if projection.timing is Timing.LIVE:
        return False
    own = [r for r in rows if r.target.projection == projection.name]
    active = active_of(own)
    if active is None:
        return True
    retired = any(r.state == "dropped" and r.target.version == projection.version for r in own)
    return projection.version > active.target.version and not retired


def code_changed(row: BuildRow, projection: Projection) -> bool:
    """Whether the build was made by other code than this definition's."""
    now = projection.fingerprint()
    return comparable(row.code, now) and row.code != now


def position_of(consumers: Iterable[ConsumerRow], build: BuildRow) -> int:
    """How far a build is: as far as the slowest of its partitions."""
    return min((c.position for c in consumers if c.name == build.target.consumer), default=0)


def promotion_refusals(
    green: BuildRow, blue: BuildRow | None, consumers: Sequence[ConsumerRow], *, lag: int, lag_max: int, changed: bool
) -> list[str]:
    """Why readers must not be switched to `green` now; none: they may."""
    refusals = []
    if changed:
        refusals.append("its code is not what it was built with: rebuild it")
    stopped = [c for c in consumers if c.name == green.target.consumer and c.status != "running"]
    if green.fed == "consumer" and stopped:
        refusals.append(f"its consumer is {stopped[0].status}: nobody feeds it")
    if green.fed == "consumer" and blue is not None and blue.fed == "consumer":
        ahead, behind = position_of(consumers, blue), position_of(consumers, green)
        if behind < ahead:
            refusals.append(
                f"it stands at position {behind}, behind the active version at {ahead}: readers would go back in time"
            )
    if green.fed == "consumer" and lag > lag_max:
        refusals.append(f"it is {lag} positions behind the log, {lag_max} at most are allowed: let it catch up")
    if green.verified is not None:
        said = msgspec.json.decode(green.verified)
        if said.get("code") == green.code and not said.get("equal", True):
            refusals.append("its verification found differences that were not declared as expected")
    return refusals


def rollback_refusals(active: BuildRow, before: BuildRow | None, consumers: Sequence[ConsumerRow]) -> list[str]:
    """Why readers must not be switched back now."""
    if before is None or before.state != "retiring":
        return ["the version before it is gone: it was retired"]
    if before.fed == "consumer" and active.fed == "consumer":
        there, here = position_of(consumers, before), position_of(consumers, active)
        if there < here:
            why = f"the version before stands at position {there}, behind {here}"
            return [f"{why}: it must be fed until it has caught up. Run a worker that has its definition"]
    return []


def check_known(registry: Registry, projection: Projection) -> None:
    """Raise ConfigurationError for a definition that can't work in this store."""
    problems = projection.problems(registry)
    if problems:
        raise ConfigurationError(problems[0])
