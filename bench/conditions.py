"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
from pathlib import Path

from . import server


def conditions(url: str) -> list[str]:
    """The machine, the server and SQLite, a line each."""
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return [
        f"{os.cpu_count()} cores ({names[0] if names else platform.machine()}), {platform.system()}, Python {platform.python_version()}; client and server on the same cores",
        server.described(url),
        f"SQLite {sqlite3.sqlite_version}, WAL, synchronous FULL",
    ]
