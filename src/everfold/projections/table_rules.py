"""What can't work in the rules of a declared table, one sentence each. Pure; asked when a store opens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..storage.expressions import Expression, kind_of
from .event_fields import resolved

if TYPE_CHECKING:
    from .table import RuleBuilder, TableProjection

__all__ = ["rule_problems", "table_problems"]

_WORDS = {"set": "set", "add": "increment", "min": "min", "max": "max", "initial": "insert"}
_NUMBERS = ("integer", "biginteger", "numeric")
_ORDERED = (*_NUMBERS, "text", "date", "timestamp")
_ACCUMULATING = ("add", "min", "max")
_NEVER = {
    "boolean": ("text", "integer", "biginteger", "numeric", "date", "timestamp", "uuid"),
    "date": ("integer", "biginteger", "numeric", "boolean", "timestamp", "uuid"),
    "timestamp": ("integer", "biginteger", "numeric", "boolean", "uuid"),
    "uuid": ("integer", "biginteger", "numeric", "boolean", "date", "timestamp"),
    "integer": ("date", "timestamp", "uuid"),
    "number": ("date", "timestamp", "uuid"),
}
"""Which kinds of value no column of these types takes."""


def table_problems(table: TableProjection, rules: Sequence[RuleBuilder]) -> Iterator[str]:
    """Of the rules together."""
    if not rules:
        yield f"table {table.name!r} has no rule: begin one with {table.name}.on(EventType)"
    accumulated: dict[str, dict[str, None]] = {}
    for rule in rules:
        for column, action, _ in rule.assignments:
            if action in _ACCUMULATING:
                accumulated.setdefault(column, {})[_WORDS[action]] = None
    for column, words in accumulated.items():
        if len(words) > 1:
            yield f"table {table.name!r}: column {column!r} has {' and '.join(words)}; one column accumulates in one way"
    if table.partitions > 1 and any(rule.deletes or _sets(rule) for rule in rules):
        yield (
            f"table {table.name!r} has partitions, so the order of events of two streams is not kept, and set, insert and "
            "delete depend on it: use increment, min and max alone, or leave partitions at 1"
        )


def _sets(rule: RuleBuilder) -> bool:
    return any(action in ("set", "initial") for _, action, _ in rule.assignments)


def rule_problems(table: TableProjection, rule: RuleBuilder, classes: Sequence[type]) -> Iterator[str]:
    """Of one rule, which is for events of these classes."""
    of_rule = f"table {table.name!r}, rule for {', '.join(_shown(wanted) for wanted in rule.types)}:"
    found = [*_name_problems(table, rule), *_action_problems(table, rule)]
    if not found:
        found = [problem for cls in classes for problem in _source_problems(table, rule, cls)]
    yield from (f"{of_rule} {problem}" for problem in found)


def _name_problems(table: TableProjection, rule: RuleBuilder) -> Iterator[str]:
    named = [column for column, _, _ in rule.assignments]
    for column in dict.fromkeys([*named, *rule.key]):
        if column not in table.columns:
            yield f"there is no column {column!r}; the columns are {', '.join(table.columns)}"
    for column in table.key:
        if column not in rule.key:
            yield f"nothing is said about the key column {column!r}: add .at({column}=...)"
        if column in named:
            yield f"{column!r} is a key column, which .at({column}=...) says and nothing changes"
    for column in rule.key:
        if column in table.columns and column not in table.key:
            yield f".at({column}=...) names a column that is not in the key"
    for column in dict.fromkeys(named):
        if named.count(column) > 1:
            yield f"column {column!r} is named twice; one rule does one thing with a column"


def _action_problems(table: TableProjection, rule: RuleBuilder) -> Iterator[str]:
    if rule.deletes and rule.assignments:
        yield "it deletes the row, so it can't change it too"
    if not rule.deletes and not rule.assignments:
        yield "it does nothing: add .set(...), .increment(...), .min(...), .max(...), .insert(...) or .delete()"
    for column, action, _ in rule.assignments:
        type_ = table.columns.get(column)
        allowed = {"add": _NUMBERS, "min": _ORDERED, "max": _ORDERED}.get(action)
        if type_ is not None and allowed is not None and type_.kind not in allowed:
            yield f"column {column!r} is {type_}, which {_WORDS[action]} can't be done with"


def _source_problems(table: TableProjection, rule: RuleBuilder, cls: type) -> Iterator[str]:
    sources = [*rule.key.items(), *((column, source) for column, _, source in rule.assignments)]
    for column, source in sources:
        yield from _source_problem(source, cls, table, column)
    if rule.condition is not None:
        try:
            kind = kind_of(resolved(rule.condition, cls))
        except ValueError as error:
            yield f"when: {error}"
        else:
            if kind not in ("boolean", "json", "null"):
                yield f"when: its condition is a {kind}, neither true nor false"


def _source_problem(source: Expression, cls: type, table: TableProjection, column: str) -> Iterator[str]:
    try:
        kind = kind_of(resolved(source, cls))
    except ValueError as error:
        yield f"column {column!r}: {error}"
        return
    type_ = table.columns[column]
    if type_.kind in _NEVER.get(kind, ()):
        yield f"column {column!r} is {type_}, and its source is a {kind}"


def _shown(wanted: object) -> str:
    return wanted.__qualname__ if isinstance(wanted, type) else str(wanted)
