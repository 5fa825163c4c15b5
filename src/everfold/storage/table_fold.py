"""A declared table in Python: an event's changes, and many changes as one batch. Pure.

The invariant: applying `combine(changes)` gives the rows that the changes give one after the other, so a batch may end
anywhere. `ColumnType` bounds a sum when it is stored, not on the way to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any

import msgspec

from ..codec.reasons import reason_of
from ..errors import UndecodableEventError
from ..events.envelope import RecordedEvent
from .expressions import Expression, Field, kind_of
from .program import Program, Rule
from .read_model import Shape, TableChanges, Upserts
from .table_input import reading_of
from .table_values import Compute, compiled, into_column

__all__ = ["Change", "Evaluator", "Plain", "Signature", "combine", "signature"]

Plain = Callable[[str, int, bytes, int], dict[str, Any]]
"""(type, schema version, bytes, position) → the payload as plain data of the current schema version."""

_encode = msgspec.json.Encoder().encode
_encode_lane = msgspec.json.Encoder(decimal_format="string").encode


class Signature:
    """Which columns beside the key a change names, and what it does with each. One object for equal ones."""

    __slots__ = ("actions", "columns")

    def __init__(self, columns: tuple[str, ...], actions: tuple[str, ...]) -> None:
        self.columns = columns
        self.actions = actions


signature = lru_cache(maxsize=None)(Signature)
"""The signature of these columns and actions."""


class Change(msgspec.Struct, gc=False):
    """What an event does to one row. `signature` None: the row goes."""

    signature: Signature | None
    key: tuple[Any, ...]
    values: tuple[Any, ...] = ()

    @property
    def lane(self) -> str:
        """What the event is parked under when the change can't be made."""
        return f"key:{_encode_lane(self.key).decode()}"


class Evaluator:
    """A program, run in Python. `plain` gives the data of events of other schema versions."""

    def __init__(self, program: Program, shape: Shape, plain: Plain | None = None) -> None:
        by_name: dict[str, list[Rule]] = {}
        for rule in program.rules:
            for name in rule.names:
                by_name.setdefault(name, []).append(rule)
        self._types = {name: _OfType(rules, shape, plain) for name, rules in by_name.items()}

    def evaluate(self, recorded: RecordedEvent) -> list[Change]:
        """The event's changes, in the order of the rules; none for a type without a rule.

        Raises CodecError for what can't be read, and ValueError or TypeError for a value that its column or an operator
        refuses.
        """
        of_type = self._types.get(recorded.type)
        return [] if of_type is None else of_type.changes(recorded)


class _OfType:
    """The rules for events of one stored type name."""

    __slots__ = ("decode", "plain", "rules", "schema_version")

    def __init__(self, rules: Sequence[Rule], shape: Shape, plain: Plain | None) -> None:
        reading = reading_of(part for rule in rules for part in rule.parts() if isinstance(part, Field))
        self.decode = reading.decode
        self.rules = [_Compiled(rule, shape, reading.fields) for rule in rules]
        self.schema_version = rules[0].schema_version
        self.plain = plain

    def changes(self, recorded: RecordedEvent) -> list[Change]:
        data = self._data(recorded)
        return [change for rule in self.rules if (change := rule.change(data, recorded)) is not None]

    def _data(self, recorded: RecordedEvent) -> Any:
        raw = recorded.raw if recorded.schema_version == self.schema_version else self._upcast(recorded)
        try:
            return self.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            place = recorded.type, recorded.schema_version
            raise UndecodableEventError(*place, reason_of(error), recorded.position) from error

    def _upcast(self, recorded: RecordedEvent) -> bytes:
        place = recorded.type, recorded.schema_version
        if self.plain is None:
            raise UndecodableEventError(*place, "it is of another schema version than the rule", recorded.position)
        return _encode(self.plain(*place, recorded.raw, recorded.position))


class _Compiled:
    """One rule."""

    __slots__ = ("key", "signature", "values", "when")

    def __init__(self, rule: Rule, shape: Shape, fields: dict[Field, Compute]) -> None:
        def held(column: str, expression: Expression) -> Compute:
            return into_column(shape.column(column), kind_of(expression), compiled(expression, fields))

        self.when = None if rule.when is None else compiled(rule.when, fields)
        self.key = [held(name, expression) for name, expression in zip(shape.key, rule.key, strict=True)]
        self.values = [held(name, expression) for name, _, expression in rule.assignments]
        named = tuple(name for name, _, _ in rule.assignments), tuple(action for _, action, _ in rule.assignments)
        self.signature = None if rule.delete else signature(*named)

    def change(self, data: Any, recorded: RecordedEvent) -> Change | None:
        if self.when is not None and self.when(data, recorded) is not True:
            return None
        key = tuple([compute(data, recorded) for compute in self.key])
        if None in key:
            return None
        return Change(self.signature, key, tuple([compute(data, recorded) for compute in self.values]))


class _Net:
    """What the changes so far do to one row: it may go first, then these upserts, each on the row that the one before left."""

    __slots__ = ("deleted", "upserts")

    def __init__(self) -> None:
        self.deleted = False
        self.upserts: list[tuple[Signature, tuple[Any, ...]]] = []

    def take(self, change: Change) -> None:
        if change.signature is None:
            self.deleted = True
            self.upserts.clear()
        elif not self.upserts:
            self.upserts.append((_on_nothing(change.signature) if self.deleted else change.signature, change.values))
        else:
            self._compose(change.signature, change.values)

    def _compose(self, then: Signature, values: tuple[Any, ...]) -> None:
        first, before = self.upserts[-1]
        joint = _joint(first, then)
        if joint is None:
            self.upserts.append((then, values))
            return
        merged, steps = joint
        both = before + values
        self.upserts[-1] = (
            merged,
            tuple([both[i] if step is None else step(both[i], both[j]) for step, i, j in steps]),
        )


def combine(shape: Shape, changes: Iterable[Change]) -> TableChanges:
    """One batch that does what the changes do one after the other. Never fails."""
    nets: dict[tuple[Any, ...], _Net] = {}
    for change in changes:
        net = nets.get(change.key)
        if net is None:
            net = nets[change.key] = _Net()
        net.take(change)
    groups: dict[tuple[int, Signature], list[tuple[Any, ...]]] = {}
    for key, net in nets.items():
        for layer, (named, values) in enumerate(net.upserts):
            groups.setdefault((layer, named), []).append(key + values)
    deletes = [key for key, net in nets.items() if net.deleted]
    ordered = sorted(groups.items(), key=lambda group: group[0][0])
    return TableChanges(deletes, [_upserts(shape, named, rows) for (_, named), rows in ordered])


def _upserts(shape: Shape, named: Signature, rows: list[tuple[Any, ...]]) -> Upserts:
    return Upserts(shape.key + named.columns, ("key",) * len(shape.key) + named.actions, rows)


@cache
def _on_nothing(named: Signature) -> Signature:
    """The same on a row that is surely new."""
    return signature(named.columns, tuple("set" if action == "initial" else action for action in named.actions))


Step = tuple[Callable[[Any, Any], Any] | None, int, int]
"""(function, place of its first argument, of its second): no function takes the first as it is."""


@cache
def _joint(first: Signature, then: Signature) -> tuple[Signature, list[Step]] | None:
    """Two upserts of one row as one; None when no single one does the same."""
    columns = list(first.columns)
    actions = list(first.actions)
    steps: list[Step] = [(None, place, place) for place in range(len(columns))]
    for number, (column, action) in enumerate(zip(then.columns, then.actions, strict=True), len(first.columns)):
        if action == "initial":
            continue  # there is a row by then
        if column not in columns:
            columns.append(column)
            actions.append(action)
            steps.append((None, number, number))
            continue
        place = columns.index(column)
        merged = _merged(actions[place], action)
        if merged is None:
            return None
        actions[place], function = merged
        steps[place] = (None, number, number) if function is None else (function, place, number)
    return signature(tuple(columns), tuple(actions)), steps


def _merged(first: str, then: str) -> tuple[str, Callable[[Any, Any], Any] | None] | None:
    if then == "set":
        return "set", None
    if first in (then, "set"):
        return first, _FUNCTIONS[then]
    return None


def _added(one: Any, other: Any) -> Any:
    return (one or 0) + (other or 0)


def _least(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else min(one, other)


def _greatest(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else max(one, other)


_FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {"add": _added, "min": _least, "max": _greatest}
