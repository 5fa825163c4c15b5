"""pydantic models: read as typed data by msgspec, then validated by the model. pydantic is never imported here.

A model is pydantic's only if the application imported pydantic, so `sys.modules` is asked. The stored name of a
field is its Python name (aliases are for other doors), and its stored form is everfold's own, the same as for the
other kinds of class: a model's serializers play no part. On reading, msgspec makes a dict of typed values and
the model validates it; what msgspec can't decide (a union of models) reaches pydantic as plain data.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypedDict, Union, get_args, get_origin

import msgspec
from msgspec import inspect

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = [
    "SCALARS",
    "ModelField",
    "classes_in",
    "is_model",
    "is_pydantic_only",
    "merged",
    "model_fields",
    "model_reader",
    "read_custom",
]

READERS_MAX = 1024
SCALARS = (str, int, float)
_CONTAINER_MODULES = ("builtins", "collections.abc")
_encode_plain = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ModelField:
    """A field of a model. `target` is what msgspec reads before pydantic validates; `key` is how pydantic names it.

    `undecided` are the classes in a field that reaches pydantic as plain data.
    """

    name: str
    key: str
    required: bool
    node: inspect.Type
    target: Any
    undecided: tuple[Any, ...] = ()


def is_model(cls: object) -> bool:
    """Whether it is a class derived from pydantic's BaseModel."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def is_pydantic_only(cls: object) -> bool:
    """Whether only pydantic knows the type (AwareDatetime, HttpUrl, …): its values come back through a model alone."""
    if not isinstance(cls, type) or is_model(cls):
        return False
    return hasattr(cls, "__get_pydantic_core_schema__") or cls.__module__.partition(".")[0] == "pydantic_core"


def model_fields(cls: type[BaseModel]) -> tuple[ModelField, ...]:
    """The fields of a model, in its order. Raises NameError when an annotation can't be resolved."""
    if not cls.__pydantic_complete__ and not cls.model_rebuild(raise_errors=False):
        raise NameError(f"annotations of {cls.__qualname__} can't be resolved")
    return _fields(cls, frozenset())


def _fields(cls: type[BaseModel], around: frozenset[object]) -> tuple[ModelField, ...]:
    return tuple(_field(name, field, around | {cls}) for name, field in cls.model_fields.items())


def _field(name: str, field: FieldInfo, around: frozenset[object]) -> ModelField:
    annotation, key, required = field.annotation, _key(name, field), field.is_required()
    try:
        target = _target(annotation, around)
        inspect.type_info(target)
        return ModelField(name, key, required, inspect.type_info(annotation), target)
    except TypeError:  # perhaps a union of models, which pydantic can tell apart and msgspec can't
        inspect.type_info(merged(annotation))
        return ModelField(name, key, required, inspect.AnyType(), Any, tuple(classes_in(annotation)))


def _key(name: str, field: FieldInfo) -> str:
    alias = field.validation_alias
    choices = [name] if alias is None else getattr(alias, "choices", [alias])
    return next((choice for choice in choices if isinstance(choice, str)), "")


def classes_in(annotation: Any) -> Iterator[Any]:
    """The classes that an annotation is made of."""
    arguments = () if get_origin(annotation) is Literal else get_args(annotation)
    if not arguments:
        yield annotation
    for argument in arguments:
        yield from classes_in(argument)


def merged(annotation: Any) -> Any:
    """The annotation with every model as a dict: what is left for msgspec to decide when pydantic tells models apart."""
    return _rewritten(annotation, lambda _: dict)


def _target(annotation: Any, around: frozenset[object]) -> Any:
    """The annotation as msgspec reads it: models as typed dicts, pydantic's own types as plain data."""
    return _rewritten(annotation, lambda cls: _nested_target(cls, around))


def _rewritten(annotation: Any, of_model: Callable[[Any], Any]) -> Any:
    if is_model(annotation):
        return of_model(annotation)
    origin = get_origin(annotation)
    if origin is Annotated:
        return Annotated[(_rewritten(annotation.__origin__, of_model), *annotation.__metadata__)]
    if origin in (Union, types.UnionType):
        return Union[tuple(_rewritten(a, of_model) for a in get_args(annotation))]  # noqa: UP007
    if getattr(origin, "__module__", "") in _CONTAINER_MODULES:
        return origin[tuple(_rewritten(a, of_model) for a in get_args(annotation))]
    # A subclass of a scalar is read as one, by `read_custom`.
    foreign = is_pydantic_only(annotation) and not issubclass(annotation, SCALARS)
    return Any if foreign else annotation


def _nested_target(cls: type[BaseModel], around: frozenset[object]) -> Any:
    # A model inside itself, and one with aliases, is read by `read_custom`: a dict can't name it.
    fields = () if cls in around else _fields(cls, around)
    return _typed_dict(cls, fields) if fields and all(f.key == f.name for f in fields) else cls


def _typed_dict(cls: type, fields: tuple[ModelField, ...]) -> Any:
    members = {f.name: f.target if f.required else NotRequired[f.target] for f in fields}
    return TypedDict(cls.__name__, members)  # type: ignore[operator]


def model_reader(cls: type[BaseModel]) -> Callable[[bytes], Any]:
    """The function from stored bytes to a model, which its own validators have seen."""
    fields = model_fields(cls)
    decode = msgspec.json.Decoder(_typed_dict(cls, fields), dec_hook=read_custom).decode
    validate = cls.__pydantic_validator__.validate_python
    keys = {f.name: f.key for f in fields}
    # strict=False: msgspec was strict about the JSON already, and a nested model comes as a dict.
    if all(name == key for name, key in keys.items()):
        return lambda data: validate(decode(data), strict=False)
    return lambda data: validate({keys[name]: value for name, value in decode(data).items()}, strict=False)


def read_custom(cls: Any, plain: Any) -> Any:
    """msgspec's way out for a class that it doesn't know: a nested model, or a subclass of a scalar."""
    if is_model(cls):
        return _nested_reader(cls)(_encode_plain(plain))
    base = next((base for base in SCALARS if issubclass(cls, base)), None)
    if base is None or type(plain) is not base:
        raise TypeError(f"Expected `{cls.__name__}`")
    return cls(plain)


@lru_cache(maxsize=READERS_MAX)
def _nested_reader(cls: type[BaseModel]) -> Callable[[bytes], Any]:
    return model_reader(cls)
