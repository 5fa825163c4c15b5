"""A commit whose reply is lost: the caller is told so, sends again, and the event is stored once."""

from __future__ import annotations

import pytest

import everfold as ef

from ...store.append_async import AsyncUnitOfWork
from .append_idempotence_async import EXPECTATIONS, ON_NONE
from .backend_async import AsyncBackend
from .domain import Add, Counted, Noted, ids_of, notes, tally, texts
from .reading_async import log_of


class LostReply:
    @pytest.mark.parametrize(("before", "expected"), EXPECTATIONS)
    async def test_sent_again_it_gives_the_first_result(
        self, backend: AsyncBackend, before: int, expected: ef.Expected
    ) -> None:
        """Marten section 4 item 32."""
        store, faults = await backend.open_faulty()
        await store.append("stay-1", notes(before, "earlier "), expected_version=0)
        faults.lose_reply()
        with pytest.raises(ef.CommitUnknownError) as caught:
            await store.append("stay-1", [Noted("a"), Noted("b")], expected_version=expected)
        again = await store.append("stay-1", caught.value.events, expected_version=expected)
        assert (again.version, again.repeated, texts(again.events)) == (before + 2, True, ["a", "b"])
        assert len(await log_of(store)) == before + 2

    @pytest.mark.parametrize(("before", "expected"), EXPECTATIONS)
    async def test_a_commit_that_never_arrived_is_stored_when_it_is_sent_again(
        self, backend: AsyncBackend, before: int, expected: ef.Expected
    ) -> None:
        store, faults = await backend.open_faulty()
        await store.append("stay-1", notes(before, "earlier "), expected_version=0)
        faults.fail_before("commit", ef.CommitUnknownError("the connection was lost"))
        with pytest.raises(ef.CommitUnknownError) as caught:
            await store.append("stay-1", [Noted("a"), Noted("b")], expected_version=expected)
        again = await store.append("stay-1", caught.value.events, expected_version=expected)
        assert (again.version, again.repeated, texts(again.events)) == (before + 2, False, ["a", "b"])
        assert len(await log_of(store)) == before + 2

    async def test_the_error_carries_the_events_with_their_ids(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.lose_reply()
        sent = notes(2)
        with pytest.raises(ef.CommitUnknownError) as caught:
            await store.append("stay-1", sent, expected_version=0)
        assert ids_of(caught.value.events) == ids_of(sent) == ids_of(await log_of(store))

    async def test_a_conditional_append_may_be_sent_again(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.lose_reply()
        with pytest.raises(ef.CommitUnknownError) as caught:
            await store.append_if([ef.NewEvent(Noted("a"), tags=["room:1"])], ON_NONE)
        again = await store.append_if(caught.value.events, ON_NONE)
        assert (again.repeated, again.position) == (True, await store.head())
        assert len(await log_of(store)) == 1

    async def test_a_unit_may_be_sent_again(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        left, right = notes(2), notes(1)
        faults.lose_reply()

        def sent() -> AsyncUnitOfWork:
            unit = store.unit()
            unit.append("shift-1", left, expected_version=0)
            unit.append("shift-2", right, expected_version=0)
            return unit

        with pytest.raises(ef.CommitUnknownError) as caught:
            await sent().commit()
        assert ids_of(caught.value.events) == ids_of([*left, *right])
        results = await sent().commit()
        assert [(one.version, one.repeated) for one in results] == [(2, True), (1, True)]
        assert len(await log_of(store)) == 3

    async def test_a_decision_is_not_made_again_behind_the_callers_back(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 32."""
        store, faults = await backend.open_faulty()
        faults.lose_reply()
        with pytest.raises(ef.CommitUnknownError):
            await store.decide("tally-1", tally, Add(5))
        assert [e.event for e in await log_of(store)] == [Counted(5)]

    async def test_a_decision_over_a_boundary_is_not_made_again_either(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 32."""
        store, faults = await backend.open_faulty()
        faults.lose_reply()
        with pytest.raises(ef.CommitUnknownError):
            await store.decide_over(ef.Query(tags=["sum:1"]), tally, Add(5), tags=["sum:1"])
        assert [e.event for e in await log_of(store)] == [Counted(5)]

    async def test_an_error_before_the_commit_writes_nothing(self, backend: AsyncBackend) -> None:
        store, faults = await backend.open_faulty()
        faults.fail_before("commit", ef.StorageUnavailableError("the network is gone"), times=2)
        for _ in range(2):
            with pytest.raises(ef.StorageUnavailableError):
                await store.append("stay-1", notes(1), expected_version=0)
        assert await log_of(store) == []
        assert (await store.append("stay-1", notes(1), expected_version=0)).version == 1
