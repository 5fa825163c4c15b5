"""Waiting, for tasks of one event loop: the hand-written peer of `concurrency`."""

from __future__ import annotations

import asyncio

__all__ = ["Hints", "Mutex", "sleep"]

Mutex = asyncio.Lock
"""`async with Mutex():` around what only one task may do at a time."""

sleep = asyncio.sleep


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
