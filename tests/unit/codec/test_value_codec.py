"""States of snapshots: any type that msgspec or pydantic knows, under the same rules as events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Literal

import msgspec
import pydantic
import pytest

from everfold.codec.payload import value_codec
from everfold.errors import ConfigurationError, UndecodableEventError, UnencodableEventError

MOMENT = datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))


@dataclass(frozen=True)
class Stay:
    nights: dict[int, Decimal]
    at: datetime | None = None


class Open(msgspec.Struct, tag="open"):
    since: datetime


class Closed(msgspec.Struct, tag="closed"):
    pass


class OpenModel(pydantic.BaseModel):
    status: Literal["open"] = "open"
    since: pydantic.AwareDatetime


class ClosedModel(pydantic.BaseModel):
    status: Literal["closed"] = "closed"


class Loose(pydantic.BaseModel):
    pass


@pytest.mark.parametrize(
    ("value_type", "value", "stored"),
    [
        (dict, {"b": 1, "a": [1.5]}, b'{"a":[1.5],"b":1}'),
        (int, 3, b"3"),
        (list[Decimal], [Decimal(1)], b'["1"]'),
        (
            Stay,
            Stay({10: Decimal(1), 9: Decimal(2)}, MOMENT),
            b'{"nights":{"10":"1","9":"2"},"at":"2026-01-01T00:00:00Z"}',
        ),
        (Open | Closed, Open(MOMENT), b'{"type":"open","since":"2026-01-01T00:00:00Z"}'),
        (Open | Closed, Closed(), b'{"type":"closed"}'),
        (OpenModel, OpenModel(since=MOMENT), b'{"status":"open","since":"2026-01-01T00:00:00Z"}'),
        (list[OpenModel], [OpenModel(since=MOMENT)], b'[{"status":"open","since":"2026-01-01T00:00:00Z"}]'),
        (OpenModel | ClosedModel, ClosedModel(), b'{"status":"closed"}'),
        (OpenModel | ClosedModel | None, None, b"null"),
        (Any, {"x": None}, b'{"x":null}'),
    ],
    ids=str,
)
def test_a_value_of_the_type_comes_back(value_type, value, stored):
    codec = value_codec(value_type)
    assert codec.encode(value) == stored
    assert codec.decode(stored) == value


def test_a_value_without_a_canonical_form_is_refused_by_field():
    with pytest.raises(UnencodableEventError, match="'at' of event 'Stay'"):
        value_codec(Stay).encode(Stay({}, datetime(2026, 1, 1)))


@pytest.mark.parametrize("value_type", [Stay, OpenModel, OpenModel | ClosedModel])
def test_bytes_that_do_not_fit_are_undecodable(value_type):
    with pytest.raises(UndecodableEventError) as caught:
        value_codec(value_type, name="state of stay", schema_version=3).decode(b'{"status":"other"}')
    assert (caught.value.type_name, caught.value.schema_version) == ("state of stay", 3)


@pytest.mark.parametrize(
    ("value_type", "text"),
    [
        (object, "object has no canonical JSON form"),
        (Stay | complex, "complex"),
        (Stay | Closed, "msgspec Structs with a tag"),
        (Loose | ClosedModel, "tells them apart"),
        (OpenModel | ClosedModel | str | Decimal, "str-like"),
        (list[pydantic.SecretStr], "SecretStr"),
    ],
    ids=str,
)
def test_a_type_without_a_canonical_form_is_refused(value_type, text):
    with pytest.raises(ConfigurationError, match=text):
        value_codec(value_type)
