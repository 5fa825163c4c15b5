"""How answers look: lines of text, 80 columns at most, that read the same without colours and without a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, time, timedelta

import everfold as ef

from .flight import Flight, Status
from .projections import Departure, Rotation
from .questions import Chapter, Punctuality

__all__ = [
    "aircraft_lines",
    "board_lines",
    "busiest_lines",
    "cancellation_lines",
    "event_line",
    "flight_line",
    "history_lines",
    "punctuality_lines",
    "rotation_lines",
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


def board_lines(departures: Iterable[Departure]) -> Iterator[str]:
    """The lines of a departures board, with what became of each flight so far."""
    yield f"{'due':<5}  {'flight':<8}  {'to':<4}  {'aircraft':<8}  {'status':<9}  left"
    for line in departures:
        flight, left = f"{line.carrier} {line.number}", "" if line.delay is None else _happened(line.clock, line.delay)
        aircraft = line.aircraft or "-"
        yield f"{line.clock:%H:%M}  {flight:<8}  {line.destination:<4}  {aircraft:<8}  {line.status:<9}  {left}".rstrip()


def punctuality_lines(carriers: Iterable[Punctuality]) -> Iterator[str]:
    """A line for each carrier. The mean is over the flights that left, early ones too; delays in minutes."""
    yield "carrier  flights  cancelled  departed   late          mean delay  worst delay"
    for one in carriers:
        share, mean = (n / one.departed if one.departed else 0.0 for n in (one.late, one.total_delay))
        numbers = f"{one.flights:>7,}  {one.cancelled:>9,}  {one.departed:>8,}  {one.late:>5,}  {share:>5.0%}"
        yield f"{one.carrier:<7}  {numbers}  {mean:>10.1f} min  {one.worst_delay:>7,} min"


def busiest_lines(aircraft: Iterable[tuple[str, Rotation]]) -> Iterator[str]:
    """A line for each aircraft: what it did in all, and where it went last."""
    yield f"{'aircraft':<8}  flights  cancelled  hours in the air  last legs"
    for name, rotation in aircraft:
        hours = f"{rotation.air_minutes // 60}:{rotation.air_minutes % 60:02}"
        legs = ", ".join(f"{leg.origin} → {leg.destination}" for leg in rotation.legs[-2:])
        yield f"{name:<8}  {rotation.flights:>7,}  {rotation.cancelled:>9,}  {hours:>16}  {legs}"


def rotation_lines(aircraft: str, rotation: Rotation) -> Iterator[str]:
    """One aircraft's sums, and its last legs."""
    yield (
        f"{aircraft}: {rotation.flights} flights, {rotation.arrived} arrived, {rotation.diverted} diverted, "
        f"{rotation.cancelled} cancelled, {rotation.air_minutes // 60} h {rotation.air_minutes % 60:02} min in the air"
    )
    yield f"{'due (UTC)':<16}  {'from → to':<9}  {'flight':<8}  what became of it"
    for leg in rotation.legs:
        carrier, number = leg.flight.split("-")[3:5]
        outcome = leg.status if leg.delay is None else f"{leg.status}, left {_delay(leg.delay)}"
        yield f"{leg.departure:%Y-%m-%d %H:%M}  {leg.origin} → {leg.destination}  {carrier + ' ' + number:<8}  {outcome}"


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
