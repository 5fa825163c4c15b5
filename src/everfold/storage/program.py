"""A declared table's rules as data: what the database itself can run over the stored JSON, without an event leaving it.

Compiled by `table_sql.py` to one INSERT … SELECT per range of the log; evaluated in Python by `expressions.py`. Both give
equal rows: the memory backend, which has no SQL, is the specification.
"""

from __future__ import annotations

from dataclasses import dataclass

from .expressions import Expression
from .read_model import Action

__all__ = ["Program", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What the events of one type do to the row at `key`.

    `names`: the stored type names, aliases included; `schema_version`: the one that the expressions are written for.
    `key` has one expression per key column; an event with None in its key is left out. `assignments`: column, action,
    expression. `when`: only events for which it is true. `delete`: the row goes.
    """

    names: tuple[str, ...]
    schema_version: int
    key: tuple[Expression, ...]
    assignments: tuple[tuple[str, Action, Expression], ...] = ()
    when: Expression | None = None
    delete: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """The rules of a table in the order of their declaration: of one event, in this order.

    `categories` and `tags` restrict the events as a Query does.
    """

    rules: tuple[Rule, ...]
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
