"""The scenarios' own proof: with one guard taken away, the enumeration finds a schedule that breaks the invariant."""

from __future__ import annotations

import dataclasses
from uuid import UUID

import pytest
from msgspec.structs import replace

import everfold as ef
from everfold.events.expected import CODE_ANY
from everfold.storage.memory.store import MemoryStorage
from everfold.storage.unit import Unit
from everfold.store import decide_async
from everfold.store.load_async import load_latest
from everfold.testing.interleave import (
    InterleavedStorage,
    Scenario,
    ScheduleFailed,
    alone,
    explore,
    open_store,
    replay,
)

from .bank import (
    ACCOUNT,
    Closed,
    Deposit,
    Deposited,
    Opened,
    Refused,
    Withdraw,
    account,
    account_with_snapshots,
    bank,
    check_account,
    fresh,
    payloads,
    recorded,
)

ROOM = ef.Query(tags=["room:12"])


def refuted(make) -> ScheduleFailed:
    """The schedule that breaks the invariant, which breaks it again when replayed."""
    with pytest.raises(ScheduleFailed) as found:
        explore(make, reduce=True)
    with pytest.raises(ScheduleFailed):
        replay(make, found.value.choices)
    return found.value


def withdrawals(storage=MemoryStorage, decider=account, caches: bool = False):
    def make() -> Scenario:
        store = fresh(storage(), cache=ef.StateCache() if caches else None)
        first = alone(store.decide(ACCOUNT, decider, Deposit(1, "owner")))
        tasks = {name: store.decide(ACCOUNT, decider, Withdraw(1, name)) for name in ("anna", "ben")}

        def check(results):
            decisions = [result for result in results.values() if not isinstance(result, Refused)]
            check_account(store, [first, *decisions])

        return Scenario(tasks, check, may_raise=(Refused,))

    return make


class NoVersionCheck(MemoryStorage):
    def commit(self, unit: Unit):
        return super().commit(
            replace(unit, appends=tuple(replace(append, expected=CODE_ANY) for append in unit.appends))
        )


class NoConditionCheck(MemoryStorage):
    def commit(self, unit: Unit):
        return super().commit(replace(unit, conditions=()))


class ForgetsIds(MemoryStorage):
    def commit(self, unit: Unit):
        self._logs[unit.tenant].places.clear()
        return super().commit(unit)


class TearsUnits(MemoryStorage):
    """Each append of a unit commits by itself."""

    def commit(self, unit: Unit):
        done = [super(TearsUnits, self).commit(replace(unit, appends=(append,))) for append in unit.appends]
        return replace(done[0], appends=tuple(one.appends[0] for one in done))


def test_without_a_mutant_the_same_scenarios_hold():
    for scenario in (withdrawals(), withdrawals(caches=True), withdrawals(decider=account_with_snapshots)):
        explore(scenario, reduce=True)
    for scenario in (booking(MemoryStorage), resending(MemoryStorage), closing(MemoryStorage), stale_refusal()):
        explore(scenario)
    explore(snapshots(InterleavedStorage), reduce=True)


def test_a_storage_without_the_version_check_is_found():
    failure = refuted(withdrawals(NoVersionCheck))
    assert [step for step in failure.steps if "refused" in step] == []


def test_a_shell_that_doesnt_send_the_version_it_decided_on_is_found(monkeypatch):
    real = decide_async.append

    async def blind(scope, stream, events, _version, **options):
        return await real(scope, stream, events, ef.ANY, **options)

    monkeypatch.setattr(decide_async, "append", blind)
    refuted(withdrawals())


def booking(storage):
    def make() -> Scenario:
        store = fresh(storage())
        condition = ef.AppendCondition(ROOM, after=0)
        tasks = {
            name: store.append_if([ef.NewEvent(Deposited(1, name), tags=["room:12"])], condition)
            for name in ("anna", "ben")
        }

        def check(results):
            lost = [one for one in results.values() if isinstance(one, ef.AppendConditionFailedError)]
            assert len(lost) == 1

        return Scenario(tasks, check, may_raise=(ef.AppendConditionFailedError,))

    return make


def test_a_storage_without_the_condition_check_is_found():
    refuted(booking(NoConditionCheck))


def resending(storage):
    def make() -> Scenario:
        store = fresh(storage())
        event = ef.NewEvent(Deposited(1, "anna"), id=UUID(int=7))
        tasks = {name: store.append(ACCOUNT, [event], expected_version=ef.ANY) for name in ("first", "again")}

        def check(_):
            assert len(recorded(store)) == 1

        return Scenario(tasks, check)

    return make


def test_a_storage_that_forgets_ids_is_found():
    refuted(resending(ForgetsIds))


def closing(storage):
    def make() -> Scenario:
        store = fresh(storage())
        alone(store.append(ACCOUNT, [Deposited(5, "owner")], expected_version=0))
        tasks = {
            str(n): store.close_and_open(ACCOUNT, [Closed(5)], "account-2", [Opened(n)], expected_version=ef.ANY)
            for n in (1, 2)
        }

        def check(_):
            assert payloads(store) == [Deposited(5, "owner"), Closed(5)]

        return Scenario(tasks, check, may_raise=(ef.WrongExpectedVersionError,))

    return make


def test_a_storage_that_tears_units_is_found():
    refuted(closing(TearsUnits))


def stale_refusal():
    def make() -> Scenario:
        storage = InterleavedStorage(MemoryStorage())
        mine, theirs = open_store(storage, bank, cache=ef.StateCache()), open_store(storage, bank)
        alone(mine.decide(ACCOUNT, account, Deposit(1, "owner")))
        acknowledged: list[bool] = []

        async def deposit():
            await theirs.decide(ACCOUNT, account, Deposit(4, "theirs"))
            acknowledged.append(True)

        async def withdraw():
            began_after = bool(acknowledged)
            try:
                await mine.decide(ACCOUNT, account, Withdraw(5, "mine"))
            except Refused:
                assert not began_after, "refused for want of a deposit that was acknowledged before"

        return Scenario({"deposit": deposit(), "withdraw": withdraw()}, lambda _: None)

    return make


def test_a_shell_that_lets_a_cached_refusal_count_is_found(monkeypatch):
    async def begin(run):
        cached = run.scope.cache.get(run.key) if run.scope.cache else None
        loaded = cached or await load_latest(run.scope, run.stream, run.decider)
        return loaded, run.decide(loaded.state)

    monkeypatch.setattr(decide_async._Run, "begin", begin)
    with pytest.raises(ScheduleFailed, match="want of a deposit"):
        explore(stale_refusal())


def test_a_shell_that_believes_its_stale_state_after_a_conflict_is_found(monkeypatch):
    async def reload(_run, loaded, _events):
        return dataclasses.replace(loaded, version=loaded.version + 1)

    monkeypatch.setattr(decide_async._Run, "reload", reload)
    refuted(withdrawals())


class SavesSnapshotsApart(InterleavedStorage):
    """The snapshot goes first, in a transaction of its own."""

    async def commit(self, unit: Unit):
        if unit.snapshots:
            await super().commit(Unit(unit.tenant, snapshots=unit.snapshots))
        return await super().commit(replace(unit, snapshots=()))


def snapshots(storage):
    """Who loses the balance to another must leave no snapshot of what would have been."""

    def make() -> Scenario:
        store = open_store(storage(MemoryStorage()), bank)
        alone(store.append(ACCOUNT, [Deposited(5, "owner")], expected_version=0))
        tasks = {
            "anna": store.decide(ACCOUNT, account_with_snapshots, Withdraw(4, "anna")),
            "ben": store.decide(ACCOUNT, account, Withdraw(3, "ben")),
        }

        def check(_):
            events = [event.event for event in recorded(store)]
            assert alone(store.load(ACCOUNT, account_with_snapshots)).state == account.fold(events)

        return Scenario(tasks, check, may_raise=(Refused,))

    return make


def test_a_snapshot_saved_outside_the_unit_is_found():
    refuted(snapshots(SavesSnapshotsApart))


def test_a_shell_that_keeps_a_changed_state_after_a_conflict_is_found(monkeypatch):
    """`evolve` may change the state it is given, so a state folded for a commit that failed can't be used again."""
    from .bank import piggy_bank

    def make() -> Scenario:
        store = fresh()
        tasks = {str(n): store.decide(ACCOUNT, piggy_bank, Deposit(n, str(n))) for n in (1, 2)}

        def check(results):
            assert max(decision.state.balance for decision in results.values()) == 3

        return Scenario(tasks, check)

    explore(make, reduce=True)
    monkeypatch.setattr(decide_async, "is_immutable", lambda _: True)
    refuted(make)


def test_a_cache_that_takes_a_state_before_its_commit_is_found(monkeypatch):
    """A state that was never stored stands at a version that another writer's event will have."""
    real = decide_async._Run.commit

    async def eager(run, loaded, events):
        if run.scope.cache is not None and events:
            state = run.decider.fold(events, loaded.state)
            run.scope.cache.put(run.key, dataclasses.replace(loaded, state=state, version=loaded.version + len(events)))
        return await real(run, loaded, events)

    monkeypatch.setattr(decide_async._Run, "commit", eager)
    monkeypatch.setattr(decide_async._Run, "forget", lambda *_: None)
    refuted(cached_withdrawals())


def cached_withdrawals():
    """One process with a cache, one without: what the first believes is what the stream says."""

    def make() -> Scenario:
        storage = InterleavedStorage(MemoryStorage())
        mine, theirs = open_store(storage, bank, cache=ef.StateCache()), open_store(storage, bank)
        first = alone(theirs.decide(ACCOUNT, account, Deposit(3, "owner")))

        tasks = {
            "mine": mine.decide(ACCOUNT, account, Withdraw(1, "mine")),
            "again": mine.decide(ACCOUNT, account, Withdraw(1, "again")),
            "theirs": theirs.decide(ACCOUNT, account, Withdraw(3, "theirs")),
        }

        def check(results):
            decisions = [result for result in results.values() if not isinstance(result, Refused)]
            check_account(mine, [first, *decisions])

        return Scenario(tasks, check, may_raise=(Refused,))

    return make


def test_a_process_with_a_cache_and_one_without_agree():
    explore(cached_withdrawals(), reduce=True)
