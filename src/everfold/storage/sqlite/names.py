"""The names of read models' tables and columns, as they stand in SQL. Pure.

Whatever is made part of a statement's text is a checked or a quoted name, or a quoted constant of this file.
"""

from __future__ import annotations

import re

from ...errors import ConfigurationError
from ..read_model import Shape, Target

__all__ = ["check_shape", "identifier", "literal", "table_name", "target_of", "view_name"]

_PREFIX = "everfold_rm_"
_PROJECTION = re.compile(r"[a-z_][a-z0-9_]*")
_TABLE = re.compile(r"(.*)_v([0-9]+)(?:_g([0-9]+))?")
_OWN_COLUMNS = ("tenant",)


def table_name(target: Target) -> str:
    """`everfold_rm_revenue_v2`, for a projection that `view_name` takes."""
    view_name(target.projection)
    return _PREFIX + target.table


def view_name(projection: str) -> str:
    """`everfold_rm_revenue`. Raises ConfigurationError for a projection whose name can't be a table's."""
    if not _PROJECTION.fullmatch(projection) or _TABLE.fullmatch(projection):
        raise ConfigurationError(
            f"projection {projection!r}: its name becomes a table's, so it has lower-case letters, digits and underscores, "
            "and doesn't end like a version (_v1)"
        )
    return _PREFIX + projection


def target_of(table: str) -> Target | None:
    """The target whose table it is; None for a table of another kind."""
    found = _TABLE.fullmatch(table.removeprefix(_PREFIX)) if table.startswith(_PREFIX) else None
    return None if found is None else Target(found[1], int(found[2]), int(found[3] or 1))


def identifier(name: str) -> str:
    """A quoted name."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A quoted constant."""
    return "'" + text.replace("'", "''") + "'"


def check_shape(shape: Shape) -> None:
    """Raise ConfigurationError for columns that can't be a table's."""
    for column in shape.columns:
        if column.name in _OWN_COLUMNS:
            raise ConfigurationError(
                f"column {column.name!r} is in every read model's table already; name yours another way"
            )
        if not column.name or "\0" in column.name:
            raise ConfigurationError(f"{column.name!r} is no name for a column")
