"""Reading: each function is one look at the file, inside a read transaction that its caller holds open.

The log only grows and there is one writer at a time, so the last position is the horizon, and what was read up to it
never changes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from ... import limits
from ...errors import StreamTombstonedError
from ...events.envelope import Row
from ...events.query import Query
from ..unit import Page, Snapshot, StreamRow, TypeCount
from .query import Range, by_rarest_tag, rows_in, window
from .statements import SQL

__all__ = ["Names", "head", "load_snapshot", "read_all", "read_stream", "stream_row", "stream_rows", "type_counts"]

_FIND_STREAM = SQL["find_stream"]
_COLUMNS = SQL["event_columns"]
_STREAM_PAGE = SQL["stream_page"].format(columns=_COLUMNS, direction="asc")
_STREAM_PAGE_BACKWARDS = SQL["stream_page"].format(columns=_COLUMNS, direction="desc")
_LAST_POSITION = SQL["last_position"]
_encode_ids = msgspec.json.Encoder().encode


class Names:
    """Names of streams by id, for all readers. Bounded: past the limit a new mapping begins, and old pages keep theirs.

    A name never changes, and ids come from committed rows only, so an entry is never wrong.
    """

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, cursor: sqlite3.Cursor, tenant: str, rows: list[Row]) -> Mapping[int, str]:
        """A mapping that has the name of every stream in `rows`."""
        known = self._known
        missing = {row[1] for row in rows}.difference(known)
        missing.discard(None)
        if missing:
            found = cursor.execute(SQL["stream_names"], (_encode_ids(list(missing)).decode(), tenant)).fetchall()
            if len(known) + len(found) > limits.NAME_CACHE_ENTRIES:
                known = self._known = {row[1]: known[row[1]] for row in rows if row[1] in known}
            known.update(found)
        return known


def read_stream(
    cursor: sqlite3.Cursor,
    tenant: str,
    stream: str,
    versions: tuple[int, int | None],
    *,
    backwards: bool,
    limit: int,
) -> Page:
    """See the port; `versions`: the one after which, and the one up to which."""
    found = cursor.execute(_FIND_STREAM, (tenant, stream)).fetchone()
    if found is None:
        return Page([])
    stream_id, version, status, truncated_before = found
    if status == "tombstoned":
        raise StreamTombstonedError(stream)
    after, up_to = versions
    after = max(after, truncated_before - 1)
    up_to = version if up_to is None else min(up_to, version)
    rows: list[Row] = []
    if after < up_to:
        text = _STREAM_PAGE_BACKWARDS if backwards else _STREAM_PAGE
        rows = cursor.execute(text, (stream_id, after, up_to, tenant, limit)).fetchall()
    return Page(rows, more=len(rows) == limit, version=version, names={stream_id: stream})


def read_all(
    cursor: sqlite3.Cursor,
    names: Names,
    tenant: str,
    query: Query,
    between: tuple[int, int | None, tuple[int, int]],
    *,
    backwards: bool,
    limit: int,
    beyond_horizon: bool,
) -> Page:
    """See the port; `between`: the positions after which and before which, and the part of the streams."""
    after, before, partition = between
    (last,) = cursor.execute(_LAST_POSITION).fetchone()
    high = last if before is None else min(before - 1, last)
    horizon = last if beyond_horizon else 0
    if after >= high:
        return Page([], before if backwards and before is not None else after, horizon=horizon, names={})
    wanted = Range(after + 1, high, backwards=backwards, partition=partition)
    query = by_rarest_tag(cursor, tenant, query, wanted)
    part = window(cursor, tenant, query, wanted)
    rows = rows_in(cursor, tenant, query, part, limit)
    reached = rows[-1][0] if len(rows) == limit else (part.low if backwards else part.high)
    more = reached > wanted.low if backwards else reached < wanted.high
    return Page(rows, reached, more, horizon=horizon, names=names.of(cursor, tenant, rows))


def head(cursor: sqlite3.Cursor, tenant: str) -> int:
    """The tenant's last position, 0 when it has none."""
    (exists,) = cursor.execute(SQL["has_events"], (tenant,)).fetchone()
    if not exists:
        return 0
    (position,) = cursor.execute(SQL["head"], (tenant,)).fetchone()
    return int(position)


def stream_row(cursor: sqlite3.Cursor, tenant: str, stream: str) -> StreamRow | None:
    """The stream's own row."""
    found = cursor.execute(SQL["stream_row"], (tenant, stream)).fetchone()
    return None if found is None else StreamRow(*found)


def stream_rows(cursor: sqlite3.Cursor, tenant: str, category: str | None, after: str, limit: int) -> list[StreamRow]:
    """Streams by name, of one category or of all."""
    if category is None:
        found = cursor.execute(SQL["stream_rows"], (tenant, after, limit))
    else:
        # the character after the hyphen bounds the names that begin with the category and a hyphen
        values = (tenant, after, category, f"{category}.", category, limit)
        found = cursor.execute(SQL["stream_rows_of_category"], values)
    return [StreamRow(*row) for row in found]


def type_counts(cursor: sqlite3.Cursor, tenant: str) -> list[TypeCount]:
    """Types and schema versions with their counts."""
    return [TypeCount(*row) for row in cursor.execute(SQL["type_counts"], (tenant,))]


def load_snapshot(cursor: sqlite3.Cursor, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
    """The snapshot of exactly this schema version."""
    found = cursor.execute(SQL["load_snapshot"], (tenant, stream, name, schema_version)).fetchone()
    return None if found is None else Snapshot(stream, name, schema_version, *found)
