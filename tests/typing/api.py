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


occupancy: Final = ef.DocumentProjection(
    "occupancy",
    version=2,
    timing=ef.INLINE,
    on_error=ef.Retry(attempts=3, then=ef.Park()),
    key=ef.by_stream_id,
)
nights: Final = ef.TableProjection(
    "nights", columns={"room": ef.Integer, "rate": ef.Numeric(14, 2), "day": ef.Date}, key=["room"]
)
audit: Final = ef.HandlerProjection("audit", on_error=ef.Stop(), categories=["stay"], tags=["room:7"], partitions=2)


@occupancy.on(GuestCheckedIn, key=ef.by_tag("room"))
def _occupied(document: dict[str, Any] | None, event: GuestCheckedIn, recorded: ef.RecordedEvent) -> dict[str, Any]:
    return {"guest": event.guest, "position": recorded.position, "before": document}


@audit.setup
def _audited(transaction: Any) -> None:
    transaction.execute("create table if not exists audit (position integer)")


def projections(store: ef.EventStore) -> None:
    assert_type(_occupied(None, GuestCheckedIn("Ada", 7), next(store.read_all())), dict[str, Any])
    nights.on(GuestCheckedIn).increment(rate=ef.case(ef.field("room") > 6, 1, 2)).at(room="room")
    nights.on(GuestCheckedOut).set(day=ef.date_of("at")).when(ef.envelope("version") > 1).at(room=ef.tag("room"))
    hotel.add(occupancy, audit, ef.ProjectionGroup("desk", nights, ef.DocumentProjection("other", key=ef.by_stream_id)))
    model = store.read_model(occupancy)
    assert_type(model.count({"guest": "Ada"}), int)
    assert_type(model.version(), int | None)
    assert_type(model.page(order_by=["-guest"], limit=10).next, tuple[Any, ...] | None)
    assert_type(store.read_model("nights").rows("rate > %s", (2,), order_by="day"), list[dict[str, Any]])
    assert_type(store.wait_for(occupancy, 17, timeout=1.5), None)
    ef.DocumentProjection("occupancy", timing="inline")  # type: ignore[arg-type]
    ef.DocumentProjection("occupancy", on_errors=ef.Stop())  # type: ignore[call-arg]
    ef.TableProjection("nights", columns={"room": ef.Integer})  # type: ignore[call-arg]


def operating(store: ef.EventStore) -> None:
    operator = store.projections()
    assert_type(operator.status("nights"), list[ef.ProjectionStatus])
    assert_type(operator.rebuild(nights, rate=1000.0), ef.ProjectionStatus)
    assert_type(operator.verify(nights, ignore=["day"], expected=lambda key, old, new: old == new), ef.Verification)
    assert_type(operator.verify("nights").equal, bool)
    assert_type(operator.promote("nights", version=2), ef.ProjectionStatus)
    assert_type(operator.retire("nights"), list[str])
    for letter in store.dead_letters(nights):
        assert_type(letter, ef.DeadLetter)
        assert_type(store.dead_letters().retry(letter).done, int)
        assert_type(store.dead_letters().skip(letter, reason="a test", actor="ann"), None)
    worker = ef.Worker(store, only=["nights"])
    assert_type(worker.run_until_caught_up(), None)
    assert_type(worker.stop(), None)


async def operating_has_a_peer_too(store: ef.AsyncEventStore) -> None:
    assert_type(await store.read_model(occupancy).count(), int)
    assert_type(await store.projections().promote("nights"), ef.ProjectionStatus)
    async for letter in store.dead_letters():
        assert_type(letter, ef.DeadLetter)
    assert_type(await ef.AsyncWorker(store, only=["nights"]).run_until_caught_up(), None)
    assert_type(await store.wait_for("nights", 17), None)


def projections_fail_by_name(store: ef.EventStore) -> None:
    try:
        store.wait_for("nights", 17)
    except ef.WaitTimeoutError as error:
        assert_type(error.reached, int)
        assert_type(error.state, str)
    except ef.ConsumerStoppedError as error:
        assert_type(error.position, int | None)
        assert_type(error.projection, str)


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
