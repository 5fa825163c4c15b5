"""Two owners for one consumer, lost replies and wake-ups, clocks that jump: no difference in any read model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

import everfold as ef

from ... import limits
from ..clock import VirtualClock
from ..crash import Crash
from ..faults_async import AsyncFaults
from ..racing import race_async
from .backend_async import AsyncBackend
from .needs import needs
from .projections_domain import Hotel, hotel_of, stay
from .projections_steps_async import agree, append, caught_up, lease_over, over
from .reading_async import log_of

EVENTS = [stay(str(number % 3), f"m{number}", nights=number) for number in range(12)]


class Inn:
    """A store with a hotel that has stood at the end of its log, three streams of events that came since, and a virtual clock."""

    def __init__(self, store: ef.AsyncEventStore, hotel: Hotel, clock: VirtualClock) -> None:
        self.store = store
        self.hotel = hotel
        self.clock = clock
        self.faults = AsyncFaults(store.storage)
        self.faulty: Any = over(store, storage=self.faults)
        self.struck = 0

    @classmethod
    async def opened(cls, backend: AsyncBackend, **options: Any) -> Inn:
        clock, hotel = VirtualClock(), hotel_of(**options)
        inn = cls(await backend.open(hotel.module, clock=clock), hotel, clock)
        await caught_up(inn.store)
        await inn.more()
        return inn

    async def more(self) -> None:
        """The events once more."""
        for part in range(3):
            await append(self.store, *EVENTS[part::3], stream=f"stay-{part}")

    async def rival(self) -> None:
        """Another worker, after the time of every lease: it takes over and feeds everything."""
        self.struck += 1
        lease_over(self.clock)
        await caught_up(self.store)

    def before_commit(self, what: Callable[[], Any]) -> None:
        """Have this happen when a worker has read its batch and planned it, and is about to commit."""

        async def arm() -> None:
            self.faults.interpose("transact", what)

        self.faults.interpose("stored_documents", arm)

    async def counted_once(self) -> None:
        """Read models as the log makes them, and every event counted in every consumer's own sum."""
        await agree(self.store, self.hotel)
        sums = [s.events for s in await self.store.projections().status()]
        assert set(sums) == {len(await log_of(self.store))}


class ProjectionRaces:
    @pytest.fixture(autouse=True)
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(limits, "CONSUMER_BATCH_EVENTS", 5)
        monkeypatch.setattr(limits, "SUBSCRIPTION_LOOK_SECONDS", 0.05)

    @pytest.mark.parametrize("group", [False, True], ids=["alone", "group"])
    async def test_a_worker_whose_lease_was_taken_before_it_commits_writes_nothing(
        self, backend: AsyncBackend, group: bool
    ) -> None:
        inn = await Inn.opened(backend, group=group)
        inn.before_commit(inn.rival)
        await caught_up(inn.faulty)
        assert inn.struck == 1
        await inn.counted_once()

    async def test_a_worker_that_lost_its_lease_in_time_but_has_no_successor_goes_on(
        self, backend: AsyncBackend
    ) -> None:
        inn = await Inn.opened(backend)

        async def late() -> None:
            inn.struck += 1
            lease_over(inn.clock)

        inn.before_commit(late)
        await caught_up(inn.faulty)
        assert inn.struck == 1
        await inn.counted_once()

    @needs("concurrent_transactions")
    async def test_a_lease_stolen_within_the_transaction_rolls_its_writes_back(self, backend: AsyncBackend) -> None:
        inn = await Inn.opened(backend)
        inn.faults.interpose("tx.move", inn.rival)
        await caught_up(inn.faulty)
        assert inn.struck == 1
        await inn.counted_once()

    async def test_workers_that_race_for_the_same_consumers_apply_each_event_once(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 24."""
        inn = await Inn.opened(backend)

        async def writer() -> None:
            for number in range(10):
                await append(inn.store, stay("9", f"w{number}"), stream="stay-9")

        outcomes = await race_async([partial(caught_up, inn.store), partial(caught_up, inn.store), writer])
        assert outcomes == [None, None, None]
        await caught_up(inn.store)
        await inn.counted_once()

    async def test_a_dead_owners_consumers_are_taken_over_after_their_lease_and_not_before(
        self, backend: AsyncBackend
    ) -> None:
        """Marten section 4 item 24."""
        inn = await Inn.opened(backend)
        inn.faults.interpose("stored_documents", die)
        with pytest.raises(Crash):
            await caught_up(over(inn.store, storage=dying(inn.faults)))
        held = {s.name: (s.owner, s.position) for s in await inn.store.projections().status()}
        assert all(owner for owner, _ in held.values())
        other = ef.AsyncWorker(inn.store)
        assert not await other._runner.round()
        assert {s.name: (s.owner, s.position) for s in await inn.store.projections().status()} == held
        await inn.rival()
        await inn.counted_once()

    @pytest.mark.parametrize("verb", ["tx.move", "tx.save_documents", "tx.change_rows"])
    async def test_a_batch_that_fails_halfway_is_applied_once_by_the_next_try(
        self, backend: AsyncBackend, verb: str
    ) -> None:
        """Marten section 4 item 20."""
        inn = await Inn.opened(backend)
        inn.faults.fail_before(verb, ef.StorageUnavailableError("the network is gone"))
        with pytest.raises(ef.StorageUnavailableError):
            await caught_up(inn.faulty)
        await caught_up(inn.faulty)
        await inn.counted_once()

    async def test_a_batch_whose_reply_is_lost_is_not_applied_again(self, backend: AsyncBackend) -> None:
        """Marten section 4 item 20."""
        inn = await Inn.opened(backend)

        async def lose() -> None:
            inn.faults.lose_reply("transact")

        inn.before_commit(lose)
        with pytest.raises(ef.CommitUnknownError):
            await caught_up(inn.faulty)
        await caught_up(inn.faulty)
        await inn.counted_once()

    @pytest.mark.parametrize("wakeups", ["drop_wakeups", "duplicate_wakeups"])
    async def test_a_running_worker_finds_every_event_once_whatever_becomes_of_wakeups(
        self, backend: AsyncBackend, wakeups: str
    ) -> None:
        inn = await Inn.opened(backend)
        getattr(inn.faults, wakeups)()
        await self._run_and_append(inn)
        await inn.counted_once()

    async def test_a_running_worker_heals_when_the_database_comes_back(self, backend: AsyncBackend) -> None:
        inn = await Inn.opened(backend)
        gone = ef.StorageUnavailableError("the database restarts")
        for verb in ("read_all", "lease", "tx.save_documents"):
            inn.faults.fail_before(verb, gone)
        inn.faults.lose_reply("transact", times=2)
        await self._run_and_append(inn)
        await inn.counted_once()

    async def test_letters_that_are_retried_while_a_worker_runs_are_handled_once_and_in_order(
        self, backend: AsyncBackend
    ) -> None:
        inn = await Inn.opened(backend, on_error=ef.Park(), group=True)
        letters = inn.store.dead_letters(inn.hotel.rooms)
        inn.hotel.broken.add("m4")
        await caught_up(inn.store)
        worker = ef.AsyncWorker(inn.store)

        async def retry() -> None:
            last = 0
            try:
                for number in range(12):
                    (inn.hotel.broken.clear if number % 3 == 2 else partial(inn.hotel.broken.add, f"x{number}"))()
                    result = await append(inn.store, stay("1", f"x{number}", "2"), stay("2", f"y{number}"))
                    await letters.retry()
                    last = result.position
                await inn.store.wait_for(inn.hotel.rooms, last, timeout=30.0)
            finally:
                worker.stop()

        assert await race_async([worker.run, retry]) == [None, None]
        inn.hotel.broken.clear()
        await letters.retry()
        await agree(inn.store, inn.hotel)

    async def test_clocks_that_jump_back_and_forth_make_no_difference(self, backend: AsyncBackend) -> None:
        inn = await Inn.opened(backend)
        jumps = iter([86_400.0, -172_800.0, 3600.0, -1.0, 90_000.0])

        async def jump() -> None:
            inn.clock.advance(seconds=next(jumps))

        inn.faults.interpose("read_all", jump, times=5)
        for _ in range(3):
            await caught_up(inn.faulty)
            await inn.more()
        inn.clock.advance(days=2)
        await caught_up(inn.faulty)
        await inn.counted_once()
        assert next(jumps, None) is None

    async def _run_and_append(self, inn: Inn) -> None:
        worker = ef.AsyncWorker(inn.faulty)

        async def drive() -> None:
            try:
                for number in range(4):
                    result = await append(inn.store, stay("1", f"later {number}"))
                    for projection in (inn.hotel.rooms, inn.hotel.takings):
                        await inn.store.wait_for(projection, result.position, timeout=30.0)
            finally:
                worker.stop()

        assert await race_async([worker.run, drive]) == [None, None]


async def die() -> None:
    """The end of the process, where it is interposed."""
    raise Crash


def dying(faults: AsyncFaults) -> AsyncFaults:
    """The same storage, where a process that has died gives no lease back."""
    faults.fail_before("release", ef.StorageUnavailableError("the process is gone"))
    return faults
