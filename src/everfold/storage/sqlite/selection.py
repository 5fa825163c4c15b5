"""From a Selection to SQL: conditions, order and keyset paging over a target's rows. Pure; memory's meaning is the meaning.

A JSON value keeps its kind: numbers compare as numbers, text by code points, and kinds never equal each other. A condition for
equality is written so that an index over the path serves it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

import msgspec

from ...errors import StatementError
from ..columns import ColumnType, Text
from ..placeholders import translate as translate_marks
from ..read_model import Condition, Selection, Shape
from .column_types import adapted, converted, parameter
from .json_paths import extracted, kind_at
from .names import identifier

__all__ = ["Selecting", "same_json"]

_ORDERS = {"<", "<=", ">", ">="}
_JSON_KINDS = {
    "number": "('integer', 'real')",
    "boolean": "('true', 'false')",
    "text": "('text')",
    "json": "('object', 'array')",
}
_COLUMN_KINDS = {"integer": "number", "biginteger": "number", "numeric": "number"}
_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    ((int, float, Decimal), "number"),
    (str, "text"),
    (datetime, "timestamp"),
    (date, "date"),
    (UUID, "uuid"),
)


@dataclass(frozen=True, slots=True)
class _Field:
    """What is compared: a column of a type, or (`type_` None) a JSON value, whose type is `kind`. Keys are never null."""

    sql: str
    type_: ColumnType | None
    kind: str = ""
    is_key: bool = False


class Selecting:
    """The pieces of one statement over the rows `t`, and the parameters that they bind by name."""

    def __init__(self, shape: Shape, selection: Selection, tenant: str) -> None:
        self._shape = shape
        self._selection = selection
        self._numbers = count(1)
        self.parameters: dict[str, Any] = {"tenant": tenant}

    def where(self) -> str:
        """Which rows are selected, wherever a page begins."""
        conditions = [self._condition(one) for one in self._selection.where]
        if self._selection.sql is not None:
            conditions.append(f"({self._own(self._selection.sql)}\n)")
        return "".join(f" and {one}" for one in conditions)

    def page(self) -> str:
        """Where the page begins, its order and its limit."""
        fields = self._ordering()
        after = "" if self._selection.after is None else self._after(fields, self._selection.after)
        order = ", ".join(part for field, descending in fields for part in _order(field, descending))
        limit = "" if self._selection.limit is None else f" limit {self._bind(self._selection.limit)}"
        return f"{after} order by {order}{limit}"

    def _own(self, sql: str) -> str:
        """The application's condition. Raises StatementError unless it has as many marks as there are values."""
        values = self._selection.parameters
        marks = [self._bind(value) for value in values]
        used: list[int] = []

        def mark(number: int) -> str:
            used.append(number)
            return marks[number - 1] if number <= len(marks) else "?"

        text = translate_marks(sql, mark)
        if len(used) != len(values):
            raise StatementError(f"the condition has {len(used)} marks for {len(values)} values")
        return text

    def _ordering(self) -> list[tuple[_Field, bool]]:
        key = ("key",) if self._shape.kind == "document" else self._shape.key
        ordering = (*self._selection.order_by, *((name, False) for name in key))
        return [(self._field(name), descending) for name, descending in ordering]

    def _field(self, name: str) -> _Field:
        if self._shape.kind == "document":
            if name == "key":
                return _Field("t.key", Text, is_key=True)
            return _Field(extracted("t.data", name), None, kind_at("t.data", name))
        try:
            type_ = self._shape.column(name).type
        except KeyError:
            raise StatementError(f"the read model has no column {name!r}") from None
        column = f"t.{identifier(name)}"
        if type_.kind == "json":
            return _Field(f"json_extract({column}, '$')", None, f"json_type({column})")
        return _Field(column, type_, is_key=name in self._shape.key)

    # Conditions

    def _condition(self, condition: Condition) -> str:
        field, operator, value = self._field(condition.field), condition.operator, condition.value
        if operator == "in":
            return self._among(field, tuple(value))
        if operator == "=":
            return self._equal(field, value)
        if operator == "!=":
            return f"({self._equal(field, value)} is not true)"
        if operator not in _ORDERS:
            raise StatementError(f"{operator!r} is no operator: = != < <= > >= in")
        return "false" if value is None else self._ordered(field, operator, value)

    def _among(self, field: _Field, values: Sequence[Any]) -> str:
        return f"({' or '.join(self._equal(field, value) for value in values)})" if values else "false"

    def _equal(self, field: _Field, value: Any) -> str:
        if value is None:
            return f"({field.sql} is null)"
        if field.type_ is None and _json_kind(value) == "json":
            same = f"everfold_same_json({field.sql}, {self._bind_json(value)})"
            return f"({field.kind} in {_JSON_KINDS['json']} and {same})"
        return self._compared(field, "=", value)

    def _ordered(self, field: _Field, operator: str, value: Any) -> str:
        if field.type_ is None and _json_kind(value) == "json":
            return "false"
        return self._compared(field, operator, value)

    def _compared(self, field: _Field, operator: str, value: Any) -> str:
        if field.type_ is not None:
            return f"({field.sql} {operator} {self._bind(_as_column(field.type_, value))})"
        kind = _json_kind(value)
        return f"({field.sql} {operator} {self._bind_json(value)} and {field.kind} in {_JSON_KINDS[kind]})"

    # Paging

    def _after(self, fields: list[tuple[_Field, bool]], after: tuple[Any, ...]) -> str:
        if len(after) != len(fields):
            raise StatementError(f"after needs {len(fields)} values, one for each field of the order, not {len(after)}")
        if not self._selection.order_by:  # keys are never null: one comparison, which the primary key serves
            return f" and {self._after_key(fields, after)}"
        beyond = "false"
        for (field, descending), value in reversed(list(zip(fields, after, strict=True))):
            further = self._beyond(field, value, descending=descending)
            beyond = f"({further} or ({self._equal(field, value)} and {beyond}))"
        return f" and {beyond}"

    def _after_key(self, fields: list[tuple[_Field, bool]], after: tuple[Any, ...]) -> str:
        values = [
            self._bind(value if field.type_ is None else _as_column(field.type_, value))
            for (field, _), value in zip(fields, after, strict=True)
        ]
        return f"({', '.join(field.sql for field, _ in fields)}) > ({', '.join(values)})"

    def _beyond(self, field: _Field, value: Any, *, descending: bool) -> str:
        if value is None:
            return "false"
        operator = "<" if descending else ">"
        if field.type_ is not None:
            return f"({self._compared(field, operator, value)} or {field.sql} is null)"
        further = f"{_kind(field)} {operator} '{_json_kind(value)}'"
        return f"({field.sql} is null or {further} or {self._compared(field, operator, value)})"

    # Values

    def _bind(self, value: Any) -> str:
        name = f"p{next(self._numbers)}"
        self.parameters[name] = adapted(value)
        return f":{name}"

    def _bind_json(self, value: Any) -> str:
        """As `json_extract` gives it."""
        plain = value if isinstance(value, Decimal) else msgspec.to_builtins(value)
        return self._bind(msgspec.json.encode(plain).decode() if _json_kind(value) == "json" else plain)


def same_json(left: str, right: str) -> bool:
    """Whether two JSON texts are one value: the order of an object's keys doesn't count."""
    return bool(msgspec.json.decode(left) == msgspec.json.decode(right))


def _order(field: _Field, descending: bool) -> list[str]:
    """The parts of an `order by`: nulls last either way; JSON by its kind, then as that kind compares."""
    direction = " desc" if descending else " asc"
    if not field.is_key:  # said of a key, it would keep an index from giving the order
        direction += " nulls last"
    parts = [field.sql] if field.type_ is not None else [_kind(field), field.sql]
    return [part + direction for part in parts]


def _kind(field: _Field) -> str:
    """The kind of a JSON value by its name in the order of kinds."""
    cases = " ".join(f"when {field.kind} in {names} then '{kind}'" for kind, names in _JSON_KINDS.items())
    return f"(case {cases} end)"


def _json_kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float, Decimal)):
        return "number"
    return "text" if isinstance(msgspec.to_builtins(value), str) else "json"


def _as_column(type_: ColumnType, value: Any) -> Any:
    """A value to compare with a column: of the column's kind as it stands, so that 9.517 is no 9.52; else made so."""
    own = next((name for types, name in _KINDS if isinstance(value, types)), "json")
    if own == _COLUMN_KINDS.get(type_.kind, type_.kind):
        return value
    return parameter(type_, converted(type_, value))
