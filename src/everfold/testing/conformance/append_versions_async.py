"""Versions are 1, 2, 3 … in each stream, positions increase over the store, and the envelope comes back as written."""

from __future__ import annotations

from uuid import UUID

import everfold as ef

from .domain import CheckedIn, Noted, ids_of, notes
from .reading_async import log_of, stream_of

SEVEN = UUID("01930000-0000-7000-8000-000000000007")


class AppendVersions:
    async def test_the_first_event_of_a_stream_has_version_1(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", [Noted("a")], expected_version=0)
        assert (result.version, [e.version for e in result.events]) == (1, [1])

    async def test_versions_go_on_without_holes_over_several_appends(self, store: ef.AsyncEventStore) -> None:
        for size in (1, 3, 2):
            await store.append("stay-1", notes(size), expected_version=ef.ANY)
        assert [e.version for e in await stream_of(store, "stay-1")] == [1, 2, 3, 4, 5, 6]

    async def test_each_stream_counts_its_own_versions(self, store: ef.AsyncEventStore) -> None:
        for stream in ("stay-1", "stay-2", "stay-1", "stay-2", "stay-2"):
            await store.append(stream, [Noted()], expected_version=ef.ANY)
        assert [e.version for e in await stream_of(store, "stay-1")] == [1, 2]
        assert [e.version for e in await stream_of(store, "stay-2")] == [1, 2, 3]

    async def test_positions_increase_over_all_streams(self, store: ef.AsyncEventStore) -> None:
        results = [await store.append(f"stay-{n % 3}", notes(2), expected_version=ef.ANY) for n in range(6)]
        positions = [event.position for result in results for event in result.events]
        assert positions == sorted(set(positions))
        assert [e.position for e in await log_of(store)] == positions

    async def test_a_position_is_at_least_1(self, store: ef.AsyncEventStore) -> None:
        assert (await store.append("stay-1", [Noted()], expected_version=0)).position >= 1

    async def test_the_result_gives_the_last_version_and_the_last_position(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", notes(3), expected_version=0)
        last = (await stream_of(store, "stay-1"))[-1]
        assert (result.version, result.position) == (last.version, last.position) == (3, last.position)

    async def test_the_events_of_the_result_are_those_that_a_read_gives(self, store: ef.AsyncEventStore) -> None:
        sent = [ef.NewEvent(Noted("a"), metadata={"k": 1}, tags=["b", "a"]), Noted("b")]
        result = await store.append("stay-1", sent, expected_version=0, metadata={"actor": "anna"})
        stored = await stream_of(store, "stay-1")
        assert result.events == tuple(stored)
        for given, read in zip(result.events, stored, strict=True):
            assert (given.raw, given.metadata, given.tags) == (read.raw, read.metadata, read.tags)
            assert (given.stream, given.version, given.type) == (read.stream, read.version, read.type)
            assert (given.recorded_at, given.schema_version) == (read.recorded_at, read.schema_version)
            assert given.event == read.event

    async def test_the_whole_envelope_comes_back_as_written(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 9."""
        new = ef.NewEvent(CheckedIn("anna", 12), id=SEVEN, metadata={"shift": 3}, tags=["room:12"])
        await store.append("stay-1", [new], expected_version=0, metadata={"actor": "desk"})
        [event] = await log_of(store)
        assert (event.id, event.stream, event.version, event.tenant) == (SEVEN, "stay-1", 1, "")
        assert (event.type, event.schema_version, event.tags) == ("checked_in", 1, ("room:12",))
        assert event.event == CheckedIn("anna", 12)
        assert event.data == {"guest": "anna", "room": 12}
        assert event.metadata == {"actor": "desk", "shift": 3}
        assert event.recorded_at.utcoffset() is not None

    async def test_metadata_and_tags_that_were_not_given_are_empty(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 9."""
        await store.append("stay-1", [Noted()], expected_version=0)
        [event] = await log_of(store)
        assert (event.metadata, event.tags) == ({}, ())

    async def test_tags_come_back_sorted_and_once_each(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", [ef.NewEvent(Noted(), tags=["b", "a", "b"])], expected_version=0)
        assert result.events[0].tags == (await log_of(store))[0].tags == ("a", "b")

    async def test_events_of_one_append_share_their_time(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", notes(3), expected_version=0)
        assert len({event.recorded_at for event in result.events}) == 1

    async def test_an_event_gets_a_uuid_of_version_7_of_its_own(self, store: ef.AsyncEventStore) -> None:
        result = await store.append("stay-1", [Noted(), Noted()], expected_version=0)
        ids = ids_of(result.events)
        assert len(set(ids)) == 2
        assert {one.version for one in ids} == {7}

    async def test_a_conflict_uses_no_position(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 15: a refused append leaves no gap behind."""
        before = await store.append("stay-1", [Noted()], expected_version=0)
        for _ in range(3):
            refused = await refusal(store)
            assert refused.actual == 1
        after = await store.append("stay-1", [Noted()], expected_version=1)
        assert after.position == before.position + 1


async def refusal(store: ef.AsyncEventStore) -> ef.WrongExpectedVersionError:
    """The conflict of an append that comes too late."""
    try:
        await store.append("stay-1", [Noted()], expected_version=0)
    except ef.WrongExpectedVersionError as error:
        return error
    raise AssertionError("the append was not refused")
