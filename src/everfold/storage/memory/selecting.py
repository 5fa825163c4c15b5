"""Which rows or documents a Selection means, and in which order: the specification that every backend's SQL follows. Pure.

A candidate is a function from a field's name to its value: a column's, the one at a document's path, None where there
is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import cmp_to_key, partial
from typing import Any
from uuid import UUID

import msgspec

from ..read_model import Condition, Selection

__all__ = ["Candidate", "document_candidate", "matches", "ordered"]

Candidate = Callable[[str], Any]
Ordering = tuple[tuple[str, bool], ...]

_KINDS: tuple[tuple[Any, str], ...] = (
    (bool, "boolean"),
    ((int, float, Decimal), "number"),
    (str, "text"),
    (datetime, "timestamp"),
    (date, "date"),
    (UUID, "uuid"),
)


def document_candidate(key: str, data: bytes) -> Candidate:
    """A document: `key` is its key, anything else a dotted path through its objects."""
    content = msgspec.json.decode(data)
    return lambda field: key if field == "key" else _at(content, field)


def matches(candidate: Candidate, conditions: Iterable[Condition]) -> bool:
    """Whether all conditions hold."""
    return all(_holds(candidate(one.field), one.operator, one.value) for one in conditions)


def ordered(candidates: Iterable[tuple[Any, Candidate]], selection: Selection, key: tuple[str, ...]) -> list[Any]:
    """What stands beside the candidates, in the selection's order, after its `after`, up to its limit."""
    ordering = (*selection.order_by, *((field, False) for field in key))
    rank = cmp_to_key(partial(_compared, ordering))
    placed = [(one, rank(tuple(candidate(field) for field, _ in ordering))) for one, candidate in candidates]
    if selection.after is not None:
        last = rank(selection.after)
        placed = [pair for pair in placed if pair[1] > last]
    placed.sort(key=lambda pair: pair[1])
    return [one for one, _ in placed][: selection.limit]


def _at(content: Any, path: str) -> Any:
    for step in path.split("."):
        content = content.get(step) if isinstance(content, dict) else None
    return content


def _holds(value: Any, operator: str, wanted: Any) -> bool:
    if operator == "in":
        return any(_equal(value, one) for one in wanted)
    if operator in ("=", "!="):
        return _equal(value, wanted) is (operator == "=")
    left, right = _comparable(value), _comparable(wanted)
    if left[0] != right[0] or left[0] in ("none", "json"):
        return False
    order = _order(left, right)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def _equal(left: Any, right: Any) -> bool:
    return _comparable(left) == _comparable(right)


def _comparable(value: Any) -> tuple[str, Any]:
    """A value with its kind: values of different kinds are never equal. A float is the decimal number that it shows."""
    if value is None:
        return "none", None
    kind = next((name for types, name in _KINDS if isinstance(value, types)), "json")
    return kind, Decimal(repr(value)) if isinstance(value, float) else value


def _compared(ordering: Ordering, left: tuple[Any, ...], right: tuple[Any, ...]) -> int:
    for (_, descending), one, other in zip(ordering, left, right, strict=True):
        if one is None or other is None:
            order = (one is None) - (other is None)
        else:
            order = _order(_comparable(one), _comparable(other)) * (-1 if descending else 1)
        if order:
            return order
    return 0


def _order(left: tuple[str, Any], right: tuple[str, Any]) -> int:
    """Values of one kind by themselves, kinds by their names, JSON by its text."""
    if left[0] == right[0] == "json":
        left, right = (left[0], msgspec.json.encode(left[1])), (right[0], msgspec.json.encode(right[1]))
    return (left > right) - (left < right)
