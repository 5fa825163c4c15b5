"""What a subscription yields besides events."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CaughtUp"]


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """Everything up to `position` has been given: the marker that a subscription yields whenever it reaches the horizon."""

    position: int
