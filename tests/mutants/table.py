"""The delicate lines of the pure core and the shell, a mutant of each, and the tests that must fail on it.

A line stands here when it looks as if it could be left out, or be one off, and no reader would notice. Each must occur
exactly once in its file. `tools/mutants.py` applies one mutant after the other and names those that survive.
"""

from __future__ import annotations

from .consumers import CONSUMERS
from .mutant import Mutant
from .mutant import mutants_in as _in
from .projections import PROJECTIONS
from .read_models import READ_MODELS

MEMORY = "tests/conformance/test_memory_async.py::Test"
DECIDERS = "tests/interleaving/test_deciders_meet.py::"
READERS = "tests/interleaving/test_readers_meet.py::"
BOUNDARIES = "tests/interleaving/test_boundaries_meet.py::"
MODEL = "tests/properties/test_store_machine.py::test_a_store_in_memory_does_what_its_model_does"
REPETITION = "tests/properties/test_repetition_properties.py::"
QUERIES = "tests/properties/test_query_properties.py::"


MUTANTS: tuple[Mutant, ...] = (
    # Judging a unit, in memory
    *_in(
        "storage/memory/log.py",
        (
            "exact = expected >= 0 and row.version != expected",
            "exact = expected >= 0 and row.version > expected",
            (
                MODEL,
                f"{MEMORY}AppendExpectations::test_an_expectation_that_does_not_hold_is_a_conflict_and_writes_nothing",
            ),
        ),
        (
            "exact = expected >= 0 and row.version != expected",
            "exact = False",
            (
                f"{DECIDERS}test_two_competing_deciders_both_take_effect_once_in_every_single_schedule",
                f"{BOUNDARIES}test_of_two_who_open_the_same_period_the_loser_leaves_nothing",
            ),
        ),
        (
            "expected == CODE_STREAM_EXISTS and row.version == 0",
            "expected == CODE_STREAM_EXISTS and row.version < 0",
            (MODEL, f"{MEMORY}CloseAndOpen::test_an_old_stream_that_does_not_exist_refuses_both"),
        ),
        (
            "row = draft.streams.get(name) or self.streams.get(name)",
            "row = self.streams.get(name)",
            (MODEL, f"{MEMORY}UnitAtomicity::test_one_stream_may_stand_in_it_twice"),
        ),
        (
            "if position not in condition.seen:",
            "if position not in condition.seen and False:",
            (
                f"{BOUNDARIES}test_a_boundary_is_never_overbooked_and_never_refuses_while_there_is_room",
                f"{MEMORY}AppendConditions::test_a_plain_tagged_append_fails_the_condition",
            ),
        ),
        (
            "if position not in condition.seen:",
            "if True:",
            (f"{MEMORY}AppendConditions::test_an_event_that_the_decision_has_seen_is_known",),
        ),
        (
            "low = bisect_right(self.positions, after)",
            "low = bisect_left(self.positions, after)",
            (f"{MEMORY}AppendConditions::test_an_event_at_the_position_itself_is_known",),
        ),
        (
            "else bisect_left(self.positions, before)",
            "else bisect_right(self.positions, before)",
            (f"{READERS}test_a_backwards_reader_of_the_log_sees_each_event_once_whatever_is_appended_meanwhile",),
        ),
        (
            "if not all(item.tags for item in query.items):",
            "if not any(item.tags for item in query.items):",
            (f"{MEMORY}ReadAllFilters::test_a_query_finds_what_its_rule_says_in_every_window",),
        ),
        (
            "        refuse_reused_ids(unit, stored)\n",
            "",
            (MODEL, f"{MEMORY}AppendIdempotence::test_an_id_twice_in_one_append_is_refused"),
        ),
        (
            "before = max(stream.truncated_before, mark.truncate_before)",
            "before = mark.truncate_before",
            (MODEL, f"{MEMORY}Truncate::test_it_only_moves_forward"),
        ),
        (
            "if mark.truncate_before > stream.version + 1:",
            "if mark.truncate_before > stream.version + 2:",
            (MODEL, f"{MEMORY}Truncate::test_events_that_do_not_exist_yet_cannot_be_hidden"),
        ),
        (
            "or old.version < new.version:",
            "or True:",
            (f"{MEMORY}StoredSnapshots::test_an_older_one_does_not_replace_a_newer_one",),
        ),
    ),
    *_in(
        "storage/memory/store.py",
        (
            "low = max(after_version, state.truncated_before - 1)",
            "low = max(after_version, state.truncated_before)",
            (f"{MEMORY}Truncate::test_versions_below_are_hidden",),
        ),
        (
            "more = len(rows) == limit",
            "more = len(rows) > limit",
            (f"{READERS}test_what_a_reader_was_given_and_what_it_reads_later_make_the_whole_log", MODEL),
        ),
        (
            "end = max(after, head) if not backwards else after",
            "end = after",
            (
                f"{MEMORY}Subscriptions::test_the_marker_of_a_filtered_one_stands_at_the_head_so_that_it_can_be_resumed_there",
            ),
        ),
        (
            "found.schema_version == schema_version else None",
            "True else None",
            (f"{MEMORY}StoredSnapshots::test_one_of_another_schema_version_is_not_used",),
        ),
    ),
    # When an append is a repetition
    *_in(
        "storage/repetition.py",
        (
            "if any(one is None for one in found):",
            "if all(one is None for one in found):",
            (
                f"{REPETITION}test_a_unit_is_a_repetition_when_each_append_with_events_is_a_run_of_the_log",
                f"{MEMORY}AppendIdempotence::test_a_unit_of_stored_and_new_appends_is_refused_whole",
            ),
        ),
        (
            "if append.expected >= 0 and append.expected != start:",
            "if append.expected > 0 and append.expected != start:",
            (f"{REPETITION}test_each_append_of_up_to_three_events_is_judged_as_brute_force_judges_it",),
        ),
        (
            "place is None or place[1] != append.stream for place in places",
            "place is None for place in places",
            (
                f"{REPETITION}test_a_unit_is_a_repetition_when_each_append_with_events_is_a_run_of_the_log",
                f"{MEMORY}AppendIdempotence::test_stored_events_for_another_stream_are_refused",
            ),
        ),
        (
            "if [place[2] for place in run] != list(range(start + 1, start + 1 + len(run))):",
            "if run[0][2] != start + 1:",
            (f"{REPETITION}test_each_append_of_up_to_three_events_is_judged_as_brute_force_judges_it",),
        ),
        (
            "if any(after <= before for before, after in pairwise(positions)):",
            "if any(after < before for before, after in pairwise(positions)):",
            (f"{REPETITION}test_the_same_id_sent_twice_outside_streams_is_no_repetition_of_one_event",),
        ),
        (
            "if positions[-1] - positions[0] == len(positions) - 1:",
            "if len(positions) > 0:",
            (
                f"{REPETITION}test_a_unit_is_a_repetition_when_each_append_with_events_is_a_run_of_the_log",
                f"{MEMORY}AppendIdempotence::test_a_repetition_of_events_that_lie_apart_in_the_log_shows_them_all",
            ),
        ),
        (
            "if not reused and len(set(ids)) < len(ids):",
            "if False:",
            (f"{REPETITION}test_an_id_is_refused_exactly_when_it_is_stored_or_stands_twice",),
        ),
    ),
    # Queries
    *_in(
        "events/query.py",
        (
            "set(self.tags) <= set(tags)",
            "set(self.tags) & set(tags)",
            (f"{QUERIES}test_each_tag_of_a_query_is_needed",),
        ),
        (
            "return any(item.matches(type_name, category, tags) for item in self.items)",
            "return all(item.matches(type_name, category, tags) for item in self.items)",
            (f"{QUERIES}test_a_query_or_another_matches_what_either_matches",),
        ),
        (
            "unique = tuple(dict.fromkeys(items))",
            "unique = tuple(items)",
            (f"{QUERIES}test_or_has_no_grouping_and_ignores_repetition",),
        ),
    ),
    *_in(
        "events/stream.py",
        (
            'return name.partition("-")[0]',
            'return name.rpartition("-")[0] or name',
            (f"{QUERIES}test_a_name_begins_with_its_category_and_the_category_has_no_hyphen",),
        ),
    ),
    # Deciding
    *_in(
        "store/decide_async.py",
        (
            "self.scope, self.stream, events, loaded.version, metadata=self.metadata, snapshots=snapshots",
            "self.scope, self.stream, events, ANY, metadata=self.metadata, snapshots=snapshots",
            (
                f"{DECIDERS}test_two_competing_deciders_both_take_effect_once_in_every_single_schedule",
                f"{DECIDERS}test_no_more_is_withdrawn_than_there_is",
            ),
        ),
        (
            "            if events:\n                return cached, events\n",
            "            return cached, events\n",
            (f"{MEMORY}CachedStates::test_deciding_nothing_on_a_stale_state_is_decided_again",),
        ),
        (
            "self.scope.cache.drop(self.key)",
            "pass",
            ("tests/mutants/test_lines.py::test_a_stale_state_costs_one_conflict_and_no_second",),
        ),
        (
            "if due and not is_immutable(loaded.state):",
            "if False:",
            (f"{DECIDERS}test_deciders_with_snapshots_leave_a_snapshot_that_its_events_give",),
        ),
        (
            "snapshot_version = version if snapshots else loaded.snapshot_version",
            "snapshot_version = loaded.snapshot_version",
            ("tests/mutants/test_lines.py::test_with_a_cache_too_a_snapshot_is_written_every_so_many_events_only",),
        ),
        (
            "        _check_expected(stream, expected_version, loaded.version)\n",
            "",
            (f"{MEMORY}Deciders::test_a_stale_expected_version_is_a_conflict_before_anything_is_decided",),
        ),
        (
            "condition = AppendCondition(resolved, boundary.horizon, boundary.seen)",
            "condition = AppendCondition(resolved, boundary.horizon + 1, boundary.seen)",
            (f"{BOUNDARIES}test_a_boundary_is_never_overbooked_and_never_refuses_while_there_is_room",),
        ),
        (
            "unit.append(new, starts, expected_version=NO_STREAM, metadata=metadata)",
            "unit.append(new, starts, expected_version=ANY, metadata=metadata)",
            (f"{BOUNDARIES}test_of_two_who_open_the_same_period_the_loser_leaves_nothing",),
        ),
        (
            "unit.append(old, ends, expected_version=expected_version, metadata=metadata)",
            "unit.append(old, ends, expected_version=ANY, metadata=metadata)",
            (
                f"{BOUNDARIES}test_books_are_closed_once_and_no_late_deposit_is_lost",
                f"{MEMORY}CloseAndOpen::test_a_late_append_to_the_old_stream_refuses_both",
            ),
        ),
    ),
    *_in(
        "store/retry.py",
        (
            "return attempt < DECIDE_ATTEMPTS_MAX and",
            "return attempt < DECIDE_ATTEMPTS_MAX - 1 and",
            (f"{MEMORY}Deciders::test_its_attempts_are_bounded",),
        ),
        (
            "and not isinstance(error, EventIdReusedError)",
            "",
            (f"{MEMORY}Deciders::test_a_reused_event_id_is_not_decided_again",),
        ),
    ),
    *_in(
        "store/cache.py",
        (
            "        if not is_immutable(cached.state):\n            return\n",
            "",
            (f"{MEMORY}CachedStates::test_a_mutable_state_is_not_kept",),
        ),
        (
            "if known is None or known.version <= cached.version:",
            "if True:",
            ("tests/mutants/test_lines.py::test_an_older_state_does_not_replace_a_newer_one_in_the_cache",),
        ),
        (
            "self._states.popitem(last=False)",
            "self._states.popitem(last=True)",
            (f"{MEMORY}CachedStates::test_the_least_recently_used_state_goes_first",),
        ),
    ),
    # Loading
    *_in(
        "store/load_async.py",
        (
            "version - before.snapshot_version >= plan.every",
            "version - before.snapshot_version > plan.every",
            (f"{MEMORY}StoredSnapshots::test_one_is_written_every_so_many_events",),
        ),
        (
            "(at_version is not None and found.version > at_version)",
            "(at_version is not None and found.version > at_version + 1)",
            (f"{MEMORY}StoredSnapshots::test_a_load_at_a_version_uses_one_that_is_not_beyond_it",),
        ),
        (
            "if row[6] + page.epoch_microseconds > until:",
            "if row[6] + page.epoch_microseconds >= until:",
            (f"{MEMORY}TimeTravel::test_at_a_time_the_state_has_the_events_recorded_until_then",),
        ),
        (
            "(version < stands or start.version > stands)",
            "version < stands",
            (f"{DECIDERS}test_a_state_from_before_a_restore_costs_one_conflict_and_no_wrong_decision",),
        ),
        (
            "        version = stands\n",
            "",
            (f"{MEMORY}Truncate::test_a_state_of_a_stream_hidden_whole_stands_at_its_version",),
        ),
        (
            "page.rows[0][2] != version + 1",
            "False",
            ("tests/mutants/test_lines.py::test_a_state_whose_next_events_are_hidden_is_folded_from_what_is_left",),
        ),
        (
            "return CachedState(state, version, start.snapshot_version)",
            "return CachedState(state, version)",
            (f"{MEMORY}StoredSnapshots::test_one_is_written_every_so_many_events",),
        ),
    ),
    # Reading
    *_in(
        "store/read_async.py",
        (
            "if len(page.rows) < wanted or left == 0:",
            "if len(page.rows) <= wanted or left == 0:",
            (f"{READERS}test_a_stream_read_while_it_grows_is_a_beginning_of_it",),
        ),
        (
            "up_to_version = page.rows[-1][2] - 1",
            "up_to_version = page.rows[-1][2]",
            (f"{READERS}test_a_stream_read_while_it_grows_is_a_beginning_of_it",),
        ),
        (
            "after_version = page.rows[-1][2]\n",
            "after_version = page.rows[-1][2] + 1\n",
            (f"{MEMORY}ReadStream::test_a_long_stream_comes_whole_over_the_borders_of_pages",),
        ),
        (
            "before = page.position",
            "before = page.position - 1",
            (f"{READERS}test_a_backwards_reader_of_the_log_sees_each_event_once_whatever_is_appended_meanwhile",),
        ),
        (
            "            after = page.position\n",
            "            after = page.position + 1\n",
            (f"{READERS}test_what_a_reader_was_given_and_what_it_reads_later_make_the_whole_log",),
        ),
        (
            "limit=size if left is None else min(size, left),",
            "limit=size,",
            (f"{MEMORY}ReadAllFilters::test_a_limit_counts_matches_not_what_was_passed_over",),
        ),
        (
            "return max(1, min(limits.PAGE_EVENTS, limits.PAGE_BYTES // average))",
            "return min(limits.PAGE_EVENTS, limits.PAGE_BYTES // average)",
            ("tests/mutants/test_lines.py::test_a_page_of_events_larger_than_a_page_still_goes_on",),
        ),
    ),
    # Following
    *_in(
        "subscriptions/feed_async.py",
        (
            "        after = page.position\n",
            "        after = page.position if page.rows else after\n",
            ("tests/mutants/test_lines.py::test_a_filtered_subscription_catches_up_over_what_it_leaves_out",),
        ),
        (
            "told = told and not page.rows",
            "told = False",
            (f"{MEMORY}WakeupLoss::test_a_wake_up_for_nothing_is_no_reason_for_a_marker",),
        ),
        (
            "told = told and not page.rows",
            "pass",
            (f"{READERS}test_a_subscription_gives_every_event_once_and_in_order",),
        ),
        (
            "            size = next_limit(page.rows)\n            continue\n",
            "            size = next_limit(page.rows)\n",
            (
                "tests/mutants/test_lines.py::test_a_subscription_says_that_it_caught_up_only_at_the_end_of_the_last_page",
            ),
        ),
        (
            "pause if page.blocked else limits.SUBSCRIPTION_LOOK_SECONDS",
            "limits.SUBSCRIPTION_LOOK_SECONDS",
            ("tests/mutants/test_lines.py::test_a_subscription_behind_an_open_append_looks_again_soon",),
        ),
    ),
    # Boundaries and results
    *_in(
        "store/boundary_async.py",
        (
            "horizon = page.horizon if horizon is None else horizon",
            "horizon = page.horizon",
            ("tests/interleaving/test_horizon_meets.py::test_a_boundary_of_several_pages_trusts_its_first_horizon",),
        ),
        (
            "if row[0] > horizon]",
            "if row[0] > horizon + 1]",
            ("tests/interleaving/test_horizon_meets.py::test_a_boundary_behind_an_open_append_decides_at_once",),
        ),
    ),
    *_in(
        "store/result_async.py",
        (
            "rows += [row for row in page.rows if row[0] in wanted]",
            "rows += page.rows",
            (f"{MEMORY}AppendIdempotence::test_a_repetition_of_events_that_lie_apart_in_the_log_shows_them_all",),
        ),
        (
            "if repeated and append.events:",
            "if False:",
            (f"{MEMORY}AppendIdempotence::test_a_repetition_shows_the_events_that_are_stored",),
        ),
    ),
    *_in(
        "store/outcome.py",
        (
            "appended.version - len(append.events) + 1",
            "appended.version - len(append.events)",
            (MODEL,),
        ),
    ),
    *_in(
        "store/scope_async.py",
        (
            "raise CommitUnknownError(error.reason, sent) from error",
            "raise",
            (f"{MEMORY}LostReply::test_the_error_carries_the_events_with_their_ids",),
        ),
    ),
    *CONSUMERS,
    *PROJECTIONS,
    *READ_MODELS,
)
