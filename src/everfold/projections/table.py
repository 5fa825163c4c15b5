"""`TableProjection`: a table of declared columns, fed by rules instead of code, so that a database can run them itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Unpack

from ..codec.registry import Registry
from ..errors import ConfigurationError
from ..storage.columns import ColumnType
from ..storage.expressions import Call, Expression, parts_of
from ..storage.program import Program, Rule
from ..storage.read_model import Column, Shape, TableChanges
from ..storage.table_fold import Change, Evaluator, combine
from .document import _shown
from .event_fields import resolved
from .projection import Options, Projection
from .sources import Source, SourceLike, expression_of
from .table_rules import rule_problems, table_problems

__all__ = ["RuleBuilder", "TableEvaluator", "TableProjection"]

_COLUMN = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")
_UNFIT_KEYS = ("json",)


class RuleBuilder:
    """What events of some types do to the row at their key. Every method gives the builder back.

    A source is the path of a payload's field ("flight.carrier"), a number, an expression (`ef.field("delay") > 15`), or a function
    of the payload object; with a function in it, the table is fed in Python and never inside the database.
    """

    def __init__(self, types: tuple[type | str, ...]) -> None:
        self.types = types
        self.key: dict[str, Expression] = {}
        self.assignments: list[tuple[str, str, Expression]] = []
        self.condition: Expression | None = None
        self.deletes = False

    def set(self, **sources: SourceLike) -> RuleBuilder:
        """The column becomes the value."""
        return self._assign("set", sources)

    def increment(self, **sources: SourceLike) -> RuleBuilder:
        """The value is added to the column, which begins with 0; None adds nothing."""
        return self._assign("add", sources)

    def min(self, **sources: SourceLike) -> RuleBuilder:
        """The column keeps the least of its values."""
        return self._assign("min", sources)

    def max(self, **sources: SourceLike) -> RuleBuilder:
        """The column keeps the greatest of its values."""
        return self._assign("max", sources)

    def insert(self, **sources: SourceLike) -> RuleBuilder:
        """The column gets the value when the event makes the row, and is left as it is otherwise."""
        return self._assign("initial", sources)

    def delete(self) -> RuleBuilder:
        """The row goes. A later event makes a new one."""
        self.deletes = True
        return self

    def when(self, condition: Source) -> RuleBuilder:
        """Only events for which this is true; given again, for which both are."""
        if not isinstance(condition, Source):
            raise ConfigurationError(f"when(...) takes a condition such as ef.field('delay') > 15, not {condition!r}")
        both = condition if self.condition is None else Source(self.condition) & condition
        self.condition = both.expression
        return self

    def at(self, **sources: SourceLike) -> RuleBuilder:
        """Where the row's key columns come from. An event for which one of them is None is left out."""
        self.key.update({column: expression_of(source) for column, source in sources.items()})
        return self

    def _assign(self, action: str, sources: Mapping[str, SourceLike]) -> RuleBuilder:
        self.assignments += [(column, action, expression_of(source)) for column, source in sources.items()]
        return self

    @property
    def expressions(self) -> list[Expression]:
        """All of the rule's expressions."""
        condition = [] if self.condition is None else [self.condition]
        return [*self.key.values(), *(source for _, _, source in self.assignments), *condition]


class TableEvaluator:
    """The table's rules in Python: an event's changes, and a batch of them. Made by `TableProjection.evaluator`."""

    def __init__(self, evaluator: Evaluator, shape: Shape) -> None:
        self.evaluate = evaluator.evaluate
        self._shape = shape

    def combine(self, changes: Sequence[Change]) -> TableChanges:
        """One batch that does what the changes do one after the other. Never fails."""
        return combine(self._shape, changes)


class TableProjection(Projection):
    """A table with columns of its own, one row per key.

    `revenue.on(ChargeRecorded).increment(amount="amount").at(day="charged_on")`: rules are data, so a rebuild runs inside the database.
    `columns` are types by name, `key` the columns of the primary key, `indexes` further ones, each a list of columns.
    """

    kind = "table"

    def __init__(
        self,
        name: str,
        *,
        columns: Mapping[str, ColumnType],
        key: Iterable[str],
        indexes: Iterable[Sequence[str]] = (),
        **options: Unpack[Options],
    ) -> None:
        super().__init__(name, **options)
        self.columns = _checked_columns(name, columns)
        self.key = _checked_names(name, key, self.columns, "key")
        self.indexes = tuple(_checked_names(name, index, self.columns, "index") for index in indexes)
        unfit = [column for column in self.key if self.columns[column].kind in _UNFIT_KEYS]
        if unfit:
            raise ConfigurationError(f"table {name!r}: column {unfit[0]!r} is Json, which can't be part of a key")
        self._rules: list[RuleBuilder] = []

    def on(self, *types: type | str) -> RuleBuilder:
        """Begin a rule for events of these types. Rules of one event apply in the order in which they were begun."""
        if not types:
            raise ConfigurationError(f"{self.name}.on(...) takes the event types that the rule is for")
        rule = RuleBuilder(types)
        self._rules.append(rule)
        return rule

    @property
    def types(self) -> tuple[type | str, ...]:
        return tuple(dict.fromkeys(wanted for rule in self._rules for wanted in rule.types))

    @property
    def shape(self) -> Shape:
        counted = {column for rule in self._rules for column, action, _ in rule.assignments if action == "add"}
        columns = tuple(Column(name, type_, 0 if name in counted else None) for name, type_ in self.columns.items())
        return Shape("table", columns, self.key, self.indexes)

    def parts(self) -> Iterable[object]:
        for rule in self._rules:
            yield tuple(_shown(wanted) for wanted in rule.types)
            yield [*rule.key, *((column, action) for column, action, _ in rule.assignments), rule.deletes]
            for expression in rule.expressions:
                calls = [part.function for part in parts_of(expression) if isinstance(part, Call)]
                yield calls or expression

    def problems(self, registry: Registry) -> list[str]:
        found = super().problems(registry)
        classes = {name: t.cls for t in registry.types() for name in (t.cls, *t.names)}
        found += table_problems(self, self._rules)
        for rule in self._rules:
            found += rule_problems(self, rule, [classes[wanted] for wanted in rule.types if wanted in classes])
        return found

    def program(self, registry: Registry) -> Program | None:
        """The rules as what a database can run; None when a Python function is among their sources."""
        parts = (part for rule in self._rules for expression in rule.expressions for part in parts_of(expression))
        return None if any(isinstance(part, Call) for part in parts) else self._program(registry)

    def evaluator(self, registry: Registry) -> TableEvaluator:
        """The rules as what Python runs, event by event."""
        shape = self.shape
        return TableEvaluator(Evaluator(self._program(registry), shape, registry.plain), shape)

    def _program(self, registry: Registry) -> Program:
        types = {name: t for t in registry.types() for name in (t.cls, *t.names)}
        rules = [
            self._rule(rule, types[wanted])
            for rule in self._rules
            for wanted in dict.fromkeys(types[given].cls for given in rule.types if given in types)
        ]
        return Program(tuple(rules), self.categories, tuple(sorted(set(self.tags))))

    def _rule(self, rule: RuleBuilder, event_type: Any) -> Rule:
        def source(column: str, expression: Expression) -> Expression:
            return resolved(expression, event_type.cls, raw=self.columns[column].kind == "json")

        return Rule(
            event_type.names,
            event_type.version,
            tuple(source(column, rule.key[column]) for column in self.key),
            tuple((column, action, source(column, expression)) for column, action, expression in rule.assignments),
            None if rule.condition is None else resolved(rule.condition, event_type.cls),
            rule.deletes,
        )


def _checked_columns(table: str, columns: Mapping[str, ColumnType]) -> dict[str, ColumnType]:
    for name, type_ in columns.items():
        if not isinstance(name, str) or not _COLUMN.match(name) or name == "tenant":
            raise ConfigurationError(
                f"table {table!r}: a column's name has lower-case letters, digits and _, begins with a letter, "
                f"has 63 characters at most and isn't 'tenant'; not {name!r}"
            )
        if not isinstance(type_, ColumnType):
            raise ConfigurationError(f"table {table!r}: column {name!r} takes a type such as ef.Text, not {type_!r}")
    return dict(columns)


def _checked_names(table: str, names: Iterable[str], columns: Mapping[str, Any], what: str) -> tuple[str, ...]:
    if isinstance(names, str):
        raise ConfigurationError(f"table {table!r}: {what} takes a list of columns, not one string: [{names!r}]")
    found = tuple(names)
    unknown = [name for name in found if name not in columns]
    if not found or unknown or len(set(found)) < len(found):
        raise ConfigurationError(
            f"table {table!r}: {what} {list(found)!r} must name one or more of its columns, once each"
        )
    return found
