"""A declared table's program as one SELECT over a span of the log: its net effect on each row, in the database's own words.

Pure; a `Dialect` has the words of one database. The invariant: what comes out of it, by `changes_of`, is what `table_fold`
gives for the same events. Whatever a dialect can't say exactly is declined when the statement is built; a stored value that
is not what its event's class says makes the row `odd`, and an odd row declines the span when it is run.
"""

# ruff: noqa: S608  # the pieces are constants, quoted names and quoted literals

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from .columns import ColumnType
from .expressions import Call, Envelope, Expression, Field, Literal, Operation, kind_of
from .program import Program, Rule
from .read_model import Shape, TableChanges, Upserts

__all__ = ["Declined", "Dialect", "Selected", "changes_of", "check_text", "effect_text", "net_text"]

_PLACE_DIGITS = 19
"""Of an event's place: its position and the number of the rule."""
_LAST = ("set", "initial")
"""Actions that take one of the values, with its place before it; the others take all."""
_JOINED = {"and": "and", "or": "or", "eq": "=", "ne": "<>", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ARITHMETIC = {"add": "+", "subtract": "-", "multiply": "*"}


class Declined(Exception):  # noqa: N818  # no error: the events are decoded instead
    """The database can't do exactly what the program says."""


class Dialect(Protocol):
    """The words of one database. Kinds are those of `expressions.py`; `kind_of` has checked what goes together."""

    fence: str
    """Ends a subselect whose expressions are to be computed once."""

    def events(self, program: Program, rule: Rule, envelopes: Sequence[str]) -> str:
        """`select position, d, m0, m1, … from … where …`: the span's events for the rule; d is the payload."""
        ...

    def checked(self, program: Program) -> str:
        """`select count(*), …` of the span's events, and of those of other schema versions."""
        ...

    def raw(self, field: Field) -> str:
        """The field out of d, not yet typed; null for a JSON null too."""
        ...

    def value(self, kind: str, raw: str) -> str:
        """The typed value of a raw field."""
        ...

    def odd(self, kind: str, raw: str) -> str | None:
        """Whether a raw field, which is not null, isn't what its kind says."""
        ...

    def literal(self, value: Any) -> str:
        """A constant."""
        ...

    def cast(self, sql: str, kind: str, wanted: str) -> str:
        """A value of one kind as another: integer to number, timestamp to date."""
        ...

    def compared(self, sql: str, kind: str) -> str:
        """A value in the form that comparisons are exact for."""
        ...

    def arithmetic(self, name: str, sql: tuple[str, str], kind: str) -> str:
        """A sum, difference or product. Raises Declined."""
        ...

    def held(self, sql: str, kind: str, type_: ColumnType) -> str:
        """The value as the column holds it. Raises Declined where the conversion isn't exact."""
        ...

    def misfit(self, sql: str, type_: ColumnType) -> str | None:
        """Whether a held value, which is not null, is none that the column takes; None where `held` raises for it."""
        ...

    def place(self, number: int, rules: int) -> str:
        """`position` and the rule's number as text of `_PLACE_DIGITS` digits."""
        ...

    def shown(self, sql: str, type_: ColumnType) -> str:
        """A held value as `load` takes it."""
        ...

    def taken(self, sql: str, type_: ColumnType) -> str:
        """The value out of text that begins with a place, and "1" for a value or "0" for a null, as the column stores it."""
        ...

    def missing(self, type_: ColumnType | None) -> str:
        """A null of the column's type, of text for None."""
        ...

    def load(self, type_: ColumnType, shown: Any) -> Any:
        """The Python value of what was shown, as text or as the driver gives it."""
        ...

    def any_of(self, flag: str) -> str:
        """Whether it is true in any row of a group."""
        ...


@dataclass(frozen=True, slots=True)
class Selected:
    """A statement, and how its rows are read: key columns, whether odd, the first place, then two or one per column."""

    text: str
    key: tuple[ColumnType, ...]
    columns: tuple[tuple[str, str, ColumnType], ...]
    """(column, action, type)"""


def check_text(program: Program, dialect: Dialect) -> str:
    """How many events of the span the program matches, and how many of them it isn't written for."""
    return dialect.checked(program)


def effect_text(program: Program, shape: Shape, dialect: Dialect) -> Selected:
    """The program's net effect on each row. Raises Declined."""
    columns = _columns(program, shape)
    key = tuple(shape.column(name).type for name in shape.key)
    arms = [_arm(program, number, shape, columns, dialect) for number in range(len(program.rules))]
    keys = [f"k{n}" for n in range(len(key))]
    shown = [dialect.shown(name, type_) for name, type_ in zip(keys, key, strict=True)]
    totals = [total for n, (_, action, type_) in enumerate(columns) for total in _totals(n, action, type_, dialect)]
    text = (
        f"select {', '.join([*shown, dialect.any_of('odd'), 'min(place)', *totals])} "
        f"from ({' union all '.join(arms)}) u group by {', '.join(keys)}"
    )
    return Selected(text, key, columns)


def net_text(program: Program, shape: Shape, dialect: Dialect) -> tuple[str, tuple[str, ...], tuple[str, ...]] | None:
    """The same as rows to insert: the key columns as k0, …, the others as n0, … and whether the row is odd.

    With it the names and actions of the others. None unless every rule names all of them: then the rows differ in what they
    change. Raises Declined.
    """
    columns = _columns(program, shape)
    names = {name for name, _, _ in columns}
    if any({name for name, _, _ in rule.assignments} != names for rule in program.rules):
        return None
    if any(type_.kind == "json" for _, _, type_ in columns):  # which is to be written as Python writes it
        return None
    keys = ", ".join(f"k{n}" for n in range(len(shape.key)))
    nets = ", ".join(f"{_net(n, action, type_, dialect)} as n{n}" for n, (_, action, type_) in enumerate(columns))
    arms = " union all ".join(_arm(program, number, shape, columns, dialect) for number in range(len(program.rules)))
    text = f"select {keys}, {dialect.any_of('odd')} as odd, {nets} from ({arms}) u group by {keys}"
    return text, tuple(name for name, _, _ in columns), tuple(action for _, action, _ in columns)


def _net(number: int, action: str, type_: ColumnType, dialect: Dialect) -> str:
    if action in _LAST:
        return dialect.taken(_totals(number, action, type_, dialect)[0], type_)
    if action == "add":
        return f"coalesce(sum(v{number}), 0)"
    return f"{action}(v{number})"


def _columns(program: Program, shape: Shape) -> tuple[tuple[str, str, ColumnType], ...]:
    actions: dict[str, str] = {}
    for rule in program.rules:
        if rule.delete:
            raise Declined("delete")
        for column, action, _ in rule.assignments:
            if actions.setdefault(column, action) != action:
                raise Declined("two actions on one column")
    return tuple((column, action, _fit(action, shape.column(column).type)) for column, action in actions.items())


def _fit(action: str, type_: ColumnType) -> ColumnType:
    if action in ("min", "max") and type_.kind in ("boolean", "json", "uuid"):
        raise Declined("no order")
    return type_


def _totals(number: int, action: str, type_: ColumnType, dialect: Dialect) -> list[str]:
    if action in _LAST:
        return [f"{'max' if action == 'set' else 'min'}(v{number})"]
    function = "sum" if action == "add" else action
    return [f"max(h{number})", dialect.shown(f"{function}(v{number})", type_)]


def _arm(
    program: Program, number: int, shape: Shape, columns: Sequence[tuple[str, str, ColumnType]], dialect: Dialect
) -> str:
    """One rule: its events' typed fields, then their keys, then their values, each a level of its own."""
    rule = program.rules[number]
    words = _Words(rule, dialect)
    keys = [f"k{n}" for n in range(len(shape.key))]
    level = _keyed(rule, shape, words, _typed(program, rule, words))
    values, misfit = _values(rule, columns, words)
    misfits = [dialect.misfit(key, shape.column(name).type) for key, name in zip(keys, shape.key, strict=True)]
    ordered = any(action in _LAST for _, action, _ in columns)
    place = f"{dialect.place(number, len(program.rules)) if ordered else dialect.missing(None)} as place"
    chosen = ", ".join([*keys, place, *values, f"strange or {_flag(misfits)} as strange"])
    whole = " and ".join(f"{key} is not null" for key in keys)
    level = f"(select {chosen} from {level} where strange or ({whole}){dialect.fence}) w"
    shown = [one for n, column in enumerate(columns) for one in _shown(rule, n, column, dialect)]
    return f"select {', '.join([*keys, 'place', f'strange or {misfit} as odd', *shown])} from {level}"


def _typed(program: Program, rule: Rule, words: _Words) -> str:
    dialect = words.dialect
    raw = [f"{dialect.raw(field)} as r{n}" for field, n in words.fields.items()]
    typed = [f"{dialect.value(field.kind, f'r{n}')} as f{n}" for field, n in words.fields.items()]
    odd = _flag(dialect.odd(field.kind, f"r{n}") for field, n in words.fields.items())
    names = ["position", *(f"m{n}" for n in range(len(words.envelopes)))]
    level = f"({dialect.events(program, rule, list(words.envelopes))}{dialect.fence}) e"
    level = f"(select {', '.join([*names, *raw])} from {level}{dialect.fence}) r"
    return f"(select {', '.join([*names, *typed, f'{odd} as strange'])} from {level}{dialect.fence}) f"


def _keyed(rule: Rule, shape: Shape, words: _Words, level: str) -> str:
    sources = zip(shape.key, rule.key, strict=True)
    keys = [
        f"{words.unless_strange(source, shape.column(name).type)} as k{n}" for n, (name, source) in enumerate(sources)
    ]
    when = "" if rule.when is None else f" where strange or {words.condition(rule.when)}"
    return f"(select {', '.join(['f.*', *keys])} from {level}{when}{words.dialect.fence}) k"


def _values(rule: Rule, columns: Iterable[tuple[str, str, ColumnType]], words: _Words) -> tuple[list[str], str]:
    sources = {column: source for column, _, source in rule.assignments}
    values, misfits = [], []
    for number, (column, _, type_) in enumerate(columns):
        if column in sources:
            values.append(f"{words.unless_strange(sources[column], type_)} as w{number}")
            misfits.append(words.dialect.misfit(f"w{number}", type_))
    return values, _flag(misfits)


def _shown(rule: Rule, number: int, column: tuple[str, str, ColumnType], dialect: Dialect) -> list[str]:
    name, action, type_ = column
    named = any(name == assigned for assigned, _, _ in rule.assignments)
    value = f"w{number}"
    if action in _LAST:
        shown = f"place || case when {value} is null then '0' else '1' || {dialect.shown(value, type_)} end"
        return [f"{shown if named else dialect.missing(None)} as v{number}"]
    held = value if named else dialect.missing(type_)
    mark = "1" if named else "nullif(1, 1)"  # a bare null would be a text, and another arm's 1 an integer
    return [f"{mark} as h{number}", f"{held} as v{number}"]


def _flag(conditions: Iterable[str | None]) -> str:
    found = [f"coalesce({condition}, false)" for condition in conditions if condition is not None]
    return f"({' or '.join(found)})" if found else "false"


class _Words:
    """The expressions of one rule in SQL, over its typed fields f0, f1, … and what it asks of the envelope, m0, m1, …"""

    def __init__(self, rule: Rule, dialect: Dialect) -> None:
        parts = list(rule.parts())
        self.dialect = dialect
        self.fields = {part: n for n, part in enumerate(dict.fromkeys(p for p in parts if isinstance(p, Field)))}
        self.envelopes = {
            name: n for n, name in enumerate(dict.fromkeys(p.name for p in parts if isinstance(p, Envelope)))
        }

    def condition(self, expression: Expression) -> str:
        if kind_of(expression) not in ("boolean", "null"):
            raise Declined("a condition that is known per event only")
        return self.sql(expression)

    def unless_strange(self, expression: Expression, type_: ColumnType) -> str:
        """The value in its column; null in a row that declines the span anyway, where a cast might raise instead."""
        held = self.held(expression, type_)
        return held if self.dialect.misfit("", type_) is not None else f"case when strange then null else {held} end"

    def held(self, expression: Expression, type_: ColumnType) -> str:
        kind = kind_of(expression)
        if kind == "null":
            return self.dialect.missing(type_)
        if (kind == "json") is not (type_.kind == "json") or (kind == "json" and not isinstance(expression, Field)):
            raise Declined("a value that is known per event only")
        return self.dialect.held(self.sql(expression), kind, type_)

    def sql(self, expression: Expression) -> str:
        if isinstance(expression, Field):
            return f"f{self.fields[expression]}"
        if isinstance(expression, Envelope):
            return f"m{self.envelopes[expression.name]}"
        if isinstance(expression, Literal):
            return self.dialect.literal(expression.value)
        if isinstance(expression, Call):
            raise Declined("a function")
        assert isinstance(expression, Operation)
        return self._operation(expression.name, expression.arguments)

    def _operation(self, name: str, arguments: Sequence[Expression]) -> str:
        kinds = tuple(kind_of(argument) for argument in arguments)
        sql = [self.sql(argument) for argument in arguments]
        if name == "is_null":
            return f"({sql[0]} is null)"
        if "json" in kinds or kinds == ("null", "null"):
            raise Declined("a value that is known per event only")
        if name in _JOINED:
            if name not in ("and", "or"):
                sql = [self.dialect.compared(one, kind) for one, kind in zip(sql, kinds, strict=True)]
            return f"({sql[0]} {_JOINED[name]} {sql[1]})"
        if name in _ARITHMETIC:
            return self.dialect.arithmetic(
                _ARITHMETIC[name], (sql[0], sql[1]), kind_of(Operation(name, tuple(arguments)))
            )
        return self._choice(name, sql, kinds, kind_of(Operation(name, tuple(arguments))))

    def _choice(self, name: str, sql: list[str], kinds: tuple[str, ...], kind: str) -> str:
        if name == "not":
            return f"(not {sql[0]})"
        if name == "date_of":
            if kinds[0] == "text":
                raise Declined("the date of a text")
            return self.dialect.cast(sql[0], kinds[0], "date")
        alike = [self.dialect.cast(one, of, kind) for one, of in zip(sql[-2:], kinds[-2:], strict=True)]
        if name == "otherwise":
            return f"coalesce({alike[0]}, {alike[1]})"
        return f"(case when {sql[0]} then {alike[0]} else {alike[1]} end)"


def changes_of(
    shape: Shape, selected: Selected, rows: Iterable[Sequence[Any]], dialect: Dialect
) -> TableChanges | None:
    """The rows of the statement as a batch; None when one of them is odd, or has a value that Python refuses."""
    try:
        return _changes(shape, selected, rows, dialect)
    except (ValueError, ArithmeticError, msgspec.MsgspecError):
        return None


def _changes(shape: Shape, selected: Selected, rows: Iterable[Sequence[Any]], dialect: Dialect) -> TableChanges | None:
    groups: dict[tuple[int, ...], list[tuple[Any, ...]]] = {}
    width = len(selected.key)
    for row in rows:
        if row[width]:
            return None
        key = tuple([dialect.load(type_, value) for type_, value in zip(selected.key, row, strict=False)])
        named, values = _read(selected, row, width + 1, dialect)
        groups.setdefault(named, []).append(key + values)
    return TableChanges((), [_upserts(shape, selected, named, found) for named, found in groups.items()])


def _read(
    selected: Selected, row: Sequence[Any], place: int, dialect: Dialect
) -> tuple[tuple[int, ...], tuple[Any, ...]]:
    """Which columns the row changes, and their values."""
    first = row[place]
    named: list[int] = []
    values: list[Any] = []
    for number, (_, action, type_) in enumerate(selected.columns):
        place += 1
        held = row[place]
        if action in _LAST:
            if held is None or (action == "initial" and held[:_PLACE_DIGITS] != first):
                continue
            held = held[_PLACE_DIGITS + 1 :] if held[_PLACE_DIGITS] == "1" else None
        else:
            place += 1
            if held is None:
                continue
            held = row[place]
        named.append(number)
        values.append(None if held is None else dialect.load(type_, held))
    return tuple(named), tuple(values)


def _upserts(shape: Shape, selected: Selected, named: tuple[int, ...], rows: list[tuple[Any, ...]]) -> Upserts:
    columns = [selected.columns[number] for number in named]
    names = shape.key + tuple(name for name, _, _ in columns)
    return Upserts(names, ("key",) * len(shape.key) + tuple(action for _, action, _ in columns), rows)
