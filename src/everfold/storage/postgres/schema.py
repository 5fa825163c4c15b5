"""The schema and its versions, as text: what this release brings, and the SQL from what was found to there.

A new store gets the files of `sql/schema/` at once, an older one the numbered migrations that it lacks; a test holds the
two to the same result. Whether a store fits is decided here, purely, from the migrations recorded in it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ...errors import ConfigurationError, SchemaError
from ..unit import SchemaStatus
from .errors import MIGRATE_COMMAND
from .statements import for_schema, read_sql

__all__ = [
    "Migration",
    "check_mode",
    "fresh_schema",
    "lock_key",
    "migrations",
    "refuse_unfit",
    "roles_sql",
    "script",
    "status_of",
]

MODES = ("auto", "create", "never")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Tells when the file was edited after it had been applied somewhere."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """All of this release, numbered from 1 without holes."""
    names = sorted(
        path.name
        for path in (files(__name__.rpartition(".")[0]) / "migrations").iterdir()
        if path.name.endswith(".sql")
    )
    found = tuple(Migration(int(n[:4]), n.removesuffix(".sql"), read_sql(f"migrations/{n}")) for n in names)
    assert [m.version for m in found] == list(range(1, len(found) + 1)), "migrations are numbered without holes"
    return found


@cache
def fresh_schema() -> str:
    """What a new store gets: the result of all migrations."""
    names = sorted(path.name for path in (files(__name__.rpartition(".")[0]) / "sql" / "schema").iterdir())
    return "\n".join(read_sql(f"sql/schema/{name}") for name in names)


def script(schema: str, found: int, *, create_schema: bool) -> str:
    """The SQL from version `found` to this release, with its own record; "" when there is nothing to do."""
    pending = migrations()[found:]
    if not pending:
        return ""
    parts = ["create schema @schema@;\n"] if create_schema else []
    parts += [fresh_schema()] if found == 0 else [migration.text for migration in pending]
    parts += [
        f"insert into @schema@.migration (version, name, checksum) values ({m.version}, '{m.name}', '{m.checksum}');\n"  # noqa: S608
        for m in pending
    ]
    return for_schema("\n".join(parts), schema)


def roles_sql(schema: str) -> str:
    """The script that a database administrator runs to make the roles of least privilege."""
    return for_schema(read_sql("sql/roles.sql"), schema)


def lock_key(schema: str) -> int:
    """The advisory lock under which one process migrates a schema: far from the horizon's and the tags' keys."""
    return (1 << 60) | zlib.crc32(schema.encode())


def status_of(schema: str, applied: Sequence[tuple[int, str, str]]) -> SchemaStatus:
    """What is there and what is missing. Raises SchemaError for a migration that was applied in another form."""
    known = migrations()
    for (version, name, checksum), migration in zip(applied, known, strict=False):
        if (version, checksum) != (migration.version, migration.checksum):
            raise SchemaError(
                f'schema "{schema}": migration {name!r} was applied in another form than this release has as '
                f"{migration.name!r}. Install the release that applied it, or restore a backup from before it."
            )
    found = applied[-1][0] if applied else 0
    return SchemaStatus(found, len(known), tuple(m.name for m in known[found:]))


def refuse_unfit(schema: str, status: SchemaStatus) -> None:
    """Raise SchemaError unless the store has exactly this release's schema."""
    if status.found > status.latest:
        raise SchemaError(
            f'schema "{schema}" has version {status.found}, newer than this release\'s {status.latest}: '
            "install the release that migrated it, or a later one."
        )
    if status.pending:
        state = "holds no store yet" if status.found == 0 else f"has version {status.found} of {status.latest}"
        raise SchemaError(f'schema "{schema}" {state}; to apply: {", ".join(status.pending)}. Run: {MIGRATE_COMMAND}')


def check_mode(mode: str) -> None:
    """Raise ConfigurationError for what is no way to migrate."""
    if mode not in MODES:
        raise ConfigurationError(f"migrate must be one of {', '.join(map(repr, MODES))}, not {mode!r}")
