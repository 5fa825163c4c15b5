"""A bank small enough to enumerate: what the scenarios of this folder decide on, and what must hold of it."""

from __future__ import annotations

from dataclasses import dataclass

import everfold as ef
from everfold.storage.memory.store import MemoryStorage
from everfold.testing.interleave import InterleavedStorage, alone, open_store

ACCOUNT = "account-1"
bank = ef.Module("bank")


@bank.event("deposited")
@dataclass(frozen=True, slots=True)
class Deposited:
    amount: int
    by: str


@bank.event("withdrawn")
@dataclass(frozen=True, slots=True)
class Withdrawn:
    amount: int
    by: str


@bank.event("closed")
@dataclass(frozen=True, slots=True)
class Closed:
    balance: int


@bank.event("opened")
@dataclass(frozen=True, slots=True)
class Opened:
    balance: int


@dataclass(frozen=True, slots=True)
class Deposit:
    amount: int
    by: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    amount: int
    by: str


class Refused(Exception):
    """The bank's own rule said no."""


@dataclass(frozen=True, slots=True)
class Account:
    balance: int = 0
    closed: bool = False


def evolve(state: Account, event: object) -> Account:
    match event:
        case Deposited(amount):
            return Account(state.balance + amount)
        case Withdrawn(amount):
            return Account(state.balance - amount)
        case Opened(balance):
            return Account(balance)
        case Closed(balance):
            return Account(balance, closed=True)
    return state


def decide(command: object, state: Account) -> object:
    if state.closed:
        raise Refused("closed")
    match command:
        case Deposit(amount, by):
            return Deposited(amount, by)
        case Withdraw(amount, by) if amount <= state.balance:
            return Withdrawn(amount, by)
    raise Refused("balance")


account = ef.Decider(initial_state=Account, evolve=evolve, decide=decide)
account_with_snapshots = ef.Decider(
    initial_state=Account, evolve=evolve, decide=decide, snapshots=ef.Snapshots(every=1)
)


@dataclass
class PiggyBank:
    balance: int = 0


def put_in(state: PiggyBank, event: Deposited) -> PiggyBank:
    """Changes the state in place, as it may."""
    state.balance += event.amount
    return state


piggy_bank = ef.Decider(
    initial_state=PiggyBank,
    evolve=put_in,
    decide=lambda command, _: Deposited(command.amount, command.by),
    snapshots=ef.Snapshots(every=1),
)


def fresh(storage: MemoryStorage | None = None, **options) -> ef.AsyncEventStore:
    """A store on a memory of its own, every port call of which is a point."""
    return open_store(InterleavedStorage(storage or MemoryStorage()), bank, **options)


async def listed(events) -> list:
    return [event async for event in events]


def recorded(store: ef.AsyncEventStore, stream: str = ACCOUNT) -> list[ef.RecordedEvent]:
    return alone(listed(store.read_stream(stream)))


def logged(store: ef.AsyncEventStore, after: int = 0) -> list[ef.RecordedEvent]:
    return alone(listed(store.read_all(after=after)))


def payloads(store: ef.AsyncEventStore, stream: str = ACCOUNT) -> list[object]:
    return [event.event for event in recorded(store, stream)]


def check_account(store: ef.AsyncEventStore, decisions: list, before: int = 0) -> None:
    """Versions without holes, each decision's events once and at its version, no state that its events don't give."""
    events = recorded(store)
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert len(events) == before + sum(len(decision.events) for decision in decisions)
    for decision in decisions:
        written = tuple(e.event for e in events[decision.version - len(decision.events) : decision.version])
        assert written == decision.events
        assert decision.state == account.fold(e.event for e in events[: decision.version])
    folded = account.fold(event.event for event in events)
    assert folded.balance >= 0
    assert alone(store.load(ACCOUNT, account_with_snapshots)).state == folded
