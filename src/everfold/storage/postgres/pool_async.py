"""Connections: made on demand, kept for the next caller, replaced when the server has gone away meanwhile.

The driver's own pool connects in the background, so a wrong password shows as a timeout without a reason; here the
caller connects and is told. A kept connection whose server closed it is noticed before anything is sent on it.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import TypeVar

import psycopg

from ...errors import StorageUnavailableError, StoreClosedError
from ...runtime.concurrency_async import Hints, Later, Mutex, Ticket
from ..unit import Unit
from .errors import connection_lost, translate
from .session_async import AsyncSession

__all__ = ["AsyncPool"]

T = TypeVar("T")


class AsyncPool:
    """At most `size` sessions, each used by one caller at a time; the last one given back is the next one used."""

    def __init__(self, connect: Callable[[], Later[AsyncSession]], size: int, timeout_seconds: float) -> None:
        self._connect = connect
        self._size = size
        self._timeout_seconds = timeout_seconds
        self._idle: list[AsyncSession] = []
        self._waiting: deque[Ticket[AsyncSession | None]] = deque()
        self._open = 0
        self._closed = False
        self._mutex = Mutex()
        self._returned = Hints()
        self._process = os.getpid()
        self._inherited: list[AsyncSession] = []

    async def read(self, work: Callable[[AsyncSession], Later[T]]) -> T:
        """Run `work` on a session; once more on a new one when the connection was lost, as reading can't do harm."""
        try:
            return await self.run(work)
        except StorageUnavailableError as error:
            if not (isinstance(error.__cause__, psycopg.Error) and connection_lost(error.__cause__)):
                raise
        return await self.run(work)

    async def run(self, work: Callable[[AsyncSession], Later[T]], unit: Unit | None = None) -> T:
        """Run `work` on a session. Raises what `translate` makes of the driver's error; `unit` is what it commits."""
        session = await self.acquire()
        try:
            return await work(session)
        except psycopg.Error as error:
            raise translate(error, unit) from error
        finally:
            await self.release(session)

    async def acquire(self) -> AsyncSession:
        """A session for the caller alone. Raises StorageUnavailableError, with the reason, and StoreClosedError."""
        ticket: Ticket[AsyncSession | None] | None = None
        async with self._mutex:
            self._refuse_closed()
            self._forget_inherited()
            while self._idle:
                session = self._idle.pop()
                if not _stale(session):
                    return session
                self._open -= 1
                session.abandon()
            if self._open < self._size:
                self._open += 1
            else:
                ticket = Ticket()
                self._waiting.append(ticket)
        granted = None if ticket is None else await self._wait(ticket)
        return await self._new_session() if granted is None else granted

    async def release(self, session: AsyncSession) -> None:
        """Give it back. One that is broken, or still in a transaction, is closed instead."""
        if self._process != os.getpid():
            self._inherited.append(session)
            return
        usable = session.idle and not self._closed
        if not usable:
            session.abandon()
        async with self._mutex:
            self._pass_on(session if usable else None)

    async def close(self) -> None:
        """Let the callers that have a session finish, refuse those that wait for one, and close everything."""
        async with self._mutex:
            self._closed = True
            for ticket in self._waiting:
                ticket.fail(StoreClosedError())
            self._waiting.clear()
            idle, self._idle = self._idle, []
            self._open -= len(idle)
        for session in idle:
            session.abandon()
        while self._open > 0:
            seen = self._returned.count
            if self._open > 0:
                await self._returned.wait(seen, 1.0)

    async def _wait(self, ticket: Ticket[AsyncSession | None]) -> AsyncSession | None:
        """What a caller gave back: its session, or None for the right to open one."""
        try:
            return await ticket.result(self._timeout_seconds)
        except BaseException as error:
            async with self._mutex:
                if ticket in self._waiting:
                    self._waiting.remove(ticket)
                elif ticket.given and isinstance(error, TimeoutError):
                    return ticket.value
                elif ticket.given:  # the waiter leaves: what it was just given goes to the next one
                    self._pass_on(ticket.value)
            if isinstance(error, TimeoutError):
                raise StorageUnavailableError(self._exhausted()) from None
            raise

    def _exhausted(self) -> str:
        return (
            f"all {self._size} connections of this store were in use for {self._timeout_seconds:g} s; nothing was written. "
            "Raise pool_size, or look for long transactions."
        )

    async def _new_session(self) -> AsyncSession:
        try:
            return await self._connect()
        except BaseException as error:
            async with self._mutex:
                self._pass_on(None)
            if isinstance(error, psycopg.Error):
                raise translate(error) from error
            raise

    def _pass_on(self, session: AsyncSession | None) -> None:
        """To whoever waits longest, or to the idle ones. None: a place has become free."""
        if session is not None and self._closed:
            session.abandon()
            session = None
        while self._waiting:
            ticket = self._waiting.popleft()
            if not ticket.done:
                ticket.resolve(session)
                return
        if session is None:
            self._open -= 1
        else:
            self._idle.append(session)
        if self._closed:
            self._returned.notify()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise StoreClosedError

    def _forget_inherited(self) -> None:
        """After a fork the parent's connections are the parent's: kept unused, as closing one would end it for both."""
        if self._process != os.getpid():
            self._inherited += self._idle
            self._idle, self._open, self._process = [], 0, os.getpid()


def _stale(session: AsyncSession) -> bool:
    """Whether the server has closed it: an idle connection tells as soon as it is read, without a round trip."""
    try:
        session.consume()
    except psycopg.Error:
        return True
    return not session.idle
