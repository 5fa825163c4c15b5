# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""What a type checker makes of the public surface. Checked by mypy and pyright, never run.

Each `type: ignore` marks a mistake that a checker must report: both complain when one is not needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, assert_type
from uuid import UUID

import everfold as ef

hotel: Final = ef.Module("hotel")


@hotel.event("guest_checked_in", version=2, aliases=["guest_arrived"])
@dataclass(frozen=True, slots=True)
class GuestCheckedIn:
    guest: str
    room: int


@hotel.event("guest_checked_out")
@dataclass(frozen=True, slots=True)
class GuestCheckedOut:
    at: datetime


@hotel.upcast("guest_checked_in", from_version=1)
def _room_as_number(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "room": int(data["room"])}


@dataclass(frozen=True, slots=True)
class CheckIn:
    guest: str
    room: int


@dataclass(frozen=True, slots=True)
class Stay:
    room: int | None = None


def decide(command: CheckIn, state: Stay) -> list[GuestCheckedIn]:
    return [] if state.room else [GuestCheckedIn(command.guest, command.room)]


def evolve(state: Stay, event: Any) -> Stay:
    return replace(state, room=event.room) if isinstance(event, GuestCheckedIn) else state


stay: Final = ef.Decider(initial_state=Stay, evolve=evolve, decide=decide, snapshots=ef.Snapshots(every=200))


class Visit(ef.Aggregate):
    def __init__(self) -> None:
        self.room = 0

    @ef.applies(GuestCheckedIn)
    def arrived(self, event: GuestCheckedIn) -> None:
        self.room = event.room

    @ef.decides(CheckIn)
    def check_in(self, command: CheckIn) -> GuestCheckedIn:
        return GuestCheckedIn(command.guest, command.room)


def a_decorated_class_stays_what_it_is() -> None:
    assert_type(GuestCheckedIn("Ada", 7), GuestCheckedIn)
    assert_type(GuestCheckedIn("Ada", 7).room, int)
    assert_type(Visit().check_in(CheckIn("Ada", 7)), GuestCheckedIn)


def opening() -> None:
    with ef.EventStore.open(
        "memory://", hotel, tenant="north", migrate="auto", limits=ef.Limits(event_bytes=10)
    ) as store:
        assert_type(store, ef.EventStore)
        assert_type(store.tenant, str)
    kept = ef.EventStore.open("sqlite:///stays.db", hotel, synchronous="NORMAL")
    assert_type(kept, ef.EventStore)
    ef.EventStore.open("memory://", "hotel")  # type: ignore[arg-type]


def writing(store: ef.EventStore, connection: object) -> None:
    new = ef.NewEvent(GuestCheckedIn("Ada", 7), id=UUID(int=7), metadata={"actor": "desk"}, tags=["room:7"])
    result = store.append("stay-42", [GuestCheckedIn("Ada", 7), new], expected_version=ef.NO_STREAM)
    assert_type(result.version, int | None)
    assert_type(result.position, int)
    assert_type(result.events, tuple[ef.RecordedEvent, ...])
    store.append("stay-42", [], expected_version=3, metadata={"actor": "desk"})
    store.append("stay-42", [])  # type: ignore[call-arg]
    store.append("stay-42", [], 3)  # type: ignore[call-arg]
    store.append("stay-42", [], expected_version="any")  # type: ignore[arg-type]
    with ef.context(correlation_id="c-1", actor="desk"), store.unit() as unit:
        assert_type(unit.append("stay-42", [new], expected_version=ef.ANY), None)
    assert_type(unit.results[0].position, int)
    with store.join(connection) as unit:
        unit.append("stay-42", [new], expected_version=ef.STREAM_EXISTS)
    condition = ef.AppendCondition(ef.Query(tags=["room:7"]), after=result.position)
    assert_type(store.append_if([new], condition).position, int)


def reading(store: ef.EventStore) -> None:
    query = ef.Query(types=[GuestCheckedIn, "guest_checked_out"], categories=["stay"]) | ef.Query(tags=["room:7"])
    assert_type(query, ef.Query)
    assert_type(store.read_stream("stay-42", after_version=1, up_to_version=9, limit=5), Iterator[ef.RecordedEvent])
    assert_type(store.read_all(after=17, query=query, backwards=True), Iterator[ef.RecordedEvent])
    assert_type(store.head(), int)
    assert_type(store.stream("stay-42"), ef.StreamState | None)
    for item in store.subscribe(after=17, query=query):
        assert_type(item, ef.RecordedEvent | ef.CaughtUp)
        assert_type(item.position, int)


def an_event_as_stored(event: ef.RecordedEvent) -> None:
    assert_type(event.id, UUID)
    assert_type(event.stream, str | None)
    assert_type(event.version, int | None)
    assert_type(event.position, int)
    assert_type(event.recorded_at, datetime)
    assert_type(event.tags, tuple[str, ...])
    assert_type(event.data, dict[str, Any])
    assert_type(event.tenant, str)


def deciding(store: ef.EventStore) -> None:
    assert_type(stay, ef.Decider[CheckIn, Stay])
    decision = store.decide("stay-42", stay, CheckIn("Ada", 7))
    assert_type(decision.state, Stay)
    assert_type(decision.version, int | None)
    assert_type(decision.recorded, tuple[ef.RecordedEvent, ...])
    assert_type(store.load("stay-42", stay, at_version=3).state, Stay)
    assert_type(store.load("stay-42", stay, at_version=3).version, int)
    assert_type(store.decide("stay-42", Visit, CheckIn("Ada", 7)).state, Visit)
    assert_type(store.load("stay-42", Visit).state, Visit)
    store.decide("stay-42", stay, "check in")  # type: ignore[misc]
    store.decide("stay-42", Stay, CheckIn("Ada", 7))  # type: ignore[type-var]


async def the_peer_with_the_same_names(store: ef.AsyncEventStore) -> None:
    async with ef.AsyncEventStore.open("memory://", hotel) as opened:
        assert_type(opened, ef.AsyncEventStore)
    assert_type(await ef.AsyncEventStore.open("memory://", hotel), ef.AsyncEventStore)
    result = await store.append("stay-42", [GuestCheckedIn("Ada", 7)], expected_version=0)
    assert_type(result.events, tuple[ef.RecordedEvent, ...])
    async with store.unit() as unit:
        unit.append("stay-42", [GuestCheckedIn("Ada", 7)], expected_version=1)
    assert_type(store.read_stream("stay-42"), AsyncIterator[ef.RecordedEvent])
    async for item in store.subscribe():
        assert_type(item, ef.RecordedEvent | ef.CaughtUp)
    assert_type((await store.decide("stay-42", stay, CheckIn("Ada", 7))).state, Stay)
    assert_type((await store.load("stay-42", Visit)).state, Visit)
    assert_type(await store.head(), int)


def errors_carry_their_data(store: ef.EventStore) -> None:
    try:
        store.append("stay-42", [], expected_version=7)
    except ef.WrongExpectedVersionError as error:
        assert_type(error.stream, str)
        assert_type(error.actual, int)
    except ef.AppendConditionFailedError as error:
        assert_type(error.position, int | None)
    except ef.LimitExceededError as error:
        assert_type(error.allowed, int)
