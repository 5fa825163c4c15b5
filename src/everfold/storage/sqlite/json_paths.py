"""Values at dotted paths through documents, as SQL. Pure.

SQLite compares a step of a JSON path with the key as it is escaped in the text, and has no way to write some keys: a path with
such a step is walked key by key, which no index serves.
"""

# ruff: noqa: S608  # the pieces are paths in quoted constants

from __future__ import annotations

import re

from .names import literal

__all__ = ["extracted", "kind_at"]

_PLAIN = re.compile(r'[^"\\\x00-\x1f]+')


def extracted(json: str, path: str) -> str:
    """The value at the path: a number, a text, 1 or 0 for true or false, an object's or array's JSON; null where none is."""
    return _at("json_extract", "value", json, path)


def kind_at(json: str, path: str) -> str:
    """Its JSON type by SQLite's word for it; 'null' or null where none is."""
    return _at("json_type", "type", json, path)


def _at(function: str, column: str, json: str, path: str) -> str:
    steps = path.split(".")
    if all(_PLAIN.fullmatch(step) for step in steps):
        place = "".join(f'."{step}"' for step in steps)
        return f"{function}({json}, {literal(f'${place}')})"
    holder = f"case json_type({json}) when 'object' then {json} end"
    for step in steps[:-1]:
        holder = f"select case type when 'object' then value end from json_each(({holder})) where key = {literal(step)}"
    return f"(select {column} from json_each(({holder})) where key = {literal(steps[-1])})"
