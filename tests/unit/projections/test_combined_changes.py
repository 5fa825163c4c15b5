"""Many changes of one row as one batch: each line of the composition that no other case would miss."""

from __future__ import annotations

import pytest

from everfold.storage.columns import BigInteger, Text
from everfold.storage.read_model import Column, Shape
from everfold.storage.table_fold import Change, combine, signature

SHAPE = Shape("table", (Column("room", Text), Column("nights", BigInteger)), ("room",))
GONE = Change(None, ("12",))


def change(action, value, *, key="12"):
    return Change(signature(("nights",), (action,)), (key,), (value,))


def combined(*changes):
    """(whether the row goes first, then what is done to it): one entry per upsert, of its action and value."""
    batch = combine(SHAPE, changes)
    return bool(batch.deletes), [(u.actions[1], row[1]) for u in batch.upserts for row in u.rows]


def test_a_first_value_for_a_row_that_was_deleted_is_its_value():
    assert combined(GONE, change("initial", 3)) == (True, [("set", 3)])


def test_a_first_value_and_a_sum_after_a_deletion_are_one_value():
    assert combined(GONE, change("initial", 3), change("add", 2)) == (True, [("set", 5)])


def test_a_value_that_is_set_covers_what_was_added_before():
    assert combined(change("add", 2), change("set", 7)) == (False, [("set", 7)])


@pytest.mark.parametrize(("action", "value"), [("add", 5), ("min", 5), ("max", -5)])
def test_a_value_and_nothing_make_the_value(action, value):
    for values in ((None, value), (value, None)):
        assert combined(*(change(action, one) for one in values)) == (False, [(action, value)])


@pytest.mark.parametrize(("action", "both"), [("add", -8), ("min", -5), ("max", -3)])
def test_two_values_of_one_kind_are_one(action, both):
    assert combined(change(action, -5), change(action, -3)) == (False, [(action, both)])
