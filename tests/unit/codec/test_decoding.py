"""Reading stored bytes: tolerant of fields to come, strict about what stands there, and exact about what is wrong."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest

from everfold.errors import UndecodableEventError, UnknownEventTypeError


class Colour(enum.Enum):
    RED = "red"


def undecodable(codec, data: bytes, version: int = 1) -> UndecodableEventError:
    with pytest.raises(UndecodableEventError) as caught:
        codec.decode(data, version)
    error = caught.value
    assert (error.type_name, error.schema_version, error.position) == ("it", version, 7)
    return error


def test_fields_that_the_class_does_not_know_are_tolerated(make, make_class):
    line = make_class("Line", amount=Decimal)
    codec = make(line=line, lines=list[line])
    data = b'{"new":{"x":[1]},"line":{"amount":"1","also":null},"lines":[{"z":1,"amount":"2"}]}'
    assert codec.decode(data) == codec.cls(line=line(amount=Decimal(1)), lines=[line(amount=Decimal(2))])


def test_a_missing_field_with_a_default_is_filled(make):
    codec = make(guest=str, room=(int, 7))
    assert codec.decode(b'{"guest":"g"}') == codec.cls(guest="g", room=7)


def test_a_missing_required_field_is_named_by_its_path(make, make_class):
    line = make_class("Line", amount=Decimal)
    codec = make(guest=str, lines=list[line])
    assert undecodable(codec, b'{"lines":[]}').reason == "the required field 'guest' is missing"
    reason = undecodable(codec, b'{"guest":"g","lines":[{"amount":"1"},{}]}').reason
    assert reason == "the required field 'lines[1].amount' is missing"


@pytest.mark.parametrize(
    ("annotation", "stored", "reason"),
    [
        (int, b'"x"', "field 'it': Expected 'int', got 'str'"),
        (datetime, b'"yesterday"', "field 'it': Invalid RFC3339 encoded datetime"),
        (list[int], b'[1,"2"]', "field 'it[1]': Expected 'int', got 'str'"),
        (dict[str, int], b'{"a":null}', "field 'it[...]': Expected 'int', got 'null'"),
        (Colour, b'"hunter2"', "field 'it': Invalid enum value"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_path_and_not_shown(make, annotation, stored, reason):
    assert undecodable(make(it=annotation), b'{"it":%b}' % stored).reason == reason


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b'{"it":1}x', b'{"it":"\xff"}', b"[" * 5000]
)
@pytest.mark.parametrize("version", [1, 2])
def test_broken_bytes_are_undecodable_on_every_path(make_class, codec, data, version):
    it = codec(make_class("It", it=str), version=2)
    it.module.upcast("it", from_version=1)(lambda data: data)
    assert undecodable(it, data, version).__cause__ is not None or data in (b"[]", b"null", b'"x"')


def test_an_event_of_a_newer_release_says_so(make):
    error = undecodable(make(it=int), b'{"it":1}', 2)
    assert "newer release" in error.reason
    assert "up to version 1" in error.reason


@pytest.mark.parametrize("version", [0, -1])
def test_a_schema_version_that_never_was_is_undecodable(make, version):
    assert "begin with 1" in undecodable(make(it=int), b'{"it":1}', version).reason


def test_a_type_that_nobody_registered_is_named_with_its_position_and_near_matches(make):
    with pytest.raises(UnknownEventTypeError, match=r"'itt' \(position 9\).*'it'") as caught:
        make(it=int).registry.decode("itt", 1, b"{}", 9)
    assert (caught.value.position, caught.value.known) == (9, ("it",))


@dataclass
class Guarded:
    rate: int

    def __post_init__(self) -> None:
        if self.rate > 5:
            raise ValueError(f"rate {self.rate} is secret")


@dataclass
class Outer:
    guarded: Guarded


def test_an_error_of_the_class_itself_is_the_cause_and_its_text_stays_out_of_the_message(codec):
    error = undecodable(codec(Outer), b'{"guarded":{"rate":42}}')
    assert error.reason == "field 'guarded': ValueError was raised while the object was made"
    assert "42" not in str(error)
    assert "secret" in str(error.__cause__)


class Checked(pydantic.BaseModel):
    rate: int = pydantic.Field(gt=3)
    names: list[pydantic.AwareDatetime] = []


@dataclass
class HoldsModel:
    checked: Checked


def test_a_refusal_by_pydantic_names_field_and_rule_without_the_value(codec):
    error = undecodable(codec(Checked), b'{"rate":1,"names":["hunter2"]}')
    assert error.reason == (
        "field 'rate': pydantic refuses it (greater_than); field 'names[0]': pydantic refuses it (datetime_from_date_parsing)"
    )
    nested = undecodable(codec(HoldsModel), b'{"checked":{"rate":1}}')
    assert nested.reason == "field 'checked': field 'rate': pydantic refuses it (greater_than)"


@dataclass
class Greedy:
    rate: int

    def __post_init__(self) -> None:
        raise MemoryError


def test_running_out_of_memory_is_no_fault_of_the_bytes(codec):
    with pytest.raises(MemoryError):
        codec(Greedy).decode(b'{"rate":1}')


def test_bytes_in_any_buffer_are_read(make):
    codec = make(it=int)
    assert codec.decode(memoryview(b'{"it":1}')) == codec.decode(bytearray(b'{"it":1}')) == codec.cls(it=1)


def test_a_number_written_for_a_decimal_is_read_exactly(make):
    assert make(it=Decimal).decode(b'{"it":1.10}').it == Decimal("1.10")


def test_a_field_of_any_type_is_read_as_plain_data(make):
    assert make(it=Any).decode(b'{"it":{"a":[1,"2",null]}}').it == {"a": [1, "2", None]}


def test_an_omitted_field_of_a_struct_stays_unset(codec):
    cls = msgspec.defstruct("It", [("a", int | msgspec.UnsetType, msgspec.UNSET), ("at", datetime | None, None)])
    it = codec(cls)
    assert it.encode(cls()) == b'{"at":null}'
    assert it.decode(b"{}").a is msgspec.UNSET
