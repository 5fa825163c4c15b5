"""Every order in which tasks can meet: the async shell, driven without an event loop.

The shell awaits only what it is given, so a coroutine on a store from `open_store` suspends at one kind of place: a
*point*, before and after each call of the storage port, and where it would sleep. Which task goes on from point to
point is a *schedule*; `explore` runs all of them, each on fresh state, and `sample` some, by a seed:

    def scenario() -> interleave.Scenario:
        store = interleave.open_store(interleave.InterleavedStorage(MemoryStorage()), hotel)
        tasks = {name: store.decide("stay-42", stay, Charge(10)) for name in ("anna", "ben")}
        return interleave.Scenario(tasks, check=lambda results: ...)

    report = interleave.explore(scenario)      # ScheduleFailed says which schedule broke what
    interleave.replay(scenario, [0, 1, 1, 0])  # and this runs it again, under a debugger if you like

The invariant: a schedule is its list of choices and nothing else. The same scenario under the same choices does the
same, so a scenario draws no chance, reads no clock that matters, and makes everything it shares anew.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from types import coroutine
from typing import Any, TypeVar

from ..codec.registry import Registry
from ..errors import ConfigurationError, EverfoldError
from ..event_store_async import AsyncEventStore
from ..limits import Limits
from ..module import Module
from ..runtime.clock import Clock
from ..storage.port import Storage
from ..storage.port_async import AsyncStorage, AsyncUnitTarget
from ..storage.unit import Capabilities, Committed, Page, SchemaStatus, Snapshot, StreamRow, TypeCount, Unit
from ..store.cache import CachedState, StateCache
from ..store.scope_async import AsyncScope
from ..telemetry.hooks import Telemetry

__all__ = [
    "InterleavedStorage",
    "Report",
    "Scenario",
    "ScheduleFailed",
    "TooManySchedules",
    "alone",
    "explore",
    "open_store",
    "point",
    "replay",
    "sample",
    "touch",
]

Result = TypeVar("Result")
Footprint = dict[str, bool]
"""What a step touched, and whether it changed it."""

SCHEDULES_MAX = 100_000
STEPS_MAX = 1_000
"""A schedule longer than this is taken for one that never ends: a reader that waits for an event it has missed."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Tasks that start together on fresh state, and what must hold once all have ended.

    `check` gets each task's result by name and raises AssertionError. An error that a task raises fails the schedule,
    unless it is one of `may_raise`: then it is the task's result.
    """

    tasks: Mapping[str, Coroutine[Any, Any, Any]]
    check: Callable[[Mapping[str, Any]], None]
    may_raise: tuple[type[Exception], ...] = ()


@dataclass(slots=True)
class Report:
    """How many schedules ran to their end, how many were left as equal to one that had, and the longest one's steps."""

    schedules: int = 0
    pruned: int = 0
    steps_max: int = 0


class ScheduleFailed(AssertionError):  # noqa: N818  # a failed assertion, told with the schedule that failed it
    """A schedule broke an invariant (its `__cause__`): `choices` replays it, `steps` says what happened in order."""

    def __init__(self, choices: Sequence[int], steps: Sequence[str], reason: str) -> None:
        self.choices = list(choices)
        self.steps = tuple(steps)
        story = "\n".join(f"  {number:3}. {step}" for number, step in enumerate(steps, 1))
        super().__init__(f"{reason}\nthe schedule was\n{story}\nrun it again with replay(scenario, {self.choices})")


class TooManySchedules(AssertionError):  # noqa: N818  # a failed assertion as well: nothing was proven
    """The exploration ended at its bound, with schedules left that nobody ran."""

    def __init__(self, schedules_max: int) -> None:
        super().__init__(
            f"there are more than {schedules_max} schedules, so nothing is proven. Take fewer tasks, raise schedules_max, "
            "explore with reduce=True, or sample() some."
        )


# Running schedules


def explore(
    make: Callable[[], Scenario],
    *,
    reduce: bool = False,
    schedules_max: int = SCHEDULES_MAX,
    steps_max: int = STEPS_MAX,
) -> Report:
    """Run every schedule of the scenario; raises ScheduleFailed on the first that breaks it.

    With `reduce` it leaves out schedules that differ only in the order of steps that can't matter to each other (two
    reads, say), so that each outcome still occurs. That is sound when tasks share nothing but their stores and
    what they `touch`. Raises TooManySchedules when there are more than `schedules_max`.
    """
    report = Report()
    path: list[_Node] = []
    more = True
    while more:
        if report.schedules >= schedules_max:
            raise TooManySchedules(schedules_max)
        run = _Run(make(), steps_max)
        _follow(run, path)
        _tell(report, run, ended=_descend(run, path, reduce))
        more = _next_branch(path, reduce=reduce)
    return report


def sample(make: Callable[[], Scenario], *, seed: int, schedules: int = 1_000, steps_max: int = STEPS_MAX) -> Report:
    """Run some schedules, chosen evenly at each step; the same seed chooses the same ones on every machine."""
    report = Report()
    for number in range(schedules):
        run = _Run(make(), steps_max)
        while enabled := run.enabled():
            run.step(enabled[_draw(f"{seed}/{number}/{len(run.choices)}", len(enabled))])
        run.finish()
        _tell(report, run, ended=True)
    return report


def replay(make: Callable[[], Scenario], choices: Sequence[int]) -> tuple[str, ...]:
    """Run one schedule again, and give its steps. After the last choice the first task that can go on does."""
    run = _Run(make(), STEPS_MAX + len(choices))
    for choice in choices:
        if choice not in run.enabled():
            run.abandon()
            raise ConfigurationError(f"choice {len(run.choices) + 1} is task {choice}, which can't go on there")
        run.step(choice)
    while enabled := run.enabled():
        run.step(enabled[0])
    run.finish()
    return tuple(run.steps)


def alone(task: Coroutine[Any, Any, Result]) -> Result:
    """Run one coroutine to its end with no other beside it: to prepare a scenario, or to look at its outcome."""
    results: list[Result] = []
    run = _Run(Scenario({"alone": task}, check=lambda found: results.append(found["alone"]), may_raise=(Exception,)))
    while enabled := run.enabled():
        run.step(enabled[0])
    if run.tasks[0].error is not None:
        raise run.tasks[0].error
    run.finish()
    return results[0]


# What a coroutine meets


async def point(label: str) -> None:
    """A place where another task may go on. The storage and the sleep of `open_store` have them already."""
    await _pause(_Pause(label))


def touch(name: str, *, changed: bool = True) -> None:
    """Say that this step used something that tasks share outside the store, so that `reduce` keeps its orders apart."""
    touched = _touched.get()
    if touched is not None:
        touched[name] = touched.get(name, False) or changed


def open_store(
    storage: AsyncStorage,
    *modules: Module,
    tenant: str = "",
    cache: StateCache | None = None,
    clock: Clock | None = None,
    limits: Limits | None = None,
    telemetry: Telemetry | None = None,
) -> AsyncEventStore:
    """An AsyncEventStore that suspends at points only. Two of them on one storage are two processes."""
    scope = AsyncScope(
        storage=storage,
        registry=Registry.of(modules),
        tenant=tenant,
        limits=limits or Limits(),
        sleep=_sleep,
        clock=clock,
        cache=None if cache is None else _WatchedCache(cache),
        telemetry=telemetry,
    )
    return AsyncEventStore(scope)


class InterleavedStorage:
    """A sync storage as an async one, with a point before and after each call. It never blocks the driver.

    `wait` goes on once there is a hint. It times out when no task can go on otherwise: time passes only while all wait.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._closed = False

    @property
    def capabilities(self) -> Capabilities:
        return self._storage.capabilities

    async def commit(self, unit: Unit) -> Committed:
        return await self._call("commit", partial(self._storage.commit, unit), changes=True)

    async def read_stream(self, tenant: str, stream: str, **bounds: Any) -> Page:
        return await self._call("read_stream", partial(self._storage.read_stream, tenant, stream, **bounds))

    async def read_all(self, tenant: str, **bounds: Any) -> Page:
        return await self._call("read_all", partial(self._storage.read_all, tenant, **bounds))

    async def head(self, tenant: str) -> int:
        return await self._call("head", partial(self._storage.head, tenant))

    async def stream_row(self, tenant: str, stream: str) -> StreamRow | None:
        return await self._call("stream_row", partial(self._storage.stream_row, tenant, stream))

    async def stream_rows(self, tenant: str, **bounds: Any) -> list[StreamRow]:
        return await self._call("stream_rows", partial(self._storage.stream_rows, tenant, **bounds))

    async def type_counts(self, tenant: str) -> list[TypeCount]:
        return await self._call("type_counts", partial(self._storage.type_counts, tenant))

    async def load_snapshot(self, tenant: str, stream: str, name: str, schema_version: int) -> Snapshot | None:
        load = partial(self._storage.load_snapshot, tenant, stream, name, schema_version)
        return await self._call("load_snapshot", load)

    def hint(self) -> int:
        touch("store", changed=False)
        return self._storage.hint()

    async def wait(self, hint: int, timeout_seconds: float) -> bool:
        def hinted() -> bool:
            return self._closed or self._storage.hint() != hint

        in_time = await _pause(_Pause(f"wait {timeout_seconds:g} s", hinted, timed=True))
        # a timeout depends on what every other task does
        touch("store", changed=not in_time)
        return in_time and not self._closed

    async def migrate(self, mode: str) -> SchemaStatus:
        return await self._call("migrate", partial(self._storage.migrate, mode), changes=True)

    async def schema_status(self) -> SchemaStatus:
        return await self._call("schema_status", self._storage.schema_status)

    def join(self, connection: Any) -> AsyncUnitTarget:
        raise ConfigurationError(f"an interleaved storage can't share the transaction of {type(connection).__name__}")

    async def close(self) -> None:
        await self._call("close", self._close, changes=True)

    async def _call(self, verb: str, call: Callable[[], Result], *, changes: bool = False) -> Result:
        await point(f"before {verb}")
        try:
            result = call()
        except EverfoldError as error:
            touch("store", changed=False)
            await point(f"after {verb}, refused: {type(error).__name__}")
            raise
        touch("store", changed=changes)
        await point(f"after {verb}")
        return result

    def _close(self) -> None:
        self._closed = True
        self._storage.close()


class _WatchedCache(StateCache):
    """The cache given, whose use is part of a step's footprint."""

    def __init__(self, cache: StateCache) -> None:
        super().__init__(cache.entries)
        self._cache = cache
        self._name = f"cache {id(cache)}"

    def get(self, key: tuple[object, ...]) -> CachedState | None:
        touch(self._name)
        return self._cache.get(key)

    def put(self, key: tuple[object, ...], cached: CachedState) -> None:
        touch(self._name)
        self._cache.put(key, cached)

    def drop(self, key: tuple[object, ...]) -> None:
        touch(self._name)
        self._cache.drop(key)

    def __len__(self) -> int:
        return len(self._cache)


async def _sleep(seconds: float) -> None:
    await point(f"sleep {seconds:g} s")


# One run: tasks, step by step


@dataclass(frozen=True, slots=True)
class _Pause:
    """What a coroutine hands to the driver when it suspends: the place, and when it can go on."""

    label: str
    ready: Callable[[], bool] = lambda: True
    timed: bool = False


_touched: ContextVar[Footprint | None] = ContextVar("everfold_touched", default=None)


@coroutine
def _pause(pause: _Pause) -> Generator[_Pause, bool, bool]:
    return (yield pause)


class _Abandoned(BaseException):
    """Unwinds a task; no Exception, so that the code under test doesn't take it for one of its own."""


class _Task:
    """One coroutine, in a context of its own, at the point where it stands; `pause` is None once it has ended."""

    def __init__(self, name: str, work: Coroutine[Any, Any, Any], touched: Footprint) -> None:
        self.name = name
        self.work = work
        self.context = copy_context()
        self.context.run(_touched.set, touched)
        self.pause: _Pause | None = _Pause("start")
        self.result: Any = None
        self.error: Exception | None = None
        self._begun = False

    def step(self) -> str:
        """Go on to the next point, or to the end, and say from where."""
        assert self.pause is not None, "a task that has ended can't go on"
        label, in_time = self.pause.label, self.pause.ready()
        try:
            self.pause = self._next(in_time)
        except StopIteration as end:
            self.pause, self.result = None, end.value
        except Exception as error:  # noqa: BLE001  # whatever a task raises is its outcome
            self.pause, self.error = None, error
        return f"{self.name}: {label}" + ("" if in_time else ", timed out")

    def abandon(self) -> None:
        """Unwind a coroutine that won't come to its end; at points on its way out it just goes on."""
        # not close(): it leaves an async generator that the coroutine stands in half open
        go_on = partial(self.work.throw, _Abandoned())
        for _ in range(STEPS_MAX):
            if self.pause is None:
                return
            try:
                self.pause = self.context.run(go_on)
                go_on = partial(self.work.send, True)
            except (Exception, _Abandoned):  # noqa: BLE001  # what failed was told already
                self.pause = None

    def _next(self, in_time: bool) -> _Pause:
        message, self._begun = (in_time if self._begun else None), True
        pause = self.context.run(self.work.send, message)
        if not isinstance(pause, _Pause):
            raise ConfigurationError(f"it awaits what nobody gave it ({pause!r}): inject it, with a point() inside")
        return pause


class _Run:
    """A scenario on its way through one schedule."""

    def __init__(self, scenario: Scenario, steps_max: int = STEPS_MAX) -> None:
        self.scenario = scenario
        self.touched: Footprint = {}
        self.tasks = [_Task(name, work, self.touched) for name, work in scenario.tasks.items()]
        self.choices: list[int] = []
        self.steps: list[str] = []
        self._steps_max = steps_max

    def enabled(self) -> list[int]:
        """The tasks that can go on; when there are none, those whose waiting can time out."""
        waiting = [(index, task.pause) for index, task in enumerate(self.tasks) if task.pause is not None]
        ready = [index for index, pause in waiting if pause.ready()]
        return ready or [index for index, pause in waiting if pause.timed]

    def step(self, choice: int) -> Footprint:
        """Let one task go on to its next point, and give what it touched on the way."""
        if len(self.choices) >= self._steps_max:
            raise self._failed(f"no end after {self._steps_max} steps")
        self.touched.clear()
        self.choices.append(choice)
        self.steps.append(self.tasks[choice].step())
        error = self.tasks[choice].error
        if error is not None and not isinstance(error, self.scenario.may_raise):
            raise self._failed(f"{self.tasks[choice].name} raised {type(error).__name__}: {error}") from error
        return dict(self.touched)

    def finish(self) -> None:
        """All have ended: check the outcome."""
        stuck = [f"{task.name} at {task.pause.label!r}" for task in self.tasks if task.pause is not None]
        if stuck:
            raise self._failed(f"no task can go on: {', '.join(stuck)}")
        results = {task.name: task.result if task.error is None else task.error for task in self.tasks}
        try:
            self.scenario.check(results)
        except Exception as error:
            raise self._failed(f"{type(error).__name__}: {error}") from error

    def abandon(self) -> None:
        """Unwind the coroutines that didn't come to their end."""
        for task in self.tasks:
            task.abandon()

    def _failed(self, reason: str) -> ScheduleFailed:
        self.abandon()
        return ScheduleFailed(self.choices, self.steps, reason)


# The tree of choices, depth first


@dataclass(slots=True)
class _Node:
    """A place in the tree: the choice under way, those still to come, and the tasks asleep.

    A task sleeps where its next step was tried already, in a branch to the left, until a step that matters to it is
    taken: waking it sooner would only repeat that branch in another order (Godefroid's sleep sets).
    """

    choice: int
    untried: list[int]
    asleep: dict[int, Footprint]
    touched: Footprint = field(default_factory=dict)

    def asleep_below(self) -> dict[int, Footprint]:
        return {task: prints for task, prints in self.asleep.items() if _commute(prints, self.touched)}


def _follow(run: _Run, path: list[_Node]) -> None:
    """The way to the branch that is next: known steps, and at its end one that is new."""
    for node in path:
        node.touched = run.step(node.choice)


def _descend(run: _Run, path: list[_Node], reduce: bool) -> bool:
    """On from the end of the path, taking the first choice each time; False where all that is left is asleep."""
    while enabled := run.enabled():
        asleep = path[-1].asleep_below() if reduce and path else {}
        awake = [choice for choice in enabled if choice not in asleep]
        if not awake:
            run.abandon()
            return False
        node = _Node(awake[0], awake[1:], asleep)
        path.append(node)
        node.touched = run.step(node.choice)
    run.finish()
    return True


def _next_branch(path: list[_Node], *, reduce: bool) -> bool:
    """Turn the path to the next branch on the right; False when there is none."""
    while path:
        node = path[-1]
        node.asleep[node.choice] = node.touched
        # a step that touched nothing commutes with all: what comes after it holds every outcome
        if node.untried and (node.touched or not reduce):
            node.choice = node.untried.pop(0)
            return True
        path.pop()
    return False


def _commute(one: Footprint, other: Footprint) -> bool:
    return not any(name in other and (changed or other[name]) for name, changed in one.items())


def _tell(report: Report, run: _Run, *, ended: bool) -> None:
    report.schedules += ended
    report.pruned += not ended
    report.steps_max = max(report.steps_max, len(run.steps))


def _draw(text: str, below: int) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % below
