"""Time as a parameter: nothing below the command line reads the wall clock by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Protocol, runtime_checkable

from ..errors import ConfigurationError

__all__ = ["Clock", "SystemClock", "as_clock", "datetime_of", "microseconds_of"]

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)


@runtime_checkable
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


@dataclass(frozen=True, slots=True)
class _FunctionClock:
    now: Callable[[], datetime]


def as_clock(given: Clock | Callable[[], datetime] | None) -> Clock | None:
    """A clock as it is; a function that gives the time as a clock. Anything else is a ConfigurationError."""
    if given is None or isinstance(given, Clock):
        return given
    if callable(given):
        return _FunctionClock(given)
    raise ConfigurationError(f"clock must have a method now(), or be a function of no arguments, not {given!r}")


def microseconds_of(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC, exactly (floats would round). Raises ConfigurationError when naive."""
    if moment.tzinfo is None:
        raise ConfigurationError(f"{moment!r} is no moment without its time zone: use an aware datetime")
    return (moment - _EPOCH) // _MICROSECOND


def datetime_of(microseconds: int) -> datetime:
    """The inverse of `microseconds_of`, in UTC."""
    return _EPOCH + timedelta(microseconds=microseconds)
