"""The driver itself, on tasks small enough to count their schedules by hand."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from math import comb

import pytest

import everfold as ef
from everfold.runtime.context import current_context
from everfold.testing import interleave
from everfold.testing.interleave import (
    Scenario,
    ScheduleFailed,
    TooManySchedules,
    explore,
    point,
    replay,
    sample,
    touch,
)


async def walk(points: int, trace: list | None = None, name: str = "") -> str:
    for number in range(points):
        if trace is not None:
            trace.append(name)
        await point(f"point {number}")
    return name


async def increment(counter: dict[str, int]) -> None:
    touch("counter", changed=False)
    value = counter["value"]
    await point("between reading and writing")
    touch("counter")
    counter["value"] = value + 1


def lost_update() -> Scenario:
    counter = {"value": 0}

    def check(_):
        assert counter["value"] == 2, "an increment was lost"

    return Scenario({"anna": increment(counter), "ben": increment(counter)}, check)


def counting(outcomes: set, tasks: int = 3):
    def make() -> Scenario:
        counter = {"value": 0}
        names = [str(number) for number in range(tasks)]
        return Scenario({n: increment(counter) for n in names}, lambda _: outcomes.add(counter["value"]))

    return make


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 1), (2, 2), (3, 1), (4, 4)])
def test_every_schedule_of_two_tasks_is_run_once(first, second):
    seen = []

    def make() -> Scenario:
        trace = []
        tasks = {"a": walk(first, trace, "a"), "b": walk(second, trace, "b")}
        return Scenario(tasks, lambda _: seen.append(tuple(trace)))

    report = explore(make)
    assert report.schedules == len(seen) == comb(first + second + 2, first + 1)
    assert report.steps_max == first + second + 2
    assert len(set(seen)) == comb(first + second, first)


def test_results_are_told_by_the_name_of_the_task():
    found = []
    explore(lambda: Scenario({"a": walk(0, name="x"), "b": walk(0, name="y")}, found.append))
    assert found == [{"a": "x", "b": "y"}] * 2


def test_a_failing_schedule_is_told_with_its_steps_and_its_choices():
    with pytest.raises(ScheduleFailed) as failure:
        explore(lost_update)
    assert failure.value.choices == [0, 1, 0, 1]
    assert failure.value.steps == (
        "anna: start",
        "ben: start",
        "anna: between reading and writing",
        "ben: between reading and writing",
    )
    assert "an increment was lost" in str(failure.value)
    assert "replay(scenario, [0, 1, 0, 1])" in str(failure.value)
    assert isinstance(failure.value.__cause__, AssertionError)


def test_a_failing_schedule_fails_again_when_it_is_replayed():
    with pytest.raises(ScheduleFailed) as failure:
        replay(lost_update, [0, 1, 0, 1])
    assert failure.value.choices == [0, 1, 0, 1]


def test_a_replay_goes_on_with_the_first_task_after_its_last_choice():
    assert replay(lost_update, []) == (
        "anna: start",
        "anna: between reading and writing",
        "ben: start",
        "ben: between reading and writing",
    )


@pytest.mark.parametrize("choices", [[2], [0, 0, 0]])
def test_a_choice_that_no_task_can_follow_is_refused(choices):
    with pytest.raises(ef.ConfigurationError, match="can't go on"):
        replay(lost_update, choices)


@pytest.mark.parametrize("tasks", [2, 3])
def test_a_reduced_exploration_meets_every_outcome_in_fewer_schedules(tasks):
    outcomes, reduced_outcomes = set(), set()
    full = explore(counting(outcomes, tasks))
    reduced = explore(counting(reduced_outcomes, tasks), reduce=True)
    assert outcomes == reduced_outcomes == set(range(1, tasks + 1))
    assert reduced.schedules < full.schedules


def test_tasks_that_share_nothing_have_one_schedule_when_reduced():
    report = explore(lambda: Scenario({n: walk(3) for n in "abc"}, lambda _: None), reduce=True)
    assert (report.schedules, report.pruned) == (1, 0)


def test_tasks_that_only_look_have_one_schedule_when_reduced():
    async def look():
        for _ in range(2):
            touch("shared", changed=False)
            await point("look")

    assert explore(lambda: Scenario({n: look() for n in "abc"}, lambda _: None), reduce=True).schedules == 1


def test_the_same_seed_draws_the_same_schedules():
    def drawn(seed):
        traces = []

        def make() -> Scenario:
            trace = []
            return Scenario({n: walk(4, trace, n) for n in "abc"}, lambda _: traces.append("".join(trace)))

        assert sample(make, seed=seed, schedules=20).schedules == 20
        return traces

    assert drawn(7) == drawn(7) != drawn(8)
    assert len(set(drawn(7))) > 10


def test_a_sample_finds_what_an_exploration_finds():
    with pytest.raises(ScheduleFailed, match="lost"):
        sample(lost_update, seed=1, schedules=50)


def test_a_proof_that_would_be_too_long_is_refused_as_none():
    with pytest.raises(TooManySchedules, match="more than 10"):
        explore(lambda: Scenario({n: walk(3) for n in "abc"}, lambda _: None), schedules_max=10)


def test_a_bound_that_is_just_met_is_no_error():
    two = lambda: Scenario({n: walk(0) for n in "ab"}, lambda _: None)  # noqa: E731
    assert explore(two, schedules_max=2).schedules == 2


def test_a_task_without_an_end_fails_its_schedule():
    async def endless():
        while True:
            await point("again")

    with pytest.raises(ScheduleFailed, match="no end after 50 steps"):
        explore(lambda: Scenario({"a": endless()}, lambda _: None), steps_max=50)


def test_an_error_of_a_task_fails_its_schedule():
    async def wrong():
        raise ValueError("by mistake")

    with pytest.raises(ScheduleFailed, match="a raised ValueError: by mistake"):
        explore(lambda: Scenario({"a": wrong(), "b": walk(1)}, lambda _: None))


def test_an_error_that_may_be_raised_is_the_tasks_result():
    async def refused():
        raise ValueError("as agreed")

    found = []
    explore(lambda: Scenario({"a": refused()}, found.append, may_raise=(ValueError,)))
    assert [str(results["a"]) for results in found] == ["as agreed"]


def test_what_nobody_injected_can_not_be_awaited():
    async def foreign():
        await asyncio.sleep(0)

    with pytest.raises(ScheduleFailed, match="awaits what nobody gave it"):
        explore(lambda: Scenario({"a": foreign()}, lambda _: None))


def test_each_task_has_a_context_of_its_own():
    async def told(name):
        with ef.context(actor=name):
            await point("inside")
            return current_context()["actor"]

    def check(results):
        assert results == {"a": "a", "b": "b"}

    assert explore(lambda: Scenario({n: told(n) for n in "ab"}, check)).schedules == 6


def test_a_coroutine_alone_gives_its_result_or_raises_its_error():
    async def fail():
        await point("once")
        raise ef.StoreClosedError

    assert interleave.alone(walk(3, name="done")) == "done"
    with pytest.raises(ef.StoreClosedError):
        interleave.alone(fail())


def test_a_task_that_an_error_beside_it_ends_is_unwound_with_its_generators():
    unwound = []

    async def numbers():
        try:
            await point("inside the generator")
            yield 1
        finally:
            await point("on the way out")
            unwound.append("generator")

    async def iterate():
        async with aclosing(numbers()) as found:
            async for _ in found:
                await point("between two numbers")
        unwound.append("never")

    async def fail():
        raise ValueError

    with pytest.raises(ScheduleFailed, match="ValueError"):
        replay(lambda: Scenario({"a": iterate(), "b": fail()}, lambda _: None), [0, 1])
    assert unwound == ["generator"]
