"""Opening something that needs awaiting, in both forms that users write; the peer of `opening`, by hand."""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar

__all__ = ["AsyncOpening", "opened"]


class _Closing(Protocol):
    async def close(self) -> None: ...


Opened = TypeVar("Opened", bound=_Closing)


class AsyncOpening(Generic[Opened]):
    """`async with store_opening as store:`, or `store = await store_opening` and `await store.close()` later."""

    def __init__(self, opening: Coroutine[Any, Any, Opened]) -> None:
        self._opening = opening
        self._opened: Opened | None = None

    def __await__(self) -> Generator[Any, None, Opened]:
        return self._opening.__await__()

    async def __aenter__(self) -> Opened:
        self._opened = await self._opening
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.close()


opened = AsyncOpening
"""Wrap the coroutine that opens."""
