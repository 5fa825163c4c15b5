"""`everfold deadletters show`: one parked event, its error in full, and what waits behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...command import command
from ...failure import Failure, not_found
from ...results import show
from ...settings import Settings

if TYPE_CHECKING:
    from ....event_store import EventStore
    from ....projections.status import DeadLetter

__all__ = ["letter_of", "show_"]

COLUMNS = ("what", "value")


@command("show")
@click.argument("id", type=click.IntRange(1))
def show_(settings: Settings, *, id: int) -> None:
    """Show everything about one dead letter.

    Its event as stored, its error in full, and what waits behind it. Works without --app.
    """
    from ...letter_view import view
    from ...opening import open_store

    with open_store(settings) as store:
        letter = letter_of(store, id)
        data = {**view(letter), "behind": _behind(store, letter), "event": _event(store, letter)}
    show(settings, data, columns=COLUMNS, rows=_rows(data), text=_text(data))


def letter_of(store: EventStore, id: int) -> DeadLetter:
    """The letter of this id. Raises Failure."""
    letter = store.dead_letters().get(id)
    if letter is None:
        raise missing(id)
    return letter


def missing(id: int) -> Failure:
    """There is no such letter."""
    return not_found("letter_not_found", f"there is no dead letter {id}", "everfold deadletters list --state all")


def _behind(store: EventStore, letter: DeadLetter) -> list[int]:
    """Letters of the same key that are parked after it."""
    if letter.state != "parked":
        return []
    of = (letter.version, letter.key)
    parked = store.dead_letters(letter.projection).list()
    return [one.id for one in parked if (one.version, one.key) == of and one.position > letter.position]


def _event(store: EventStore, letter: DeadLetter) -> dict[str, Any] | None:
    from ...event_view import as_stored

    found = next(store.read_all(after=letter.position - 1, limit=1), None)
    return as_stored(found) if found is not None and found.position == letter.position else None


def _rows(data: dict[str, Any]) -> list[tuple[str, object]]:
    from ...event_view import compact

    return [(name, compact(value) if isinstance(value, (dict, list)) else value) for name, value in data.items()]


def _text(data: dict[str, Any]) -> str:
    from ...event_view import compact
    from ...visible import cell, prose, visible

    lines = [
        f"{name:<11} {cell(value)}"
        for name, value in data.items()
        if name not in ("error", "event", "behind") and value is not None
    ]
    if data["behind"]:
        lines.append(f"{'behind it':<11} {len(data['behind'])}: {', '.join(map(str, data['behind'][:20]))}")
    if data["event"] is not None:
        lines += [f"{'data':<11} {visible(compact(data['event']['data']))}"]
        lines += [f"{'metadata':<11} {visible(compact(data['event']['metadata']))}"]
    if data["error"] is not None:
        error = data["error"]
        lines.append(f"{'error':<11} {visible(error['type'])}: {prose(error['message'])}")
        lines += [f"    {line}" for line in prose(error.get("traceback", "")).rstrip().split("\n")]
    return "\n".join(lines)
