"""An event that a projection fails on: its consumer stops, tries again, or parks it. Nothing else suffers, nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from ...runtime.ids import new_id_bytes
from ...storage.unit import EncodedEvent, StreamAppend, Unit
from .backend_async import AsyncBackend
from .needs import needs
from .projections_domain import Hotel, Stayed, hotel_of, rooms_model, stay
from .projections_steps_async import agree, append, caught_up, documents, letters_of, parked, seen_marks
from .reading_async import log_of

AT_ONCE: dict[str, Any] = {"delay": 0.0, "delay_max": 0.0}


async def opened(backend: AsyncBackend, *broken: str, **options: Any) -> tuple[ef.AsyncEventStore, Hotel]:
    """A store with a hotel, and a log whose third event is called "bad"."""
    hotel = hotel_of(*broken, **options)
    store = await backend.open(hotel.module)
    await append(store, stay("1", "a"), stay("2", "b"), stay("1", "bad"), stay("2", "c"), stay("1", "d"))
    return store, hotel


async def append_raw(store: ef.AsyncEventStore, data: bytes, *, type_name: str = "stayed", stream: str) -> None:
    """An event as another release may have written it."""
    event = EncodedEvent(new_id_bytes(), type_name, 1, data)
    await store.storage.commit(Unit("", (StreamAppend(stream, -1, (event,)),)))


async def fault_of(store: ef.AsyncEventStore, name: str = "rooms") -> dict[str, Any]:
    """Why the projection is stopped."""
    status = (await store.projections().status(name))[0]
    assert status.status == "stopped"
    return status.fault or {}


class StoppedProjections:
    async def test_it_stops_before_the_event_and_says_which_and_why(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 17."""
        store, hotel = await opened(backend, "bad")
        with pytest.raises(ef.ConsumerStoppedError, match="the desk can't read bad") as caught:
            await caught_up(store)
        third = (await log_of(store))[2]
        error = caught.value
        assert (error.projection, error.position, error.event_type) == ("rooms", third.position, "stayed")
        fault = await fault_of(store)
        assert (fault["type"], fault["event_id"], fault["stream"]) == ("ValueError", str(third.id), "stay-1")
        assert "Traceback" in fault["traceback"]
        assert await documents(store, hotel.rooms) == rooms_model((await log_of(store))[:2])

    async def test_other_projections_go_on_meanwhile(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 17."""
        store, hotel = await opened(backend, "bad", group=True)
        with pytest.raises(ef.ConsumerStoppedError):
            await caught_up(store)
        await append(store, stay("3", "e"))
        with pytest.raises(ef.ConsumerStoppedError):
            await caught_up(store)
        assert (await documents(store, hotel.takings))["3"]["stays"] == 1
        assert [s.status for s in await store.projections().status("takings")] == ["running"]

    async def test_resumed_it_goes_on_with_the_event(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad")
        with pytest.raises(ef.ConsumerStoppedError):
            await caught_up(store)
        hotel.broken.clear()
        with pytest.raises(ef.ConsumerStoppedError):  # a stop lasts until somebody resumes it
            await caught_up(store)
        await store.projections().resume("rooms")
        await caught_up(store)
        await agree(store, hotel)

    async def test_resumed_without_a_correction_it_stops_at_the_same_event(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad")
        for _ in range(2):
            with pytest.raises(ef.ConsumerStoppedError):
                await caught_up(store)
            await store.projections().resume("rooms")
        assert await documents(store, hotel.rooms) == rooms_model((await log_of(store))[:2])

    async def test_of_several_events_that_fail_the_first_is_named(self, backend: AsyncBackend) -> None:
        """Also when a later one fails in another way: it can't even be decoded."""
        store, _hotel = await opened(backend, "bad")
        await append_raw(store, b'{"room":[]}', stream="stay-2")
        with pytest.raises(ef.ConsumerStoppedError, match="can't read bad"):
            await caught_up(store, only=["rooms"])
        assert (await fault_of(store))["position"] == (await log_of(store))[2].position

    async def test_a_rebuild_names_the_poison_event_and_leaves_the_active_version(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 17."""
        store, hotel = await opened(backend)
        await caught_up(store)
        hotel.broken.add("bad")
        with pytest.raises(ef.ConsumerStoppedError, match="can't read bad") as caught:
            await store.projections().rebuild("rooms")
        assert caught.value.position == (await log_of(store))[2].position
        hotel.broken.clear()
        await agree(store, hotel)
        with pytest.raises(ef.PromotionRefusedError, match="stopped"):
            await store.projections().promote("rooms")

    async def test_an_event_that_can_not_be_decoded_stops_it(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend)
        await append_raw(store, b'{"room":[]}', stream="stay-2")
        with pytest.raises(ef.ConsumerStoppedError):
            await caught_up(store)
        assert (await fault_of(store))["stream"] == "stay-2"
        assert await documents(store, hotel.rooms) == rooms_model((await log_of(store))[:5])

    async def test_a_type_that_no_module_knows_is_passed_by(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 18."""
        store, hotel = await opened(backend)
        await append_raw(store, b"{}", type_name="never_heard_of", stream="stay-2")
        await append(store, stay("2", "after"))
        await caught_up(store)
        assert (await documents(store, hotel.rooms))["2"]["marks"] == ["b", "c", "after"]

    @pytest.mark.parametrize("name", ["rooms", "seen"])
    async def test_a_type_that_no_module_knows_stops_it_when_it_asked_for_that(
        self, backend: AsyncBackend, name: str
    ) -> None:
        """Marten section 4 item 18."""
        sql = backend.capabilities.runs_sql
        store, _hotel = await opened(backend, unknown="fail", sql=sql)
        await append_raw(store, b"{}", type_name="never_heard_of", stream="stay-2")
        name = name if sql else "rooms"
        with pytest.raises(ef.ConsumerStoppedError, match="never_heard_of"):
            await caught_up(store, only=[name])
        assert (await fault_of(store, name))["event_type"] == "never_heard_of"


class RetriedProjections:
    async def test_an_event_is_tried_as_often_as_said_and_then_stops_it(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", on_error=ef.Retry(attempts=4, **AT_ONCE))
        with pytest.raises(ef.ConsumerStoppedError):
            await caught_up(store)
        assert hotel.tries.count("bad") == 4
        assert (await fault_of(store))["attempts"] == 4
        assert await documents(store, hotel.rooms) == rooms_model((await log_of(store))[:2])

    async def test_an_event_that_goes_well_at_last_counts_once(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 20. Each try begins with the document as it was stored, whatever the handler did to its own."""
        store, hotel = await opened(backend, on_error=ef.Retry(attempts=3, **AT_ONCE))
        await append(store, stay("1", "flaky one"), stay("1", "e"), stay("2", "flaky two", "1"))
        await caught_up(store)
        await agree(store, hotel)

    async def test_several_events_of_a_batch_have_their_attempts_each(self, backend: AsyncBackend) -> None:
        policy = ef.Retry(attempts=3, then=ef.Park(), **AT_ONCE)
        store, hotel = await opened(backend, "bad", "worse", on_error=policy)
        await append(store, stay("2", "worse"), stay("3", "flaky"), stay("4", "f"))
        await append_raw(store, b'{"room":[]}', stream="stay-2")
        await caught_up(store, only=["rooms"])
        letters = [(x.key, x.attempts) async for x in store.dead_letters(hotel.rooms)]
        assert letters == [("1", 3), ("1", 0), ("2", 3), ("stay-2", 1)]
        assert {room: d["marks"] for room, d in (await documents(store, hotel.rooms)).items()} == {
            "1": ["a"],
            "2": ["b", "c"],
            "3": ["flaky"],
            "4": ["f"],
        }

    async def test_only_errors_of_the_classes_it_is_for_are_tried_again(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", on_error=ef.Retry(attempts=4, on=(OSError,), **AT_ONCE))
        with pytest.raises(ef.ConsumerStoppedError):
            await caught_up(store)
        assert hotel.tries.count("bad") == 1


class ParkedEvents:
    async def test_later_events_of_the_key_wait_in_order_and_other_keys_go_on(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 17."""
        store, hotel = await opened(backend, "bad", on_error=ef.Park())
        await caught_up(store)
        await append(store, stay("1", "e"), stay("2", "f"), stream="stay-9")
        await caught_up(store)
        await agree(store, hotel, broken=("bad",))
        assert await parked(store, hotel.rooms) == [("1", "bad"), ("1", "d"), ("1", "e")]
        first, *behind = await letters_of(store.dead_letters(hotel.rooms))
        assert (first.projection, first.version, first.stream, first.event_type) == ("rooms", 1, "stay-1", "stayed")
        assert first.error is not None
        assert (first.error["type"], first.attempts) == ("ValueError", 1)
        assert [letter.error for letter in behind] == [None, None]
        assert [s.parked for s in await store.projections().status("rooms")] == [3]

    async def test_a_retry_handles_them_in_order_and_the_key_is_free_again(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", on_error=ef.Park())
        await caught_up(store)
        hotel.broken.clear()
        assert (await store.dead_letters(hotel.rooms).retry()).done == 2
        await append(store, stay("1", "later"))
        await caught_up(store)
        await agree(store, hotel)
        assert [x.state async for x in store.dead_letters(hotel.rooms).list(state=None)] == ["done", "done"]

    async def test_what_fails_again_stays_parked_with_those_behind_it(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", "d", on_error=ef.Park())
        await append(store, stay("1", "e"))
        await caught_up(store)
        hotel.broken.remove("bad")
        retried = await store.dead_letters(hotel.rooms).retry()
        assert retried.done == 1
        assert retried.error is not None
        assert retried.error["message"] == "the desk can't read d"
        assert await parked(store, hotel.rooms) == [("1", "d"), ("1", "e")]
        assert (await documents(store, hotel.rooms))["1"] == {"marks": ["a", "bad"], "nights": 2}
        hotel.broken.clear()
        await store.dead_letters(hotel.rooms).retry()
        await agree(store, hotel)

    async def test_one_key_can_be_retried_alone(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", "c", on_error=ef.Park())
        await caught_up(store)
        hotel.broken.clear()
        assert (await store.dead_letters(hotel.rooms).retry(key="2")).done == 1
        assert await parked(store, hotel.rooms) == [("1", "bad"), ("1", "d")]
        first, *_ = await letters_of(store.dead_letters(hotel.rooms))
        assert (await store.dead_letters().retry(first)).done == 2
        await agree(store, hotel)

    async def test_a_skipped_event_is_left_out_and_who_did_it_and_why_is_kept(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, "bad", on_error=ef.Park())
        await caught_up(store)
        first, *_ = await letters_of(store.dead_letters(hotel.rooms))
        with pytest.raises(ef.ConfigurationError, match="reason"):
            await store.dead_letters(hotel.rooms).skip(first, reason="")
        await store.dead_letters(hotel.rooms).skip(first, reason="typed twice", actor="ada")
        skipped = await letters_of(store.dead_letters(hotel.rooms).list(state="skipped"))
        assert [(x.position, x.reason, x.actor) for x in skipped] == [(first.position, "typed twice", "ada")]
        assert (await store.dead_letters(hotel.rooms).retry()).done == 1
        assert (await documents(store, hotel.rooms))["1"]["marks"] == ["a", "d"]
        with pytest.raises(ef.ProjectionError, match="no dead letter"):
            await store.dead_letters(hotel.rooms).skip(first, reason="again")

    async def test_an_event_of_several_keys_is_parked_where_it_fails_alone(self, backend: AsyncBackend) -> None:
        module, shut = ef.Module("shut"), {"1"}
        module.event("stayed")(Stayed)
        desks = ef.DocumentProjection("desks", key=lambda event: event.rooms, on_error=ef.Park())

        @desks.on(Stayed)
        def _(document: Any, event: Stayed) -> Any:
            number = document["number"] if document else event.room
            if number in shut and document:
                raise ValueError(number)
            return {"number": number, "marks": [*(document["marks"] if document else ()), event.mark]}

        module.add(desks)
        store = await backend.open(module)
        await append(store, stay("1", "a"), stay("2", "b"), stay("1", "both", "2"), stay("2", "c", "1"))
        await caught_up(store)
        assert await parked(store, desks) == [("1", "both"), ("1", "c")]
        assert (await documents(store, desks))["2"]["marks"] == ["b", "both", "c"]
        shut.clear()
        await store.dead_letters(desks).retry()
        found = await documents(store, desks)
        assert (found["1"]["marks"], found["2"]["marks"]) == (["a", "both", "c"], ["b", "both", "c"])

    async def test_an_event_that_can_not_be_decoded_holds_back_its_stream_alone(self, backend: AsyncBackend) -> None:
        store, hotel = await opened(backend, on_error=ef.Park())
        await append_raw(store, b'{"room":[]}', stream="stay-2")
        await append(store, stay("7", "behind"), stream="stay-2")
        await append(store, stay("7", "ahead"), stream="stay-3")
        await caught_up(store)
        for projection in (hotel.rooms, hotel.takings):
            letters = await letters_of(store.dead_letters(projection))
            assert [x.stream for x in letters] == ["stay-2", "stay-2"]
            await store.dead_letters(projection).skip(letters[0], reason="lost for good")
            assert (await store.dead_letters(projection).retry()).done == 1
        assert (await documents(store, hotel.rooms))["7"]["marks"] == ["ahead", "behind"]
        assert (await documents(store, hotel.takings))["7"]["stays"] == 2

    async def test_a_retry_that_fails_under_another_key_keeps_nothing_and_stays_parked(
        self, backend: AsyncBackend
    ) -> None:
        """What hid behind the first failure must not be taken for done."""
        module, faults = ef.Module("two"), {"key", "2"}
        module.event("stayed")(Stayed)

        def keys(event: Stayed) -> tuple[str, ...]:
            if "key" in faults and event.others:
                raise ValueError("no key")
            return event.rooms

        desks = ef.DocumentProjection("desks", key=keys, on_error=ef.Park())

        @desks.on(Stayed)
        def _(document: Any, event: Stayed) -> Any:
            if document and document["number"] in faults:
                raise ValueError("no document")
            return {"number": event.room, "marks": [*(document["marks"] if document else ()), event.mark]}

        module.add(desks)
        store = await backend.open(module)
        await append(store, stay("1", "a"), stay("2", "b"), stay("1", "both", "2"))
        await caught_up(store)
        faults.remove("key")
        retried = await store.dead_letters(desks).retry()
        assert (retried.done, (retried.error or {})["message"]) == (0, "no document")
        assert {room: d["marks"] for room, d in (await documents(store, desks)).items()} == {"1": ["a"], "2": ["b"]}
        faults.clear()
        assert (await store.dead_letters(desks).retry()).done == 1
        found = await documents(store, desks)
        assert (found["1"]["marks"], found["2"]["marks"]) == (["a", "both"], ["b", "both"])

    async def test_a_value_that_a_table_can_not_hold_is_parked_and_other_streams_go_on(
        self, backend: AsyncBackend
    ) -> None:
        store, hotel = await opened(backend, on_error=ef.Park())
        await append(store, stay("1", "too long", nights=2**40), stay("1", "behind"))
        await append(store, stay("2", "ahead"), stream="stay-2")
        await caught_up(store)
        letters = await letters_of(store.dead_letters(hotel.takings))
        assert [bool(x.error) for x in letters] == [True, False]
        rows = await documents(store, hotel.takings)
        assert (rows["1"]["stays"], rows["2"]["stays"]) == (3, 3)
        await store.dead_letters(hotel.takings).skip(letters[0], reason="nobody stays so long")
        assert (await store.dead_letters(hotel.takings).retry()).done == 1
        assert (await documents(store, hotel.takings))["1"] == {"room": "1", "nights": 4, "stays": 4, "longest": 1}

    @needs("runs_sql")
    async def test_a_handler_that_wrote_before_it_failed_has_written_nothing(self, backend: AsyncBackend) -> None:
        table = "seen_" + new_id_bytes().hex()
        store, hotel = await opened(backend, "bad", sql=True, plain=False, table=table, on_error=ef.Park())
        await caught_up(store)
        assert hotel.seen is not None
        assert await parked(store, hotel.seen) == [("1", "bad"), ("1", "d")]
        assert await seen_marks(store, f"{table}_v1") == ["a", "b", "c"]
        hotel.broken.clear()
        await store.dead_letters(hotel.seen).retry()
        assert await seen_marks(store, f"{table}_v1") == ["a", "b", "bad", "c", "d"]

    @needs("runs_sql")
    async def test_a_handler_with_a_key_parks_what_has_none_under_its_stream(self, backend: AsyncBackend) -> None:
        """The key of an event that can't be decoded is unknown."""
        table = "seen_" + new_id_bytes().hex()
        store, hotel = await opened(backend, "bad", sql=True, plain=False, table=table, on_error=ef.Park())
        await append_raw(store, b'{"room":[]}', stream="stay-2")
        await append(store, stay("7", "behind"), stream="stay-2")
        await append(store, stay("7", "ahead"), stream="stay-3")
        for _ in range(2):
            await caught_up(store)
            await append_raw(store, b'{"room":[]}', stream="stay-4")
        assert hotel.seen is not None
        letters = [(x.key, bool(x.error)) async for x in store.dead_letters(hotel.seen)]
        assert letters == [("1", True), ("1", False), ("stay-2", True), ("stay-2", False), ("stay-4", True)]
        assert await seen_marks(store, f"{table}_v1") == ["a", "b", "c", "ahead"]
