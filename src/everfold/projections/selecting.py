"""What readers ask, in their words → as the port takes it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ConfigurationError, StatementError
from ..storage.read_model import Condition, Selection, Shape

__all__ = ["conditions", "ordering", "refuse_unknown"]

_FIELD = re.compile(r"\s*([^\s=!<>]+)\s*(=|==|!=|<|<=|>|>=|in)?\s*\Z")


def conditions(where: Mapping[str, Any] | None) -> tuple[Condition, ...]:
    """`{"nights >": 2}` → nights > 2. Raises ConfigurationError for what is no field and operator."""
    return tuple(_condition(field, value) for field, value in (where or {}).items())


def ordering(order_by: str | Sequence[str]) -> tuple[tuple[str, bool], ...]:
    """`["-amount", "day"]` → descending by amount, then by day. A text may list fields with commas."""
    names = order_by.split(",") if isinstance(order_by, str) else list(order_by)
    found = []
    for name in (name.strip() for name in names):
        words = name.removeprefix("-").split()
        if not words or len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
            if not name:
                continue
            raise ConfigurationError(f'order_by takes fields, descending with a "-" before, not {name!r}')
        found.append((words[0], name.startswith("-") or words[-1].lower() == "desc"))
    return tuple(found)


def refuse_unknown(shape: Shape, selection: Selection) -> None:
    """Raise StatementError for a column that the table, as readers see it, doesn't have; documents have any field."""
    if shape.kind != "table":
        return
    columns = {column.name for column in shape.columns}
    for name in (*(one.field for one in selection.where), *(name for name, _ in selection.order_by)):
        if name not in columns:
            raise StatementError(f"the read model has no column {name!r}; it has {', '.join(sorted(columns))}")


def _condition(field: str, value: Any) -> Condition:
    matched = _FIELD.match(field) if isinstance(field, str) else None
    if matched is None:
        raise ConfigurationError(
            f'where takes fields with an operator after them, {{"nights >": 2}}, not {field!r}; '
            "operators are = != < <= > >= in"
        )
    name, operator = matched[1], {None: "=", "==": "="}.get(matched[2], matched[2])
    if isinstance(value, (list, tuple, set, frozenset)):
        if operator not in ("=", "in"):
            raise ConfigurationError(f"{field!r} takes one value, not several")
        return Condition(name, "in", tuple(value))
    return Condition(name, operator, value)
