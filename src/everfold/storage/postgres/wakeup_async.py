"""Waking those who wait for events: a hint in process, a throttled NOTIFY between processes, and polling as the truth.

Own commits raise the hint at once. Commits of other processes, and of callers' own transactions, are found by one
tracker, which runs only while somebody waits: it compares the last drawn position and the appends that are open, since
an append can only appear by drawing, or by ending. A NOTIFY makes it look at once; nothing depends on its arrival.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import psycopg

from ... import limits
from ...errors import EverfoldError
from ...runtime.concurrency_async import Hints, Later, Mutex, Worker, spawn
from .session_async import AsyncSession

__all__ = ["AsyncWakeup"]

_IDLE_ROUNDS = 20
"""The tracker ends after this many polls at the slowest pace with nobody waiting."""

_RECONNECT_SECONDS = 0.5
_IDLE_SECONDS = 60.0


class AsyncWakeup:
    """`connect` opens the tracker's own session; `run` asks on one of the pool's."""

    def __init__(
        self,
        sql: Mapping[str, bytes],
        connect: Callable[[], Later[AsyncSession]],
        run: Callable[[Callable[[AsyncSession], Later[Any]]], Later[Any]],
    ) -> None:
        self._sql = sql
        self._connect = connect
        self._run = run
        self.hints = Hints()
        self._unannounced = Hints()
        self._stopping = Hints()
        self._stopped = False
        self._process = os.getpid()
        self._mutex = Mutex()
        self._latest = 0
        self._announcer_waits = False
        self._announcer: Worker | None = None
        self._tracker: Worker | None = None
        self._waiting = 0
        self._settled = 0
        """Whatever stands up to here has raised the hint already."""

    async def committed(self, first: int, last: int) -> None:
        """Events of this process are visible now: raise the hint, and have the other processes told."""
        self._forget_inherited()
        self._settle(first, last)
        self.hints.notify()
        self._latest = last
        if self._announcer_waits:
            self._unannounced.notify()
        elif self._announcer is None:
            async with self._mutex:
                if self._announcer is None and not self._stopped:
                    self._announcer = spawn(self._announce)

    def saw(self, after: int, last: int) -> None:
        """A page with every position from `after` to `last` was read. New to this process, it is news to other waiters."""
        if self._tracker is None and after <= self._settled < last:
            self._settle(self._settled + 1, last)
            self.hints.notify()

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        """True as soon as events may have come since `hint`; False after the timeout, or when closed."""
        if self._stopped or self.hints.count != hint:
            return not self._stopped
        self._forget_inherited()
        async with self._mutex:
            self._waiting += 1
            if self._tracker is None and not self._stopped:
                self._tracker = spawn(self._track)
        try:
            return await self.hints.wait(hint, timeout_seconds)
        finally:
            async with self._mutex:
                self._waiting -= 1

    async def close(self) -> None:
        """Announce what was not announced yet, end the background work, wake every waiter."""
        async with self._mutex:
            self._stopped = True
            workers = self._announcer, self._tracker
        self._stopping.close()
        self._unannounced.close()
        self.hints.close()
        for worker in workers:
            if worker is not None:
                await worker.join()

    def _forget_inherited(self) -> None:
        """After a fork the parent's background work is not here; the child starts its own."""
        if self._process != os.getpid():
            self._process, self._settled, self._announcer_waits = os.getpid(), -1, False
            self._announcer = self._tracker = None

    def _settle(self, first: int, last: int) -> None:
        if first == self._settled + 1:
            self._settled = last

    async def _announce(self) -> None:
        announced = 0
        while not self._stopped or self._latest != announced:
            if self._latest == announced:
                await self._until_commit(announced)
                continue
            announced = self._latest
            await self._send()
            await self._stopping.wait(0, limits.NOTIFY_SECONDS_MIN)

    async def _until_commit(self, announced: int) -> None:
        # said before the last look: a commit after the look sees it, and notifies
        seen, self._announcer_waits = self._unannounced.count, True
        if self._latest == announced:
            await self._unannounced.wait(seen, _IDLE_SECONDS)
        self._announcer_waits = False

    async def _send(self) -> None:
        try:
            await self._run(lambda session: session.fetch_none(self._sql["announce"]))
        except EverfoldError:  # a hint that is lost costs a poll's delay; the next one tries again
            return

    async def _track(self) -> None:
        while await self._still_wanted():
            try:
                await self._watch()
            except psycopg.Error:
                self._settled = -1  # what came meanwhile is unknown
                await self._stopping.wait(0, _RECONNECT_SECONDS)

    async def _still_wanted(self) -> bool:
        """Decided together with the waiters' coming and going, so that none is left without a tracker."""
        async with self._mutex:
            if self._waiting == 0 or self._stopped:
                self._tracker = None
            return self._tracker is not None

    async def _watch(self) -> None:
        session = await self._connect()
        try:
            await session.fetch_none(self._sql["listen"])
            await self._poll(session)
        finally:
            session.abandon()

    async def _poll(self, session: AsyncSession) -> None:
        """Raise the hint whenever the store has changed, until nobody has waited for a while."""
        drawn, held = self._settled, ""
        pause = limits.POLL_SECONDS_MIN
        idle_rounds = 0
        while not self._stopped and idle_rounds < _IDLE_ROUNDS:
            now = await session.value(self._sql["last_drawn"])
            # with nothing drawn since a look that found no append open, nothing can have come
            open_now = await self._open_appends(session) if held or now != drawn else ""
            if (now, open_now) != (drawn, held):
                drawn, held, pause = now, open_now, limits.POLL_SECONDS_MIN
                self.hints.notify()
            else:
                pause = min(pause * 1.5, limits.POLL_SECONDS_MAX)
            idle_rounds = 0 if self._waiting else idle_rounds + (pause == limits.POLL_SECONDS_MAX)
            await session.listen(pause)
        self._settled = -1 if held else drawn

    async def _open_appends(self, session: AsyncSession) -> str:
        row = await session.fetch_one(self._sql["open_appends"])
        assert row is not None
        return row[1] or ""
