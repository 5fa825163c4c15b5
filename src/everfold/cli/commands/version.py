"""`everfold version`: what is installed, for a bug report."""

from __future__ import annotations

import platform

from ..command import command
from ..results import show
from ..settings import Settings

__all__ = ["version"]

PACKAGES = ("everfold", "msgspec", "psycopg", "click", "rich")


@command("version")
def version(settings: Settings) -> None:
    """Print the release, and those of Python and of the packages that it works with."""
    found = {"everfold": _release("everfold"), "python": platform.python_version()}
    found |= {name: _release(name) for name in PACKAGES}
    rows = list(found.items())
    beside = ", ".join(f"{name} {release or 'not installed'}" for name, release in rows[1:])
    show(settings, found, columns=("package", "release"), rows=rows, text=f"everfold {found['everfold']} ({beside})")


def _release(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
