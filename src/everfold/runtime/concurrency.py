"""Waiting, for threads: the hand-written peer of `concurrency_async`; the shell is generated over the two."""

from __future__ import annotations

import threading
import time

__all__ = ["Hints", "Mutex", "sleep"]

Mutex = threading.Lock
"""`with Mutex():` around what only one thread may do at a time."""

sleep = time.sleep


class Hints:
    """A counter of "something may have come", and waiting for it. Safe between threads."""

    def __init__(self) -> None:
        self.count = 0
        self._condition = threading.Condition()
        self._closed = False

    def notify(self) -> None:
        """Count one more and wake every waiter."""
        with self._condition:
            self.count += 1
            self._condition.notify_all()

    def close(self) -> None:
        """Wake every waiter for good."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def wait(self, seen: int, timeout_seconds: float) -> bool:
        """True as soon as the count is not `seen`; False after the timeout or when closed."""
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self.count != seen, timeout_seconds)
            return self.count != seen and not self._closed
