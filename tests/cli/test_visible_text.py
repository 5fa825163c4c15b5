"""Making text safe to show: nothing acts on a terminal, and JSON stays the same JSON."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everfold.cli.untyped import parse_object
from everfold.cli.visible import cell, prose, visible

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@given(st.text(st.characters()))
def test_no_control_and_no_format_character_is_left(text):
    shown = visible(text)
    assert {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"} == set()
    assert not any(
        unicodedata.bidirectional(c) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI") for c in shown
    )


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], exclude_characters="\u200e")))
def test_text_that_is_seen_stays_as_it_is(text):
    assert visible(text) == text


@given(values)
def test_json_that_was_made_visible_is_the_same_json(value):
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value


@given(st.dictionaries(st.text(max_size=9), values, max_size=3))
def test_an_object_is_parsed_as_it_was_written(value):
    assert parse_object(json.dumps(value), "--data") == value


@pytest.mark.parametrize(("value", "shown"), [(None, ""), (7, "7"), ("a\tb\nc\r", r"a\tb\nc\r"), (True, "True")])
def test_a_field_is_one_field_of_one_line(value, shown):
    assert cell(value) == shown


def test_a_message_keeps_its_own_lines():
    assert prose("one\ntwo\x1b") == "one\ntwo\\u001b"
