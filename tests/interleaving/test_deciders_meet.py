"""Deciders on one stream, in every schedule: each command's effect exactly once, versions without holes."""

from __future__ import annotations

import pytest

import everfold as ef
from everfold.storage.memory.store import MemoryStorage
from everfold.testing.interleave import InterleavedStorage, Scenario, alone, explore, open_store, sample

from .bank import (
    ACCOUNT,
    Account,
    Deposit,
    Deposited,
    Refused,
    Withdraw,
    account,
    account_with_snapshots,
    bank,
    check_account,
    fresh,
    payloads,
    piggy_bank,
    recorded,
)


def competing(amounts: tuple[int, ...], decider=account, cached: bool = False):
    """A deposit each, decided at the same time."""

    def make() -> Scenario:
        store = fresh(cache=ef.StateCache() if cached else None)
        tasks = {str(n): store.decide(ACCOUNT, decider, Deposit(n, str(n))) for n in amounts}

        def check(decisions):
            check_account(store, list(decisions.values()))
            assert sorted(event.amount for event in payloads(store)) == sorted(amounts)
            assert sorted(decision.version for decision in decisions.values()) == list(range(1, len(amounts) + 1))

        return Scenario(tasks, check)

    return make


def withdrawing(balance: int, takers: int, decider=account, cached: bool = False):
    """More withdrawals of 1 than the balance can bear, perhaps."""

    def make() -> Scenario:
        store = fresh(cache=ef.StateCache() if cached else None)
        first = alone(store.decide(ACCOUNT, decider, Deposit(balance, "owner")))
        tasks = {str(n): store.decide(ACCOUNT, decider, Withdraw(1, str(n))) for n in range(takers)}

        def check(results):
            decisions = [result for result in results.values() if not isinstance(result, Refused)]
            check_account(store, [first, *decisions])
            assert len(decisions) == min(balance, takers)
            taken_by = [event.by for event in payloads(store)[1:]]
            assert sorted(taken_by) == [name for name, result in results.items() if not isinstance(result, Refused)]

        return Scenario(tasks, check, may_raise=(Refused,))

    return make


def test_two_competing_deciders_both_take_effect_once_in_every_single_schedule():
    report = explore(competing((1, 2)))
    assert report.schedules > 500


def test_three_competing_deciders_all_take_effect_once():
    report = explore(competing((1, 2, 3)), reduce=True)
    assert report.schedules > 50


@pytest.mark.parametrize("rival", [Withdraw(3, "rival"), Deposit(2, "rival")], ids=["withdrawal", "deposit"])
def test_what_is_left_out_when_reduced_has_no_outcome_of_its_own(rival):
    def outcomes(**options):
        found = set()

        def make() -> Scenario:
            store = fresh(cache=ef.StateCache())
            alone(store.append(ACCOUNT, [Deposited(3, "owner")], expected_version=0))
            commands = {"taker": Withdraw(2, "taker"), "rival": rival}
            tasks = {name: store.decide(ACCOUNT, account, command) for name, command in commands.items()}

            def check(results):
                refused = tuple(name for name, result in results.items() if isinstance(result, Refused))
                found.add((refused, tuple(payloads(store))))

            return Scenario(tasks, check, may_raise=(Refused,))

        return found, explore(make, **options)

    found, full = outcomes()
    found_reduced, reduced = outcomes(reduce=True)
    assert found == found_reduced
    assert len(found) == 2
    assert reduced.schedules * 10 < full.schedules


def test_four_competing_deciders_all_take_effect_once_in_sampled_schedules():
    assert sample(competing((1, 2, 3, 4)), seed=20260527, schedules=500).schedules == 500


@pytest.mark.parametrize("balance", [0, 1, 2, 3])
def test_no_more_is_withdrawn_than_there_is(balance):
    explore(withdrawing(balance, takers=3), reduce=True)


def test_deciders_that_share_a_state_cache_each_take_effect_once():
    explore(withdrawing(1, takers=2, cached=True))
    explore(competing((1, 2, 3), cached=True), reduce=True)


def test_a_cache_is_never_ahead_of_the_stream_nor_other_than_it():
    def make() -> Scenario:
        cache = ef.StateCache()
        store = fresh(cache=cache)
        alone(store.decide(ACCOUNT, account, Deposit(5, "owner")))
        tasks = {str(n): store.decide(ACCOUNT, account, Withdraw(2, str(n))) for n in range(3)}

        def check(_):
            kept = cache.get(("", ACCOUNT, account))
            events = [event.event for event in recorded(store)]
            if kept is not None:
                assert kept.state == account.fold(events[: kept.version])
                assert kept.version <= len(events)

        return Scenario(tasks, check, may_raise=(Refused,))

    explore(make, reduce=True)


def test_two_processes_with_caches_of_their_own_see_each_others_events():
    def make() -> Scenario:
        storage = InterleavedStorage(MemoryStorage())
        mine, theirs = (open_store(storage, bank, cache=ef.StateCache()) for _ in range(2))
        before = [alone(store.decide(ACCOUNT, account, Deposit(1, "owner"))) for store in (mine, theirs)]
        tasks = {
            "mine": mine.decide(ACCOUNT, account, Withdraw(2, "mine")),
            "theirs": theirs.decide(ACCOUNT, account, Withdraw(1, "theirs")),
            "mine again": mine.decide(ACCOUNT, account, Deposit(1, "mine")),
        }

        def check(results):
            decisions = [result for result in results.values() if not isinstance(result, Refused)]
            check_account(mine, before + decisions)

        return Scenario(tasks, check, may_raise=(Refused,))

    explore(make, reduce=True)


def test_a_refusal_is_of_a_state_that_the_stream_had_while_the_command_ran():
    """A command that begins after a deposit was acknowledged can't be refused for want of it, cache or not."""

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
                return not began_after
            return True

        def check(results):
            assert results["withdraw"], "refused on a state that was stale when the command began"

        return Scenario({"deposit": deposit(), "withdraw": withdraw()}, check)

    assert explore(make).schedules > 20


@pytest.mark.parametrize("decider", [account_with_snapshots, piggy_bank], ids=["frozen state", "changing state"])
def test_deciders_with_snapshots_leave_a_snapshot_that_its_events_give(decider):
    def make() -> Scenario:
        memory = MemoryStorage()
        store = fresh(memory)
        tasks = {str(n): store.decide(ACCOUNT, decider, Deposit(n, str(n))) for n in (1, 2)}

        def check(results):
            events = [event.event for event in recorded(store)]
            assert sorted(event.amount for event in events) == [1, 2]
            loaded = alone(store.load(ACCOUNT, decider))
            snapshot = memory.load_snapshot("", ACCOUNT, "state", 1)
            assert snapshot is not None
            assert snapshot.version == loaded.version == 2
            assert loaded.state.balance == 3
            assert {decision.version: decision.state.balance for decision in results.values()} == {
                1: events[0].amount,
                2: 3,
            }

        return Scenario(tasks, check)

    explore(make, reduce=True)


def test_three_deciders_with_snapshots_and_a_cache_each_take_effect_once():
    explore(competing((1, 2, 3), account_with_snapshots, cached=True), reduce=True)


def test_a_decision_at_an_expected_version_is_made_once_and_of_two_one_wins():
    def make() -> Scenario:
        store = fresh()
        first = alone(store.decide(ACCOUNT, account, Deposit(5, "owner")))
        tasks = {str(n): store.decide(ACCOUNT, account, Withdraw(1, str(n)), expected_version=1) for n in range(3)}

        def check(results):
            won = [result for result in results.values() if not isinstance(result, ef.ConflictError)]
            assert len(won) == 1
            check_account(store, [first, *won])

        return Scenario(tasks, check, may_raise=(ef.WrongExpectedVersionError,))

    explore(make, reduce=True)


def test_the_initial_state_is_the_starting_point_of_every_first_decision():
    seen = []

    def decide(command, state):
        seen.append(state)
        return Deposited(command.amount, command.by)

    watched = ef.Decider(initial_state=Account, evolve=account.evolve, decide=decide)
    explore(competing((1, 2), watched))
    assert set(seen) == {Account(0), Account(1), Account(2)}


def test_a_state_from_before_a_restore_costs_one_conflict_and_no_wrong_decision():
    """The cache may be ahead of a stream that a restore, or a failover, has set back."""
    cache = ef.StateCache()
    alone(fresh(cache=cache).decide(ACCOUNT, account, Deposit(5, "lost with the old database")))
    restored = fresh(cache=cache)
    decision = alone(restored.decide(ACCOUNT, account, Deposit(1, "after the restore")))
    assert (decision.version, decision.state) == (1, Account(1))
    check_account(restored, [decision])
