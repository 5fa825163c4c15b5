"""Workers share what they can all feed: one doesn't leave a consumer to another that can't feed it."""

from __future__ import annotations

from everfold.storage.control import ConsumerRow
from everfold.subscriptions.sharing import alive, presence, reach, share

ROOMS, GUESTS, REVENUE = ("rooms@1", 0), ("guests@1", 0), ("revenue@1", 0)
NOW = 1_000


def shown(owner, keys, lease_until=NOW + 1):
    return ConsumerRow(presence(owner), epoch=reach(keys), owner=owner, lease_until=lease_until)


def parts_of(workers):
    """What each of the workers (their keys by name) takes for its own."""
    rows = [shown(owner, keys) for owner, keys in workers.items()]
    return {owner: share(keys, alive(rows, NOW, reach(keys))[0], owner) for owner, keys in workers.items()}


def test_workers_that_can_feed_the_same_have_a_part_each():
    keys = [ROOMS, GUESTS, REVENUE]
    first, second = parts_of({"a": keys, "b": keys[::-1]}).values()
    assert first | second == set(keys)
    assert not first & second


def test_each_consumer_is_in_the_part_of_a_worker_that_can_feed_it():
    assert parts_of({"a": [ROOMS], "b": [GUESTS]}) == {"a": {ROOMS}, "b": {GUESTS}}


def test_a_consumer_that_two_releases_know_is_in_the_part_of_both():
    parts = parts_of({"old": [ROOMS], "new": [ROOMS, GUESTS]})
    assert parts == {"old": {ROOMS}, "new": {ROOMS, GUESTS}}


def test_workers_whose_lease_has_ended_are_dead_whatever_they_could_feed():
    rows = [shown("a", [ROOMS]), shown("b", [ROOMS], NOW), shown("c", [GUESTS], NOW - 1)]
    assert alive(rows, NOW, reach([ROOMS])) == (["a"], [presence("b"), presence("c")])
