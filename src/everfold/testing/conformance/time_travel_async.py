"""State as of a version, or as it was at a time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

import everfold as ef

from ... import limits
from ..clock import VirtualClock
from .backend_async import AsyncBackend
from .domain import Counted, Tally, tally
from .reading_async import log_of

NOON = datetime(2026, 5, 27, 12, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


async def hourly(backend: AsyncBackend) -> ef.AsyncEventStore:
    """A stream with one event at 12:00, two at 13:00, one at 14:00; each adds 10 to what the one before added."""
    clock = VirtualClock(NOON)
    store = await backend.open(clock=clock)
    for events in ([Counted(10)], [Counted(20), Counted(30)], [Counted(40)]):
        await store.append("tally-1", events, expected_version=ef.ANY)
        clock.advance(HOUR)
    return store


class TimeTravel:
    @pytest.mark.parametrize(("version", "total"), [(0, 0), (1, 10), (2, 30), (3, 60), (4, 100)])
    async def test_at_a_version_the_state_has_the_events_up_to_it(
        self, backend: AsyncBackend, version: int, total: int
    ) -> None:
        """Marten section 4 item 11."""
        loaded = await (await hourly(backend)).load("tally-1", tally, at_version=version)
        assert (loaded.state.total, loaded.version) == (total, version)

    async def test_a_version_beyond_the_stream_gives_the_last(self, backend: AsyncBackend) -> None:
        loaded = await (await hourly(backend)).load("tally-1", tally, at_version=99)
        assert (loaded.state.total, loaded.version) == (100, 4)

    @pytest.mark.parametrize(
        ("at", "total", "version"),
        [
            (NOON - HOUR, 0, 0),
            (NOON - timedelta(microseconds=1), 0, 0),
            (NOON, 10, 1),
            (NOON + HOUR - timedelta(microseconds=1), 10, 1),
            (NOON + HOUR, 60, 3),
            (NOON + 2 * HOUR, 100, 4),
            (NOON + 99 * HOUR, 100, 4),
        ],
        ids=str,
    )
    async def test_at_a_time_the_state_has_the_events_recorded_until_then(
        self, backend: AsyncBackend, at: datetime, total: int, version: int
    ) -> None:
        """Marten section 4 item 11."""
        loaded = await (await hourly(backend)).load("tally-1", tally, at_time=at)
        assert (loaded.state.total, loaded.version) == (total, version)

    async def test_a_time_in_another_zone_is_the_same_moment(self, backend: AsyncBackend) -> None:
        tokyo = (NOON + HOUR).astimezone(timezone(9 * HOUR))
        assert (await (await hourly(backend)).load("tally-1", tally, at_time=tokyo)).state.total == 60

    async def test_a_naive_time_is_refused(self, backend: AsyncBackend) -> None:
        store = await hourly(backend)
        with pytest.raises(ef.ConfigurationError, match="aware"):
            await store.load("tally-1", tally, at_time=NOON.replace(tzinfo=None))

    async def test_a_version_and_a_time_together_are_refused(self, backend: AsyncBackend) -> None:
        store = await hourly(backend)
        with pytest.raises(ef.ConfigurationError, match="not both"):
            await store.load("tally-1", tally, at_version=1, at_time=NOON)

    @pytest.mark.parametrize("version", [-1, "1", True, 2**64], ids=repr)
    async def test_a_version_that_is_no_number_is_refused(self, backend: AsyncBackend, version: int) -> None:
        store = await hourly(backend)
        with pytest.raises(ef.ConfigurationError, match="version"):
            await store.load("tally-1", tally, at_version=version)

    async def test_an_unknown_stream_gives_the_initial_state(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 11."""
        for loaded in (
            await store.load("tally-9", tally),
            await store.load("tally-9", tally, at_version=3),
            await store.load("tally-9", tally, at_time=NOON),
        ):
            assert (loaded.state, loaded.version) == (Tally(), 0)

    async def test_the_clock_of_the_store_stamps_events_to_the_microsecond(self, backend: AsyncBackend) -> None:
        moment = NOON + timedelta(microseconds=123_457)
        store = await backend.open(clock=VirtualClock(moment))
        result = await store.append("tally-1", [Counted()], expected_version=0)
        assert result.events[0].recorded_at == (await log_of(store))[0].recorded_at == moment
        state = await store.stream("tally-1")
        assert state is not None
        assert (state.created_at, state.updated_at) == (moment, moment)

    async def test_a_time_within_a_long_stream_is_found_over_the_borders_of_pages(self, backend: AsyncBackend) -> None:
        clock = VirtualClock(NOON)
        store = await backend.open(clock=clock)
        early = limits.PAGE_EVENTS_FIRST + limits.PAGE_EVENTS // 2
        await store.append("tally-1", [Counted()] * early, expected_version=0)
        clock.advance(HOUR)
        await store.append("tally-1", [Counted()] * limits.PAGE_EVENTS, expected_version=early)
        assert (await store.load("tally-1", tally, at_time=NOON)).version == early
        assert (await store.load("tally-1", tally, at_version=early + 1)).state.total == early + 1
        assert (await store.load("tally-1", tally)).version == early + limits.PAGE_EVENTS
