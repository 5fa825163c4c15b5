"""The SQL of this backend: named blocks of `sql/statements.sql`, made for one schema. The one place that templates.

A schema's name stands in `@schema@` and is quoted, after a check that leaves nothing to quote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from ...errors import ConfigurationError

__all__ = ["EVENT_COLUMNS", "for_schema", "read_sql", "statements"]

EVENT_COLUMNS = "e.position, e.stream_id, e.version, e.type, e.schema_version, e.event_id, e.recorded_at, e.data, e.metadata, e.tags"
"""In the order of `events/envelope.py`'s Row."""

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
    filled = text.replace("@schema@", f'"{schema}"').replace("@event@", EVENT_COLUMNS)
    return filled.replace("@channel@", f'"{schema}_appended"')


def read_sql(path: str) -> str:
    """A file below this folder."""
    return (files(__name__.rpartition(".")[0]) / path).read_text(encoding="utf-8")


@cache
def statements(schema: str) -> Mapping[str, bytes]:
    """Every statement by its name, for this schema."""
    text = read_sql("sql/statements.sql")
    blocks = list(_BLOCK.finditer(text))
    assert len(blocks) == text.count("-- name: "), "a block has no description or no statement"
    return {block["name"]: for_schema(block["text"].strip(), schema).encode() for block in blocks}
