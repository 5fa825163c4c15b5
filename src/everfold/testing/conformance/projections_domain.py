"""What the cases about projections speak of: stays in rooms, three read models of them, and what these ought to hold.

The models are written anew here, loops over the log, so that they share no line with the runtime that they judge.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import everfold as ef

__all__ = ["Closed", "Hotel", "Stayed", "hotel_of", "rooms_model", "stay", "takings_model"]


@dataclass(frozen=True, slots=True)
class Stayed:
    """Nights in a room, and perhaps in others too. `mark` tells one event from another; `leaves` ends the documents."""

    room: str
    mark: str = ""
    nights: int = 1
    others: tuple[str, ...] = ()
    leaves: bool = False

    @property
    def rooms(self) -> tuple[str, ...]:
        """Every room that the event goes to."""
        return (self.room, *self.others)


@dataclass(frozen=True, slots=True)
class Closed:
    """Concerns no read model of the hotel."""

    room: str = ""


@dataclass(slots=True)
class Hotel:
    """A module and its projections. Handlers fail on the marks in `broken`, which a case may change at any time; those of
    documents fail twice on a mark that begins with "flaky". `tries` are the marks that they were given."""

    module: ef.Module
    rooms: ef.DocumentProjection
    takings: ef.TableProjection
    seen: ef.HandlerProjection | None
    broken: set[str] = field(default_factory=set)
    tries: list[str] = field(default_factory=list)


def hotel_of(
    *broken: str,
    sql: bool = False,
    group: bool = False,
    plain: bool = True,
    table: str | None = None,
    code: str = "",
    **options: Any,
) -> Hotel:
    """A hotel whose projections take these options. `sql`: with a handler that writes a table; `plain`: with the others.

    Two hotels with another `code` have documents of another code.
    """
    failing, tries = set(broken), list[str]()
    module = ef.Module("hotel")
    module.event("stayed")(Stayed)
    module.event("closed")(Closed)
    hotel = Hotel(
        module,
        _rooms(failing, tries, code, options),
        _takings(options),
        _seen(failing, table or f"seen_{uuid4().hex[:12]}", options) if sql else None,
        failing,
        tries,
    )
    members = [*((hotel.rooms, hotel.takings) if plain else ()), *([hotel.seen] if hotel.seen is not None else [])]
    module.add(*([ef.ProjectionGroup("desk", *members)] if group else members))
    return hotel


def stay(room: str, mark: str, *others: str, **fields: Any) -> Stayed:
    """A stay in a room, and in others."""
    return Stayed(room, mark, others=others, **fields)


def _rooms(broken: set[str], tries: list[str], code: str, options: Any) -> ef.DocumentProjection:
    rooms = ef.DocumentProjection("rooms", key=lambda event: event.rooms, **options)

    @rooms.on(Stayed)
    def _(document: Any, event: Stayed) -> Any:
        found = document or {"marks": [], "nights": 0}
        found["marks"].append(event.mark)
        tries.append(event.mark)
        if event.mark in broken or (event.mark.startswith("flaky") and tries.count(event.mark) < 3):
            raise ValueError(f"the desk can't read {event.mark}{code}")
        found["nights"] += event.nights
        return None if event.leaves else found

    return rooms


def _takings(options: Any) -> ef.TableProjection:
    columns = {"room": ef.Text, "nights": ef.Integer, "stays": ef.Integer, "longest": ef.Integer}
    takings = ef.TableProjection("takings", columns=columns, key=["room"], **options)
    takings.on(Stayed).increment(nights="nights", stays=1).max(longest="nights").at(room="room")
    return takings


def _seen(broken: set[str], table: str, options: Any) -> ef.HandlerProjection:
    seen = ef.HandlerProjection("seen", key=lambda recorded: recorded.event.room, **options)

    @seen.setup
    def _(transaction: Any) -> None:
        name = transaction.table(table)
        transaction.execute(f"create table if not exists {name} (tenant text, mark text, position bigint)")

    @seen.clear
    def _(transaction: Any) -> None:
        transaction.execute(f"delete from {transaction.table(table)}")

    @seen.on(Stayed)
    def _(transaction: Any, recorded: ef.RecordedEvent) -> None:
        row = (recorded.tenant, recorded.event.mark, recorded.position)
        transaction.execute(f"insert into {transaction.table(table)} values (%s, %s, %s)", row)
        if recorded.event.mark in broken:
            raise ValueError(f"the desk can't read {recorded.event.mark}")

    return seen


def rooms_model(events: Iterable[ef.RecordedEvent], broken: Collection[str] = ()) -> dict[str, Any]:
    """The documents that the log makes; `broken` marks close their rooms for everything that follows."""
    rooms: dict[str, Any] = {}
    closed: set[str] = set()
    for event in (recorded.event for recorded in events if recorded.type == "stayed"):
        for room in dict.fromkeys(event.rooms):
            if event.mark in broken:
                closed.add(room)
            elif room not in closed:
                before = rooms.pop(room, {"marks": [], "nights": 0})
                if not event.leaves:
                    rooms[room] = {"marks": [*before["marks"], event.mark], "nights": before["nights"] + event.nights}
    return rooms


def takings_model(events: Iterable[ef.RecordedEvent]) -> dict[str, dict[str, Any]]:
    """The table's rows that the log makes, by room."""
    rows: dict[str, dict[str, Any]] = {}
    for event in (recorded.event for recorded in events if recorded.type == "stayed"):
        row = rows.setdefault(event.room, {"room": event.room, "nights": 0, "stays": 0, "longest": event.nights})
        row["nights"] += event.nights
        row["stays"] += 1
        row["longest"] = max(row["longest"], event.nights)
    return rows
