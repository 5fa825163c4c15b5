"""The delicate lines of consumers and of the workers that feed them."""

from __future__ import annotations

from .mutant import Mutant, mutants_in

MEMORY = "tests/conformance/test_memory_async.py::Test"
CONSUMER = "tests/unit/subscriptions/test_consumer_lines.py::"
ORDER = "tests/unit/projections/test_order_of_verbs.py::"
REFUSALS = "tests/unit/projections/test_refusals.py::"
SHARING = "tests/unit/projections/test_sharing_consumers.py::"

CONSUMERS: tuple[Mutant, ...] = (
    *mutants_in(
        "subscriptions/consumer_async.py",
        (
            "            await transaction.move(self._scope.tenant, (move,), now=self._now())\n            for plan in plans:\n                await plan.write(transaction)\n",
            "            for plan in plans:\n                await plan.write(transaction)\n            await transaction.move(self._scope.tenant, (move,), now=self._now())\n",
            (f"{ORDER}test_a_batch_moves_its_checkpoint_before_it_writes",),
        ),
        (
            "            if letters:\n                await transaction.park(",
            "            if False:\n                await transaction.park(",
            (f"{CONSUMER}test_what_follows_a_parked_event_in_a_later_batch_waits_behind_it",),
        ),
        (
            "        self._parked.update(letter.lane for letter in letters)\n",
            "",
            (f"{CONSUMER}test_what_follows_a_parked_event_in_a_later_batch_waits_behind_it",),
        ),
        (
            "move = self._move(row, batch.position, events, batch.event_id, parked=bool(letters))",
            "move = self._move(row, batch.position, events, batch.event_id)",
            (f"{CONSUMER}test_what_follows_a_parked_event_in_a_later_batch_waits_behind_it",),
        ),
        (
            "letters=self.row.letters + parked,",
            "letters=self.row.letters,",
            (f"{CONSUMER}test_what_follows_a_parked_event_in_a_later_batch_waits_behind_it",),
        ),
        (
            "before = batch.events[: failure.index]",
            "before = batch.events[: failure.index + 1]",
            (f"{CONSUMER}test_an_event_that_is_tried_again_is_waited_for",),
        ),
        (
            "part = Batch(batch.since, before[-1].position, before, before[-1].id.bytes)",
            "part = Batch(batch.since, batch.position, before, before[-1].id.bytes)",
            (f"{MEMORY}RetriedProjections::test_an_event_is_tried_as_often_as_said_and_then_stops_it",),
        ),
        (
            "return attempts + 1 if position == failure.event.position else 1",
            "return attempts + 1",
            (f"{MEMORY}RetriedProjections::test_several_events_of_a_batch_have_their_attempts_each",),
        ),
        (
            "            self._not_before = time.monotonic() + what.delay\n",
            "            pass\n",
            (f"{CONSUMER}test_an_event_that_is_tried_again_is_waited_for",),
        ),
        (
            "known = {batch.events[-1].position: error}",
            "known = {}",
            (f"{CONSUMER}test_a_batch_that_is_refused_as_a_whole_is_the_last_events_to_answer_for",),
        ),
        (
            "            raise _Undo(await self._trial(transaction, batch))\n",
            "            known.update(await self._trial(transaction, batch))\n",
            (f"{CONSUMER}test_an_event_that_the_database_refuses_is_found_and_the_trial_leaves_nothing",),
        ),
        (
            '        if row.status != "running":\n            return\n        mismatch',
            "        mismatch",
            (f"{CONSUMER}test_a_consumer_that_is_paused_stays_so_whatever_its_log_has_become",),
        ),
        (
            'if row.epoch not in (b"", identity):',
            "if False:",
            (f"{MEMORY}Checkpoints::test_one_that_was_taken_from_another_log_stops_its_consumer",),
        ),
        (
            "if row.position > await storage.head(self._scope.tenant):",
            "if False:",
            (f"{MEMORY}Checkpoints::test_one_that_was_taken_from_another_log_stops_its_consumer",),
        ),
        (
            "if row.event_id is not None and row.event_id != await storage.event_id(self._scope.tenant, row.position):",
            "if False:",
            (f"{MEMORY}Checkpoints::test_one_that_was_taken_from_another_log_stops_its_consumer",),
        ),
        (
            "        self._parked = await self._parked_lanes() if row.letters else set()\n",
            "",
            (f"{CONSUMER}test_who_takes_over_knows_every_parked_key_however_many_there_are",),
        ),
        (
            "        self.applier.forget()\n        self.row, self.scanned = row, row.position\n",
            "        self.row, self.scanned = row, row.position\n",
            (f"{CONSUMER}test_taking_over_forgets_what_was_cached",),
        ),
        (
            "if found.partition == row.partition and found.token == row.token:",
            "if found.partition == row.partition:",
            (f"{CONSUMER}test_who_lost_the_lease_does_not_stop_its_successor",),
        ),
        (
            "if found.partition == row.partition and found.token == row.token:",
            "if found.token == row.token:",
            (f"{CONSUMER}test_what_stops_a_consumer_stops_its_own_partition_alone",),
        ),
        (
            "            if len(found) < limits.LETTERS_AT_ONCE:\n                return lanes\n",
            "            return lanes\n",
            (f"{CONSUMER}test_who_takes_over_knows_every_parked_key_however_many_there_are",),
        ),
        (
            "or self._plan_until > self.scanned or self._parked:",
            "or self._plan_until > self.scanned:",
            (f"{CONSUMER}test_while_a_key_is_parked_no_span_goes_past_it",),
        ),
        (
            "            self._plan_until = up_to\n",
            "            pass\n",
            (f"{CONSUMER}test_a_span_that_the_database_refuses_is_taken_in_batches_and_not_tried_again",),
        ),
        (
            "            if events is not None:\n                await transaction.move(self._scope.tenant, (self._move(row, up_to, events),), now=self._now())\n",
            "",
            (f"{CONSUMER}test_a_span_moves_the_checkpoint_with_it",),
        ),
        (
            "if any(plan.findings.failures or plan.findings.behind for _, _, plan in plans):",
            "if False:",
            (f"{CONSUMER}test_what_follows_a_parked_event_in_a_later_batch_waits_behind_it",),
        ),
        (
            "if any(plan.findings.failures or plan.findings.behind for _, _, plan in plans):",
            "if any(plan.findings.failures for _, _, plan in plans):",
            (f"{CONSUMER}test_what_follows_a_parked_event_in_a_later_batch_waits_behind_it",),
        ),
        (
            "        await transaction.move(scope.tenant, moves, now=scope.recorded_at())\n",
            "        await transaction.move(scope.tenant, moves[:1], now=scope.recorded_at())\n",
            (f"{MEMORY}ProjectionRaces::test_a_worker_whose_lease_was_taken_before_it_commits_writes_nothing",),
        ),
        (
            "            self._not_before = max(time.monotonic(), self._not_before) + events / self.rate\n",
            "            pass\n",
            (f"{CONSUMER}test_a_rate_is_kept_by_waiting",),
        ),
        (
            "            self.lease_seconds,\n        )\n",
            "            0,\n        )\n",
            (f"{CONSUMER}test_a_move_prolongs_the_lease",),
        ),
    ),
    *mutants_in(
        "subscriptions/batch.py",
        (
            "        self._closed.add(lane)\n",
            "",
            (f"{MEMORY}ParkedEvents::test_later_events_of_the_key_wait_in_order_and_other_keys_go_on",),
        ),
        (
            "if lane not in self._closed and lane not in self._parked:",
            "if lane not in self._closed:",
            (f"{MEMORY}ParkedEvents::test_later_events_of_the_key_wait_in_order_and_other_keys_go_on",),
        ),
        (
            "self.closing = len(parked) > 0",
            "self.closing = False",
            (f"{MEMORY}ParkedEvents::test_later_events_of_the_key_wait_in_order_and_other_keys_go_on",),
        ),
        (
            "        self.closing = True\n",
            "",
            (f"{MEMORY}ParkedEvents::test_later_events_of_the_key_wait_in_order_and_other_keys_go_on",),
        ),
        (
            'return lane != self._lane and isinstance(lane, str) and lane.startswith("key:")',
            'return isinstance(lane, str) and lane.startswith("key:")',
            (f"{MEMORY}ParkedEvents::test_a_retry_handles_them_in_order_and_the_key_is_free_again",),
        ),
        (
            'return lane != self._lane and isinstance(lane, str) and lane.startswith("key:")',
            "return lane != self._lane",
            (f"{MEMORY}ParkedEvents::test_a_retry_handles_them_in_order_and_the_key_is_free_again",),
        ),
    ),
    *mutants_in(
        "subscriptions/policy.py",
        (
            "if attempts < policy.attempts and",
            "if attempts <= policy.attempts and",
            (f"{REFUSALS}test_an_event_is_tried_as_often_as_said_each_time_later_but_no_later_than_said",),
        ),
        (
            "policy.factor ** (attempts - 1)",
            "policy.factor ** attempts",
            (f"{REFUSALS}test_an_event_is_tried_as_often_as_said_each_time_later_but_no_later_than_said",),
        ),
        (
            ", policy.delay_max))",
            ", policy.delay_max * 1e9))",
            (f"{REFUSALS}test_an_event_is_tried_as_often_as_said_each_time_later_but_no_later_than_said",),
        ),
        (
            "    if isinstance(error, CodecError) and policy.on == (Exception,):\n        return False\n",
            "",
            (f"{REFUSALS}test_stored_bytes_are_not_tried_again",),
        ),
    ),
    *mutants_in(
        "subscriptions/worker_async.py",
        (
            "                await consumer.adopt(row)\n",
            "                consumer.row = consumer.row or row\n",
            (f"{MEMORY}Checkpoints::test_one_that_was_taken_from_another_log_stops_its_consumer",),
        ),
    ),
    *mutants_in(
        "subscriptions/sharing.py",
        (
            "if row.lease_until <= now]",
            "]",
            (f"{SHARING}test_workers_whose_lease_has_ended_are_dead_whatever_they_could_feed",),
        ),
    ),
)
