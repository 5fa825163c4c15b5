"""From a query to SQL. Pure; `QueryItem.matches` is the meaning that it must agree with.

An alternative with tags is driven from the tag's index, one without scans the log in the order of positions; the
caller bounds the positions, so no statement is endless. A row's type or category is looked up by primary key in a
scalar sub-select: a join lets the planner scan a whole table, or hash every stream of a category, for one page.

A part (i, n) of the log is the streams whose id leaves i when divided by n, which a stream's id never changes; what is
in no stream is in part 0.
"""

# ruff: noqa: S608  # the pieces are constants of this file; every value is bound

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from ...events.query import Query, QueryItem
from .packing import Packed, pack_texts
from .statements import EVENT_COLUMNS, for_schema

__all__ = ["Matching", "matching"]

_TENANT, _LOW, _HIGH, _LIMIT = "$1", "$2", "$3", "$4"
_FIXED = 4


@dataclass(frozen=True, slots=True)
class Matching:
    """A statement and the parameters after its first four: tenant, low (exclusive), high (inclusive), limit."""

    text: bytes
    parameters: tuple[Packed | str | int, ...]


@lru_cache(maxsize=512)
def matching(schema: str, query: Query, backwards: bool, partition: tuple[int, int] = (0, 1)) -> Matching:
    """The events of the part that match, in the order of positions."""
    build = _Build(f"order by position {'desc' if backwards else 'asc'} limit {_LIMIT}", partition)
    if len(query.items) == 1 and not query.items[0].tags:
        text = build.scan(query.items[0], EVENT_COLUMNS)
    else:
        parts = " union ".join(f"({build.positions(item)})" for item in query.items)
        text = (
            f"select {EVENT_COLUMNS} from (select position from ({parts}) u {build.order}) f "
            f"join @schema@.event e on e.tenant = {_TENANT} and e.position = f.position "
            f"order by e.position {'desc' if backwards else 'asc'}"
        )
    return Matching(for_schema(text, schema).encode(), tuple(build.parameters))


class _Build:
    """The pieces of one statement, and the parameters they bind."""

    def __init__(self, order: str, partition: tuple[int, int]) -> None:
        self.order = order
        self.parameters: list[Packed | str | int] = []
        self._part = self._in_part(*partition)

    def positions(self, item: QueryItem) -> str:
        return self.by_tag(item) if item.tags else self.scan(item, "e.position")

    def scan(self, item: QueryItem, columns: str) -> str:
        where = [_range("e")]
        if self._part:
            where.append(self._part)
        if item.types:
            where.append(f"e.type = {self._any(item.types)}")
        if item.categories:
            category = "select s.category from @schema@.stream s where s.id = e.stream_id"
            where.append(f"({category}) = {self._any(item.categories)}")
        return f"select {columns} from @schema@.event e where {' and '.join(where)} {self.order}"

    def by_tag(self, item: QueryItem) -> str:
        first, *others = (self._bind(tag) for tag in item.tags)
        where = [_range("t"), f"t.tag = {first}"]
        where += [f"exists (select from @schema@.event_tag o where {_at('o')} and o.tag = {tag})" for tag in others]
        if self._part:
            where.append(f"(select {self._part} from @schema@.event e where {_at('e')})")
        if item.types:
            where.append(f"(select e.type from @schema@.event e where {_at('e')}) = {self._any(item.types)}")
        if item.categories:
            event = f"@schema@.event e join @schema@.stream s on s.id = e.stream_id where {_at('e')}"
            where.append(f"(select s.category from {event}) = {self._any(item.categories)}")
        return f"select t.position from @schema@.event_tag t where {' and '.join(where)} {self.order}"

    def _in_part(self, part: int, parts: int) -> str | None:
        if parts == 1:
            return None
        # the planner takes an inequality to hold for a third of the rows, and an equality for one in 200: then it would
        # rather scan and sort the table than walk the index until the page is full
        return f"abs(coalesce(e.stream_id % {self._bind(parts)}, 0) - {self._bind(part)}) < 1"

    def _any(self, names: tuple[str, ...]) -> str:
        return f"any ({self._bind(pack_texts(names))}::text[])"

    def _bind(self, value: Packed | str | int) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters) + _FIXED}"


def _range(table: str) -> str:
    return f"{table}.tenant = {_TENANT} and {table}.position > {_LOW} and {table}.position <= {_HIGH}"


def _at(table: str) -> str:
    return f"{table}.tenant = {_TENANT} and {table}.position = t.position"
