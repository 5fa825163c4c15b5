"""A declared table's rules as data: what the database itself can run over the stored JSON, without an event leaving it.

Compiled by `table_sql.py` to one statement per range of the log; evaluated in Python by `table_fold.py`. Both give
equal rows: the memory backend, which has no SQL, is the specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..events.query import Query, QueryItem
from .expressions import Expression, parts_of
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

    def parts(self) -> Iterator[Expression]:
        """Every expression in it, and all that they are made of."""
        whole = [*self.key, *(expression for _, _, expression in self.assignments)]
        whole += [] if self.when is None else [self.when]
        for expression in whole:
            yield from parts_of(expression)


@dataclass(frozen=True, slots=True)
class Program:
    """The rules of a table in the order of their declaration: of one event, in this order.

    `categories` and `tags` restrict the events as a Query does.
    """

    rules: tuple[Rule, ...]
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The stored types that a rule is for."""
        return tuple(dict.fromkeys(name for rule in self.rules for name in rule.names))

    @property
    def versions(self) -> dict[str, int]:
        """The schema version that each type's rules are written for."""
        return {name: rule.schema_version for rule in self.rules for name in rule.names}

    @property
    def query(self) -> Query:
        """The events that it concerns."""
        return Query.of([QueryItem(self.names, self.categories, self.tags)])
