"""What a writer may expect of a stream, and what each expectation accepts and refuses."""

from __future__ import annotations

from typing import Any

import pytest

import everfold as ef

from .domain import Noted, notes
from .reading_async import log_of, stream_of

ACCEPTED = [
    (0, 0),
    (0, ef.NO_STREAM),
    (0, ef.ANY),
    (3, 3),
    (3, ef.ANY),
    (3, ef.STREAM_EXISTS),
]
REFUSED = [
    (0, 1),
    (0, 3),
    (0, ef.STREAM_EXISTS),
    (3, 0),
    (3, ef.NO_STREAM),
    (3, 2),
    (3, 4),
    (3, 2**62),
]


def named(value: object) -> str:
    return str(value)


class AppendExpectations:
    @pytest.mark.parametrize(("version", "expected"), ACCEPTED, ids=named)
    async def test_an_expectation_that_holds_appends(
        self, store: ef.AsyncEventStore, version: int, expected: ef.Expected
    ) -> None:
        await store.append("stay-1", notes(version), expected_version=0)
        result = await store.append("stay-1", [Noted("new")], expected_version=expected)
        assert result.version == version + 1

    @pytest.mark.parametrize(("version", "expected"), REFUSED, ids=named)
    async def test_an_expectation_that_does_not_hold_is_a_conflict_and_writes_nothing(
        self, store: ef.AsyncEventStore, version: int, expected: ef.Expected
    ) -> None:
        await store.append("stay-1", notes(version), expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.append("stay-1", [Noted("new")], expected_version=expected)
        assert (caught.value.stream, caught.value.actual) == ("stay-1", version)
        assert len(await log_of(store)) == version

    @pytest.mark.parametrize("expected", [1, ef.NO_STREAM, ef.STREAM_EXISTS], ids=named)
    async def test_the_conflict_says_the_expectation_in_the_words_of_the_caller(
        self, store: ef.AsyncEventStore, expected: ef.Expected
    ) -> None:
        stream = "missing-1" if expected is ef.STREAM_EXISTS else "stay-1"
        await store.append("stay-1", notes(2), expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.append(stream, [Noted()], expected_version=expected)
        assert caught.value.expected is expected or caught.value.expected == expected
        assert f"expected {expected}" in str(caught.value)

    @pytest.mark.parametrize(("version", "expected"), ACCEPTED, ids=named)
    async def test_an_empty_list_checks_the_expectation_and_writes_nothing(
        self, store: ef.AsyncEventStore, version: int, expected: ef.Expected
    ) -> None:
        """Marten section 4 item 6."""
        await store.append("stay-1", notes(version), expected_version=0)
        result = await store.append("stay-1", [], expected_version=expected)
        assert (result.version, result.position, result.events) == (version, 0, ())
        assert len(await log_of(store)) == version

    @pytest.mark.parametrize(("version", "expected"), REFUSED, ids=named)
    async def test_an_empty_list_with_an_expectation_that_does_not_hold_is_a_conflict(
        self, store: ef.AsyncEventStore, version: int, expected: ef.Expected
    ) -> None:
        """Marten section 4 item 6."""
        await store.append("stay-1", notes(version), expected_version=0)
        with pytest.raises(ef.WrongExpectedVersionError) as caught:
            await store.append("stay-1", [], expected_version=expected)
        assert caught.value.actual == version

    async def test_an_empty_list_makes_no_stream(self, store: ef.AsyncEventStore) -> None:
        """Marten section 4 item 3: a stream begins with an event."""
        await store.append("stay-1", [], expected_version=ef.ANY)
        assert await store.stream("stay-1") is None
        assert await store.streams() == []

    @pytest.mark.parametrize("wrong", [-1, True, None, "0", 1.0, [0], 2**64], ids=repr)
    async def test_what_is_no_expectation_is_refused(self, store: ef.AsyncEventStore, wrong: Any) -> None:
        with pytest.raises(ef.ConfigurationError, match="expected_version must be"):
            await store.append("stay-1", [Noted()], expected_version=wrong)
        assert await log_of(store) == []

    async def test_a_conflict_leaves_the_store_in_use(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted("a")], expected_version=0)
        with pytest.raises(ef.ConflictError):
            await store.append("stay-1", [Noted("b")], expected_version=0)
        await store.append("stay-1", [Noted("c")], expected_version=1)
        assert [e.event for e in await stream_of(store, "stay-1")] == [Noted("a"), Noted("c")]
