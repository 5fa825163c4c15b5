"""The schema and its versions: which migrations a file has seen, and bringing it up to this release.

A fresh file gets `schema.sql` in one step, an older one the numbered migrations that it lacks; a test holds the two
to the same result. Each change is one transaction, judged again under the write lock, so several processes may
start at once. A file is a store when it has the table `everfold_migration`. A store may be added to an application's own
database, since only there can its rows and the events share a transaction: hence the prefix of every name.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ...errors import ConfigurationError, SchemaError
from ..unit import SchemaStatus
from .errors import migrate_command
from .statements import SQL

__all__ = [
    "Migration",
    "check_mode",
    "found_status",
    "fresh_schema",
    "migrations",
    "nothing_found",
    "refuse_unfit",
    "run_script",
    "upgrade",
]

_MARK = "everfold_migration"
MODES = ("auto", "create", "never")


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """Shows that the file was edited after it had been applied somewhere."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@cache
def migrations() -> tuple[Migration, ...]:
    """All of this release, numbered from 1 without holes."""
    paths = [
        path for path in (files(__name__.rpartition(".")[0]) / "migrations").iterdir() if path.name.endswith(".sql")
    ]
    found = tuple(
        Migration(int(path.name[:4]), path.name.removesuffix(".sql"), path.read_text(encoding="utf-8"))
        for path in sorted(paths, key=lambda path: path.name)
    )
    assert [m.version for m in found] == list(range(1, len(found) + 1)), "migrations are numbered without holes"
    return found


@cache
def fresh_schema() -> str:
    """What a new file gets: the result of all migrations."""
    return (files(__name__.rpartition(".")[0]) / "schema.sql").read_text(encoding="utf-8")


def check_mode(mode: str) -> None:
    """Raise ConfigurationError for what is no mode of migrating."""
    if mode not in MODES:
        raise ConfigurationError(f"migrate must be one of {', '.join(map(repr, MODES))}, not {mode!r}")


def nothing_found() -> SchemaStatus:
    """The status of a file that holds nothing yet."""
    return SchemaStatus(0, len(migrations()), tuple(m.name for m in migrations()))


def found_status(connection: sqlite3.Connection, path: str) -> SchemaStatus:
    """What the file holds. Raises SchemaError for a part of a store, and for migrations that were edited."""
    latest = migrations()
    tables = {name for (name,) in connection.execute(SQL["table_names"])}
    if _MARK not in tables:
        ours = sorted(tables & _names_in(fresh_schema()))
        if ours:
            raise SchemaError(
                f"{path} has tables of a store ({', '.join(ours[:5])}) without the record of its migrations: it was "
                "changed by hand, or restored in part. Restore a whole backup, or name another file."
            )
        return nothing_found()
    applied = connection.execute(SQL["applied_migrations"]).fetchall()
    _refuse_edited(applied, path)
    if len(applied) == len(latest):
        _refuse_incomplete(tables, path)
    return SchemaStatus(len(applied), len(latest), tuple(m.name for m in latest[len(applied) :]))


def refuse_unfit(status: SchemaStatus, path: str) -> None:
    """Raise SchemaError unless the file has exactly this release's schema."""
    if status.found > status.latest:
        raise SchemaError(
            f"{path} has schema version {status.found}, newer than this release's {status.latest}. Install the release "
            f"that migrated it, or a later one; then `{migrate_command(path)}` says that all is well."
        )
    if status.pending:
        state = "holds no store yet" if status.found == 0 else f"has schema version {status.found} of {status.latest}"
        raise SchemaError(f"{path} {state}; {', '.join(status.pending)} to apply. Run: {migrate_command(path)}")


def upgrade(connection: sqlite3.Connection, mode: str, path: str, now: int) -> SchemaStatus:
    """Apply what `mode` allows, in one transaction, and give what was applied. Raises SchemaError when it still doesn't fit."""
    connection.execute("begin immediate")
    try:
        status = found_status(connection, path)
        if status.pending and (status.found == 0 or mode == "auto"):
            status = _apply(connection, status, now)
        refuse_unfit(status, path)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise
    return status


def run_script(connection: sqlite3.Connection, script: str) -> None:
    """Run each statement of a script inside the transaction that is open (`executescript` would commit it)."""
    for statement in _statements_of(script):
        connection.execute(statement)


def _apply(connection: sqlite3.Connection, status: SchemaStatus, now: int) -> SchemaStatus:
    pending = migrations()[status.found :]
    if status.found == 0:
        connection.execute(SQL["create_migration_table"])
        run_script(connection, fresh_schema())
    else:
        for migration in pending:
            run_script(connection, migration.text)
    rows = [(m.version, m.name, m.checksum, now) for m in pending]
    connection.executemany(SQL["record_migration"], rows)
    return SchemaStatus(status.latest, status.latest, (), status.pending)


def _statements_of(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _refuse_edited(applied: list[tuple[int, str, str]], path: str) -> None:
    for (version, name, checksum), migration in zip(applied, migrations(), strict=False):
        if (version, checksum) != (migration.version, migration.checksum):
            raise SchemaError(
                f"{path}: migration {name!r} was applied in another form than this release has as {migration.name!r}. "
                f"Restore a backup from before it, or install the release that applied it, then run: "
                f"{migrate_command(path)}"
            )


def _refuse_incomplete(found: set[str], path: str) -> None:
    missing = _names_in(fresh_schema()) - found
    if missing:
        raise SchemaError(
            f"{path} was changed by hand: {', '.join(sorted(missing))} missing. Restore a backup, then run: "
            f"{migrate_command(path)}"
        )


@cache
def _names_in(script: str) -> frozenset[str]:
    connection = sqlite3.connect(":memory:")
    try:
        run_script(connection, script)
        return frozenset(name for (name,) in connection.execute(SQL["table_names"]))
    finally:
        connection.close()
