"""The codec over generated values: what is written is read back, in one form, whichever kind of class holds it."""

from __future__ import annotations

import enum
import json
import math
from dataclasses import dataclass, make_dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from everfold.codec.metadata import encode_metadata
from everfold.codec.registry import Registry
from everfold.errors import UndecodableEventError, UnencodableEventError
from everfold.module import Module


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


LINE_FIELDS = {"amount": Decimal, "at": datetime, "note": str | None}
FIELDS: dict[str, Any] = {
    "text": str,
    "number": int,
    "ratio": float,
    "flag": bool,
    "amount": Decimal,
    "at": datetime,
    "day": date,
    "clock": time,
    "span": timedelta,
    "id": UUID,
    "raw": bytes,
    "colour": Colour,
    "level": Level,
    "maybe": datetime | None,
    "either": int | str,
    "names": set[str],
    "colours": frozenset[Colour],
    "moments": tuple[datetime, ...],
    "pair": tuple[int, Decimal],
    "by_name": dict[str, Decimal],
    "by_number": dict[int, float],
    "free": Any,
}


def lines_of(line) -> dict[str, Any]:
    return {"line": line, "lines": list[line], "lines_by_name": dict[str, line], "last": line | None}


def class_of(kind: str, name: str, fields: dict[str, Any]) -> Any:
    match kind:
        case "dataclass":
            return make_dataclass(name, fields.items(), slots=True)
        case "msgspec":
            return msgspec.defstruct(name, fields.items())
        case "attrs":
            return attrs.define(type(name, (), {"__annotations__": fields}))
        case _:
            return pydantic.create_model(name, **{field: (given, ...) for field, given in fields.items()})


KINDS = ("dataclass", "msgspec", "attrs", "pydantic")
LINES = {kind: class_of(kind, "Line", LINE_FIELDS) for kind in KINDS}
CLASSES = {kind: class_of(kind, "Rich", FIELDS | lines_of(LINES[kind])) for kind in KINDS}


def registry_of(cls) -> Registry:
    module = Module("properties")
    module.event("rich", version=2)(cls)
    module.upcast("rich", from_version=1)(lambda data: data)
    return Registry.of([module])


REGISTRIES = {kind: registry_of(cls) for kind, cls in CLASSES.items()}

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
zones = st.sampled_from([timezone.utc, timezone(timedelta(hours=2)), timezone(timedelta(hours=-3, minutes=-30))])
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
floats = st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
lines = st.fixed_dictionaries({"amount": decimals, "at": moments, "note": st.none() | texts})
values = st.fixed_dictionaries(
    {
        "text": texts,
        "number": st.integers(),
        "ratio": floats,
        "flag": st.booleans(),
        "amount": decimals,
        "at": moments,
        "day": st.dates(),
        "clock": st.times(),
        "span": st.timedeltas(),
        "id": st.uuids(),
        "raw": st.binary(max_size=20),
        "colour": st.sampled_from(Colour),
        "level": st.sampled_from(Level),
        "maybe": st.none() | moments,
        "either": st.integers() | texts,
        "names": st.sets(texts, max_size=4),
        "colours": st.frozensets(st.sampled_from(Colour)),
        "moments": st.lists(moments, max_size=3).map(tuple),
        "pair": st.tuples(st.integers(), decimals),
        "by_name": st.dictionaries(texts, decimals, max_size=3),
        "by_number": st.dictionaries(st.integers(), floats, max_size=3),
        "free": plain,
        "line": lines,
        "lines": st.lists(lines, max_size=3),
        "lines_by_name": st.dictionaries(texts, lines, max_size=3),
        "last": st.none() | lines,
    }
)


def payload_of(kind: str, given: dict[str, Any]) -> Any:
    line = LINES[kind]
    nested = {
        "line": line(**given["line"]),
        "lines": [line(**each) for each in given["lines"]],
        "lines_by_name": {name: line(**each) for name, each in given["lines_by_name"].items()},
        "last": given["last"] and line(**given["last"]),
    }
    return CLASSES[kind](**(given | nested))


def stored(kind: str, payload: Any) -> bytes:
    return REGISTRIES[kind].encode(payload)[2]


def read(kind: str, data: bytes, version: int = 2) -> Any:
    return REGISTRIES[kind].decode("rich", version, data, 1)


@given(values)
def test_equal_values_have_the_same_bytes_in_the_four_kinds_of_class_and_come_back(given_values):
    forms = set()
    for kind in KINDS:
        payload = payload_of(kind, given_values)
        data = stored(kind, payload)
        back = read(kind, data)
        assert back == payload
        assert stored(kind, back) == data
        forms.add(data)
    assert len(forms) == 1


@given(values)
def test_a_class_that_needs_no_second_look_takes_the_fast_path_to_the_same_bytes(given_values):
    """Keys of text, sets of text and moments in UTC are what the compiled encoder writes by itself."""
    fields = {name: given for name, given in FIELDS.items() if name not in ("by_number", "colours")}
    given_values = {name: given_values[name] for name in fields}
    at_home = {name: v.astimezone(timezone.utc) if isinstance(v, datetime) else v for name, v in given_values.items()}
    at_home["moments"] = tuple(moment.astimezone(timezone.utc) for moment in given_values["moments"])
    cls = make_dataclass("Fast", fields.items())
    registry = registry_of(cls)
    assert registry.encode(cls(**at_home))[2] == registry.encode(cls(**given_values))[2]


@given(values, st.sampled_from(KINDS))
def test_plain_data_and_stored_bytes_make_the_same_object(given_values, kind):
    data = stored(kind, payload_of(kind, given_values))
    assert read(kind, data, version=1) == read(kind, data)


@given(values, st.sampled_from(KINDS), st.dictionaries(texts.map("new ".__add__), plain, max_size=4))
def test_unknown_fields_change_nothing(given_values, kind, unknown):
    data = stored(kind, payload_of(kind, given_values))
    plain_data = json.loads(data)
    for place in (plain_data, plain_data["line"], *plain_data["lines"]):
        place.update(unknown)
    grown = json.dumps(plain_data).encode()
    assert read(kind, grown) == read(kind, grown, version=1) == read(kind, data)


@given(st.binary(max_size=40), st.sampled_from(KINDS), st.sampled_from([1, 2]))
@example(b"{}", "dataclass", 1)
@example(b"[" * 3000, "attrs", 1)
def test_garbage_is_undecodable_and_nothing_else(data, kind, version):
    with pytest.raises(UndecodableEventError):
        read(kind, data, version)


@given(values, st.sampled_from(KINDS), st.data())
def test_one_broken_byte_is_read_or_undecodable_and_nothing_else(given_values, kind, draw):
    data = bytearray(stored(kind, payload_of(kind, given_values)))
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        event = read(kind, bytes(data))
    except UndecodableEventError as error:
        event = error
    assert type(event) in (CLASSES[kind], UndecodableEventError)


@dataclass
class Free:
    value: Any


@dataclass
class Typed:
    text: str
    ratio: float
    amount: Decimal
    at: datetime


FREE, TYPED = registry_of(Free), registry_of(Typed)
awkward = st.recursive(
    st.text(max_size=3)
    | st.floats()
    | st.decimals()
    | st.datetimes(timezones=st.none() | zones)
    | st.times(timezones=st.none() | zones)
    | st.complex_numbers()
    | st.binary(max_size=3)
    | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


def has_utc(value: datetime) -> bool:
    try:
        return value.tzinfo is not None and value.astimezone(timezone.utc).year > 0
    except OverflowError:
        return False


def outcome(registry: Registry, payload: Any) -> tuple[bytes, str]:
    """(the bytes, ""), or (b"", the field that was refused)."""
    try:
        return registry.encode(payload)[2], ""
    except UnencodableEventError as error:
        return b"", error.field


def is_storable(value: Any) -> bool:
    match value:
        case str():
            return "\0" not in value and value.encode(errors="ignore").decode() == value
        case float():
            return math.isfinite(value)
        case Decimal():
            return value.is_finite()
        case datetime():
            return has_utc(value)
        case complex():
            return False
        case list():
            return all(map(is_storable, value))
        case dict():
            texts = [str(key) for key in value]
            return len(set(texts)) == len(texts) and all(map(is_storable, [*value, *value.values()]))
        case _:
            return True


@given(awkward)
def test_a_value_is_stored_exactly_when_it_has_a_canonical_form(value):
    data, refused = outcome(FREE, Free(value))
    assert refused.startswith("value") is not is_storable(value)
    assert not data or FREE.encode(FREE.decode("rich", 2, data, 1))[2] == data


@given(st.text(max_size=5), st.floats(), st.decimals(), st.datetimes(timezones=st.none() | zones))
def test_typed_fields_are_stored_exactly_when_each_has_a_canonical_form(text, ratio, amount, at):
    payload = Typed(text, ratio, amount, at)
    wrong = [name for name in ("text", "ratio", "amount", "at") if not is_storable(getattr(payload, name))]
    data, refused = outcome(TYPED, payload)
    assert refused == (wrong[0] if wrong else "")
    assert not data or TYPED.decode("rich", 2, data, 1) == payload


@given(st.dictionaries(texts.filter(bool), plain, max_size=4))
def test_metadata_is_read_back_as_it_was_given_and_in_one_form(metadata):
    data = encode_metadata(metadata)
    back = msgspec.json.decode(data)
    assert back == metadata
    assert encode_metadata(back) == data
    assert encode_metadata(dict(reversed(metadata.items()))) == data
