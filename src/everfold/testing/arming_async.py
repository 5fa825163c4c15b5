"""What is armed at the storage port: errors, gates, rivals and crashes, for the calls that are still to come.

The invariant: every call of a verb passes `entered` once, so calls are numbered from 1 in the order in which they come, and a
test that runs the same steps again can strike each of them in turn.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any

from ..errors import CommitUnknownError
from .crash import Crash
from .racing import AsyncSignal

__all__ = ["AsyncArming", "AsyncGate"]


class AsyncGate:
    """A call held at the port: `await gate.reached.wait()` until it is there, `gate.release()` to let it go on."""

    def __init__(self) -> None:
        self.reached = AsyncSignal()
        self._released = AsyncSignal()

    def release(self) -> None:
        """Let the held call go on."""
        self._released.set()

    async def passed(self) -> None:
        """Say that the call is here, and wait for the release."""
        self.reached.set()
        await self._released.wait()


class AsyncArming:
    """`calls` counts calls by verb; a transaction's verbs are named "tx.move", "tx.commit" and so on.

    Only a transaction that may wait can be held or interposed in: on a backend that runs it in one go, AsyncMemory and
    AsyncSqlite, it is refused as any other waiting in it is.
    """

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._errors: defaultdict[str, deque[Exception]] = defaultdict(deque)
        self._gates: defaultdict[str, deque[AsyncGate]] = defaultdict(deque)
        self._rivals: defaultdict[str, deque[Callable[[], Any]]] = defaultdict(deque)
        self._lost_replies: Counter[str] = Counter()
        self._last_call = 0
        self._crash_at: int | None = None
        self._crash_after: int | None = None
        self._crashed = False

    def fail_before(self, verb: str, error: Exception, *, times: int = 1) -> None:
        """The next `times` calls of the verb raise `error` and never reach the storage."""
        self._errors[verb].extend([error] * times)

    def lose_reply(self, verb: str = "commit", *, times: int = 1) -> None:
        """The next `times` calls of the verb ("commit", "transact") that succeed are stored, and raise CommitUnknownError."""
        self._lost_replies[verb] += times

    def hold(self, verb: str) -> AsyncGate:
        """The next call of the verb waits at the gate before it reaches the storage."""
        gate = AsyncGate()
        self._gates[verb].append(gate)
        return gate

    def interpose(self, verb: str, rival: Callable[[], Any], *, times: int = 1) -> None:
        """Before each of the next `times` calls of the verb, `rival()` does its work: another writer was faster."""
        self._rivals[verb].extend([rival] * times)

    def crash_at(self, call: int) -> None:
        """The process dies before the `call`-th call from now on: this and every later one raise Crash, closing too.

        To strike each in turn: run once and take `calls.total()`, then run once for every number up to it.
        """
        self._crash_at = self._last_call + call

    def crash_after(self, call: int) -> None:
        """The process dies after the `call`-th call from now on has done its work: what it committed stays committed."""
        self._crash_after = self._last_call + call

    @property
    def crashed(self) -> bool:
        """Whether the armed crash has come."""
        return self._crashed

    async def entered(self, verb: str) -> int:
        """A call begins; gives its number."""
        self.refuse_dead()
        self._last_call = number = self._last_call + 1
        if number == self._crash_at:
            self._die()
        self.calls[verb] += 1
        if self._gates[verb]:
            await self._gates[verb].popleft().passed()
        if self._rivals[verb]:
            await self._rivals[verb].popleft()()
        if self._errors[verb]:
            raise self._errors[verb].popleft()
        return number

    def left(self, number: int, verb: str = "") -> None:
        """The call has done its work."""
        if number == self._crash_after:
            self._die()
        if self._lost_replies[verb]:
            self._lost_replies[verb] -= 1
            raise CommitUnknownError("the reply was lost on purpose")

    def refuse_dead(self) -> None:
        """Raise Crash when the process has died."""
        if self._crashed:
            raise Crash

    def _die(self) -> None:
        self._crashed = True
        raise Crash
