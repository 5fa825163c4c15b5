"""SQLite's words for a declared table's program. Pure.

SQLite has no decimals, and its casts take anything. So a number stays the text that it was stored as, a Numeric is counted in
units of its last place, as an integer, and whatever doesn't look as its kind should makes the row odd.
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

__all__ = ["SqliteWords"]

_decode_json = msgspec.json.Decoder().decode
_TAKEN = {
    "numeric": ("integer", "number"),
    "integer": ("integer",),
    "biginteger": ("integer",),
    "text": ("text", "integer"),
    "date": ("date", "timestamp"),
}
"""Which kinds a column takes; of the others, its own."""

_EVENTS = "everfold_event e not indexed"
"""By position: an index that begins with the tenant would look at its whole log for every span."""
_TEXTS = ("date", "timestamp")
"""Kinds that are taken out of their quotes: whatever is no text of theirs fails their check. Others are taken as JSON."""
_HEX = "[0-9a-fA-F]"
_UUID = "-".join(_HEX * count for count in (8, 4, 4, 4, 12))
_SAFE_DIGITS = 15
"""Decimals of so many digits are different doubles when they are different, and in the same order."""


class SqliteWords:
    """The words for one span: `:tenant`, `:after` and `:up_to`; `part` is (i, n)."""

    fence = " limit -1"

    def __init__(self, part: tuple[int, int]) -> None:
        self._part = part

    def events(self, program: Program, rule: Rule, envelopes: Sequence[str]) -> str:
        asked = [f"{_envelope(name)} as m{number}" for number, name in enumerate(envelopes)]
        columns = ["e.position", "cast(e.data as text) as d", *asked]
        streams = any(name in ("stream", "stream_id", "category") for name in envelopes)
        join = " left join everfold_stream s on s.id = e.stream_id" if streams else ""
        return f"select {', '.join(columns)} from {_EVENTS}{join} where {self._where(program, rule.names)}"

    def checked(self, program: Program) -> str:
        versions = " ".join(f"when {_text(name)} then {number}" for name, number in program.versions.items())
        return (
            f"select count(*), coalesce(sum(e.schema_version <> case e.type {versions} end), 0) "
            f"from {_EVENTS} where {self._where(program, program.names)}"
        )

    def _where(self, program: Program, names: Sequence[str]) -> str:
        part, parts = self._part
        where = ["e.tenant = :tenant", "e.position > :after", "e.position <= :up_to", f"e.type in ({_texts(names)})"]
        if parts > 1:
            where.append(f"coalesce(e.stream_id % {int(parts)}, 0) = {int(part)}")
        if program.categories:
            category = "select c.category from everfold_stream c where c.id = e.stream_id"
            where.append(f"({category}) in ({_texts(program.categories)})")
        where += [
            "exists (select 1 from everfold_event_tag t where t.tenant = :tenant "
            f"and t.tag = {_text(tag)} and t.position = e.position)"
            for tag in program.tags
        ]
        return " and ".join(where)

    def raw(self, field: Field) -> str:
        place = _text(_path(field.path.split(".")))
        return f"d ->> {place}" if field.kind in _TEXTS else f"nullif(d -> {place}, 'null')"

    def value(self, kind: str, raw: str) -> str:
        inner = f"substr({raw}, 2, length({raw}) - 2)"
        match kind:
            case "integer":
                return f"cast({raw} as integer)"
            case "number":
                return f"trim({raw}, '\"')"
            case "boolean":
                return f"({raw} = 'true')"
            case "text":
                return f"case when instr({raw}, '\\') = 0 then {inner} else json_extract({raw}, '$') end"
            case "timestamp":
                fraction = f"substr(substr({raw}, 21, length({raw}) - 21) || '000000', 1, 6)"
                return (
                    f"substr({raw}, 1, 19) || case length({raw}) when 20 then '.000000Z' "
                    f"else '.' || {fraction} || 'Z' end"
                )
            case "uuid":
                return f"lower({inner})"
            case _:
                return raw

    def odd(self, kind: str, raw: str) -> str | None:
        return f"({_ODD[kind].format(r=raw)})"

    def literal(self, value: Any) -> str:
        if value is None:
            return "null"
        if isinstance(value, bool):
            return str(int(value))
        if isinstance(value, int):
            return self._whole(value)
        if isinstance(value, Decimal):
            return self._number(value)
        if isinstance(value, datetime):
            return f"'{value.astimezone(timezone.utc).isoformat(timespec='microseconds')[:26]}Z'"
        return f"'{value}'" if isinstance(value, (date, UUID)) else _text(value)

    def _whole(self, value: int) -> str:
        if not -(2**62) < value < 2**62:
            raise Declined("a number of more than 62 bits")
        return str(value)

    def _number(self, value: Decimal) -> str:
        if len(f"{value:f}".replace(".", "").lstrip("-")) > _SAFE_DIGITS:
            raise Declined("a number of more than 15 digits")
        return f"'{value:f}'"

    def cast(self, sql: str, kind: str, wanted: str) -> str:
        if (kind, wanted) == ("integer", "number"):
            return f"cast({sql} as text)"
        return f"substr({sql}, 1, 10)" if (kind, wanted) == ("timestamp", "date") else sql

    def compared(self, sql: str, kind: str) -> str:
        return f"cast({sql} as real)" if kind == "number" else sql

    def arithmetic(self, name: str, sql: tuple[str, str], kind: str) -> str:
        if kind != "integer":
            raise Declined("arithmetic of decimals")
        whole = f"({sql[0]} {name} {sql[1]})"  # which becomes a double beyond 64 bits, where abs() of the least raises
        return f"(case when typeof({whole}) = 'real' then abs(-9223372036854775807 - 1) else {whole} end)"

    def held(self, sql: str, kind: str, type_: ColumnType) -> str:
        if kind not in _TAKEN.get(type_.kind, (type_.kind,)):
            raise Declined(f"{kind} in {type_}")
        if type_.kind == "numeric":
            return self._units(sql, type_.scale) if kind == "number" else f"({sql}) * {10**type_.scale}"
        if type_.kind == "date":
            return self.cast(sql, kind, "date")
        return f"cast({sql} as text)" if (kind, type_.kind) == ("integer", "text") else sql

    def _units(self, sql: str, scale: int) -> str:
        """Units of the last place: the digits up to one place further, and half of ten away from zero."""
        whole = f"({sql} || case when instr({sql}, '.') then '' else '.' end || '{'0' * (scale + 1)}')"
        digits = f"substr({whole}, 1, instr({whole}, '.') + {scale + 1})"
        rounded = f"(cast(replace({digits}, '.', '') as integer) + case when {sql} glob '-*' then -5 else 5 end) / 10"
        exact = f"substr({sql}, {-scale - 1}, 1) = '.'"  # as money is stored: with just these places
        return f"case when {exact} then cast(replace({sql}, '.', '') as integer) else {rounded} end"

    def misfit(self, sql: str, type_: ColumnType) -> str | None:
        match type_.kind:
            case "integer":
                return f"(typeof({sql}) <> 'integer' or {sql} not between -2147483648 and 2147483647)"
            case "biginteger":
                return f"(typeof({sql}) <> 'integer')"
            case "numeric":
                end = 10**type_.precision
                return f"(typeof({sql}) <> 'integer' or {sql} <= {-end} or {sql} >= {end})"
            case _:
                return None

    def place(self, number: int, rules: int) -> str:
        return f"printf('%019d', position * {rules} + {number})"

    def shown(self, sql: str, type_: ColumnType) -> str:  # noqa: ARG002  # `load` knows them as they are
        return sql

    def taken(self, sql: str, type_: ColumnType) -> str:
        value = f"substr({sql}, 21)"
        if type_.kind in ("integer", "biginteger", "boolean", "numeric"):
            value = f"cast({value} as integer)"
        if type_.kind == "numeric":
            value = f"{value} / {10**type_.scale}.0"
        return f"case when substr({sql}, 20, 1) = '1' then {value} end"

    def missing(self, type_: ColumnType | None) -> str:  # noqa: ARG002
        return "null"

    def load(self, type_: ColumnType, shown: Any) -> Any:
        if shown is None or type_.kind == "text":
            return shown
        if type_.kind == "numeric":
            return Decimal(shown).scaleb(-type_.scale)
        if type_.kind == "json":
            return _decode_json(shown)
        return shown in (1, "1") if type_.kind == "boolean" else type_.convert(shown)

    def any_of(self, flag: str) -> str:
        return f"max({flag})"


_ODD = {
    "integer": "cast(cast({r} as integer) as text) is not {r}",
    "number": "case when {r} not glob '*[^\"0-9.]*' then {r} glob '*.*.*' or {r} in ('\"\"', '\".\"') "  # no sign: soon told
    "else rtrim(rtrim(rtrim({r}, '\"0123456789'), '.'), '\"0123456789') not in ('-', '\"-') "
    "or {r} not glob '*[0-9]*' or {r} glob '*..*' end or length({r}) > 17 or (length({r}) > 15 and {r} not glob '\"*')",
    "boolean": "{r} not in ('true', 'false')",
    "text": "{r} not glob '\"*'",
    "date": "date({r}, '+0 days') is not {r} or {r} < '0001'",
    "timestamp": "strftime('%Y-%m-%dT%H:%M:%S', substr({r}, 1, 19), '+0 days') is not substr({r}, 1, 19) or {r} < '0001' "
    "or (substr({r}, 20) <> 'Z' and (substr({r}, 20) not glob '.[0-9]*Z' or length({r}) > 27 "
    "or substr({r}, 21, length({r}) - 21) glob '*[^0-9]*'))",
    "uuid": f"{{r}} not glob '\"{_UUID}\"'",
    "json": "{r} glob '*[0-9][eE][0-9+][0-9][0-9]*'",  # a number that no double holds
}
"""Of a raw value: whether it isn't what the kind's codec writes. `+0 days` carries the 30th of February over."""

_ENVELOPE = {
    "stream": "s.name",
    "stream_id": "coalesce(nullif(substr(s.name, nullif(instr(s.name, '-'), 0) + 1), ''), s.name)",
    "category": "s.category",
    "version": "e.version",
    "position": "e.position",
    "type": "e.type",
    "recorded_at": "strftime('%Y-%m-%dT%H:%M:%S', (e.recorded_at - mod) / 1000000, 'unixepoch') || printf('.%06dZ', mod)",
}


def _envelope(name: str) -> str:
    kind, _, rest = name.partition(":")
    if kind == "tag":
        start = _text(rest + ":")
        found = f"substr(t.value, {len(rest) + 2})"
        return f"(select {found} from json_each(e.tags) t where substr(t.value, 1, {len(rest) + 1}) = {start} limit 1)"
    if kind == "metadata":
        place = _text(_path([rest]))
        return f"(case when json_type(cast(e.metadata as text), {place}) = 'text' then cast(e.metadata as text) ->> {place} end)"
    mod = "((e.recorded_at % 1000000 + 1000000) % 1000000)"
    return _ENVELOPE[name].replace("mod", mod)


def _path(steps: Sequence[str]) -> str:
    if any('"' in step or "\\" in step for step in steps):
        raise Declined("a quote in a path")
    return "$" + "".join(f'."{step}"' for step in steps)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _texts(values: Sequence[str]) -> str:
    return ", ".join(map(_text, values))
