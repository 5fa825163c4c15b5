"""Everything that contradicts in the modules of a store is reported at once, when it opens."""

from __future__ import annotations

import enum
from dataclasses import InitVar, dataclass
from typing import Any, NamedTuple

import attrs
import msgspec
import pydantic
import pytest

from everfold.codec.registry import Registry
from everfold.errors import ConfigurationError
from everfold.module import Module


@dataclass
class First:
    number: int


@dataclass
class Second:
    number: int


def problems(*modules: Module) -> str:
    with pytest.raises(ConfigurationError) as caught:
        Registry.of(modules)
    return str(caught.value)


@pytest.fixture
def hotel():
    return Module("hotel")


@pytest.fixture
def finance():
    return Module("finance")


def test_a_name_registered_twice_is_refused(hotel):
    hotel.event("charged")(First)
    hotel.event("charged")(Second)
    assert "'charged' is registered 2 times" in problems(hotel)


def test_a_name_registered_in_two_modules_is_refused(hotel, finance):
    hotel.event("charged")(First)
    finance.event("charged")(Second)
    assert "type of module 'hotel', type of module 'finance'" in problems(hotel, finance)


def test_an_alias_that_is_another_types_name_is_refused(hotel, finance):
    hotel.event("charged")(First)
    finance.event("paid", aliases=["charged"])(Second)
    assert "type of module 'hotel', alias of 'paid' in module 'finance'" in problems(hotel, finance)


@pytest.mark.parametrize("aliases", [["charged"], ["old", "old"]])
def test_an_alias_that_says_the_same_twice_is_refused(hotel, aliases):
    hotel.event("charged", aliases=aliases)(First)
    assert "is registered 2 times" in problems(hotel)


def test_a_class_registered_twice_is_refused(hotel, finance):
    hotel.event("charged")(First)
    finance.event("paid")(First)
    assert "class First is registered 2 times: 'charged' (module 'hotel'), 'paid' (module 'finance')" in problems(
        hotel, finance
    )


def test_two_modules_of_one_name_are_refused(hotel):
    assert "two modules are named 'hotel'" in problems(hotel, Module("hotel"))


@pytest.mark.parametrize(
    ("name", "word"),
    [("", "empty"), ("$own", "everfold itself"), ("a\0", "NUL"), ("x" * 101, "101 characters"), ("\ud800", "Unicode")],
)
def test_a_name_that_can_not_be_stored_is_refused(name, word):
    module, aliased = Module("m"), Module("n")
    module.event(name)(First)
    aliased.event("fine", aliases=[name])(First)
    assert word in problems(module)
    assert word in problems(aliased)
    assert word in problems(Module(name))


def test_the_longest_name_is_accepted(hotel):
    hotel.event("x" * 100)(First)
    assert Registry.of([hotel]).type_name(First) == "x" * 100


@pytest.mark.parametrize("version", [0, -1, True, "2", 1.0, None])
def test_a_schema_version_below_1_or_no_integer_is_refused(hotel, version):
    hotel.event("charged", version=version)(First)
    assert "version must be 1, 2, 3, …" in problems(hotel)


def test_a_gap_in_an_upcast_chain_is_refused(hotel):
    hotel.event("charged", version=4)(First)
    hotel.upcast("charged", from_version=2)(dict)
    assert "is at version 4, but has no upcaster from version 1, 3" in problems(hotel)


@pytest.mark.parametrize("from_version", [2, 3])
def test_an_upcaster_from_the_current_version_or_above_is_refused(hotel, from_version):
    hotel.event("charged", version=2)(First)
    hotel.upcast("charged", from_version=1)(dict)
    hotel.upcast("charged", from_version=from_version)(dict)
    assert "the current version is 2, so no event needs it" in problems(hotel)


@pytest.mark.parametrize("from_version", [0, -1, "1", True])
def test_an_upcaster_from_no_schema_version_is_refused(hotel, from_version):
    hotel.event("charged")(First)
    hotel.upcast("charged", from_version=from_version)(dict)
    assert "a schema version is 1, 2, 3, …" in problems(hotel)


def test_the_same_upcaster_twice_is_refused(hotel):
    hotel.event("charged", version=2)(First)
    hotel.upcast("charged", from_version=1)(dict)
    hotel.upcast("charged", from_version=1)(dict)
    assert "from version 1 in module 'hotel' is declared twice" in problems(hotel)


def test_an_upcaster_for_a_type_that_the_module_does_not_own_is_refused(hotel, finance):
    hotel.event("charged", version=2, aliases=["paid"])(First)
    hotel.upcast("charged", from_version=1)(dict)
    finance.upcast("charged", from_version=1)(dict)
    assert "the module has no such event type" in problems(hotel, finance)
    hotel.upcast("paid", from_version=1)(dict)
    assert "'paid' is an alias; declare it for 'charged'" in problems(hotel)


def test_an_upcaster_that_waits_is_refused(hotel):
    async def upcaster(data: dict[str, Any]) -> dict[str, Any]:
        return data

    hotel.event("charged", version=2)(First)
    hotel.upcast("charged", from_version=1)(upcaster)
    assert "must be a plain function" in problems(hotel)


class Color(enum.Enum):
    RED = (1, 2)


class Row(NamedTuple):
    a: int


class Undecorated:
    a: int


@dataclass
class WithInitVar:
    a: InitVar[int]


@dataclass
class WithObject:
    a: list[object]


@dataclass
class WithEnum:
    a: Color


@dataclass
class WithRaw:
    a: dict[str, msgspec.Raw]


@dataclass
class WithUnknownName:
    a: Nowhere  # noqa: F821


@dataclass
class WithTupleKeys:
    a: dict[tuple[int, int], int]


@dataclass
class WithUnion:
    a: First | Second


class Forbidding(msgspec.Struct, forbid_unknown_fields=True):
    a: int


class Omitting(msgspec.Struct, omit_defaults=True):
    a: int = 1


class Positional(msgspec.Struct, array_like=True):
    a: int


@attrs.define
class HoldsForbidding:
    a: tuple[int, Forbidding] | None


class ForbiddingModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    a: int


class AllowingModel(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int


class HoldsForbiddingModel(pydantic.BaseModel):
    a: dict[str, ForbiddingModel]


class RootOnly(pydantic.RootModel[list[int]]):
    pass


class SecretModel(pydantic.BaseModel):
    a: pydantic.SecretStr | None


class JsonModel(pydantic.BaseModel):
    a: pydantic.Json[list[int]]


class JsonBare(pydantic.BaseModel):
    a: pydantic.Json


class PathModel(pydantic.BaseModel):
    a: int = pydantic.Field(validation_alias=pydantic.AliasPath("x", 0))


class UnknownNameModel(pydantic.BaseModel):
    a: Nowhere  # noqa: F821


class Left(pydantic.BaseModel):
    amount: int


class Right(pydantic.BaseModel):
    amount: int


class Undecided(pydantic.BaseModel):
    a: list[Left | Right]


class TextOrDecimal(pydantic.BaseModel):
    a: str | bytes


class Bytes(pydantic.BaseModel):
    kind: int
    raw: bytes


class BytesInUnion(pydantic.BaseModel):
    a: Left | Bytes


@dataclass
class HoldsUrl:
    a: pydantic.HttpUrl


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (Undecorated, "no dataclass, msgspec.Struct, attrs class or pydantic model"),
        (Color, "no dataclass"),
        (Row, "no dataclass"),
        (dict, "no dataclass"),
        (WithInitVar, "InitVar"),
        (WithObject, "WithObject.a: object has no canonical JSON form"),
        (WithEnum, "WithEnum: Enums must contain either all str or all int"),
        (WithRaw, "WithRaw.a: raw content"),
        (WithUnknownName, "WithUnknownName: name 'Nowhere' is not defined"),
        (WithTupleKeys, "WithTupleKeys.a: the keys of a dict"),
        (WithUnion, "WithUnion: Type unions may not contain more than one"),
        (Forbidding, "Forbidding: forbid_unknown_fields=True"),
        (Omitting, "Omitting: omit_defaults=True"),
        (Positional, "Positional: array_like=True"),
        (HoldsForbidding, "HoldsForbidding.a: forbid_unknown_fields=True"),
        (ForbiddingModel, "ForbiddingModel: extra='forbid'"),
        (AllowingModel, "AllowingModel: extra='allow'"),
        (HoldsForbiddingModel, "HoldsForbiddingModel.a: extra='forbid'"),
        (RootOnly, "RootOnly: a RootModel"),
        (SecretModel, "SecretModel.a: SecretStr has no stored form"),
        (JsonModel, "JsonModel.a: Json has no stored form"),
        (JsonBare, "JsonBare.a: Json has no stored form"),
        (PathModel, "PathModel.a: this alias gives no name"),
        (UnknownNameModel, "UnknownNameModel: annotations of UnknownNameModel can't be resolved"),
        (Undecided, "Undecided.a: the models of a union need a field that tells them apart"),
        (TextOrDecimal, "TextOrDecimal: Type unions may not contain more than one str-like"),
        (BytesInUnion, "BytesInUnion.a.raw: bytes below a union of models"),
        (HoldsUrl, "is known to pydantic alone"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_class_that_can_not_be_stored_is_refused_by_field(hotel, cls, text):
    hotel.event("it")(cls)
    found = problems(hotel)
    assert "event 'it' of module 'hotel': " in found
    assert text in found


def test_a_function_in_a_class_place_is_refused(hotel):
    hotel.event("it")(lambda: None)
    assert "no dataclass" in problems(hotel)


def test_every_problem_of_every_module_is_listed_in_one_error(hotel, finance):
    hotel.event("charged", version=3)(First)
    hotel.event("charged")(Undecorated)
    hotel.upcast("gone", from_version=1)(dict)
    finance.event("$x", version=0)(Forbidding)
    text = problems(hotel, finance)
    assert "have 6 problem(s):" in text
    assert text.count("\n- ") == 6


def test_a_module_given_twice_counts_once(hotel):
    hotel.event("charged")(First)
    assert Registry.of([hotel, hotel]).names_for([First]) == ("charged",)


def test_a_class_decorated_below_the_dataclass_decorator_is_seen_finished(hotel):
    @dataclass
    @hotel.event("late")
    class Late:
        a: int

    assert Registry.of([hotel]).encode(Late(1)) == ("late", 1, b'{"a":1}')
