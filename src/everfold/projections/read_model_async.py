"""Reading a read model: the active version is resolved in the same snapshot as its rows, so a switch is never half seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ..errors import ConfigurationError, ProjectionError
from ..runtime.concurrency_async import Later
from ..storage.port_async import AsyncStorage
from ..storage.read_model import Found, Selection, Shape, Target
from ..store.scope_async import AsyncScope
from . import control
from .document import DocumentProjection
from .live_async import live_model
from .projection import Projection, Timing
from .selecting import conditions, ordering, refuse_unknown

__all__ = ["AsyncReadModel", "ResultPage"]

_SWITCHES_MAX = 20

_decode_plain = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class ResultPage:
    """`items` in order, and `next`: pass it as `after` for the page that follows; None: this is the last one."""

    items: list[Any]
    next: tuple[Any, ...] | None


class AsyncReadModel:
    """What a projection made, as readers see it: always one whole version. Nothing is there before it was first built."""

    def __init__(self, scope: AsyncScope, projection: Projection) -> None:
        self._scope = scope
        self._projection = projection
        self._active: tuple[Target, Shape] | None = None

    async def get(self, key: Any) -> Any:
        """The document at the key, or the row (a tuple of values where the key has several columns); None: there is none."""
        if self._projection.kind == "table":
            names = self._projection.shape.key
            values = key if isinstance(key, tuple) else (key,)
            if len(values) != len(names):
                raise ConfigurationError(
                    f"the key of {self._projection.name!r} is {', '.join(names)}: give a value for each"
                )
            rows = await self.find(where=dict(zip(names, values, strict=True)), limit=1)
            return rows[0] if rows else None

        async def ask(storage: AsyncStorage, target: Target, shape: Shape) -> Found:
            del shape
            return await storage.stored_documents(self._scope.tenant, target, (key,))

        found = (await self._asked(ask, only=key)).documents.get(key)
        return None if found is None else self._decode(found.data)

    async def find(
        self, where: Mapping[str, Any] | None = None, *, order_by: str | Sequence[str] = (), limit: int | None = None
    ) -> list[Any]:
        """Documents, or rows as mappings. `where`: {"guest.name": "Ada", "nights >": 2, "room": [1, 2]}, all of it true.

        Operators are = != < <= > >= and in, after the field; a list stands for any of its values, None for what is null or
        missing. `order_by`: fields, descending with a "-" before; None comes last, and the key settles what is equal.
        """
        return [item for _, item in await self._items(self._selection(where, order_by, limit))]

    async def items(
        self, where: Mapping[str, Any] | None = None, *, order_by: str | Sequence[str] = (), limit: int | None = None
    ) -> list[tuple[Any, Any]]:
        """What `find` gives, each with its key."""
        return await self._items(self._selection(where, order_by, limit))

    async def page(
        self,
        where: Mapping[str, Any] | None = None,
        *,
        order_by: str | Sequence[str] = (),
        limit: int = 100,
        after: tuple[Any, ...] | None = None,
    ) -> ResultPage:
        """A page of what `find` gives, by keyset: its cost doesn't grow with how far one has paged."""
        selection = self._selection(where, order_by, limit, after)
        found = await self._items(selection)
        last = self._place(selection, *found[-1]) if len(found) == limit else None
        return ResultPage([item for _, item in found], last)

    async def count(self, where: Mapping[str, Any] | None = None) -> int:
        """How many documents or rows there are, or fit."""
        selection = self._selection(where, (), None)

        async def ask(storage: AsyncStorage, target: Target, shape: Shape) -> Found:
            refuse_unknown(shape, selection)
            return await storage.count(self._scope.tenant, target, shape, selection)

        return (await self._asked(ask)).count

    async def rows(
        self,
        sql: str | None = None,
        parameters: Sequence[Any] = (),
        *,
        order_by: str | Sequence[str] = (),
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of a declared table that fit a condition in SQL over its columns: `rows("amount > %s", (100,))`.

        Parameters are marked `%s` on every database. Raises StatementError for SQL that the database refuses.
        """
        self._refuse_handler()
        if self._projection.kind != "table":
            raise ConfigurationError(
                f"{self._projection.name!r} holds documents: use find(where=...), get(key) or page(...)"
            )
        selection = Selection(sql=sql, parameters=tuple(parameters), order_by=ordering(order_by), limit=limit)
        return [row for _, row in await self._items(selection)]

    async def version(self) -> int | None:
        """The version that readers see now; None before the first one was built."""
        active = await self._resolve()
        return None if active is None else active[0].version

    async def _items(self, selection: Selection) -> list[tuple[Any, Any]]:
        async def ask(storage: AsyncStorage, target: Target, shape: Shape) -> Found:
            refuse_unknown(shape, selection)
            return await storage.select(self._scope.tenant, target, shape, selection)

        found = await self._asked(ask)
        if self._projection.kind != "table":
            return [(key, self._decode(stored.data)) for key, stored in found.documents.items()]
        names = self._projection.shape.key
        return [(tuple(row[name] for name in names if name in row), row) for row in found.rows]

    async def _asked(
        self, ask: Callable[[AsyncStorage, Target, Shape], Later[Found]], only: str | None = None
    ) -> Found:
        if self._projection.timing is Timing.LIVE:
            storage, target = await live_model(self._scope, self._projection, only)
            return await ask(storage, target, self._projection.shape)
        for _ in range(_SWITCHES_MAX):
            active = self._active or await self._resolve()
            if active is None:
                return Found(None)
            found = await ask(self._scope.storage, *active)
            if found.active == active[0] and not found.missing:
                return found
            self._active = None
        raise ProjectionError(self._projection.name, "its active version changed each time it was read; try again")

    async def _resolve(self) -> tuple[Target, Shape] | None:
        self._scope.refuse_closed()
        rows = await self._scope.storage.build_rows(self._scope.tenant)
        row = control.active_of([r for r in rows if r.target.projection == self._projection.name])
        self._active = None if row is None else (row.target, control.shape_of(row))
        return self._active

    def _selection(
        self,
        where: Mapping[str, Any] | None,
        order_by: str | Sequence[str],
        limit: int | None,
        after: tuple[Any, ...] | None = None,
    ) -> Selection:
        self._refuse_handler()
        return Selection(conditions(where), order_by=ordering(order_by), after=after, limit=limit)

    def _refuse_handler(self) -> None:
        if self._projection.kind == "handler":
            raise ConfigurationError(f"{self._projection.name!r} writes tables of its own: query those")

    def _place(self, selection: Selection, key: Any, item: Any) -> tuple[Any, ...]:
        plain = item if isinstance(item, dict) else msgspec.to_builtins(item)
        values = [_at(plain, name, key) for name, _ in selection.order_by]
        return (*values, *(key if isinstance(key, tuple) else (key,)))

    def _decode(self, data: bytes) -> Any:
        return (
            self._projection.decode(data) if isinstance(self._projection, DocumentProjection) else _decode_plain(data)
        )


def _at(document: Any, path: str, key: Any) -> Any:
    if path == "key":
        return key
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document
