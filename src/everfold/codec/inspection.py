"""What makes a class unfit to be stored, found from its types alone: every problem, each named by its field.

Refused are types without a canonical form, and options under which stored events would change their meaning later:
a class that forbids unknown fields can't read what a newer release writes, one that omits defaults lets a new
default rewrite history, one stored as an array has no field names to evolve by.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect

from .models import SCALARS, ModelField, classes_in, is_model, is_pydantic_only, model_fields, read_custom
from .shape import is_object, kind_of, members_of, origin_of

__all__ = ["class_problems", "node_problems", "union_problems"]

_KEYS = (
    inspect.AnyType,
    inspect.BytesType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.DecimalType,
    inspect.EnumType,
    inspect.FloatType,
    inspect.IntType,
    inspect.LiteralType,
    inspect.StrType,
    inspect.TimeDeltaType,
    inspect.TimeType,
    inspect.UUIDType,
)


def class_problems(cls: Any) -> list[str]:
    """Why this class can't be an event's; empty when it can."""
    if kind_of(cls) is None:
        name = getattr(cls, "__qualname__", repr(cls))
        hint = "@module.event stands above @dataclass or @define, so that it sees the finished class"
        return [f"{name} is no dataclass, msgspec.Struct, attrs class or pydantic model ({hint})"]
    try:
        node = inspect.type_info(cls)
        found = list(node_problems(node))
        if not is_model(cls):
            msgspec.json.Decoder(cls, dec_hook=read_custom)
    except Exception as error:  # noqa: BLE001  (whatever its annotations raise is a problem of the class)
        return [f"{cls.__qualname__}: {str(error) or type(error).__name__}"]
    return [f"{cls.__qualname__}{'.' if path else ''}{path}: {problem}" for path, problem in found]


def union_problems(annotation: Any) -> Iterator[tuple[str, str]]:
    """The same for a type that msgspec can't decode and pydantic may: a union of models."""
    yield from _Inspection().undecided(tuple(classes_in(annotation)), "")


def node_problems(node: inspect.Type) -> Iterator[tuple[str, str]]:
    """(path, problem) of everything below a type."""
    yield from _Inspection().visit(node, "")


class _Inspection:
    """One look at one type. `plain` is set below a field that reaches pydantic undecided, as plain data."""

    def __init__(self) -> None:
        self.seen: set[tuple[object, bool]] = set()
        self.nodes: list[inspect.Type] = []

    def visit(self, node: Any, path: str, *, in_model: bool = False, plain: bool = False) -> Iterator[tuple[str, str]]:
        if is_object(node):
            yield from self._object(node, path, plain)
        elif isinstance(node, inspect.CustomType):
            yield from _custom(node.cls, path, in_model)
        elif isinstance(node, inspect.RawType | inspect.ExtType):
            yield path, "raw content has no canonical form"
        elif plain and isinstance(node, inspect.BytesType | inspect.ByteArrayType | inspect.MemoryViewType):
            yield path, "bytes below a union of models can't be told from text; give the union a field of one model"
        else:
            yield from _keys(node, path)
            for inner in _inner(node):
                yield from self.visit(inner, path, in_model=in_model, plain=plain)

    def _object(self, node: Any, path: str, plain: bool) -> Iterator[tuple[str, str]]:
        self.nodes.append(node)  # keeps its identity from being used again
        key = (node.cls if is_model(node.cls) else id(node), plain)
        if key in self.seen:
            return
        self.seen.add(key)
        if is_model(node.cls):
            yield from self._model(node.cls, path, plain)
            return
        yield from _struct(node, path, plain)
        for member in members_of(node):
            yield from self.visit(member.node, _join(path, member.field.attribute), plain=plain)

    def _model(self, cls: Any, path: str, plain: bool) -> Iterator[tuple[str, str]]:
        yield from ((path, problem) for problem in _model_options(cls))
        for field in model_fields(cls):
            inner = _join(path, field.name)
            yield from ((inner, problem) for problem in _model_field(cls, field, plain))
            yield from self.visit(field.node, inner, in_model=True, plain=plain)
            yield from self.undecided(field.undecided, inner)

    def undecided(self, classes: tuple[Any, ...], path: str) -> Iterator[tuple[str, str]]:
        for cls in classes:
            yield from self.visit(inspect.type_info(cls), path, in_model=True, plain=True)
        models = [cls for cls in classes if is_model(cls)]
        if not _told_apart(models):
            yield path, "the models of a union need a field that tells them apart: a Literal, different in each"


def _told_apart(models: list[Any]) -> bool:
    """Whether some field that all models have is a Literal whose values differ between them all."""
    literals = [
        {f.name: set(f.node.values) for f in model_fields(model) if isinstance(f.node, inspect.LiteralType)}
        for model in dict.fromkeys(models)
    ]
    shared = set.intersection(*map(set, literals)) if literals else set()
    return len(literals) < 2 or any(
        sum(len(values[name]) for values in literals) == len(set.union(*(values[name] for values in literals)))
        for name in shared
    )


def _inner(node: Any) -> list[inspect.Type]:
    match node:
        case inspect.UnionType():
            return list(node.types)
        case inspect.DictType():
            return [node.key_type, node.value_type]
        case inspect.CollectionType():
            return [node.item_type]
        case inspect.TupleType():
            return list(node.item_types)
        case inspect.NamedTupleType() | inspect.TypedDictType():
            return [field.type for field in node.fields]
        case inspect.Metadata():
            return [node.type]
        case _:
            return []


def _keys(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, inspect.DictType):
        key = node.key_type.type if isinstance(node.key_type, inspect.Metadata) else node.key_type
        scalar = isinstance(key, inspect.CustomType) and issubclass(key.cls, SCALARS)
        if not isinstance(key, _KEYS) and not scalar:
            yield path, "the keys of a dict must be of one type that has a text form"


def _struct(node: Any, path: str, plain: bool) -> Iterator[tuple[str, str]]:
    config = getattr(origin_of(node), "__struct_config__", None)
    if config is None:
        return
    if plain:
        yield path, "a msgspec.Struct can't stand below a union of models"
    if config.forbid_unknown_fields:
        yield path, "forbid_unknown_fields=True can't read events that a newer release writes; leave it out"
    if config.omit_defaults:
        yield path, "omit_defaults=True would let a later default change stored events; leave it out"
    if config.array_like:
        yield path, "array_like=True stores no field names, so the event could never change; leave it out"


def _custom(cls: Any, path: str, in_model: bool) -> Iterator[tuple[str, str]]:
    name = getattr(cls, "__qualname__", repr(cls))
    if hasattr(cls, "get_secret_value") or name == "Json":
        yield path, f"{name} has no stored form that could be read back"
    elif is_pydantic_only(cls) and not issubclass(cls, SCALARS):
        if not in_model:
            yield (
                path,
                f"{name} is known to pydantic alone: use it in a pydantic model, or a type of the standard library",
            )
    elif not (isinstance(cls, type) and issubclass(cls, SCALARS)):
        yield path, f"{name} has no canonical JSON form; store a str, number, date, Decimal, UUID, list, dict or class"


def _model_options(cls: Any) -> Iterator[str]:
    if getattr(cls, "__pydantic_root_model__", False):
        yield "a RootModel has no field names, so it could never change; use a model with a field"
    extra = cls.model_config.get("extra")
    if extra == "forbid":
        yield "extra='forbid' can't read events that a newer release writes; leave it out"
    if extra == "allow":
        yield "extra='allow' takes values that would not be stored; leave it out"


def _model_field(cls: Any, field: ModelField, plain: bool) -> Iterator[str]:
    if not field.key or (plain and field.key != field.name):
        yield "this alias gives no name under which a stored value can be handed back; use a plain alias, or none"
    if any(getattr(item, "__name__", type(item).__name__) == "Json" for item in cls.model_fields[field.name].metadata):
        yield "Json has no stored form that could be read back; declare the type itself"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
