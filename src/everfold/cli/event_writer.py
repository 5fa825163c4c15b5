"""Writing events one by one, however many there are: nothing is collected.

With --json each is one line; an error that ends the run is then the last line, in an envelope.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from ..event_store import EventStore
from ..events.envelope import RecordedEvent
from .event_view import as_current, as_stored, compact, fields
from .failure import OK, PARTLY
from .results import line
from .settings import Settings
from .telling import warn, write_json
from .untyped import UntypedRegistry
from .visible import cell, visible

__all__ = ["EventWriter"]


class EventWriter:
    """Writes events in the form that the settings and the terminal ask for; `exit_code` tells whether all were read whole."""

    def __init__(self, settings: Settings, store: EventStore, *, raw: bool) -> None:
        self._settings = settings
        self._registry = store.registry
        self._raw = raw or isinstance(store.registry, UntypedRegistry)
        self._colors = settings.colors(sys.stdout)
        self._write = self._writer()
        self.failed = 0

    @property
    def exit_code(self) -> int:
        """0, or 7 when an event could only be shown as stored."""
        return PARTLY if self.failed else OK

    def write(self, event: RecordedEvent) -> None:
        """One event. One that doesn't decode is shown as stored, with a warning: nothing is left out."""
        if self._raw:
            self._write(as_stored(event))
            return
        view, problem = as_current(event, self._registry.encode)
        self._write(view)
        if problem:
            self.failed += 1
            warn(self._settings, f"{problem} It is shown as stored.")

    def flush(self) -> None:
        """Hand everything to whoever reads."""
        sys.stdout.flush()

    def _writer(self) -> Any:
        if self._settings.json:
            return write_json
        return self._for_people if self._settings.for_people else _for_pipe

    def _for_people(self, view: dict[str, Any]) -> None:
        place = "no stream" if view["stream"] is None else f"{view['stream']} @{view['version']}"
        parts = [
            self._style(f"{view['position']:>8}", fg="yellow"),
            self._style(f"{view['recorded_at'][:23]}Z".replace("T", " "), dim=True),
            self._style(cell(place), fg="cyan"),
            self._style(cell(view["type"]), bold=True),
            visible(compact(view["data"])),
            *(self._style(f"#{cell(tag)}", dim=True) for tag in view["tags"]),
        ]
        sys.stdout.write(f"{'  '.join(parts)}\n")

    def _style(self, text: str, **style: Any) -> str:
        return click.style(text, **style) if self._colors else text


def _for_pipe(view: dict[str, Any]) -> None:
    sys.stdout.write(line(fields(view)))
