"""A clock that moves when it is told to, so that a test of time never waits and never reads the machine's."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from ..errors import ConfigurationError

__all__ = ["VirtualClock"]

_START = datetime(2026, 1, 1, tzinfo=timezone.utc)


class VirtualClock:
    """`EventStore.open(url, clock=VirtualClock())` stamps events by it. It stands still until `advance` or `set`."""

    def __init__(self, start: datetime = _START) -> None:
        self._now = _aware(start)

    def now(self) -> datetime:
        """The moment that the clock stands at, aware."""
        return self._now

    def advance(self, by: timedelta | None = None, **units: float) -> datetime:
        """Move by a timedelta, or by its keywords (`advance(days=1, hours=2)`), and give the new time. May go back."""
        self._now += timedelta(**units) if by is None else by
        return self._now

    def set(self, moment: datetime) -> datetime:
        """Move to an aware datetime."""
        self._now = _aware(moment)
        return self._now


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ConfigurationError("a clock shows aware datetimes: give this one a time zone")
    return moment
