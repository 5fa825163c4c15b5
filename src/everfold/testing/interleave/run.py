"""One run of a scenario: tasks in contexts of their own, step by step along one schedule."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...errors import ConfigurationError
from .points import TOUCHED, Footprint, Pause

__all__ = ["STEPS_MAX", "Run", "Scenario", "ScheduleFailed"]

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


class ScheduleFailed(AssertionError):  # noqa: N818  # a failed assertion, told with the schedule that failed it
    """A schedule broke an invariant (its `__cause__`): `choices` replays it, `steps` says what happened in order."""

    def __init__(self, choices: Sequence[int], steps: Sequence[str], reason: str) -> None:
        self.choices = list(choices)
        self.steps = tuple(steps)
        story = "\n".join(f"  {number:3}. {step}" for number, step in enumerate(steps, 1))
        super().__init__(f"{reason}\nthe schedule was\n{story}\nrun it again with replay(scenario, {self.choices})")


class Run:
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


class _Task:
    """One coroutine, in a context of its own, at the point where it stands; `pause` is None once it has ended."""

    def __init__(self, name: str, work: Coroutine[Any, Any, Any], touched: Footprint) -> None:
        self.name = name
        self.work = work
        self.context = copy_context()
        self.context.run(TOUCHED.set, touched)
        self.pause: Pause | None = Pause("start")
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

    def _next(self, in_time: bool) -> Pause:
        message, self._begun = (in_time if self._begun else None), True
        pause = self.context.run(self.work.send, message)
        if not isinstance(pause, Pause):
            raise ConfigurationError(f"it awaits what nobody gave it ({pause!r}): inject it, with a point() inside")
        return pause


class _Abandoned(BaseException):
    """Unwinds a task; no Exception, so that the code under test doesn't take it for one of its own."""
