"""The fast path, compiled for one class from its field types: is the value canonical as it stands, and what to encode.

msgspec writes a naive datetime, NaN (as null) and a NUL character without a word, and a datetime's zone as it is. So
what can carry one of these is looked at before, by an expression made for the class: a class without such
fields costs one search in the bytes. What msgspec can't write by itself (attrs classes, pydantic models) is copied
into a Struct with the same fields. Where the guard isn't sure it says no, never yes: `canonical.py` decides then.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect

from .canonical import DEPTH_MAX, INTEGER_DIGITS_MAX, SORTABLE
from .models import is_model, is_pydantic_only
from .shape import is_object, late_fields, members_of, origin_of, tag_of

__all__ = ["compile_encode"]

YES, NO = "True", "False"
_PLAIN_DEPTH_MAX = DEPTH_MAX // 2
"""The other half is left for the classes around a value of unknown type."""
_DIGIT_RUN = b"0" * (INTEGER_DIGITS_MAX + 1)
_DIGITS_AS_ZERO = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_INFINITY = float("inf")
_ENCODER = msgspec.json.Encoder(order="deterministic")

# A search for one byte is ten times as fast as one for a string, and most payloads hold no backslash. Whatever
# goes wrong here goes wrong again in `slow`, where it is worded.
_ENCODE = """
def encode(o):
    try:
        if {check}:
            data = encode_json({build})
            if (92 not in data or NUL not in data) and (len(data) <= DIGITS or not long_integer(data)):
                return data
    except Exception:
        return slow(o)
    return slow(o)
"""


def compile_encode(node: inspect.Type, slow: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """The function from a value of this type to its canonical bytes; `slow` gets every value that isn't plainly fine."""
    source = _Source(slow)
    source.lines.append(_ENCODE.format(check=_check(node, "o", source), build=_build(node, "o", source)))
    exec("\n".join(source.lines), source.names)  # noqa: S102  (made of field names and constants only)
    return source.names["encode"]  # type: ignore[no-any-return]


def _is_utc(value: datetime) -> bool:
    return value.utcoffset() == timedelta(0)


def _long_integer(data: bytes) -> bool:
    return _DIGIT_RUN in data.translate(_DIGITS_AS_ZERO)


def _no(_: object) -> bool:
    return False


class _Source:
    """Python source in the making: its lines, and the objects that they name."""

    def __init__(self, slow: Callable[[Any], bytes]) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {
            "encode_json": _ENCODER.encode,
            "slow": slow,
            "NUL": b"\\u0000",
            "DIGITS": INTEGER_DIGITS_MAX,
            "long_integer": _long_integer,
            "utc": timezone.utc,
            "is_utc": _is_utc,
            "inf": _INFINITY,
            "plain": _is_plain,
            "no": _no,
        }
        self.done: dict[tuple[str, object], str] = {}
        self.nodes: list[inspect.Type] = []

    def name(self, value: object, prefix: str = "v") -> str:
        name = f"{prefix}{len(self.names)}"
        self.names[name] = value
        return name

    def function(self, *body: str) -> str:
        name = self.name(None, "f")
        self.lines += [f"def {name}(o):", *(f"    {line}" for line in body)]
        return name

    def once(self, visit: Visit, node: Any, meanwhile: str) -> str:
        """The function that `visit` makes of an object node, made once; inside itself the answer is `meanwhile`."""
        self.nodes.append(node)  # keeps its identity from being used again
        key = (visit.__name__, node.cls if is_model(node.cls) else id(node))
        if key not in self.done:
            self.done[key] = meanwhile
            self.done[key] = visit(node, "o", self)
        return self.done[key]


Visit = Callable[[Any, str, _Source], str]


def _check(node: Any, x: str, source: _Source) -> str:  # noqa: C901, PLR0912  (one case a kind of type)
    """The expression that is true when `x` is canonical as it stands."""
    match node:
        case inspect.DateTimeType():
            return f"({x}.tzinfo is utc or is_utc({x}))"
        case inspect.TimeType():
            return f"({x}.tzinfo is None or {x}.tzinfo is utc)"
        case inspect.FloatType():
            return f"-inf < {x} < inf"
        case inspect.DecimalType():
            return f"{x}.is_finite()"
        case inspect.AnyType():
            return f"plain({x})"
        case inspect.Metadata():
            return _check(node.type, x, source)
        case inspect.UnionType():
            return _check_union(node, x, source)
        case inspect.DictType():
            text = isinstance(node.key_type, inspect.StrType)
            return _check_each(node.value_type, f"{x}.values()", source) if text else _check_any_keys(node, x)
        case inspect.SetType() | inspect.FrozenSetType():
            sortable = set(_python_types(node.item_type)) <= SORTABLE
            return _check_each(node.item_type, x, source) if sortable else NO
        case inspect.CollectionType():
            return _check_each(node.item_type, x, source)
        case inspect.TupleType():
            return _all(_check(item, f"{x}[{i}]", source) for i, item in enumerate(node.item_types))
        case inspect.NamedTupleType() | inspect.TypedDictType():
            return _check_record(node, source)
        case _ if is_object(node):
            return _called(source.once(_check_object, node, NO), x)
        case inspect.CustomType():
            return f"plain({x})" if is_pydantic_only(node.cls) else NO
        case _:
            return YES


def _all(checks: Any) -> str:
    parts = [check for check in checks if check != YES]
    return NO if NO in parts else " and ".join(parts) or YES


def _called(function: str, x: str) -> str:
    return function if function in (YES, NO) else f"{function}({x})"


def _check_each(item: Any, items: str, source: _Source) -> str:
    check = _check(item, "i", source)
    if check in (YES, NO):
        return check
    loop = source.function("for i in o:", f"    if not ({check}):", "        return False", "return True")
    return f"{loop}({items})"


def _check_any_keys(node: inspect.DictType, x: str) -> str:
    return f"plain({x})" if isinstance(node.key_type, inspect.AnyType) else NO


def _check_record(node: Any, source: _Source) -> str:
    members = [field.type for field in node.fields]
    simple = all(_check(m, "o", source) == YES and _build(m, "o", source) == "o" for m in members)
    return YES if simple else NO


def _check_object(node: Any, x: str, source: _Source) -> str:
    late = [f"hasattr({x}, {name!r})" for name in late_fields(origin_of(node))]
    check = _all(late + [_check(m.node, f"{x}.{m.field.attribute}", source) for m in members_of(node)])
    return check if check in (YES, NO) else source.function(f"return {check}")


def _check_union(node: inspect.UnionType, x: str, source: _Source) -> str:
    options = [option for option in node.types if not isinstance(option, inspect.NoneType)]
    if len(options) == 1:
        check = _check(options[0], x, source)
        return check if check == YES else f"({x} is None or {check})"
    checks = [(option, _check(option, "o", source)) for option in node.types]
    if all(check == YES for _, check in checks):
        return YES
    return f"{_table(checks, source)}.get(type({x}), no)({x})"


def _table(options: list[tuple[inspect.Type, str]], source: _Source) -> str:
    """A dict from the exact class of a union's value to the function that answers for it."""
    functions = [(_python_types(option), source.function(f"return {expression}")) for option, expression in options]
    entries = {source.name(cls): function for classes, function in functions for cls in classes}
    name = source.name(None, "t")
    source.lines.append(f"{name} = {{{', '.join(f'{key}: {value}' for key, value in entries.items())}}}")
    return name


def _build(node: Any, x: str, source: _Source) -> str:
    """The expression for what msgspec encodes in `x`'s place: `x` itself wherever it can."""
    match node:
        case inspect.Metadata():
            return _build(node.type, x, source)
        case inspect.UnionType():
            return _build_union(node, x, source)
        case inspect.DictType():
            item = _build(node.value_type, "i", source)
            return x if item == "i" else f"{{k: {item} for k, i in {x}.items()}}"
        case inspect.CollectionType():
            item = _build(node.item_type, "i", source)
            return x if item == "i" else f"[{item} for i in {x}]"
        case inspect.TupleType():
            items = [_build(item, f"{x}[{i}]", source) for i, item in enumerate(node.item_types)]
            return x if items == [f"{x}[{i}]" for i in range(len(items))] else f"({', '.join(items)},)"
        case _ if is_object(node):
            function = source.once(_build_object, node, "")
            return f"{function}({x})" if function else x
        case _:
            return x


def _build_object(node: Any, x: str, source: _Source) -> str:
    """The name of the function that copies the object into a Struct; "" when msgspec writes the class itself."""
    members = members_of(node)
    parts = [_build(m.node, f"{x}.{m.field.attribute}", source) for m in members]
    native = not is_model(node.cls) and "__attrs_attrs__" not in origin_of(node).__dict__
    if native and parts == [f"{x}.{m.field.attribute}" for m in members]:
        return ""
    return source.function(f"return {source.name(_twin(node), 's')}({', '.join(parts)})")


def _twin(node: Any) -> type[msgspec.Struct]:
    members = members_of(node)
    tag_field, tag = tag_of(origin_of(node)) or (None, None)
    names = {m.field.attribute: m.field.stored for m in members}
    return msgspec.defstruct(
        "Twin", [(m.field.attribute, Any) for m in members], rename=names, tag_field=tag_field, tag=tag
    )


def _build_union(node: inspect.UnionType, x: str, source: _Source) -> str:
    builds = [(option, _build(option, "o", source)) for option in node.types]
    if all(build == "o" for _, build in builds):
        return x
    return f"{_table(builds, source)}[type({x})]({x})"


_PYTHON_TYPES: dict[type[inspect.Type], type] = {
    inspect.NoneType: types.NoneType,
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.BytesType: bytes,
    inspect.DateTimeType: datetime,
    inspect.DateType: date,
    inspect.TimeType: time,
    inspect.TimeDeltaType: timedelta,
    inspect.UUIDType: UUID,
    inspect.DecimalType: Decimal,
    inspect.ListType: list,
    inspect.VarTupleType: tuple,
    inspect.TupleType: tuple,
    inspect.SetType: set,
    inspect.FrozenSetType: frozenset,
    inspect.DictType: dict,
}


def _python_types(node: Any) -> tuple[type, ...]:
    """The exact classes of the values of a node, as far as they are known: what a union is told apart by."""
    match node:
        case inspect.Metadata():
            return _python_types(node.type)
        case inspect.LiteralType():
            return tuple({type(value) for value in node.values})
        case inspect.EnumType():
            return (node.cls,)
        case _ if is_object(node):
            return (origin_of(node),)
        case _:
            return (_PYTHON_TYPES.get(type(node), object),)


def _is_plain(value: Any, depth: int = 0) -> bool:
    """Whether a value of unknown type is canonical as it stands: what the JSON types hold, and the common scalars."""
    cls = type(value)
    check = _PLAIN.get(cls)
    return cls in _ALWAYS_PLAIN if check is None else check(value, depth + 1)


def _is_plain_dict(value: dict[Any, Any], depth: int) -> bool:
    if depth > _PLAIN_DEPTH_MAX:
        return False
    for key, item in value.items():  # noqa: SIM110
        if type(key) is not str or not _is_plain(item, depth):
            return False
    return True


def _is_plain_list(value: list[Any] | tuple[Any, ...], depth: int) -> bool:
    if depth > _PLAIN_DEPTH_MAX:
        return False
    for item in value:  # noqa: SIM110  (a loop is half as long as a generator)
        if not _is_plain(item, depth):
            return False
    return True


_ALWAYS_PLAIN = frozenset({str, int, bool, types.NoneType, UUID, date, timedelta, bytes})
_PLAIN: dict[type, Callable[[Any, int], bool]] = {
    float: lambda value, _: -_INFINITY < value < _INFINITY,
    Decimal: lambda value, _: value.is_finite(),
    datetime: lambda value, _: _is_utc(value),
    time: lambda value, _: value.tzinfo is None,
    list: _is_plain_list,
    tuple: _is_plain_list,
    dict: _is_plain_dict,
}
