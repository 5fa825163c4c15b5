"""A bank whose balances are built in two versions, and a load of writers and readers that goes on while they are switched.

The readers' rule: a key that was there stays there, and what it counts never goes down, whichever version answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

import everfold as ef
from everfold.testing.racing import as_thread

ACCOUNTS = 6
WRITERS = 4
READERS = 2


@dataclass(frozen=True)
class Paid:
    amount: int


def balance(version: int, timing: ef.Timing) -> ef.DocumentProjection:
    """How many payments an account had, and their sum; version 2 says which version it is."""
    projection = ef.DocumentProjection("balance", version=version, timing=timing, key=account)

    @projection.on(Paid)
    def paid(document, event, recorded):
        before = document or {"payments": 0, "sum": 0}
        return {"payments": before["payments"] + 1, "sum": before["sum"] + event.amount, "version": version}

    return projection


def account(event: Paid, recorded: ef.RecordedEvent) -> str:
    """Several streams to one document, so that appends meet there."""
    return str(int(recorded.stream.partition("-")[2]) % ACCOUNTS)


def bank(*versions: int, timing: ef.Timing = ef.CATCH_UP) -> ef.Module:
    """The module of a release that knows these versions."""
    module = ef.Module("bank")
    module.event("paid")(Paid)
    module.add(*(balance(version, timing) for version in versions))
    return module


@dataclass
class Load:
    """Writers that each append `events`, and readers that watch until they are done. `seen` are broken rules."""

    url: str
    timing: ef.Timing
    events: int
    hold: float = 0.0
    broken: list[str] = field(default_factory=list)
    slowest: float = 0.0
    reads: int = 0
    done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> list[threading.Thread]:
        """Begin; returns the writers' threads, then the readers'."""
        writers = [as_thread(self._guarded(lambda n=n: self._write(n))) for n in range(WRITERS)]
        readers = [as_thread(self._guarded(self._read)) for _ in range(READERS)]
        as_thread(lambda: ([w.join() for w in writers], self.done.set()))
        return [*writers, *readers]

    def _guarded(self, work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except Exception as error:
                self.broken.append(f"{type(error).__name__}: {error}")

        return run

    def _write(self, number: int) -> None:
        with ef.EventStore.open(self.url, bank(1, 2, timing=self.timing)) as store:
            holding = self.hold and number == 0
            for turn in range(self.events):
                stream = f"account-{(number * 7 + turn) % 23}"
                if holding and turn % 5 == 0:
                    self._held(store, stream, turn)
                else:
                    store.append(stream, [Paid(1)], expected_version=ef.ANY)

    def _held(self, store: ef.EventStore, stream: str, turn: int) -> None:
        """An append in a transaction that stays open for a while, as an application's own may."""
        with psycopg.connect(self.url.partition("&schema=")[0]) as connection:
            with store.join(connection) as unit:
                unit.append(stream, [Paid(1)], expected_version=ef.ANY)
            connection.execute("select pg_sleep(%s)", (self.hold * (turn % 10) / 10,))

    def _read(self) -> None:
        with ef.EventStore.open(self.url, bank(1, 2, timing=self.timing)) as store:
            model = store.read_model("balance")
            known: dict[str, int] = {}
            while not self.done.is_set():
                for number in range(ACCOUNTS):
                    began = time.perf_counter()
                    found = model.get(str(number))
                    self.slowest = max(self.slowest, time.perf_counter() - began)
                    self.reads += 1
                    count = -1 if found is None else found["payments"]
                    if count < known.get(str(number), -1):
                        self.broken.append(f"account {number} went from {known[str(number)]} to {count} payments")
                    known[str(number)] = count
