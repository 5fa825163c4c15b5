"""Time as a parameter: nothing below the command line reads the wall clock by itself."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Protocol

__all__ = ["Clock", "SystemClock", "datetime_of", "microseconds_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Anything with `now()` giving an aware datetime; a store opened with one stamps its events by it."""

    def now(self) -> datetime:
        """The current time, aware."""
        ...


class SystemClock:
    """The machine's own clock, in UTC."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        return datetime.now(timezone.utc)


def microseconds_of(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC, exactly (floats would round)."""
    return (moment - _EPOCH) // _MICROSECOND


def datetime_of(microseconds: int) -> datetime:
    """The inverse of `microseconds_of`, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)
