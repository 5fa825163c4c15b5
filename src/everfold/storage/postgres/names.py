"""The names of read models' tables and columns, as they stand in SQL. Pure.

Whatever is made part of a statement's text is a checked or a quoted name, or a quoted constant of this file.
"""

from __future__ import annotations

import re

from ...errors import ConfigurationError
from ..read_model import Shape, Target

__all__ = ["check_shape", "identifier", "literal", "qualified", "table_name", "view_name"]

_PREFIX = "rm_"
_PROJECTION = re.compile(r"[a-z_][a-z0-9_]*")
_LIKE_A_TABLE = re.compile(r".*_v[0-9]+(_g[0-9]+)?")
_NAME_BYTES_MAX = 63
"""The server cuts longer names short, and two of them might become one."""

_OWN_COLUMNS = ("tenant",)


def table_name(target: Target) -> str:
    """`rm_revenue_v2`. Raises ConfigurationError for a projection whose name is no plain identifier."""
    view_name(target)
    return _checked(_PREFIX + target.table)


def view_name(target: Target) -> str:
    """`rm_revenue`: the view for people."""
    projection = target.projection
    if not _PROJECTION.fullmatch(projection) or _LIKE_A_TABLE.fullmatch(projection):
        raise ConfigurationError(
            f"projection {projection!r}: its name becomes a table's, so it has lower-case letters, digits and underscores, "
            "and doesn't end like a version (_v1)"
        )
    return _checked(_PREFIX + projection)


def qualified(schema: str, name: str) -> str:
    """A relation of the store's schema."""
    return f"{identifier(schema)}.{identifier(name)}"


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted constant, whatever the server's setting of standard_conforming_strings."""
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return f"E'{quoted}'" if "\\" in text else f"'{quoted}'"


def check_shape(shape: Shape) -> None:
    """Raise ConfigurationError for columns that can't be a table's."""
    for column in shape.columns:
        if column.name in _OWN_COLUMNS:
            raise ConfigurationError(
                f"column {column.name!r} is in every read model's table already; name yours another way"
            )
        _checked(column.name)


def _checked(name: str) -> str:
    if not name or "\0" in name or len(name.encode()) > _NAME_BYTES_MAX:
        raise ConfigurationError(f"{name!r} is no name for PostgreSQL: it takes 1 to {_NAME_BYTES_MAX} bytes")
    return name
