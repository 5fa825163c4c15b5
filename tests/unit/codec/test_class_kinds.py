"""What each kind of class brings with it: frozen, slots, tags, aliases, generics, computed fields, private names."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, NamedTuple, NotRequired, TypedDict, TypeVar

import attrs
import msgspec
import pydantic
import pytest

T = TypeVar("T")
MOMENT = datetime(2026, 1, 1, tzinfo=timezone.utc)


@dataclass
class Plain:
    number: int
    tags: list[str] = field(default_factory=list)
    double: int = field(init=False)
    _note: str = "n"
    option: int = field(default=4, kw_only=True)

    def __post_init__(self) -> None:
        self.double = self.number * 2

    @functools.cached_property
    def label(self) -> str:
        return f"#{self.number}"


@attrs.define(slots=False)
class Attrs:
    zulu: int
    alpha: Decimal = attrs.field(converter=Decimal)
    tags: list[str] = attrs.Factory(list)
    _note: str = "n"

    @functools.cached_property
    def label(self) -> str:
        return f"#{self.zulu}"


@attrs.frozen
class SlottedAttrs:
    zulu: int
    _private: int
    alpha: int = attrs.field(alias="first")


class Renamed(msgspec.Struct, rename="camel", tag="renamed", kw_only=True, frozen=True):
    guest_id: str
    charged_at: datetime


class Aliased(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(frozen=True, strict=True)
    guest_id: str = pydantic.Field(alias="guestId")
    room: int = pydantic.Field(7, validation_alias=pydantic.AliasChoices("roomNumber", "room"))
    _cache: int = pydantic.PrivateAttr(3)

    @pydantic.computed_field
    def shown(self) -> str:
        return self.guest_id.upper()


class Point(NamedTuple):
    x: int
    y: int


class Options(TypedDict):
    breakfast: bool
    pillow: NotRequired[str]


@dataclass
class Page(Generic[T]):
    items: list[T]


@dataclass
class Containers:
    point: Point
    options: Options
    page: Page[Decimal]


class Card(msgspec.Struct, tag="card"):
    number: str
    amount: Decimal


class Cash(msgspec.Struct, tag="cash"):
    amount: Decimal


class Paid(msgspec.Struct):
    by: Card | Cash
    others: list[Card | Cash | None]


class Cat(pydantic.BaseModel):
    kind: Literal["cat"] = "cat"
    at: pydantic.AwareDatetime


class Dog(pydantic.BaseModel):
    kind: Literal["dog"] = "dog"
    at: datetime


class Owner(pydantic.BaseModel):
    pet: Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]
    pets: list[Cat | Dog] = []
    link: pydantic.HttpUrl | None = None
    size: pydantic.ByteSize = pydantic.ByteSize(0)


class Tree(pydantic.BaseModel):
    value: int
    children: list[Tree] = []
    nested: Aliased | None = None


class Small(pydantic.BaseModel):
    name: str


@dataclass
class Mixed:
    small: Small
    aliased: Aliased | None
    attrs: SlottedAttrs
    by_name: dict[str, Small]


EXAMPLES = [
    (Plain(2, ["a"]), b'{"number":2,"tags":["a"],"double":4,"_note":"n","option":4}'),
    (Attrs(2, "1.5"), b'{"zulu":2,"alpha":"1.5","tags":[],"_note":"n"}'),
    (SlottedAttrs(1, 2, 3), b'{"zulu":1,"_private":2,"alpha":3}'),
    (Renamed(guest_id="g", charged_at=MOMENT), b'{"type":"renamed","guestId":"g","chargedAt":"2026-01-01T00:00:00Z"}'),
    (Aliased(guestId="g"), b'{"guest_id":"g","room":7}'),
    (
        Containers(Point(1, 2), {"breakfast": True}, Page([Decimal(1)])),
        b'{"point":[1,2],"options":{"breakfast":true},"page":{"items":["1"]}}',
    ),
    (
        Paid(Card("n", Decimal(1)), [Cash(Decimal(2)), None]),
        b'{"by":{"type":"card","number":"n","amount":"1"},"others":[{"type":"cash","amount":"2"},null]}',
    ),
    (
        Owner(pet=Dog(at=MOMENT), pets=[Cat(at=MOMENT)], link="https://example.org/a", size="1kb"),
        (
            b'{"pet":{"kind":"dog","at":"2026-01-01T00:00:00Z"},"pets":[{"kind":"cat","at":"2026-01-01T00:00:00Z"}],'
            b'"link":"https://example.org/a","size":1000}'
        ),
    ),
    (
        Tree(value=1, children=[Tree(value=2, nested=Aliased(guestId="g"))]),
        b'{"value":1,"children":[{"value":2,"children":[],"nested":{"guest_id":"g","room":7}}],"nested":null}',
    ),
    (
        Mixed(Small(name="s"), Aliased(guestId="g", room=2), SlottedAttrs(1, 2, 3), {"b": Small(name="x")}),
        (
            b'{"small":{"name":"s"},"aliased":{"guest_id":"g","room":2},"attrs":{"zulu":1,"_private":2,"alpha":3},'
            b'"by_name":{"b":{"name":"x"}}}'
        ),
    ),
]


@pytest.mark.parametrize(("payload", "stored"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_a_payload_is_stored_by_its_fields_and_comes_back(codec, payload, stored):
    it = codec(type(payload))
    assert it.encode(payload) == stored
    back = it.decode(stored)
    assert back == payload
    assert it.encode(back) == stored


@pytest.mark.parametrize("payload", [EXAMPLES[0][0], EXAMPLES[1][0]], ids=lambda value: type(value).__name__)
def test_what_a_cached_property_leaves_in_an_object_is_not_stored(codec, payload):
    before = codec(type(payload)).encode(payload)
    assert payload.label == "#2"
    assert codec(type(payload)).encode(payload) == before


@pytest.mark.parametrize(("payload", "stored"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_the_slow_path_agrees(codec, payload, stored):
    holder = dataclass(type("Holder", (), {"__annotations__": {"at": Any, "free": Any}}))
    moment = MOMENT.astimezone(timezone(timedelta(hours=2)))
    assert codec(holder).encode(holder(moment, payload)).endswith(b'"free":%b}' % stored)


def test_validators_of_a_model_run_when_it_is_read(codec):
    class Doubled(pydantic.BaseModel):
        number: int

        @pydantic.field_validator("number")
        @classmethod
        def even(cls, value: int) -> int:
            assert value % 2 == 0
            return value

    assert codec(Doubled).decode(b'{"number":2}') == Doubled(number=2)


def test_an_object_with_a_subclass_in_its_place_is_stored(codec):
    @dataclass
    class Wide(Plain):
        extra: int = 5

    holder = dataclass(type("Holder", (), {"__annotations__": {"plain": Plain}}))
    data = codec(holder).encode(holder(Wide(1)))
    assert codec(holder).decode(data).plain == Plain(1)
