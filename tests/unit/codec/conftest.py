"""The four kinds of class that a payload may be, made from one list of fields."""

from __future__ import annotations

import dataclasses

import attrs
import msgspec
import pydantic
import pytest

from everfold.codec.registry import Registry
from everfold.module import Module

KINDS = ("dataclass", "msgspec", "attrs", "pydantic")


def class_of(kind, name, fields):
    """A class with these fields: name → type, or (type, default)."""
    full = {field: given if isinstance(given, tuple) else (given,) for field, given in fields.items()}
    match kind:
        case "dataclass":
            listed = [(f, g[0], dataclasses.field(default=g[1])) if g[1:] else (f, g[0]) for f, g in full.items()]
            return dataclasses.make_dataclass(name, listed, frozen=True, slots=True)
        case "msgspec":
            return msgspec.defstruct(name, [(f, *g) for f, g in full.items()], frozen=True)
        case "attrs":
            defaults = {f: g[1] for f, g in full.items() if g[1:]}
            return attrs.frozen(type(name, (), {"__annotations__": {f: g[0] for f, g in full.items()}, **defaults}))
        case _:
            loose = pydantic.ConfigDict(arbitrary_types_allowed=True)
            made = {f: (g[0], g[1] if g[1:] else ...) for f, g in full.items()}
            return pydantic.create_model(name, __config__=loose, **made)


class Codec:
    """One event type, "it", in a registry of its own."""

    def __init__(self, cls, **options) -> None:
        self.cls = cls
        self.module = Module("tests")
        self.module.event("it", **options)(cls)

    @property
    def registry(self):
        return Registry.of([self.module])

    def encode(self, payload) -> bytes:
        return self.registry.encode(payload)[2]

    def decode(self, data, version=1):
        return self.registry.decode("it", version, data, 7)

    def made(self, **values) -> bytes:
        return self.encode(self.cls(**values))


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def make(kind):
    """`make(field=type, ...)`: the codec of a class of each kind in turn."""
    return lambda **fields: Codec(class_of(kind, "It", fields))


@pytest.fixture
def make_class(kind):
    return lambda name, **fields: class_of(kind, name, fields)


@pytest.fixture
def codec():
    """`codec(cls)`: the codec of a class that the test wrote itself."""
    return Codec
