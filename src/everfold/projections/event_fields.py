"""What the event's class says about the fields that expressions name: whether there are such, and of which kind.

A declared table is checked against it when the store opens, so a mistyped path is found there and not in an empty column.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from msgspec import inspect

from ..codec.shape import is_object, members_of
from ..storage.expressions import Expression, Field, Literal, Operation, kind_of

__all__ = ["resolved"]

_KINDS: dict[type[inspect.Type], str] = {
    inspect.IntType: "integer",
    inspect.FloatType: "number",
    inspect.DecimalType: "number",
    inspect.BoolType: "boolean",
    inspect.StrType: "text",
    inspect.DateType: "date",
    inspect.DateTimeType: "timestamp",
    inspect.UUIDType: "uuid",
    inspect.TimeType: "text",
    inspect.TimeDeltaType: "text",
    inspect.BytesType: "text",
}
_OF_TEXT: dict[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "uuid": UUID,
    "number": Decimal,
    "integer": Decimal,
}
_TWO_SIDED = ("eq", "ne", "lt", "le", "gt", "ge", "otherwise")


def resolved(expression: Expression, cls: type, *, raw: bool = False) -> Expression:
    """The expression with the kinds of its fields, and text literals as what they stand beside (`at >= "2026-05-01"`).

    `raw`: a bare field as its plain JSON data, whatever its kind. Raises ValueError with a sentence for people.
    """
    if isinstance(expression, Field):
        kind = _kind(inspect.type_info(cls), expression.path, cls)
        return Field(expression.path, "json" if raw else kind)
    if isinstance(expression, Operation):
        arguments = tuple(resolved(argument, cls) for argument in expression.arguments)
        if expression.name in _TWO_SIDED:
            arguments = _alike(*arguments)
        expression = Operation(expression.name, arguments)
    kind_of(expression)
    return expression


def _alike(one: Expression, other: Expression) -> tuple[Expression, Expression]:
    return _beside(one, kind_of(other)), _beside(other, kind_of(one))


def _beside(expression: Expression, kind: str) -> Expression:
    if not isinstance(expression, Literal) or type(expression.value) is not str or kind not in _OF_TEXT:
        return expression
    try:
        value = _OF_TEXT[kind](expression.value)
    except (ValueError, ArithmeticError):
        raise ValueError(f"{expression.value!r} is no {kind}") from None
    if isinstance(value, datetime) and value.tzinfo is None:
        raise ValueError(f"{expression.value!r} has no time zone")
    return Literal(value)


def _kind(node: inspect.Type, path: str, cls: type) -> str:
    for step in path.split("."):
        node = _bare(node)
        if is_object(node):
            members = {member.field.stored: member.node for member in members_of(node)}
            if step not in members:
                raise ValueError(f"{cls.__qualname__} has no field {path!r}{_near(step, members)}")
            node = members[step]
        elif isinstance(node, inspect.DictType):
            node = node.value_type
        elif isinstance(node, (inspect.AnyType, inspect.UnionType, inspect.CustomType, inspect.TypedDictType)):
            return "json"
        else:
            raise ValueError(f"{cls.__qualname__} has no field {path!r}: what stands before {step!r} is no object")
    return _scalar(_bare(node))


def _near(step: str, members: dict[str, Any]) -> str:
    near = difflib.get_close_matches(step, members, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _bare(node: inspect.Type) -> inspect.Type:
    """Without None and what was only annotated."""
    if isinstance(node, inspect.Metadata):
        return _bare(node.type)
    if isinstance(node, inspect.UnionType):
        others = [one for one in node.types if not isinstance(one, inspect.NoneType)]
        return _bare(others[0]) if len(others) == 1 else node
    return node


def _scalar(node: inspect.Type) -> str:
    if isinstance(node, (inspect.EnumType, inspect.LiteralType)):
        values = [one.value for one in node.cls] if isinstance(node, inspect.EnumType) else list(node.values)
        kinds = {type(msgspec.to_builtins(value)) for value in values}
        return "text" if kinds == {str} else "integer" if kinds == {int} else "json"
    return _KINDS.get(type(node), "json")
