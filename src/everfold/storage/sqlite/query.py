"""A query as SQL. `Query.matches` is the rule that this must agree with; a property test holds it to that.

When every alternative has tags, the index of tags drives the read; otherwise the log is scanned in windows, so a rare
type never means one endless statement.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from ... import limits
from ...events.envelope import Row
from ...events.query import AppendCondition, Query, QueryItem
from .statements import SQL

__all__ = ["POSITION_MAX", "Range", "by_rarest_tag", "first_match", "page_text", "rows_in", "window"]

POSITION_MAX = 2**63 - 1
_COLUMNS = SQL["event_columns"]
_TAG_COUNT_MAX = 2000
"""Counting further would cost more than a wrong choice between two common tags."""
Text = tuple[str, list[object]]
"""A piece of SQL and the values of its parameters."""


class Range:
    """Positions from `low` to `high`, both included, the direction in which they are read, and which part of the streams."""

    __slots__ = ("backwards", "high", "low", "partition")

    def __init__(self, low: int, high: int, *, backwards: bool = False, partition: tuple[int, int] = (0, 1)) -> None:
        self.low = low
        self.high = high
        self.backwards = backwards
        self.partition = partition

    @property
    def direction(self) -> str:
        """As SQL has it."""
        return "desc" if self.backwards else "asc"

    def up_to(self, position: int) -> Range:
        """The part that a read which stops at `position` covers."""
        low, high = (max(self.low, position), self.high) if self.backwards else (self.low, min(self.high, position))
        return Range(low, high, backwards=self.backwards, partition=self.partition)

    @property
    def part(self) -> Text:
        """The condition of the part, which events in no stream meet for part 0; empty text for the whole."""
        number, parts = self.partition
        return ("", []) if parts == 1 else (f" and {SQL['predicate_part']}", [parts, number])


def driven_by_tags(query: Query) -> bool:
    """Whether the index of tags gives every match."""
    return all(item.tags for item in query.items)


def by_rarest_tag(cursor: sqlite3.Cursor, tenant: str, query: Query, wanted: Range) -> Query:
    """The same query, the rarest tag of each alternative in front: the one that drives the read."""
    if not driven_by_tags(query) or all(len(item.tags) == 1 for item in query.items):
        return query

    def count(tag: str) -> int:
        values = (tenant, tag, wanted.low, wanted.high, _TAG_COUNT_MAX)
        return int(cursor.execute(SQL["tag_count"], values).fetchone()[0])

    return Query.of(QueryItem(i.types, i.categories, tuple(sorted(i.tags, key=count))) for i in query.items)


def window(cursor: sqlite3.Cursor, tenant: str, query: Query, wanted: Range) -> Range:
    """The first part of the range, which one statement may look through."""
    if not driven_by_tags(query):
        step = limits.SCAN_POSITIONS - 1
        return wanted.up_to(wanted.high - step if wanted.backwards else wanted.low + step)
    for item in query.items:
        # one tag alone finds a match in each entry that it looks at; anything more may look at many for one match
        driving, *others = item.tags
        if others or item.types or item.categories or wanted.partition != (0, 1):
            values = (tenant, driving, wanted.low, wanted.high, limits.SCAN_POSITIONS - 1)
            end = cursor.execute(SQL["tag_window_end"].format(direction=wanted.direction), values).fetchone()
            wanted = wanted if end is None else wanted.up_to(end[0])
    return wanted


def rows_in(cursor: sqlite3.Cursor, tenant: str, query: Query, wanted: Range, limit: int) -> list[Row]:
    """Up to `limit` rows of the range that match, in its direction."""
    text, values = page_text(tenant, query, wanted, limit)
    return cursor.execute(text.replace("{columns}", _COLUMNS), values).fetchall()


def page_text(tenant: str, query: Query, wanted: Range, limit: int) -> Text:
    """The statement behind `rows_in`, with `{columns}` where its columns stand."""
    return (_tagged if driven_by_tags(query) else _scan)(tenant, query, wanted, limit)


def first_match(cursor: sqlite3.Cursor, tenant: str, condition: AppendCondition) -> int | None:
    """The first position after the condition's that matches its query and isn't one it has seen."""
    after = Range(min(condition.after, POSITION_MAX - 1) + 1, POSITION_MAX)
    # of one match more than were seen, one at least was not
    query = by_rarest_tag(cursor, tenant, condition.query, after)
    text, values = page_text(tenant, query, after, len(condition.seen) + 1)
    rows = cursor.execute(text.replace("{columns}", "position"), values).fetchall()
    return next((position for (position,) in rows if position not in condition.seen), None)


def _scan(tenant: str, query: Query, wanted: Range, limit: int) -> Text:
    where, values = ("", []) if query.everything else _alternatives(tenant, query.items)
    part, numbers = wanted.part
    text = SQL["all_page"].format(columns="{columns}", where=where + part, direction=wanted.direction)
    return text, [wanted.low, wanted.high, tenant, *values, *numbers, limit]


def _tagged(tenant: str, query: Query, wanted: Range, limit: int) -> Text:
    branches = [_branch(tenant, item, wanted, limit) for item in query.items]
    union = " union ".join(branch for branch, _ in branches)
    text = SQL["tagged_page"].format(columns="{columns}", branches=union, direction=wanted.direction)
    return text, [*(value for _, values in branches for value in values), tenant, limit]


def _branch(tenant: str, item: QueryItem, wanted: Range, limit: int) -> Text:
    others = QueryItem(item.types, item.categories, item.tags[1:])
    rest, values = _predicate(tenant, others, "everfold_event_tag.position")
    part, numbers = wanted.part
    text = SQL["tagged_branch"].format(
        join=f" {SQL['branch_join']}" if item.types or item.categories or part else "",
        where=(f" and {rest}" if rest else "") + part,
        direction=wanted.direction,
    )
    return text, [tenant, item.tags[0], wanted.low, wanted.high, *values, *numbers, limit]


def _alternatives(tenant: str, items: Iterable[QueryItem]) -> Text:
    predicates = [_predicate(tenant, item, "everfold_event.position") for item in items]
    text = " or ".join(f"({predicate})" for predicate, _ in predicates)
    return f" and ({text})", [value for _, values in predicates for value in values]


def _predicate(tenant: str, item: QueryItem, position: str) -> Text:
    """One alternative, its parts and-ed; empty text when it restricts nothing."""
    parts: list[str] = []
    values: list[object] = []
    for name, wanted in (("predicate_types", item.types), ("predicate_categories", item.categories)):
        if wanted:
            parts.append(SQL[name].format(values=_marks(wanted)))
            values += wanted
    for tag in item.tags:
        parts.append(SQL["predicate_tag"].format(position=position))
        values += (tenant, tag)
    return " and ".join(parts), values


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
