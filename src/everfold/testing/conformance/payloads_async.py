"""Payloads of every kind come back equal, and their stored bytes come back exactly."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest

import everfold as ef

from .domain import Blob, Charged, Noted, texts
from .reading_async import log_of, stream_of

NOON = datetime(2026, 5, 27, 12, 30, 15, 123_456, tzinfo=timezone.utc)
TOKYO = timezone(timedelta(hours=9))
CLERK = UUID("01930000-0000-7000-8000-000000000001")
TEXTS = [
    "",
    " ",
    "plain",
    "quotes ' \" ` and \\ backslash",
    "line\nfeed\r\ttab",
    "control \x01\x08\x1f\x7f",
    "äöü ß é",
    "日本語 한국어 العربية עברית",
    "😀👩‍👩‍👧🏳️‍🌈",
    "\u2028\u2029\ufeff\ufffd\uffff",
    "\U0010ffff",
    "'; drop table event; --",
    '{"text": "json in json"}',
    "</script><b>",
    "%s %(x)s {} $1 ?",
]
BLOBS = [b"", b"\0", bytes(range(256)), b"\xff" * 1000, b"plain text"]
SIZE = 900 * 1024


class Payloads:
    @pytest.mark.parametrize("text", TEXTS, ids=ascii)
    async def test_text_comes_back_as_it_was(self, store: ef.AsyncEventStore, text: str) -> None:
        await store.append("stay-1", [Noted(text)], expected_version=0)
        assert texts(await stream_of(store, "stay-1")) == texts(await log_of(store)) == [text]

    @pytest.mark.parametrize("content", BLOBS, ids=[f"{len(blob)} bytes" for blob in BLOBS])
    async def test_bytes_come_back_as_they_were(self, store: ef.AsyncEventStore, content: bytes) -> None:
        await store.append("stay-1", [Blob(content)], expected_version=0)
        assert [e.event.content for e in await log_of(store)] == [content]

    @pytest.mark.parametrize(
        "amount",
        ["0", "0.00", "-1.10", "12345678901234567890.123456789", "1E+3", "0.000000000000000000001"],
    )
    async def test_money_comes_back_to_the_last_digit(self, store: ef.AsyncEventStore, amount: str) -> None:
        await store.append("stay-1", [Charged(Decimal(amount), NOON, CLERK)], expected_version=0)
        [event] = await log_of(store)
        assert str(event.event.amount) == str(Decimal(amount))

    async def test_a_moment_comes_back_to_the_microsecond_in_utc(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Charged(Decimal(1), NOON.astimezone(TOKYO), CLERK)], expected_version=0)
        [event] = await log_of(store)
        assert (event.event.at, event.event.at.utcoffset()) == (NOON, timedelta(0))

    async def test_nested_values_come_back_equal(self, store: ef.AsyncEventStore) -> None:
        charged = Charged(Decimal("9.90"), NOON, CLERK, ("bed", "breakfast"), {"b": Decimal(2), "a": Decimal(1)}, "é")
        await store.append("stay-1", [charged], expected_version=0)
        assert [e.event for e in await log_of(store)] == [charged]

    async def test_the_stored_bytes_are_those_of_the_result(self, store: ef.AsyncEventStore) -> None:
        charged = Charged(Decimal("9.90"), NOON, CLERK, (), {"z": Decimal(1), "ä": Decimal(2)})
        result = await store.append("stay-1", [charged], expected_version=0)
        [event] = await log_of(store)
        assert bytes(event.raw) == bytes(result.events[0].raw)
        assert event.data == msgspec.json.decode(event.raw)

    async def test_the_same_payload_has_the_same_bytes_each_time(self, store: ef.AsyncEventStore) -> None:
        """Hashes and signatures over stored events hold."""
        left = Charged(Decimal(1), NOON, CLERK, (), {"a": Decimal(1), "b": Decimal(2)})
        right = Charged(Decimal(1), NOON.astimezone(TOKYO), CLERK, (), {"b": Decimal(2), "a": Decimal(1)})
        await store.append("stay-1", [left, right], expected_version=0)
        assert len({hashlib.sha256(e.raw).digest() for e in await log_of(store)}) == 1

    @pytest.mark.parametrize("text", ["x" * SIZE, "😀" * (SIZE // 4), "\\" * (SIZE // 2)], ids=["x", "emoji", "escape"])
    async def test_an_event_of_900_kilobytes_comes_back_whole(self, store: ef.AsyncEventStore, text: str) -> None:
        await store.append("stay-1", [Noted(text)], expected_version=0)
        assert texts(await stream_of(store, "stay-1")) == texts(await log_of(store)) == [text]

    async def test_many_large_events_come_back_whole_in_order(self, store: ef.AsyncEventStore) -> None:
        await store.append("stay-1", [Noted(str(n) * SIZE) for n in range(10)], expected_version=0)
        assert [(e.event.text[0], len(e.event.text)) for e in await log_of(store)] == [
            (str(n), SIZE) for n in range(10)
        ]

    async def test_an_event_of_50_megabytes_is_refused(self, store: ef.AsyncEventStore) -> None:
        with pytest.raises(ef.LimitExceededError, match="bytes of an event"):
            await store.append("stay-1", [Noted("x" * 50 * 1024 * 1024)], expected_version=0)
        assert await log_of(store) == []

    @pytest.mark.parametrize(
        ("payload", "field"),
        [
            (Charged(Decimal(1), NOON.replace(tzinfo=None), CLERK), "at"),
            (Charged(Decimal("NaN"), NOON, CLERK), "amount"),
            (Charged(Decimal("Infinity"), NOON, CLERK), "amount"),
            (Charged(Decimal(1), NOON, CLERK, ("a", "b\0c")), r"lines\[1\]"),
            (Charged(Decimal(1), NOON, CLERK, (), {"x": Decimal("sNaN")}), "rates"),
            (Noted("\ud800"), "text"),
            (Noted("a\0b"), "text"),
            (Noted(object()), "text"),  # type: ignore[arg-type]
        ],
        ids=["naive time", "NaN", "infinity", "NUL in a list", "NaN in a map", "surrogate", "NUL", "object"],
    )
    async def test_a_value_without_a_stored_form_is_refused_and_its_field_named(
        self, store: ef.AsyncEventStore, payload: Any, field: str
    ) -> None:
        with pytest.raises(ef.UnencodableEventError, match=field):
            await store.append("stay-1", [payload], expected_version=0)
        assert await log_of(store) == []
