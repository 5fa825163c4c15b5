"""When readers may be switched to a build, and back: each reason not to, and its edge."""

from __future__ import annotations

import pytest

import everfold as ef
from everfold.projections import control
from everfold.storage.control import BuildRow, ConsumerRow
from everfold.storage.read_model import Target
from everfold.subscriptions.policy import verdict


def build(version=1, *, generation=1, state="standby", fed="consumer", code="", **fields):
    return BuildRow(Target("rooms", version, generation), state, "catch_up", fed, code, b"{}", 0, **fields)


GREEN, BLUE = build(2), build(1, state="active")


def standing(green=9, blue=9, **fields):
    return [
        ConsumerRow(BLUE.target.consumer, position=blue),
        ConsumerRow(GREEN.target.consumer, position=green, **fields),
    ]


def refused(green=GREEN, blue=BLUE, consumers=None, *, lag=0, lag_max=10, changed=False):
    consumers = standing() if consumers is None else consumers
    return control.promotion_refusals(green, blue, consumers, lag=lag, lag_max=lag_max, changed=changed)


def test_one_that_stands_where_the_active_one_does_is_promoted():
    assert refused() == []


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"changed": True}, "rebuild it"),
        ({"consumers": standing(status="stopped")}, "its consumer is stopped"),
        ({"consumers": standing(status="paused")}, "its consumer is paused"),
        ({"consumers": standing(green=8)}, "back in time"),
        ({"lag": 11}, "11 positions behind the log"),
        ({"green": build(2, verified=b'{"code":"","equal":false}')}, "differences"),
    ],
)
def test_each_reason_to_refuse_is_named_alone(given, why):
    (said,) = refused(**given)
    assert why in said


@pytest.mark.parametrize(
    "given",
    [
        {"lag": 10},
        {"green": build(2, verified=b'{"code":"other","equal":false}')},
        {"green": build(2, verified=b'{"code":"","equal":true}')},
        {"green": build(2, fed="inline"), "consumers": standing(green=0, status="paused"), "lag": 11},
        {"blue": None, "consumers": standing(green=8)},
    ],
)
def test_what_is_no_reason_refuses_nothing(given):
    assert refused(**given) == []


@pytest.mark.parametrize(
    ("before", "consumers", "why"),
    [
        (None, standing(), ["was retired"]),
        (build(2, state="dropped"), standing(), ["was retired"]),
        (build(2, state="retiring"), standing(green=8), ["caught up"]),
        (build(2, state="retiring"), standing(), []),
        (build(2, state="retiring", fed="inline"), standing(green=8), []),
    ],
)
def test_the_way_back_needs_a_version_that_is_fed_and_has_caught_up(before, consumers, why):
    said = control.rollback_refusals(BLUE, before, consumers)
    assert [text in one for text, one in zip(why, said, strict=True)] == [True] * len(why)


def test_a_build_is_as_far_as_the_slowest_of_its_partitions():
    rows = [ConsumerRow(GREEN.target.consumer, number, 2, position=9 - number) for number in range(2)]
    assert control.position_of([*rows, ConsumerRow("rooms@1", position=1)], GREEN) == 8


@pytest.mark.parametrize("order", [1, -1])
def test_the_newest_generation_of_the_newest_version_is_promoted(order):
    rows = [build(2), build(3), build(3, generation=2), build(4, state="dropped")][::order]
    assert control.candidate_of(rows) == build(3, generation=2)
    assert control.candidate_of(rows, 2) == build(2)


def test_generations_are_counted_for_each_version():
    rooms = ef.DocumentProjection("rooms", version=2)
    rows = [build(1), build(1, generation=2), build(2, state="dropped")]
    assert control.next_target(rooms, rows) == Target("rooms", 2, 2)
    assert control.next_target(rooms, rows[:2]) == Target("rooms", 2, 1)


RETRY = ef.Retry(attempts=3, delay=1.0, factor=2.0, delay_max=1.5, then=ef.Park())


@pytest.mark.parametrize(("attempts", "then"), [(1, ("retry", 1.0)), (2, ("retry", 1.5)), (3, ("park", 0.0))])
def test_an_event_is_tried_as_often_as_said_each_time_later_but_no_later_than_said(attempts, then):
    said = verdict(RETRY, ValueError(), attempts)
    assert (said.action, said.delay) == then


def test_stored_bytes_are_not_tried_again():
    assert verdict(RETRY, ef.CodecError("unreadable"), 1).action == "park"
