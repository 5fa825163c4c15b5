"""Details of what happened, handed to the one function given as `telemetry=` to `open`. None: nothing is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["AppendDetail", "ConflictDetail", "Detail", "SnapshotSkippedDetail", "Telemetry"]


@dataclass(frozen=True, slots=True)
class AppendDetail:
    """Events were appended. `repeated`: they had been stored before, and this call was a retry."""

    streams: tuple[str | None, ...]
    events: int
    position: int
    repeated: bool


@dataclass(frozen=True, slots=True)
class ConflictDetail:
    """A decision met a conflict; `attempt` counts from 1, and the last one is raised to the caller."""

    stream: str | None
    attempt: int
    error: Exception


@dataclass(frozen=True, slots=True)
class SnapshotSkippedDetail:
    """A snapshot was not written or not used, for `reason`; the state was folded from events instead."""

    stream: str
    reason: str


Detail = AppendDetail | ConflictDetail | SnapshotSkippedDetail

Telemetry = Callable[[Detail], None]
"""Called after the fact, in the thread or task that did it. What it raises is logged, and changes nothing."""
