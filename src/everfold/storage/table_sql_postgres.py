"""PostgreSQL's words for a declared table's program. Pure.

The payload is taken as jsonb: with two fields or more that is faster than `json ->>`, which parses anew for each, and than
json_to_record. Numbers are `numeric`, so arithmetic is exact and rounds half away from zero. A value that no cast takes raises.
"""

# ruff: noqa: S608  # the pieces are constants, quoted names and quoted literals

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from .columns import ColumnType
from .expressions import Field
from .program import Program, Rule
from .table_sql import Declined

__all__ = ["PostgresWords"]

_decode_json = msgspec.json.Decoder().decode
_TYPES = {
    "integer": "bigint",
    "number": "numeric",
    "boolean": "boolean",
    "text": 'text collate "C"',
    "date": "date",
    "timestamp": "timestamptz",
    "uuid": "uuid",
    "json": "json",
}
_HELD = {"text": "text", "integer": "integer", "biginteger": "bigint", "boolean": "boolean", "date": "date"}
_HELD |= {"timestamp": "timestamptz", "uuid": "uuid", "json": "json"}
_TAKEN = {
    "numeric": ("integer", "number"),
    "integer": ("integer",),
    "biginteger": ("integer",),
    "text": ("text", "integer"),
    "date": ("date", "timestamp"),
}
"""Which kinds a column takes; of the others, its own."""
_JSON_TYPES = {"integer": "number", "boolean": "boolean", "text": "string"}
"""Kinds whose text alone doesn't tell: 5 and "5" are one."""
_DIGITS = "'0123456789', ''"
_WHOLE_DIGITS = 15
"""A longer integer may be a float's 1e16, which jsonb shows without its exponent."""
_ODD = {
    "number": "translate({r}, '0123456789.+-eE', '') <> ''",
    "date": f"{{r}} not like '____-__-__' or translate({{r}}, {_DIGITS}) <> '--'",
    "timestamp": f"{{r}} not like '____-__-__T__:__:__%Z' or translate({{r}}, {_DIGITS}) not in ('--T::Z', '--T::.Z') "
    "or length({r}) not in (20, 22, 23, 24, 25, 26, 27) or substr({r}, 12, 2) > '23' or substr({r}, 18, 2) > '59'",
    "uuid": "{r} not like '________-____-____-____-____________'",
    "json": "{r} ~ '[0-9][eE][+]?[0-9]{{3}}'",  # a number that no double holds
}
"""Of a raw text: whether the cast may take it although, or otherwise than, Python does. What no cast takes, raises."""


class PostgresWords:
    """The words for one store's schema; `part` is (i, n)."""

    fence = " offset 0"

    def __init__(self, schema: str, part: tuple[int, int]) -> None:
        self._schema = '"' + schema.replace('"', '""') + '"'
        self._part = part

    def events(self, program: Program, rule: Rule, envelopes: Sequence[str]) -> str:
        asked = [f"{self._envelope(name)} as m{number}" for number, name in enumerate(envelopes)]
        columns = ["e.position", "convert_from(e.data, 'UTF8')::jsonb as d", *asked]
        if any(isinstance(part, Field) and part.kind == "json" for part in rule.parts()):
            columns.append("convert_from(e.data, 'UTF8')::json as j")
        streams = any(name in ("stream", "stream_id", "category") for name in envelopes)
        join = f" left join {self._schema}.stream s on s.id = e.stream_id" if streams else ""
        return f"select {', '.join(columns)} from {self._schema}.event e{join} where {self._where(program, rule.names)}"

    def checked(self, program: Program) -> str:
        versions = " ".join(f"when {_text(name)} then {number}" for name, number in program.versions.items())
        return (
            f"select count(*), count(*) filter (where e.schema_version <> case e.type {versions} end) "
            f"from {self._schema}.event e where {self._where(program, program.names)}"
        )

    def _where(self, program: Program, names: Sequence[str]) -> str:
        part, parts = self._part
        where = ["e.tenant = $1", "e.position > $2", "e.position <= $3", f"e.type in ({_texts(names)})"]
        if parts > 1:
            where.append(f"coalesce(e.stream_id % {int(parts)}, 0) = {int(part)}")
        if program.categories:
            category = f"select c.category from {self._schema}.stream c where c.id = e.stream_id"
            where.append(f"({category}) in ({_texts(program.categories)})")
        where += [
            f"exists (select from {self._schema}.event_tag t where t.tenant = $1 and t.tag = {_text(tag)} "
            "and t.position = e.position)"
            for tag in program.tags
        ]
        return " and ".join(where)

    def _envelope(self, name: str) -> str:
        kind, _, rest = name.partition(":")
        if kind == "tag":
            return (
                f"(select substr(t.tag, {len(rest) + 2}) from json_array_elements_text(e.tags::json) t(tag) "
                f'where starts_with(t.tag, {_text(rest + ":")}) limit 1) collate "C"'
            )
        if kind == "metadata":
            found = f"convert_from(e.metadata, 'UTF8')::jsonb -> {_text(rest)}"
            return f"(case when jsonb_typeof({found}) = 'string' then ({found}) #>> '{{}}' end) collate \"C\""
        return _ENVELOPE[name]

    def raw(self, field: Field) -> str:
        if field.kind == "json":  # jsonb would order its keys, and write its numbers, in another way
            return f"nullif((j {_path(field)})::text, 'null')"
        steps = [f"{_text(step)}::text" for step in field.path.split(".")]
        last = "->" if field.kind in _JSON_TYPES else "->>"
        return f"d {' -> '.join(['', *steps[:-1]])}{last} {steps[-1]}"

    def value(self, kind: str, raw: str) -> str:
        if kind == "json":
            return f"{raw}::json"
        return f"({raw} #>> '{{}}')::{_TYPES[kind]}" if kind in _JSON_TYPES else f"{raw}::{_TYPES[kind]}"

    def odd(self, kind: str, raw: str) -> str | None:
        if kind in _ODD:
            return f"({_ODD[kind].format(r=raw)})"
        odd = f"jsonb_typeof({raw}) not in ('{_JSON_TYPES[kind]}', 'null')"
        return f"({odd} or length({raw}::text) > {_WHOLE_DIGITS})" if kind == "integer" else f"({odd})"

    def literal(self, value: Any) -> str:
        if value is None or isinstance(value, bool):
            return "null" if value is None else str(value).lower()
        if isinstance(value, (int, Decimal)):
            whole = isinstance(value, int) and -(2**63) < value < 2**63
            return f"({value})::bigint" if whole else f"({Decimal(value):f})::numeric"
        if isinstance(value, datetime):
            return f"'{value.astimezone(timezone.utc).isoformat()}'::timestamptz"
        if isinstance(value, (date, UUID)):
            return f"'{value}'::{'date' if isinstance(value, date) else 'uuid'}"
        return f'{_text(value)}::text collate "C"'

    def cast(self, sql: str, kind: str, wanted: str) -> str:
        if kind == "null":
            return f"null::{_TYPES[wanted]}"
        if wanted == "number":
            return f"({sql})::numeric"
        return f"({sql} at time zone 'UTC')::date" if (kind, wanted) == ("timestamp", "date") else sql

    def compared(self, sql: str, kind: str) -> str:  # noqa: ARG002  # numeric is exact
        return sql

    def arithmetic(self, name: str, sql: tuple[str, str], kind: str) -> str:  # noqa: ARG002
        return f"(({sql[0]})::numeric {name} ({sql[1]})::numeric)"

    def held(self, sql: str, kind: str, type_: ColumnType) -> str:
        if kind not in _TAKEN.get(type_.kind, (type_.kind,)):
            raise Declined(f"{kind} in {type_}")
        if kind == "timestamp" and type_.kind == "date":
            return self.cast(sql, kind, "date")
        if type_.kind == "text":
            return f'({sql})::text collate "C"'
        return f"({sql})::{self._type(type_)}"

    def misfit(self, sql: str, type_: ColumnType) -> str | None:  # noqa: ARG002  # its cast raises
        return None

    def place(self, number: int, rules: int) -> str:
        return f"lpad((position * {rules} + {number})::text, 19, '0') collate \"C\""

    def shown(self, sql: str, type_: ColumnType) -> str:
        if type_.kind == "date":
            return f"to_char({sql}, 'YYYY-MM-DD')"
        if type_.kind == "timestamp":
            return f"to_char({sql} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
        return f'({sql})::text collate "C"'

    def taken(self, sql: str, type_: ColumnType) -> str:
        """The value after a place, in the column's type; see `place`."""
        return f"case when substr({sql}, 20, 1) = '1' then substr({sql}, 21)::{self._type(type_)} end"

    def missing(self, type_: ColumnType | None) -> str:
        if type_ is None or type_.kind == "text":
            return 'null::text collate "C"'
        return f"null::{self._type(type_)}"

    def load(self, type_: ColumnType, shown: Any) -> Any:
        if shown is None or type_.kind == "text":
            return shown
        if type_.kind == "boolean":
            return shown == "true"
        return type_.convert(_decode_json(shown) if type_.kind == "json" else shown)

    def any_of(self, flag: str) -> str:
        return f"bool_or({flag})"

    def _type(self, type_: ColumnType) -> str:
        if type_.kind == "numeric":
            return f"numeric({type_.precision}, {type_.scale})"
        return _HELD[type_.kind]


_ENVELOPE = {
    "stream": "s.name",
    "stream_id": "coalesce(nullif(substr(s.name, nullif(strpos(s.name, '-'), 0) + 1), ''), s.name)",
    "category": "s.category",
    "version": "e.version",
    "position": "e.position",
    "type": "e.type",
    "recorded_at": "e.recorded_at",
}


def _path(field: Field) -> str:
    return " ".join(f"-> {_text(step)}::text" for step in field.path.split("."))


def _text(value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "''")
    return f"E'{quoted}'" if "\\" in value else f"'{quoted}'"


def _texts(values: Sequence[str]) -> str:
    return ", ".join(map(_text, values))
