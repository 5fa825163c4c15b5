"""How values cross the driver: rows come as raw bytes and integers, and objects are built only when asked for.

The driver's default loaders build a UUID and a datetime per row, which halves the rows a second twice over.
"""

from __future__ import annotations

from typing import Any

from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper, Int8BinaryLoader
from psycopg.types.string import ByteaBinaryLoader

from .packing import Packed

__all__ = ["register"]


class _PackedDumper(Dumper):
    """Bytes as they are. Without a type of its own: the server takes the one of the function's parameter."""

    format = Format.BINARY
    oid = 0

    def dump(self, obj: Any) -> bytes:
        return obj  # type: ignore[no-any-return]


def register(adapters: AdaptersMap) -> None:
    """Teach a connection or a cursor of ours; a caller's own connection is never touched."""
    adapters.register_loader("uuid", ByteaBinaryLoader)
    adapters.register_loader("bytea", ByteaBinaryLoader)
    adapters.register_loader("json", ByteaBinaryLoader)
    adapters.register_loader("timestamptz", Int8BinaryLoader)
    adapters.register_dumper(Packed, _PackedDumper)
    # one type for every integer: the driver picks one by size, and prepares a statement for each
    adapters.register_dumper(int, Int8BinaryDumper)
