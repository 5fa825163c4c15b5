"""`everfold types`: which event types are stored, and whether the application still knows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..command import command
from ..failure import FOUND, OK, usage
from ..results import show
from ..settings import Settings

if TYPE_CHECKING:
    from ...codec.registry import EventType
    from ...storage.unit import TypeCount

__all__ = ["types"]

COLUMNS = ("type", "schema_version", "events", "state", "module", "current_type", "current_version")
UNREADABLE = ("orphan", "newer")


@command("types")
@click.option("--orphans", is_flag=True, help="only what --app can't read; exit code 1 when there is any")
def types(settings: Settings, *, orphans: bool) -> int:
    """Count the stored events by type and schema version. Scans the log.

    With --app each has a state: current, older (upcast when read), renamed (stored under an alias), unused
    (registered, never stored), newer (than the application), orphan (registered nowhere).
    """
    from ..opening import open_store
    from ..untyped import UntypedRegistry

    if orphans and not settings.app:
        raise usage("--orphans compares the store with an application: pass --app", "--app shop.events:orders")
    with open_store(settings) as store:
        stored = store.types()
        known = None if isinstance(store.registry, UntypedRegistry) else store.registry.types()
    found = _views(stored, known)
    shown = [view for view in found if not orphans or view["state"] in UNREADABLE]
    bad = bool(orphans and shown)
    verdict = "fail" if bad else "pass"
    narrow = COLUMNS[:3] if known is None else COLUMNS[:5]
    rows = [[view[column] for column in COLUMNS] for view in shown]
    show(settings, {"types": shown}, columns=COLUMNS, rows=rows, narrow=narrow, status=verdict)
    return FOUND if bad else OK


def _views(stored: list[TypeCount], known: tuple[EventType, ...] | None) -> list[dict[str, Any]]:
    if known is None:
        return [_view(count.type, count.schema_version, count.events, None, None) for count in stored]
    owners = {name: event_type for event_type in known for name in event_type.names}
    views = [_judged(count, owners.get(count.type)) for count in stored]
    seen = {view["current_type"] for view in views}
    unused = [event_type for event_type in known if event_type.name not in seen]
    return views + [_view(unseen.name, unseen.version, 0, "unused", unseen) for unseen in unused]


def _judged(count: TypeCount, owner: EventType | None) -> dict[str, Any]:
    return _view(count.type, count.schema_version, count.events, _state(count, owner), owner)


def _state(count: TypeCount, owner: EventType | None) -> str:
    if owner is None:
        return "orphan"
    if count.schema_version != owner.version:
        return "newer" if count.schema_version > owner.version else "older"
    return "current" if count.type == owner.name else "renamed"


def _view(name: str, version: int, events: int, state: str | None, owner: EventType | None) -> dict[str, Any]:
    return {
        "type": name,
        "schema_version": version,
        "events": events,
        "state": state,
        "module": owner and owner.module,
        "current_type": owner and owner.name,
        "current_version": owner and owner.version,
    }
