"""From a Selection to SQL: conditions, order and keyset paging over a target's rows. Pure; memory's meaning is the meaning.

A document's values keep their JSON types: numbers compare as numbers, text by code points, and kinds never equal each
other. A condition for equality is written so that an index over the path serves it.
"""

# the pieces are quoted names and constants; every value is bound

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec

from ...errors import StatementError
from ..columns import ColumnType
from ..read_model import Condition, Selection, Shape
from .column_types import held_as, parameter
from .marks import numbered
from .names import identifier
from .target_tables import document_path

__all__ = ["Selecting"]

_KINDS = "array['boolean', 'json', 'number', 'text']"
_ORDER = {"<", "<=", ">", ">="}


@dataclass(frozen=True, slots=True)
class _Field:
    """What is compared: a column of a type, or (`type_` None) a JSON value in a document."""

    sql: str
    type_: ColumnType | None


class Selecting:
    """The pieces of one statement over the rows `t`, and the parameters that they bind, numbered after `fixed` others."""

    def __init__(self, shape: Shape, selection: Selection, fixed: Sequence[Any]) -> None:
        self._shape = shape
        self._selection = selection
        self.parameters = list(fixed)

    def where(self) -> str:
        """Which rows are selected, wherever a page begins."""
        conditions = [self._condition(one) for one in self._selection.where]
        if self._selection.sql is not None:
            own = numbered(self._selection.sql, [self._selection.parameters], after=len(self.parameters))
            self.parameters += self._selection.parameters
            conditions.append(f"({own}\n)")
        return "".join(f" and {one}" for one in conditions)

    def page(self) -> str:
        """Where the page begins, its order and its limit."""
        fields = self._ordering()
        after = self._after(fields, self._selection.after) if self._selection.after is not None else ""
        order = ", ".join(part for field, descending in fields for part in _order(field, descending))
        limit = "" if self._selection.limit is None else f" limit {self._bind(self._selection.limit)}"
        return f"{after} order by {order}{limit}"

    def _ordering(self) -> list[tuple[_Field, bool]]:
        key = ("key",) if self._shape.kind == "document" else self._shape.key
        return [
            (self._field(name), down) for name, down in (*self._selection.order_by, *((name, False) for name in key))
        ]

    def _field(self, name: str) -> _Field:
        if self._shape.kind == "document":
            if name == "key":
                return _Field("t.key", ColumnType("text"))
            return _Field(f"nullif({document_path(name, 't.')}, 'null'::jsonb)", None)
        try:
            type_ = self._shape.column(name).type
        except KeyError:
            raise StatementError(f"the read model has no column {name!r}") from None
        column = f"t.{identifier(name)}"
        return (
            _Field(f"nullif({column}::jsonb, 'null'::jsonb)", None) if type_.kind == "json" else _Field(column, type_)
        )

    # Conditions

    def _condition(self, condition: Condition) -> str:
        field, operator, value = self._field(condition.field), condition.operator, condition.value
        if operator == "in":
            return self._among(field, tuple(value))
        if operator == "=":
            return self._equal(field, value)
        if operator == "!=":
            return f"{self._equal(field, value)} is not true"
        if operator not in _ORDER:
            raise StatementError(f"{operator!r} is no operator: = != < <= > >= in")
        return "false" if value is None else self._ordered(field, operator, value)

    def _among(self, field: _Field, values: tuple[Any, ...]) -> str:
        return f"({' or '.join(self._equal(field, value) for value in values)})" if values else "false"

    def _equal(self, field: _Field, value: Any) -> str:
        if value is None:
            return f"({field.sql} is null)"
        if field.type_ is None:
            return f"({_plain(field.sql)} = {self._json(value)})"
        return f"({field.sql} = {self._value(field.type_, value)})"

    def _ordered(self, field: _Field, operator: str, value: Any) -> str:
        if field.type_ is not None:
            return f"({field.sql} {operator} {self._value(field.type_, value)})"
        kind = _kind(value)
        if kind == "json":
            return "false"
        return f"({_kind_of(field.sql)} = '{kind}' and {self._compared(field.sql, kind, operator, value)})"

    def _compared(self, sql: str, kind: str, operator: str, value: Any) -> str:
        """Of two JSON values of one kind."""
        if kind == "number":
            return f"{_number(sql)} {operator} {self._bind(_number_text(value))}::text::numeric"
        return f"{_text(sql)} {operator} ({self._json(value)} #>> '{{}}') collate \"C\""

    # Paging

    def _after(self, fields: list[tuple[_Field, bool]], after: tuple[Any, ...]) -> str:
        if len(after) != len(fields):
            raise StatementError(f"after needs {len(fields)} values, one for each field of the order, not {len(after)}")
        if not self._selection.order_by:  # keys are never null: one comparison, which the primary key serves
            values = ", ".join(self._value(field.type_, value) for (field, _), value in zip(fields, after, strict=True))
            return f" and ({', '.join(field.sql for field, _ in fields)}) > ({values})"
        beyond = "false"
        for (field, descending), value in reversed(list(zip(fields, after, strict=True))):
            beyond = (
                f"({self._beyond(field, value, descending=descending)} or ({self._equal(field, value)} and {beyond}))"
            )
        return f" and {beyond}"

    def _beyond(self, field: _Field, value: Any, *, descending: bool) -> str:
        if value is None:
            return "false"
        operator = "<" if descending else ">"
        if field.type_ is not None:
            return f"({field.sql} {operator} {self._value(field.type_, value)} or {field.sql} is null)"
        kind = _kind(value)
        same = self._compared(field.sql, kind, operator, value)
        own = _kind_of(field.sql)
        return f"({field.sql} is null or {own} {operator} '{kind}' or ({own} = '{kind}' and {same}))"

    # Values

    def _value(self, type_: ColumnType | None, value: Any) -> str:
        assert type_ is not None, "a JSON value is compared by its kind"
        try:
            converted = type_.convert(value)
        except ValueError as error:
            raise StatementError(str(error)) from error
        cast = held_as(type_).declared.split(" ")[0].split("(")[0]
        return f"{self._bind(parameter(type_, converted))}::{cast}"

    def _json(self, value: Any) -> str:
        return f"{self._bind(_json_text(value))}::text::jsonb"

    def _bind(self, value: Any) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"


def _order(field: _Field, descending: bool) -> list[str]:
    """The parts of an `order by`: nulls last either way; JSON by its kind, then as that kind compares."""
    down = " desc nulls last" if descending else " asc nulls last"
    if field.type_ is not None:
        return [field.sql + down]
    return [part + down for part in (_kind_of(field.sql), _number(field.sql), _text(field.sql))]


def _plain(sql: str) -> str:
    """The path as an index has it: what equals a value is no JSON null."""
    return sql.removeprefix("nullif(").removesuffix(", 'null'::jsonb)")


def _kind_of(sql: str) -> str:
    return (
        f"(case jsonb_typeof({sql}) when 'string' then 'text' when 'number' then 'number' when 'boolean' then 'boolean' "
        f"when null then null else case when {sql} is not null then 'json' end end collate \"C\")"
    )


def _number(sql: str) -> str:
    return f"(case when jsonb_typeof({sql}) = 'number' then ({sql})::numeric end)"


def _text(sql: str) -> str:
    return f"(case when jsonb_typeof({sql}) <> 'number' then ({sql} #>> '{{}}') end collate \"C\")"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float, Decimal)):
        return "number"
    return "text" if isinstance(msgspec.to_builtins(value), str) else "json"


def _number_text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _json_text(value: Any) -> str:
    return _number_text(value) if _kind(value) == "number" else msgspec.json.encode(value).decode()
