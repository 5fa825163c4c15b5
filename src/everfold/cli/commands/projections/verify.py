"""`everfold projections verify`: whether the build beside the active one holds the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...command import command
from ...failure import FOUND, OK
from ...results import show
from ...settings import Settings
from .switching import version_option

if TYPE_CHECKING:
    from ....projections.verify import Verification

__all__ = ["verify"]

COLUMNS = ("what", "value")
COUNTS = (
    "old_version",
    "new_version",
    "old_count",
    "new_count",
    "ranges",
    "different_ranges",
    "differences",
    "unsettled",
)


@command("verify")
@click.argument("name")
@version_option
@click.option("--ignore", multiple=True, metavar="FIELD", help="leave a column, or a document's key, out; repeatable")
def verify(settings: Settings, *, name: str, version: int | None, ignore: tuple[str, ...]) -> int:
    """Compare the new build with the active one.

    Counts, digests by range of keys, then key by key. Both go on meanwhile. Exit code 1 when they differ; the finding is kept, and promote refuses a build that differs.
    Works without --app. Differences that are meant are declared in Python: verify(name, expected=…).
    """
    from ...opening import open_store
    from ...projecting import builds_of

    with open_store(settings) as store:
        builds_of(store, name)
        found = store.projections().verify(name, version=version, ignore=ignore)
    data = _data(found)
    verdict = "pass" if found.equal else "fail"
    show(settings, data, columns=COLUMNS, rows=_rows(data), text=_text(data), status=verdict)
    return OK if found.equal else FOUND


def _data(found: Verification) -> dict[str, Any]:
    import msgspec

    data: dict[str, Any] = msgspec.to_builtins(found)
    counts = {name: data[name] for name in COUNTS}
    return {"projection": found.projection, "equal": found.equal, **counts, "samples": list(data["samples"])}


def _rows(data: dict[str, Any]) -> list[tuple[str, object]]:
    from ...event_view import compact

    rows: list[tuple[str, object]] = [("equal", str(data["equal"]).lower())]
    rows += [(name, data[name]) for name in COUNTS]
    return rows + [("difference", compact(sample)) for sample in data["samples"]]


def _text(data: dict[str, Any]) -> str:
    from ...event_view import compact
    from ...visible import visible

    old, new = data["old_version"], data["new_version"]
    label = visible(f"{data['projection']}: the new build" if old == new else f"{data['projection']}: version {new}")
    other = "the active one" if old == new else f"version {old}"
    if data["equal"]:
        return f"{label} equals {other}: {data['new_count']:,} keys in {data['ranges']:,} ranges"
    counts = f"{data['old_count']:,} before, {data['new_count']:,} now"
    lines = [f"{label} DIFFERS from {other} at {data['differences']:,} keys ({counts})"]
    if data["unsettled"]:
        lines.append(
            f"{data['unsettled']:,} keys more are unsettled: the builds never stood at one position; again, later"
        )
    for sample in data["samples"]:
        lines.append(f"  {visible(compact(sample['key']))}")
        lines += [f"    {side:<4} {visible(compact(sample[side]))}" for side in ("old", "new")]
    return "\n".join(lines)
