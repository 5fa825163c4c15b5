"""Metadata: plain data by text keys, in one canonical form."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

import pytest

from everfold.codec.metadata import encode_metadata
from everfold.errors import InvalidNameError, UnencodableEventError

EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("metadata", "stored"),
    [
        ({}, b"{}"),
        ({"b": "x", "a": "é"}, b'{"a":"\xc3\xa9","b":"x"}'),
        ({"b": "\\u0000 in words", "a": "x"}, b'{"a":"x","b":"\\\\u0000 in words"}'),
        ({"n": 1, "l": [1, {"z": None, "y": True}]}, b'{"l":[1,{"y":true,"z":null}],"n":1}'),
        ({"id": UUID(int=1)}, b'{"id":"00000000-0000-0000-0000-000000000001"}'),
        (
            {"d": Decimal("1.50"), "at": datetime(2026, 1, 1, 2, tzinfo=EAST)},
            b'{"at":"2026-01-01T00:00:00Z","d":"1.50"}',
        ),
        (MappingProxyType({"b": "x", "a": "y"}), b'{"a":"y","b":"x"}'),
    ],
)
def test_metadata_has_one_stored_form(metadata, stored):
    assert encode_metadata(metadata) == stored


@pytest.mark.parametrize(
    ("key", "word"), [(1, "int"), (None, "NoneType"), ("", "empty"), ("a\0", "NUL"), ("\ud800", "half")]
)
@pytest.mark.parametrize("value", ["x", 1])
def test_a_key_that_can_not_be_stored_is_refused(key, word, value):
    with pytest.raises(InvalidNameError, match=word):
        encode_metadata({key: value})


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"a": "x\0"}, "['a']"),
        ({"a": "\ud800"}, "['a']"),
        ({"a": float("nan")}, "['a']"),
        ({"a": [datetime(2026, 1, 1)]}, "['a'][0]"),
        ({"a": {"b": object()}}, "['a']['b']"),
        ({"a": {1: "x"}}, "['a'][1]"),
    ],
)
def test_a_value_that_can_not_be_stored_is_refused_by_its_key(metadata, path):
    with pytest.raises(UnencodableEventError) as caught:
        encode_metadata(metadata)
    assert (caught.value.type_name, caught.value.field) == ("metadata", path)


def test_metadata_that_contains_itself_is_refused():
    loop: dict[str, object] = {}
    loop["loop"] = loop
    with pytest.raises(UnencodableEventError, match="contains itself"):
        encode_metadata(loop)
