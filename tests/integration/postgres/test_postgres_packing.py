"""Arrays packed by hand are what the server reads as those arrays; bytes and text cross without a change."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everfold.storage.postgres.packing import (
    EPOCH_MICROSECONDS,
    Packed,
    moment,
    pack_bytes,
    pack_ids,
    pack_int4,
    pack_int8,
    pack_moments,
    pack_texts,
)

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20)
CASES = {
    "uuid[]": (pack_ids, st.lists(st.binary(min_size=16, max_size=16), max_size=5)),
    "bytea[]": (pack_bytes, st.lists(st.binary(max_size=50), max_size=5)),
    "text[]": (pack_texts, st.lists(st.none() | TEXT, max_size=5)),
    "integer[]": (pack_int4, st.lists(st.integers(-(2**31), 2**31 - 1), max_size=5)),
    "bigint[]": (pack_int8, st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5)),
}


@pytest.fixture(scope="module")
def session(postgres_url):
    from everfold.storage.postgres.session import connect

    opened = connect(postgres_url, "public", 10.0, 10.0)
    yield opened
    opened.abandon()


@pytest.mark.parametrize("name", CASES)
def test_the_server_reads_what_was_packed(session, name):
    pack, values = CASES[name]

    @settings(max_examples=60)
    @given(values)
    def check(given_values):
        sent = pack(given_values)
        assert isinstance(sent, Packed)
        rows = session.fetch(f"select u from unnest($1::{name}) with ordinality x(u, n) order by n".encode(), sent)
        assert [row[0] for row in rows] == given_values

    check()


@given(st.lists(st.none() | st.integers(0, 4_000_000_000_000_000), max_size=5))
def test_moments_are_exact_to_the_microsecond(session, values):
    rows = session.fetch(
        b"select u from unnest($1::timestamptz[]) with ordinality x(u, n) order by n", pack_moments(values)
    )
    assert [None if row[0] is None else row[0] + EPOCH_MICROSECONDS for row in rows] == values


def test_one_moment_is_what_the_server_shows(session):
    shown = session.value(b"select $1::timestamptz::text", moment(1_795_471_837_250_558))
    assert shown == "2026-11-23 22:10:37.250558+00"


def test_payloads_names_and_tags_come_back_byte_for_byte(storage, words):
    data = bytes(range(256)) * 40
    event = words.event("größe", tags=('a"b', "ü{}", "🎟,\\"))
    event = type(event)(event.id, event.type, 7, data, b'{"\xf0\x9f\x8e\x9f":1}', event.tags)
    storage.commit(words.append("stay-ä'; drop table event; --", 0, event))
    page = words.stream(storage, "stay-ä'; drop table event; --")
    (row,) = page.rows
    assert row[3:6] == ("größe", 7, event.id)
    assert row[7:9] == (data, event.metadata)
    assert row[9] == '["a\\"b","ü{}","🎟,\\\\"]'
    assert uuid.UUID(bytes=row[5]).version == 7
