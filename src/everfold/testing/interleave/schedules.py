"""Which schedules are run: all of them, depth first; all that differ; some, by a seed; one again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, TypeVar

from ...errors import ConfigurationError
from .points import Footprint
from .run import STEPS_MAX, Run, Scenario

__all__ = ["Report", "TooManySchedules", "alone", "explore", "replay", "sample"]

Result = TypeVar("Result")

SCHEDULES_MAX = 100_000


@dataclass(slots=True)
class Report:
    """How many schedules ran to their end, how many were left as equal to one that had, and the longest one's steps."""

    schedules: int = 0
    pruned: int = 0
    steps_max: int = 0


class TooManySchedules(AssertionError):  # noqa: N818  # a failed assertion as well: nothing was proven
    """The exploration ended at its bound, with schedules left that nobody ran."""

    def __init__(self, schedules_max: int) -> None:
        super().__init__(
            f"there are more than {schedules_max} schedules, so nothing is proven. Take fewer tasks, raise schedules_max, "
            "explore with reduce=True, or sample() some."
        )


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
        run = Run(make(), steps_max)
        _follow(run, path)
        _tell(report, run, ended=_descend(run, path, reduce))
        more = _next_branch(path, reduce=reduce)
    return report


def sample(make: Callable[[], Scenario], *, seed: int, schedules: int = 1_000, steps_max: int = STEPS_MAX) -> Report:
    """Run some schedules, chosen evenly at each step; the same seed chooses the same ones on every machine."""
    report = Report()
    for number in range(schedules):
        run = Run(make(), steps_max)
        while enabled := run.enabled():
            run.step(enabled[_draw(f"{seed}/{number}/{len(run.choices)}", len(enabled))])
        run.finish()
        _tell(report, run, ended=True)
    return report


def replay(make: Callable[[], Scenario], choices: Sequence[int]) -> tuple[str, ...]:
    """Run one schedule again, and give its steps. After the last choice the first task that can go on does."""
    run = Run(make(), STEPS_MAX + len(choices))
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
    run = Run(Scenario({"alone": task}, check=lambda found: results.append(found["alone"]), may_raise=(Exception,)))
    while enabled := run.enabled():
        run.step(enabled[0])
    if run.tasks[0].error is not None:
        raise run.tasks[0].error
    run.finish()
    return results[0]


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


def _follow(run: Run, path: list[_Node]) -> None:
    """The way to the branch that is next: known steps, and at its end one that is new."""
    for node in path:
        node.touched = run.step(node.choice)


def _descend(run: Run, path: list[_Node], reduce: bool) -> bool:
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


def _tell(report: Report, run: Run, *, ended: bool) -> None:
    report.schedules += ended
    report.pruned += not ended
    report.steps_max = max(report.steps_max, len(run.steps))


def _draw(text: str, below: int) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) % below
