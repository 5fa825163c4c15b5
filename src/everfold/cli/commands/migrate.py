"""`everfold migrate`: the database's schema, looked at and brought to this release."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ..command import command
from ..failure import FOUND, OK, usage
from ..results import show
from ..settings import Settings
from ..telling import envelope, write_json

if TYPE_CHECKING:
    from ...storage.port import Storage
    from ...storage.unit import SchemaStatus

__all__ = ["migrate"]


@command("migrate")
@click.option("--status", is_flag=True, help="only say what is there and what is pending")
@click.option("--check", is_flag=True, help="the same; exit code 1 unless the schema is this release's")
@click.option("--sql", is_flag=True, help="print what is pending as SQL, to be run by hand (PostgreSQL)")
def migrate(settings: Settings, *, status: bool, check: bool, sql: bool) -> int:
    """Create the schema, or upgrade it to this release.

    Several may run at once: one does the work, the others find it done.
    """
    from ..opening import open_storage

    if status + check + sql > 1:
        raise usage("--status, --check and --sql are three different questions; ask one")
    with open_storage(settings) as storage:
        if sql:
            return _print_sql(settings, storage)
        found = storage.schema_status() if status or check else storage.migrate("auto")
    bad = check and found.found != found.latest
    _show(settings, found, bad)
    return FOUND if bad else OK


def _show(settings: Settings, status: SchemaStatus, bad: bool) -> None:
    names = {"applied": list(status.applied), "pending": list(status.pending)}
    data = {"found": status.found, "latest": status.latest, **names}
    rows: list[tuple[str, object]] = [("found", status.found), ("latest", status.latest)]
    rows += [(state, name) for state, listed in names.items() for name in listed]
    verdict = "fail" if bad else "pass"
    show(settings, data, columns=("what", "value"), rows=rows, text=_sentence(status), status=verdict)


def _sentence(status: SchemaStatus) -> str:
    version = f"schema version {status.found} of {status.latest}" if status.found else "no schema"
    if status.found > status.latest:
        return f"schema version {status.found} is newer than this release's {status.latest}"
    done = f"; applied {', '.join(status.applied)}" if status.applied else ""
    left = f"; pending: {', '.join(status.pending)}" if status.pending else "; nothing is pending"
    return f"{version}{done}{left}"


def _print_sql(settings: Settings, storage: Storage) -> int:
    pending_sql = getattr(storage, "pending_sql", None)
    if pending_sql is None:
        raise usage("--sql is for PostgreSQL; this store upgrades itself", "everfold migrate")
    text = pending_sql()
    if settings.json:
        write_json(envelope(settings, "pass", {"sql": text}))
    else:
        sys.stdout.write(text)
    return OK
