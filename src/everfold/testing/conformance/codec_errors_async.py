"""Events of older releases, of unknown types and with broken bytes, on every path that decodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import everfold as ef

from ...storage.unit import EncodedEvent, StreamAppend, Unit
from .backend_async import AsyncBackend
from .domain import Noted, notes
from .reading_async import caught_up, log_of, stop, stream_of

release_1, release_3, release_broken = ef.Module("hotel"), ef.Module("hotel"), ef.Module("hotel")
OLD = "guest_arrived"


@release_1.event(OLD)
@dataclass(frozen=True)
class Arrived:
    name: str


@release_3.event("guest_checked_in", version=3, aliases=[OLD])
@dataclass(frozen=True)
class CheckedIn:
    guest: str
    room: int
    night: bool = False


@release_3.upcast("guest_checked_in", from_version=1)
def _(data: dict[str, Any]) -> dict[str, Any]:
    return {"guest": data["name"]}


@release_3.upcast("guest_checked_in", from_version=2)
def _(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "room": 12}


@release_broken.event(OLD, version=2)
@dataclass(frozen=True)
class Unreadable:
    name: str


@release_broken.upcast(OLD, from_version=1)
def _(data: dict[str, Any]) -> dict[str, Any]:
    raise ZeroDivisionError


def gather(state: tuple[Any, ...], event: Any) -> tuple[Any, ...]:
    return (*state, event)


gathering: ef.Decider[Any, tuple[Any, ...]] = ef.Decider(
    initial_state=tuple, evolve=gather, decide=lambda command, state: None
)


async def by_stream(store: ef.AsyncEventStore) -> list[Any]:
    return [e.event for e in await stream_of(store, "stay-1")]


async def by_log(store: ef.AsyncEventStore) -> list[Any]:
    return [e.event for e in await log_of(store)]


async def by_load(store: ef.AsyncEventStore) -> list[Any]:
    return list((await store.load("stay-1", gathering)).state)


async def by_decide(store: ef.AsyncEventStore) -> list[Any]:
    return list((await store.decide("stay-1", gathering, None)).state)


async def by_boundary(store: ef.AsyncEventStore) -> list[Any]:
    return list((await store.decide_over(ef.Query(categories=["stay"]), gathering, None)).state)


async def by_subscription(store: ef.AsyncEventStore) -> list[Any]:
    subscription = store.subscribe()
    events, _ = await caught_up(subscription)
    await stop(subscription)
    return [e.event for e in events]


PATHS: dict[str, Callable[[ef.AsyncEventStore], Any]] = {
    "read_stream": by_stream,
    "read_all": by_log,
    "load": by_load,
    "decide": by_decide,
    "decide_over": by_boundary,
    "subscribe": by_subscription,
}
EVERY_PATH = pytest.mark.parametrize("path", PATHS)


async def stored(backend: AsyncBackend, *modules: ef.Module) -> ef.AsyncEventStore:
    """A store of these modules over a guest who arrived when the first release ran."""
    await (await backend.open(release_1)).append("stay-1", [Arrived("anna")], expected_version=0)
    return await backend.open(*modules)


async def write(store: ef.AsyncEventStore, data: bytes, type_name: str = "noted", schema_version: int = 1) -> None:
    """Bytes that no release of the application would write."""
    event = EncodedEvent(b"\x01" * 16, type_name, schema_version, data)
    await store.storage.commit(Unit("", (StreamAppend("stay-1", 0, (event,)),)))


class CodecErrors:
    @EVERY_PATH
    async def test_an_event_of_an_older_release_is_upcast(self, backend: AsyncBackend, path: str) -> None:
        """Marten section 4 item 30."""
        assert await PATHS[path](await stored(backend, release_3)) == [CheckedIn("anna", 12)]

    @EVERY_PATH
    async def test_an_unknown_type_is_named(self, backend: AsyncBackend, path: str) -> None:
        store = await stored(backend)
        with pytest.raises(ef.UnknownEventTypeError) as caught:
            await PATHS[path](store)
        assert (caught.value.type_name, caught.value.position) == (OLD, await store.head())

    @EVERY_PATH
    async def test_bytes_that_do_not_fit_the_type_are_an_error_that_says_where(
        self, store: ef.AsyncEventStore, path: str
    ) -> None:
        await write(store, b'{"text":5}')
        with pytest.raises(ef.UndecodableEventError) as caught:
            await PATHS[path](store)
        assert (caught.value.type_name, caught.value.position) == ("noted", await store.head())

    @EVERY_PATH
    async def test_an_upcaster_that_fails_is_named_with_its_cause(self, backend: AsyncBackend, path: str) -> None:
        store = await stored(backend, release_broken)
        with pytest.raises(ef.UpcastError) as caught:
            await PATHS[path](store)
        assert (caught.value.type_name, caught.value.from_version) == (OLD, 1)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    async def test_a_repeated_append_of_an_older_release_answers_with_the_upcast_event(
        self, backend: AsyncBackend
    ) -> None:
        """Marten section 4 item 30."""
        store = await backend.open(release_1)
        sent = ef.NewEvent(Arrived("anna"))
        await store.append("stay-1", [sent], expected_version=0)
        newer = await backend.open(release_3)
        again = await newer.append("stay-1", [ef.NewEvent(CheckedIn("anna", 12), id=sent.id)], expected_version=0)
        assert [e.event for e in again.events] == [CheckedIn("anna", 12)]
        assert (again.events[0].type, again.events[0].schema_version) == (OLD, 1)

    async def test_the_envelope_shows_what_is_stored(self, backend: AsyncBackend) -> None:
        [event] = await log_of(await stored(backend, release_3))
        assert (event.type, event.schema_version, event.data) == (OLD, 1, {"name": "anna"})

    async def test_a_new_event_is_written_under_the_current_name_and_version(self, backend: AsyncBackend) -> None:
        store = await stored(backend, release_3)
        await store.append("stay-1", [CheckedIn("bert", 7)], expected_version=1)
        assert [(e.type, e.schema_version) for e in await log_of(store)] == [(OLD, 1), ("guest_checked_in", 3)]

    @pytest.mark.parametrize("data", [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe"], ids=repr)
    async def test_broken_bytes_stay_readable_as_they_are(self, store: ef.AsyncEventStore, data: bytes) -> None:
        await write(store, data)
        [event] = await log_of(store)
        assert bytes(event.raw) == data
        with pytest.raises(ef.UndecodableEventError):
            _ = event.event

    async def test_a_broken_event_does_not_keep_the_others_from_being_read(self, store: ef.AsyncEventStore) -> None:
        await write(store, b"broken")
        await store.append("stay-1", notes(2), expected_version=1)
        assert [e.version for e in await stream_of(store, "stay-1")] == [1, 2, 3]
        assert (await stream_of(store, "stay-1"))[2].event == Noted("2")

    async def test_a_schema_version_of_a_newer_release_is_said_to_be_one(self, store: ef.AsyncEventStore) -> None:
        await write(store, b'{"text":"a"}', schema_version=2)
        [event] = await log_of(store)
        with pytest.raises(ef.UndecodableEventError, match="newer release"):
            _ = event.event

    async def test_an_event_is_decoded_when_it_is_asked_for_and_once(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", notes(1), expected_version=0)
        [event] = await log_of(store)
        assert event.event is event.event
