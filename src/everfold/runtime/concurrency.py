"""Waiting, for threads: the hand-written peer of `concurrency_async`; the shell is generated over the two."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

__all__ = ["Hints", "Later", "Mutex", "Sleep", "Ticket", "Worker", "sleep", "spawn"]

T = TypeVar("T")

Later = Annotated[T, "at once"]
"""What a function that is handed over gives: the value itself here, to be awaited for the peer."""

Mutex = threading.Lock
"""`with Mutex():` around what only one thread may do at a time."""

Sleep = Callable[[float], None]
"""How the shell waits a number of seconds: given to it, never reached for."""

sleep: Sleep = time.sleep


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


class Ticket(Generic[T]):
    """A result that one thread waits for and another gives. What is given to a waiter that left is dropped."""

    __slots__ = ("_error", "_given", "_left", "_signal", "_value", "_work")

    def __init__(self) -> None:
        # a bare lock is the cheapest signal that one thread can give another
        self._signal = threading.Lock()
        self._signal.acquire()
        self._given = False
        self._left = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._work: Callable[[], None] | None = None

    @property
    def done(self) -> bool:
        """Whether it was given a result, or its waiter left."""
        return self._given or self._left

    @property
    def given(self) -> bool:
        """Whether it holds a result, be its waiter there or not."""
        return self._given and self._error is None

    @property
    def value(self) -> T:
        """The result, once given."""
        assert self._given
        return self._value  # type: ignore[no-any-return]

    def resolve(self, value: T) -> None:
        """Give the result."""
        if not self._given:
            self._value = value
            self._given = True
            self._signal.release()

    def fail(self, error: BaseException) -> None:
        """Give an error to raise."""
        if not self._given:
            self._error = error
            self._given = True
            self._signal.release()

    def lead(self, work: Callable[[], None]) -> None:
        """Have `work` run by the waiting thread; by another when the waiter left (an interrupt from the keyboard)."""
        if self._left:
            spawn(work)
        else:
            self._work = work
            self._signal.release()

    def result(self, timeout_seconds: float | None = None) -> T:
        """Wait for the result. After a TimeoutError it may still be given, and waited for again."""
        self._left = False
        try:
            self._wait(-1 if timeout_seconds is None else timeout_seconds)
        except BaseException:
            self._leave()
            raise
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[no-any-return]

    def _wait(self, timeout_seconds: float) -> None:
        while not self._given:
            if not self._signal.acquire(timeout=timeout_seconds):
                raise TimeoutError
            work, self._work = self._work, None
            if work is not None:
                work()

    def _leave(self) -> None:
        self._left = True
        work, self._work = self._work, None
        if work is not None:
            spawn(work)


class Worker:
    """Work in the background; `join` waits for its end."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._thread = threading.Thread(target=work, name="everfold", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until it has ended."""
        self._thread.join()


def spawn(work: Callable[[], None]) -> Worker:
    """Run `work` in the background: a daemon thread here, a task for the peer."""
    return Worker(work)
