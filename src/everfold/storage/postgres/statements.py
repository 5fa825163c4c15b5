"""The SQL of this backend: named blocks of the files in `sql/`, made for one schema. The one place that templates.

A schema's name stands in `@schema@` and is quoted, after a check that leaves nothing to quote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ...errors import ConfigurationError

__all__ = ["EVENT_COLUMNS", "Statement", "for_schema", "read_sql", "statements"]

Statement = tuple[bytes, tuple[Any, ...]]
"""A text with `$1` marks, and its parameters."""

EVENT_COLUMNS = "e.position, e.stream_id, e.version, e.type, e.schema_version, e.event_id, e.recorded_at, e.data, e.metadata, e.tags"
"""In the order of `events/envelope.py`'s Row."""

_COLUMNS = {
    "@event@": EVENT_COLUMNS,
    "@consumer@": "c.name, c.partition, c.partitions, c.position, c.event_id, c.epoch, c.token, c.owner, c.lease_until, c.status, "
    "c.fault, c.letters, c.events, c.moved_at",
    "@build@": "b.projection, b.version, b.generation, b.state, b.timing, b.fed, b.code, b.definition, b.head, b.epoch, "
    "b.previous_version, b.previous_generation, b.verified, b.created_at, b.changed_at",
    "@letter@": "d.id, d.consumer, d.partition, d.lane, d.position, d.event_id, d.event_type, d.stream, d.error, d.attempts, "
    "d.state, d.parked_at, d.settled_at, d.actor, d.reason",
}
"""What rows of the tables are read as, in the order of the structs that they become."""

_FILES = ("sql/statements.sql", "sql/control.sql")
_SCHEMA_NAME = re.compile(r"[a-z_][a-z0-9_]{0,50}")
_BLOCK = re.compile(
    r"^-- name: (?P<name>\w+)\n(?P<description>(?:--[^\n]*\n)+)(?P<text>.+?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL
)


def for_schema(text: str, schema: str) -> str:
    """The text with its placeholders filled. Raises ConfigurationError for a name that is no plain identifier."""
    if not _SCHEMA_NAME.fullmatch(schema):
        raise ConfigurationError(
            f"schema={schema!r}: a schema's name has lower-case letters, digits and underscores, at most 51 of them"
        )
    filled = text.replace("@schema@", f'"{schema}"')
    for name, columns in _COLUMNS.items():
        filled = filled.replace(name, columns)
    return filled.replace("@channel@", f'"{schema}_appended"')


def read_sql(path: str) -> str:
    """A file below this folder."""
    return (files(__name__.rpartition(".")[0]) / path).read_text(encoding="utf-8")


@cache
def statements(schema: str) -> Mapping[str, bytes]:
    """Every statement by its name, for this schema."""
    text = "\n".join(map(read_sql, _FILES))
    blocks = list(_BLOCK.finditer(text))
    assert len(blocks) == text.count("-- name: "), "a block has no description or no statement"
    return {block["name"]: for_schema(block["text"].strip(), schema).encode() for block in blocks}
