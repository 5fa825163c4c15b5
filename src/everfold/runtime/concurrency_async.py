"""Waiting, for tasks of one event loop: the hand-written peer of `concurrency`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, Generic, TypeVar

__all__ = ["Hints", "Later", "Mutex", "Sleep", "Ticket", "Worker", "sleep", "spawn"]

T = TypeVar("T")

Later = Awaitable[T]
"""What a function that is handed over gives: to be awaited here, the value itself for the peer."""

Mutex = asyncio.Lock
"""`async with Mutex():` around what only one task may do at a time."""

Sleep = Callable[[float], Awaitable[None]]
"""How the shell waits a number of seconds: given to it, never reached for."""

sleep: Sleep = asyncio.sleep


class Hints:
    """A counter of "something may have come", and waiting for it. For one event loop; never touch it from a thread."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: set[asyncio.Future[None]] = set()
        self._closed = False

    def notify(self) -> None:
        """Count one more and wake every waiter."""
        self.count += 1
        self._wake()

    def close(self) -> None:
        """Wake every waiter for good."""
        self._closed = True
        self._wake()

    async def wait(self, seen: int, timeout_seconds: float) -> bool:
        """True as soon as the count is not `seen`; False after the timeout or when closed."""
        if self.count == seen and not self._closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting.add(waiter)
            try:
                async with asyncio.timeout(timeout_seconds):
                    await waiter
            except TimeoutError:
                pass
            finally:
                self._waiting.discard(waiter)
        return self.count != seen and not self._closed

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)


class Ticket(Generic[T]):
    """A result that one task waits for and another gives. What is given to a waiter that left is dropped."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    @property
    def done(self) -> bool:
        """Whether it was given a result, or its waiter was cancelled."""
        return self._future.done()

    @property
    def given(self) -> bool:
        """Whether it holds a result, be its waiter there or not."""
        return self._future.done() and not self._future.cancelled() and self._future.exception() is None

    @property
    def value(self) -> T:
        """The result, once given."""
        return self._future.result()

    def resolve(self, value: T) -> None:
        """Give the result."""
        if not self._future.done():
            self._future.set_result(value)

    def fail(self, error: BaseException) -> None:
        """Give an error to raise."""
        if not self._future.done():
            self._future.set_exception(error)

    def lead(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Have `work` run while the waiter waits; it runs to its end even when the waiter is cancelled."""
        spawn(work)

    async def result(self, timeout_seconds: float | None = None) -> T:
        """Wait for the result. After a TimeoutError it may still be given, and waited for again."""
        if timeout_seconds is not None:
            await self._wait(timeout_seconds)
        return await self._future

    async def _wait(self, timeout_seconds: float) -> None:
        try:
            done, _ = await asyncio.wait([self._future], timeout=timeout_seconds)
        except BaseException:
            self._future.cancel()
            raise
        if not done:
            raise TimeoutError


class Worker:
    """Work in the background; `join` waits for its end."""

    _running: ClassVar[set[asyncio.Task[None]]] = set()
    """The event loop itself keeps only weak references to tasks."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._task = asyncio.get_running_loop().create_task(work())
        self._running.add(self._task)
        self._task.add_done_callback(self._running.discard)

    async def join(self) -> None:
        """Wait until it has ended."""
        await asyncio.wait({self._task})


def spawn(work: Callable[[], Coroutine[Any, Any, None]]) -> Worker:
    """Run `work` in the background: a task here, a daemon thread for the peer."""
    return Worker(work)
