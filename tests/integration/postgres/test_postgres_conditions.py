"""The dynamic consistency boundary against real concurrent connections: who waits, who fails, who is left alone."""

from __future__ import annotations

from functools import partial

import psycopg
import pytest

from everfold import limits
from everfold.errors import AppendConditionFailedError, ConfigurationError
from everfold.events.query import AppendCondition, Query
from everfold.storage.unit import StreamAppend, Unit
from everfold.testing.racing import as_thread, race, successes


class Racer:
    """A unit that is committed in a thread, on a connection whose waiting can be seen."""

    def __init__(self, storage, connect, unit):
        self.connection = connect()
        self.pid = self.connection.info.backend_pid
        self.outcome: object = None
        self._storage, self._unit = storage, unit
        self._thread = as_thread(self._run)

    def _run(self) -> None:
        try:
            self.outcome = self._storage.join(self.connection).commit(self._unit)
            self.connection.commit()
        except Exception as error:
            self.outcome = error
            self.connection.rollback()

    def result(self) -> object:
        self._thread.join(30)
        assert not self._thread.is_alive(), "it still waits"
        return self.outcome


@pytest.fixture
def racer(storage, connect):
    return partial(Racer, storage, connect)


@pytest.fixture
def opened(storage, connect):
    """`opened(unit)`: a transaction that has committed to nothing yet."""

    def open_with(unit):
        connection = connect()
        storage.join(connection).commit(unit)
        return connection

    return open_with


@pytest.fixture
def untagged(words):
    """One event guarded by a query without tags."""

    def unit(*types: str, after: int = 0) -> Unit:
        return Unit("", (StreamAppend(None, -1, (words.event(),)),), (AppendCondition(Query(types=types), after),))

    return unit


def test_of_many_racers_on_one_tag_exactly_one_wins(storage, words):
    outcomes = race([partial(storage.commit, words.tagged("room:12", after=0)) for _ in range(12)])
    assert len(successes(outcomes)) == 1
    assert {type(o) for o in outcomes if isinstance(o, Exception)} == {AppendConditionFailedError}
    assert len(words.everything(storage)) == 1


def test_racers_on_an_empty_result_without_tags_are_guarded_too(storage, untagged, words):
    outcomes = race([partial(storage.commit, untagged("guest_checked_in")) for _ in range(8)])
    assert len(successes(outcomes)) == 1
    assert len(words.everything(storage)) == 1


def test_racers_on_different_tags_all_win(storage, words):
    outcomes = race([partial(storage.commit, words.tagged(f"room:{number}", after=0)) for number in range(12)])
    assert len(successes(outcomes)) == 12


def test_a_condition_waits_for_a_plain_tagged_append_and_then_fails(opened, racer, words, until_waiting):
    plain = opened(words.tagged("room:12", stream="stay-1"))
    conditional = racer(words.tagged("room:12", after=0))
    until_waiting(conditional.pid)
    plain.commit()
    assert isinstance(conditional.result(), AppendConditionFailedError)


def test_a_condition_that_waited_for_an_append_that_was_rolled_back_holds(opened, racer, words, until_waiting):
    plain = opened(words.tagged("room:12", stream="stay-1"))
    conditional = racer(words.tagged("room:12", after=0))
    until_waiting(conditional.pid)
    plain.rollback()
    assert words.positions(conditional.result())


def test_a_plain_tagged_append_waits_for_an_open_condition(opened, racer, words, until_waiting, storage):
    conditional = opened(words.tagged("room:12", after=0))
    plain = racer(words.tagged("room:12", stream="stay-1"))
    until_waiting(plain.pid)
    conditional.commit()
    assert words.positions(plain.result()) > words.everything(storage)[:1]


def test_an_append_with_one_of_several_tags_of_the_query_waits_for_nobody(opened, storage, words):
    """The event would have to carry every tag of the alternative, so locking one of them is enough, and that one only."""
    with opened(words.tagged("night:27", "room:12", after=0)):
        assert storage.commit(words.tagged("room:12", stream="stay-1"))


def test_a_condition_on_other_tags_and_a_plain_append_wait_for_nobody(opened, storage, words):
    with opened(words.tagged("room:12", after=0)):
        assert storage.commit(words.tagged("room:13", after=0))
        assert storage.commit(words.append("stay-1"))
        assert storage.commit(words.append(None))


def test_a_condition_without_tags_waits_for_a_plain_append_and_then_fails(
    opened, racer, words, untagged, until_waiting
):
    plain = opened(words.append("stay-1"))
    conditional = racer(untagged("guest_checked_in"))
    until_waiting(conditional.pid)
    plain.commit()
    assert isinstance(conditional.result(), AppendConditionFailedError)


def test_a_condition_without_tags_waits_for_an_append_outside_streams(opened, racer, words, untagged, until_waiting):
    plain = opened(words.append(None))
    conditional = racer(untagged("guest_checked_in"))
    until_waiting(conditional.pid)
    plain.commit()
    assert isinstance(conditional.result(), AppendConditionFailedError)


def test_plain_appends_wait_for_an_open_condition_without_tags(opened, racer, words, untagged, until_waiting):
    conditional = opened(untagged("never_seen"))
    plain = racer(words.append("stay-1"))
    until_waiting(plain.pid)
    conditional.commit()
    assert words.positions(plain.result())


def test_more_tags_than_are_locked_one_by_one_are_guarded_by_one_lock(opened, racer, words, until_waiting):
    many = tuple(f"room:{number}" for number in range(limits.TAG_LOCKS_MAX + 1))
    events = [words.event(tags=tuple(sorted(many[n : n + 32]))) for n in range(0, len(many), 32)]
    plain = opened(Unit("", (StreamAppend("stay-1", -1, tuple(events)),)))
    (locks,) = plain.execute(
        "select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory'"
    ).fetchone()
    assert locks == 1  # the horizon's
    conditional = racer(words.tagged("room:3", after=0))
    until_waiting(conditional.pid)
    plain.commit()
    assert isinstance(conditional.result(), AppendConditionFailedError)


def test_a_condition_guards_appends_to_streams_of_its_unit(storage, words):
    storage.commit(words.tagged("room:12"))
    guarded = Unit("", words.append("stay-1", 0).appends, (AppendCondition(Query(tags=["room:12"]), 0),))
    with pytest.raises(AppendConditionFailedError) as raised:
        storage.commit(guarded)
    assert raised.value.position == 1
    assert storage.stream_row("", "stay-1") is None


def test_positions_that_the_decision_has_seen_do_not_contradict_it(storage, words):
    storage.commit(words.tagged("room:12"))
    storage.commit(words.tagged("room:12"))
    unit = words.tagged("room:12")
    with pytest.raises(AppendConditionFailedError):
        storage.commit(Unit("", unit.appends, (AppendCondition(Query(tags=["room:12"]), 0, (1,)),)))
    assert storage.commit(Unit("", unit.appends, (AppendCondition(Query(tags=["room:12"]), 0, (1, 2)),)))


def test_a_condition_sees_types_and_categories_beside_its_tags(storage, words):
    storage.commit(words.tagged("room:12", stream="stay-1"))
    for query in (
        Query(tags=["room:12"], types=["guest_left"]),
        Query(tags=["room:12"], categories=["shift"]),
        Query(tags=["room:12", "room:13"]),
        Query(categories=["shift"]),
    ):
        assert storage.commit(words.tagged("x", after=0, query=query))
    for query in (
        Query(tags=["room:12"], types=["guest_checked_in"]),
        Query(tags=["room:12"], categories=["stay"]),
        Query(types=["guest_left"]) | Query(categories=["stay"]),
    ):
        with pytest.raises(AppendConditionFailedError):
            storage.commit(words.tagged("x", after=0, query=query))


def test_a_condition_in_a_transaction_with_an_older_snapshot_is_refused(storage, connect, words):
    connection = connect()
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    connection.execute("select 1")
    with pytest.raises(ConfigurationError, match="READ COMMITTED"):
        storage.join(connection).commit(words.tagged("room:12", after=0))


def test_a_refused_condition_uses_no_position(storage, words):
    storage.commit(words.tagged("room:12"))
    for _ in range(3):
        with pytest.raises(AppendConditionFailedError):
            storage.commit(words.tagged("room:12", after=0))
    assert words.positions(storage.commit(words.append("stay-1"))) == [2]
