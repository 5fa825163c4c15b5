"""What stands inside a type: msgspec's view of it, extended by attrs and pydantic, which are never imported here.

The encoder's compiler, the checks at start-up and the slow path all ask this file which members an object
has and under which names they are stored, so the three can't disagree.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_origin

import msgspec
from msgspec import inspect

from .models import is_model, model_fields

__all__ = [
    "Kind",
    "Member",
    "StoredField",
    "is_object",
    "kind_of",
    "late_fields",
    "members_of",
    "origin_of",
    "stored_fields",
    "tag_of",
]

Kind = Literal["dataclass", "msgspec", "attrs", "pydantic"]


@dataclass(frozen=True, slots=True)
class StoredField:
    """An attribute, and the name that it has in the stored JSON."""

    attribute: str
    stored: str


@dataclass(frozen=True, slots=True)
class Member:
    """A stored field with the type that it is declared to have."""

    field: StoredField
    node: inspect.Type


def kind_of(cls: object) -> Kind | None:
    """Which of the four kinds of class; None for any other."""
    if not isinstance(cls, type):
        return None
    if issubclass(cls, msgspec.Struct):
        return "msgspec"
    if is_model(cls):
        return "pydantic"
    if "__attrs_attrs__" in cls.__dict__:
        return "attrs"
    return "dataclass" if "__dataclass_fields__" in cls.__dict__ else None


def stored_fields(cls: Any) -> tuple[StoredField, ...]:
    """The stored fields of a class of one of the four kinds, in the order of the class."""
    match kind_of(cls):
        case "msgspec":
            return tuple(map(StoredField, cls.__struct_fields__, cls.__struct_encode_fields__))
        case "attrs":
            return tuple(StoredField(a.name, a.name) for a in cls.__attrs_attrs__)
        case "pydantic":
            return tuple(StoredField(name, name) for name in cls.model_fields)
        case _:
            return tuple(StoredField(f.name, f.name) for f in dataclasses.fields(cls))


def tag_of(cls: Any) -> tuple[str, str | int] | None:
    """The tag field of a Struct and its value, which are stored before the fields."""
    config = getattr(cls, "__struct_config__", None)
    return None if config is None or config.tag is None else (config.tag_field, config.tag)


def late_fields(cls: type) -> tuple[str, ...]:
    """The dataclass fields that its __init__ leaves to the class to set: msgspec leaves out one that never was."""
    fields: Any = dataclasses.fields(cls) if kind_of(cls) == "dataclass" else ()
    missing = dataclasses.MISSING
    return tuple(f.name for f in fields if not f.init and f.default is missing and f.default_factory is missing)


def origin_of(node: Any) -> type:
    """The class of an object node: of `Page[int]`, `Page`."""
    return get_origin(node.cls) or node.cls  # type: ignore[no-any-return]


def is_object(node: inspect.Type) -> bool:
    """Whether the node is a class of one of the four kinds."""
    if isinstance(node, inspect.CustomType):
        return is_model(node.cls)
    return isinstance(node, inspect.StructType | inspect.DataclassType)


def members_of(node: Any) -> tuple[Member, ...]:
    """The members of an object node, in the order in which they are stored."""
    if isinstance(node, inspect.CustomType):
        return tuple(Member(StoredField(f.name, f.name), f.node) for f in model_fields(node.cls))
    return tuple(Member(StoredField(f.name, f.encode_name), f.type) for f in node.fields)
