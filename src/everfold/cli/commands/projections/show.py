"""`everfold projections show`: everything about one projection, its history too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...command import command
from ...results import show
from ...settings import Settings

if TYPE_CHECKING:
    from ....event_store import EventStore

__all__ = ["show_"]

COLUMNS = ("what", "build", "name", "value")


@command("show")
@click.argument("name")
def show_(settings: Settings, *, name: str) -> None:
    """Show everything about one projection.

    Its builds, their faults in full, and what was done with it. Works without --app.
    """
    from ...opening import open_store
    from ...projecting import builds_of
    from ...projection_view import view

    with open_store(settings) as store:
        builds = [view(build) for build in builds_of(store, name)]
        history = _history(store, name)
    data = {"name": name, "builds": builds, "history": history}
    show(settings, data, columns=COLUMNS, rows=_rows(data), text=_text(data))


def _history(store: EventStore, name: str) -> list[dict[str, Any]]:
    from ...event_view import moment

    return [
        {
            "at": moment(at),
            "version": step.version,
            "generation": step.generation,
            "step": step.step,
            "state": step.state,
            "detail": step.detail,
        }
        for at, step in store.projections().history(name)
    ]


def _rows(data: dict[str, Any]) -> list[tuple[object, ...]]:
    from ...event_view import compact
    from ...projection_view import label

    rows: list[tuple[object, ...]] = []
    for build in data["builds"]:
        for field, value in build.items():
            plain = value if isinstance(value, (str, int)) and not isinstance(value, bool) else None
            told = plain if plain is not None or value is None else compact(value)
            rows.append(("build", label(build), field, told))
    for step in data["history"]:
        of = label({**step, "name": data["name"]})
        rows.append(("history", of, step["at"], f"{step['step']} → {step['state']}"))
    return rows


def _text(data: dict[str, Any]) -> str:
    from ...projection_view import label

    blocks = [_block(build) for build in data["builds"]]
    steps = [
        f"  {step['at'][:19].replace('T', ' ')}  {label({**step, 'name': data['name']}):<20} {step['step']}"
        for step in data["history"]
    ]
    return "\n\n".join([*blocks, "\n".join(["history", *steps])])


def _block(build: dict[str, Any]) -> str:
    from ...event_view import compact
    from ...projection_view import label
    from ...visible import prose, visible

    lines = [visible(label(build))]
    for field, value in build.items():
        if field in ("name", "fault") or value is None:
            continue
        told = f"{value:,}" if type(value) is int else value if isinstance(value, str) else compact(value)
        lines.append(f"  {field:<13} {visible(told)}")
    if build["fault"] is not None:
        fault = build["fault"]
        place = {key: value for key, value in fault.items() if key not in ("traceback", "type", "message")}
        lines.append(f"  {'fault':<13} {visible(fault['type'])}: {prose(fault['message'])}")
        lines += [f"  {'at':<13} {visible(compact(place))}"] if place else []
        lines.append("\n".join(f"    {line}" for line in prose(fault.get("traceback", "")).rstrip().split("\n")))
    return "\n".join(lines)
