"""Comparing two builds of a projection: what they hold, key by key, at one and the same position of the log.

Both go on while they are compared. What differs is looked at again, with both consumers held at the same position; only
what differs then counts, so a build that is a batch ahead is no difference.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ..errors import ProjectionError
from ..storage.control import BuildRow
from ..storage.read_model import Condition, Selection, Shape
from ..store.scope_async import AsyncScope
from . import control, lifecycle_async

__all__ = ["Difference", "Verification", "verify"]

_PAGE = 1000
_DOUBTS_MAX = 2000
_SHOWN_MAX = 20
_MEETINGS_MAX = 200
_MEETING_SECONDS = 0.005
_TOGETHER = 50
_canonical = msgspec.json.Encoder(order="sorted").encode

Expected = Callable[[Any, Any, Any], bool]
"""(key, old, new) → whether this difference is meant."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One key: what the active version has at it, and what the other one has; None: nothing."""

    key: Any
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. `equal`: no difference but expected ones, and all of it settled.

    `ranges` were compared by digest, `different_ranges` of them key by key. `differences` counts keys, `expected` those that
    were declared so; `samples` shows some of the rest. `unsettled` keys differed, but the two builds never stood at
    the same position while they were looked at.
    """

    projection: str
    old_version: int
    new_version: int
    old_count: int
    new_count: int
    ranges: int
    different_ranges: int
    differences: int
    expected: int
    unsettled: int
    samples: tuple[Difference, ...] = ()

    @property
    def equal(self) -> bool:
        """Whether the new version may stand in for the old one."""
        return self.differences == self.expected and self.unsettled == 0


@dataclass(slots=True)
class _Tally:
    old: int = 0
    new: int = 0
    ranges: int = 0
    different: int = 0
    doubts: list[Any] = field(default_factory=list)
    more: int = 0


async def verify(
    scope: AsyncScope,
    name: str,
    *,
    version: int | None = None,
    ignore: Sequence[str] = (),
    expected: Expected | None = None,
) -> Verification:
    """Compare the build beside the active one with it, and keep the finding with the build.

    `ignore`: fields (columns, top-level keys of documents) that are left out of the comparison, `expected` a
    function of (key, old, new) that knows the differences that are meant.
    """
    rows = [r for r in await scope.storage.build_rows(scope.tenant) if r.target.projection == name]
    old, new = control.active_of(rows), control.candidate_of(rows, version)
    if old is None or new is None:
        raise ProjectionError(
            name, "there is nothing to compare: a version must stand beside the active one; rebuild it first"
        )
    if "handler" in (control.shape_of(old).kind, control.shape_of(new).kind):
        raise ProjectionError(name, "a handler's tables are its own: everfold can't compare them")
    comparing = _Comparing(scope, old, new, frozenset(ignore))
    found = await comparing.run(expected)
    stored = {**msgspec.to_builtins(found), "samples": [], "equal": found.equal, "code": new.code}
    await lifecycle_async.set_state(scope, new.target, "verified", verified=msgspec.json.encode(stored))
    return found


class _Comparing:
    def __init__(self, scope: AsyncScope, old: BuildRow, new: BuildRow, ignore: frozenset[str]) -> None:
        self._scope = scope
        self._builds = (old, new)
        self._shapes = (control.shape_of(old), control.shape_of(new))
        self._ignore = ignore

    async def run(self, expected: Expected | None) -> Verification:
        tally = _Tally()
        await self._sweep(tally)
        settled, differences = await self._settle(tally.doubts)
        meant = [d for d in differences if expected is not None and expected(d.key, d.old, d.new)]
        shown = [d for d in differences if d not in meant][:_SHOWN_MAX]
        old, new = self._builds
        return Verification(
            old.target.projection,
            old.target.version,
            new.target.version,
            tally.old,
            tally.new,
            tally.ranges,
            tally.different,
            len(differences) + (tally.more if settled else 0),
            len(meant),
            0 if settled else len(tally.doubts) + tally.more,
            tuple(shown),
        )

    async def _sweep(self, tally: _Tally) -> None:
        """Both in the order of their keys, a range at a time."""
        sides = [self._pages(0), self._pages(1)]
        waiting: list[dict[Any, Any]] = [{}, {}]
        ended = [False, False]
        while not all(ended) or any(waiting):
            for side in (0, 1):
                if not ended[side] and len(waiting[side]) < _PAGE:
                    page = await anext(sides[side], None)
                    ended[side] = page is None
                    waiting[side].update(page or {})
            # compare up to the last key that both sides have surely shown
            ends = [max(waiting[s], key=_order) for s in (0, 1) if waiting[s] and not ended[s]]
            limit = min(ends, key=_order) if ends else None
            parts = [_taken(waiting[s], limit) for s in (0, 1)]
            self._compare(parts[0], parts[1], tally)

    def _compare(self, old: dict[Any, Any], new: dict[Any, Any], tally: _Tally) -> None:
        tally.old += len(old)
        tally.new += len(new)
        tally.ranges += 1
        if _digest(old) == _digest(new):
            return
        tally.different += 1
        for key in {**old, **new}:
            if old.get(key) != new.get(key):
                if len(tally.doubts) < _DOUBTS_MAX:
                    tally.doubts.append(key)
                else:
                    tally.more += 1

    async def _pages(self, side: int) -> AsyncIterator[dict[Any, Any]]:
        target, shape = self._builds[side].target, self._shapes[side]
        after: tuple[Any, ...] | None = None
        while True:
            found = await self._scope.storage.select(
                self._scope.tenant, target, shape, Selection(after=after, limit=_PAGE)
            )
            page = self._plain(shape, found.documents, found.rows)
            if page:
                yield page
            if len(page) < _PAGE:
                return
            last = next(reversed(page))
            after = last if isinstance(last, tuple) else (last,)

    def _plain(self, shape: Shape, documents: Any, rows: Any) -> dict[Any, Any]:
        if shape.kind == "document":
            return {key: self._without(msgspec.json.decode(stored.data)) for key, stored in documents.items()}
        common = {c.name for c in self._shapes[0].columns} & {c.name for c in self._shapes[1].columns}
        wanted = common - self._ignore
        return {
            tuple(row[name] for name in shape.key): {name: row[name] for name in row if name in wanted} for row in rows
        }

    def _without(self, document: Any) -> Any:
        if not isinstance(document, dict) or not self._ignore:
            return document
        return {name: value for name, value in document.items() if name not in self._ignore}

    async def _settle(self, doubts: Sequence[Any]) -> tuple[bool, list[Difference]]:
        """Look at the doubtful keys again, some at a time, each time with both builds at one position."""
        found: list[Difference] = []
        for start in range(0, len(doubts), _TOGETHER):
            some = doubts[start : start + _TOGETHER]
            for _ in range(_MEETINGS_MAX):
                differences = await self._meeting(some)
                if differences is not None:
                    found += differences
                    break
                await self._scope.sleep(_MEETING_SECONDS)
            else:
                return False, found
        return True, found

    async def _meeting(self, doubts: Sequence[Any]) -> list[Difference] | None:
        """What differs; None when the builds stood apart, or one of them moved while they were read."""
        before = await self._stamp()
        if before is None:
            return None
        sides = [await self._held(side, doubts) for side in (0, 1)]
        if await self._stamp() != before:
            return None
        return [
            Difference(key, sides[0].get(key), sides[1].get(key))
            for key in doubts
            if sides[0].get(key) != sides[1].get(key)
        ]

    async def _stamp(self) -> tuple[object, ...] | None:
        """What changes whenever one of the builds does; None when they stand apart."""
        consumers = await self._scope.storage.consumer_rows(self._scope.tenant)
        places = {control.position_of(consumers, b) for b in self._builds if b.fed == "consumer"}
        inline = any(b.fed != "consumer" for b in self._builds)
        head = await self._scope.storage.head(self._scope.tenant) if inline else 0
        if len(places) > 1 or (inline and places and places != {head}):
            return None
        names = {build.target.consumer for build in self._builds}
        return head, *((c.key, c.position, c.letters) for c in consumers if c.name in names)

    async def _held(self, side: int, doubts: Sequence[Any]) -> dict[Any, Any]:
        target, shape = self._builds[side].target, self._shapes[side]
        storage, tenant = self._scope.storage, self._scope.tenant
        if shape.kind == "document":
            documents = (await storage.stored_documents(tenant, target, list(doubts))).documents
            return self._plain(shape, documents, ())
        # a superset where the key has several columns: each of them among those asked for
        columns = zip(shape.key, zip(*doubts, strict=True), strict=True)
        where = tuple(Condition(name, "in", tuple(dict.fromkeys(values))) for name, values in columns)
        return self._plain(shape, {}, (await storage.select(tenant, target, shape, Selection(where))).rows)


def _taken(waiting: dict[Any, Any], limit: Any) -> dict[Any, Any]:
    keys = [key for key in waiting if limit is None or _order(key) <= _order(limit)]
    return {key: waiting.pop(key) for key in keys}


def _order(key: Any) -> Any:
    return (
        tuple(_order(part) for part in key)
        if isinstance(key, tuple)
        else (key.encode() if isinstance(key, str) else key)
    )


def _digest(rows: dict[Any, Any]) -> bytes:
    ordered = sorted(rows.items(), key=lambda item: _order(item[0]))
    return hashlib.sha256(_canonical(ordered)).digest()
