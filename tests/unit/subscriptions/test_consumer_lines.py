"""One consumer by itself, on a storage in memory: what it parks, when it waits, and whose rows it touches."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

import everfold as ef
from everfold import limits
from everfold.events.query import Query
from everfold.storage.control import ConsumerRow
from everfold.subscriptions.batch import Batch, Findings
from everfold.subscriptions.consumer_async import AsyncConsumer, commit_together
from everfold.testing.conformance.read_model_domain import unit_of

KEY = ("rooms@1", 0)
STOP = ef.Stop()


@dataclass(frozen=True)
class Stayed:
    room: str
    bad: bool = False


class Plan:
    def __init__(self, events, findings, refuses):
        self.events, self.findings, self.refuses = events, findings, refuses

    async def write(self, transaction):
        for event in self.events:
            await transaction.commit(unit_of(f"done-{event.position}"))
        if self.refuses(self.events):
            raise ValueError("refused by the database")

    def kept(self):
        pass


class Applier:
    """Appends a stream for each event, so that whatever is written twice or kept wrongly shows."""

    projects = True

    def __init__(self, refuses=lambda events: False, spans=True):
        self.refuses, self.spans = refuses, spans
        self.forgotten = self.asked = 0

    async def plan(self, events, parked, load, known):
        findings, good = Findings(parked), []
        for index, event in enumerate(events):
            lane = f"key:{event.event.room}"
            if findings.closing and findings.waits(event, lane):
                continue
            error = known.get(event.position) or (ValueError("bad") if event.event.bad else None)
            if error is None:
                good.append(event)
            else:
                findings.fail(index, event, lane, error)
        return Plan(good, findings, self.refuses)

    async def project(self, transaction, span, partition):
        self.asked += 1
        if not self.spans:
            raise ValueError("refused by the database")
        return span[1] - span[0]

    def forget(self):
        self.forgotten += 1


@pytest.fixture
async def store():
    hotel = ef.Module("hotel")
    hotel.event("stayed")(Stayed)
    async with await ef.AsyncEventStore.open("memory://", hotel) as store:
        yield store


async def logged(store, *stays):
    for stay in stays:
        await store.append(f"stay-{stay.room}", [stay], expected_version=ef.ANY)
    return [event async for event in store.read_all()]


def batch_of(*events):
    return Batch(events[0].position - 1, events[-1].position, events, events[-1].id.bytes)


async def adopted(store, applier=None, policy=STOP, *, saved=None, **options):
    consumer = AsyncConsumer(store._scope, KEY[0], applier or Applier(), query=Query(), policy=policy, **options)
    if saved is not None:
        await store.storage.transact(lambda transaction: transaction.save_consumers("", saved))
    (row,) = await store.storage.lease("", "owner", [consumer.key], seconds=1, now=None)
    await consumer.adopt(row)
    return consumer


def fresh(*rows):
    return list(rows) or [ConsumerRow(KEY[0])]


async def rows_of(store):
    return await store.storage.consumer_rows("")


async def done(store):
    return [event.stream async for event in store.read_all() if event.stream.startswith("done")]


async def test_what_follows_a_parked_event_in_a_later_batch_waits_behind_it(store):
    bad, behind, other = await logged(store, Stayed("1", bad=True), Stayed("1"), Stayed("1"))
    consumer = await adopted(store, policy=ef.Park(), saved=fresh())
    assert await consumer.take(batch_of(bad))
    assert await consumer.take(batch_of(behind))
    letters = await store.storage.letter_rows("", consumer=KEY[0], state="parked", after=0, limit=9)
    assert [letter.letter.position for letter in letters] == [bad.position, behind.position]
    assert not await commit_together(store._scope, [(consumer, batch_of(other))])


async def test_who_takes_over_knows_every_parked_key_however_many_there_are(store, monkeypatch):
    monkeypatch.setattr(limits, "LETTERS_AT_ONCE", 1)
    one, two, later = await logged(store, Stayed("1", bad=True), Stayed("2", bad=True), Stayed("2"))
    first = await adopted(store, policy=ef.Park(), saved=fresh())
    await first.take(batch_of(one, two))
    second = await adopted(store, policy=ef.Park())
    await second.take(batch_of(later))
    assert await done(store) == []


async def test_a_move_prolongs_the_lease(store):
    (event,) = await logged(store, Stayed("1"))
    consumer = await adopted(store, saved=fresh())
    (before,) = await rows_of(store)
    await consumer.take(batch_of(event))
    (after,) = await rows_of(store)
    assert after.lease_until > before.lease_until


async def test_an_event_that_is_tried_again_is_waited_for(store):
    (event,) = await logged(store, Stayed("1", bad=True))
    consumer = await adopted(store, policy=ef.Retry(delay=500.0, delay_max=500.0), saved=fresh())
    assert not await consumer.take(batch_of(event))
    assert consumer.waiting > 400


async def test_a_rate_is_kept_by_waiting(store):
    (event,) = await logged(store, Stayed("1"))
    consumer = await adopted(store, saved=fresh())
    consumer.rate = 0.002
    await consumer.take(batch_of(event))
    assert consumer.waiting > 400


async def test_what_stops_a_consumer_stops_its_own_partition_alone(store):
    saved = fresh(ConsumerRow(KEY[0], 0, 2, token=4), ConsumerRow(KEY[0], 1, 2, token=5))
    consumer = await adopted(store, saved=saved, partition=(0, 2))
    await consumer.stop(ValueError("bad"))
    assert [row.status for row in await rows_of(store)] == ["stopped", "running"]


async def test_who_lost_the_lease_does_not_stop_its_successor(store):
    consumer = await adopted(store, saved=fresh())
    await store.storage.release("", "owner")
    await store.storage.lease("", "other", [KEY], seconds=9, now=None)
    await consumer.stop(ValueError("bad"))
    assert [row.status for row in await rows_of(store)] == ["running"]


async def test_a_consumer_that_is_paused_stays_so_whatever_its_log_has_become(store):
    await adopted(store, saved=fresh(ConsumerRow(KEY[0], epoch=bytes(range(16)), status="paused")))
    assert [row.status for row in await rows_of(store)] == ["paused"]


async def test_taking_over_forgets_what_was_cached(store):
    applier = Applier()
    await adopted(store, applier, saved=fresh())
    assert applier.forgotten == 1


async def test_an_event_that_the_database_refuses_is_found_and_the_trial_leaves_nothing(store):
    one, two, three = await logged(store, Stayed("1"), Stayed("2"), Stayed("3"))
    applier = Applier(refuses=lambda events: any(event.position == two.position for event in events))
    consumer = await adopted(store, applier, ef.Park(), saved=fresh())
    assert await consumer.take(batch_of(one, two, three))
    assert await done(store) == [f"done-{one.position}", f"done-{three.position}"]


async def test_a_batch_that_is_refused_as_a_whole_is_the_last_events_to_answer_for(store):
    one, two = await logged(store, Stayed("1"), Stayed("2"))
    consumer = await adopted(store, Applier(refuses=lambda events: len(events) > 1), ef.Park(), saved=fresh())
    assert await consumer.take(batch_of(one, two))
    assert await done(store) == [f"done-{one.position}"]


async def test_a_span_moves_the_checkpoint_with_it(store, monkeypatch):
    monkeypatch.setattr(limits, "CONSUMER_SPAN_BEHIND", 0)
    await logged(store, Stayed("1"), Stayed("2"))
    consumer = await adopted(store, saved=fresh())
    assert await consumer.span(2)
    assert [row.position for row in await rows_of(store)] == [2]


async def test_a_span_that_the_database_refuses_is_taken_in_batches_and_not_tried_again(store, monkeypatch):
    monkeypatch.setattr(limits, "CONSUMER_SPAN_BEHIND", 0)
    await logged(store, Stayed("1"), Stayed("2"))
    applier = Applier(spans=False)
    consumer = await adopted(store, applier, saved=fresh())
    assert [await consumer.span(2), await consumer.span(2), applier.asked] == [False, False, 1]


async def test_while_a_key_is_parked_no_span_goes_past_it(store, monkeypatch):
    monkeypatch.setattr(limits, "CONSUMER_SPAN_BEHIND", 0)
    bad, _ = await logged(store, Stayed("1", bad=True), Stayed("1"))
    consumer = await adopted(store, policy=ef.Park(), saved=fresh())
    await consumer.take(batch_of(bad))
    assert not await consumer.span(2)
