"""How answers look: lines of text, 80 columns at most, that read the same without colours and without a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time, timedelta

import everfold as ef

from .flight import Flight, Status
from .questions import Chapter

__all__ = [
    "aircraft_lines",
    "cancellation_lines",
    "event_line",
    "flight_line",
    "history_lines",
    "title_of",
]

BAR_COLUMNS = 48


def title_of(flight: Flight) -> str:
    """`UA 1545  EWR → IAH  1,400 miles  aircraft N14228`."""
    plan = flight.plan
    if plan is None:
        return "no flight yet"
    aircraft = f"aircraft {plan.aircraft}" if plan.aircraft else "aircraft not reported"
    return f"{plan.carrier} {plan.number}  {plan.origin} → {plan.destination}  {plan.distance:,} miles  {aircraft}"


def history_lines(chapters: Iterable[Chapter]) -> Iterator[str]:
    """A flight's events, each with what the flight is after it."""
    yield f" v  {'recorded (UTC)':<16}  {'event':<16}  the flight, by local clocks"
    for chapter in chapters:
        recorded = chapter.recorded
        at = f"{recorded.recorded_at:%Y-%m-%d %H:%M}"
        yield f"{recorded.version:>2}  {at}  {recorded.type:<16}  {flight_line(chapter.flight)}"


def flight_line(flight: Flight) -> str:
    """How far a flight has come, in its passengers' words: `departed 05:17, 2 min late`."""
    plan = flight.plan
    if plan is None:
        return "unknown"
    match flight.status:
        case Status.DEPARTED:
            return f"departed {_happened(plan.departure_clock, flight.departure_delay)}"
        case Status.ARRIVED:
            return f"arrived {_happened(plan.arrival_clock, flight.arrival_delay)}"
        case Status.SCHEDULED:
            return f"scheduled {plan.departure_clock:%H:%M} → {plan.arrival_clock:%H:%M}"
        case Status.DIVERTED:
            return f"diverted, due {plan.arrival_clock:%H:%M}"
        case _:
            return f"{flight.status.value}, due {plan.departure_clock:%H:%M}"


def aircraft_lines(flights: Iterable[Flight]) -> Iterator[str]:
    """An aircraft's flights, one line each."""
    yield f"{'flight':<8}  {'from → to':<9}  {'timetable':<13}  {'local clocks':<13}  what became of it"
    for flight in flights:
        plan = flight.plan
        assert plan is not None, "a flight found by its aircraft has a plan"
        ends = f"{plan.origin} → {plan.destination}"
        clocks = f"{plan.departure_clock:%H:%M} → {plan.arrival_clock:%H:%M}"
        yield f"{plan.carrier} {plan.number:<5}  {ends}  {clocks}  {_flown(flight):<13}  {_outcome(flight)}".rstrip()


def cancellation_lines(days: Mapping[date, int]) -> Iterator[str]:
    """A bar for every day from the first to the last."""
    most = max(days.values(), default=0)
    for day in _every_day(days):
        count = days.get(day, 0)
        bar = "█" * -(-count * BAR_COLUMNS // most)
        yield f"{day:%a %Y-%m-%d}  {count:>4}  {bar}".rstrip()


def event_line(recorded: ef.RecordedEvent) -> str:
    """One event of the log."""
    at = f"{recorded.recorded_at:%Y-%m-%d %H:%M}"
    return f"{recorded.position:>8}  {at}  {recorded.type:<16}  {recorded.stream}@{recorded.version}"


def _flown(flight: Flight) -> str:
    """When it left and when it arrived, as far as it did."""
    if flight.plan is None or flight.departure_delay is None:
        return ""
    left = _shifted(flight.plan.departure_clock, flight.departure_delay)[0]
    if flight.arrival_delay is None:
        return f"{left} →"
    return f"{left} → {_shifted(flight.plan.arrival_clock, flight.arrival_delay)[0]}"


def _outcome(flight: Flight) -> str:
    delay = flight.departure_delay if flight.arrival_delay is None else flight.arrival_delay
    word = flight.status.value
    return word if delay is None or flight.status is Status.DIVERTED else f"{word}, {_delay(delay)}"


def _happened(clock: time, delay: int | None) -> str:
    minutes = delay or 0
    moment, days = _shifted(clock, minutes)
    return f"{moment}{f' {days:+} day' if days else ''}, {_delay(minutes)}"


def _delay(minutes: int) -> str:
    if minutes == 0:
        return "on time"
    hours, rest = divmod(abs(minutes), 60)
    length = f"{hours} h {rest:02} min" if hours else f"{rest} min"
    return f"{length} {'late' if minutes > 0 else 'early'}"


def _shifted(clock: time, minutes: int) -> tuple[str, int]:
    """A clock so many minutes on, and how many days on that is."""
    days, rest = divmod(clock.hour * 60 + clock.minute + minutes, 24 * 60)
    return f"{rest // 60:02}:{rest % 60:02}", days


def _every_day(days: Mapping[date, int]) -> Iterator[date]:
    if days:
        first, last = min(days), max(days)
        yield from (first + timedelta(days=n) for n in range((last - first).days + 1))
