"""The delicate lines of what a storage does for consumers, leases, dead letters and tables."""

from __future__ import annotations

from .mutant import Mutant, mutants_in

MEMORY = "tests/conformance/test_memory_async.py::Test"
SQLITE = "tests/conformance/test_sqlite_async.py::Test"
COMBINED = "tests/unit/projections/test_combined_changes.py::"
RULES = "tests/unit/projections/test_table_rules.py::"

READ_MODELS: tuple[Mutant, ...] = (
    *mutants_in(
        "storage/memory/control.py",
        (
            "return (row.token, row.position, row.letters) == (move.token, move.since, move.letters)",
            "return (row.position, row.letters) == (move.since, move.letters)",
            (f"{MEMORY}Leases::test_once_expired_another_takes_it_and_the_first_moves_no_more",),
        ),
        (
            "return (row.token, row.position, row.letters) == (move.token, move.since, move.letters)",
            "return (row.token, row.letters) == (move.token, move.letters)",
            (f"{MEMORY}Moves::test_a_row_that_stands_otherwise_refuses_and_nothing_of_the_transaction_is_kept",),
        ),
        (
            "return (row.token, row.position, row.letters) == (move.token, move.since, move.letters)",
            "return (row.token, row.position) == (move.token, move.since)",
            (f"{MEMORY}Moves::test_a_row_that_stands_otherwise_refuses_and_nothing_of_the_transaction_is_kept",),
        ),
        (
            'if row is None or row.status != "running":',
            "if row is None:",
            (f"{MEMORY}Moves::test_a_consumer_that_does_not_run_does_not_move",),
        ),
        (
            "letters=row.letters + move.parked,",
            "letters=row.letters,",
            (f"{MEMORY}Moves::test_a_move_that_parks_counts_one_more",),
        ),
        (
            "lease_until=max(row.lease_until, renewed),",
            "lease_until=renewed,",
            (f"{MEMORY}Leases::test_once_expired_another_takes_it_and_the_first_moves_no_more",),
        ),
        (
            "lease_until=max(row.lease_until, renewed),",
            "lease_until=row.lease_until,",
            (f"{MEMORY}Leases::test_a_move_that_renews_keeps_others_away",),
        ),
        (
            "return row.owner in (None, owner) or row.lease_until <= now",
            "return row.owner is None or row.lease_until <= now",
            (f"{MEMORY}Leases::test_its_owner_renews_it_under_the_same_token",),
        ),
        (
            "return row.owner in (None, owner) or row.lease_until <= now",
            "return row.owner in (None, owner)",
            (f"{MEMORY}Leases::test_once_expired_another_takes_it_and_the_first_moves_no_more",),
        ),
        (
            "return row.owner in (None, owner) or row.lease_until <= now",
            "return True",
            (f"{MEMORY}Leases::test_nobody_else_gets_it_while_it_holds",),
        ),
        (
            "token=row.token + (row.owner != owner)",
            "token=row.token",
            (f"{MEMORY}Leases::test_a_free_consumer_is_leased_with_a_new_token",),
        ),
        (
            "token=row.token + (row.owner != owner)",
            "token=row.token + 1",
            (f"{MEMORY}Leases::test_its_owner_renews_it_under_the_same_token",),
        ),
        (
            "            if _place(letter) not in parked:\n",
            "            if True:\n",
            (f"{MEMORY}DeadLetters::test_one_that_is_parked_already_stays_as_it_is",),
        ),
        (
            'if row is not None and row.state == "parked":',
            "if row is not None:",
            (f"{MEMORY}DeadLetters::test_what_is_settled_is_not_settled_again",),
        ),
        (
            'parked = {_place(one.letter) for one in stored.values() if one.state == "parked"}',
            "parked = {_place(one.letter) for one in stored.values()}",
            (f"{MEMORY}DeadLetters::test_what_was_settled_may_be_parked_anew",),
        ),
        (
            'if row.state == "active" and active not in (None, row.target):',
            "if False:",
            (f"{MEMORY}Builds::test_a_second_active_build_is_refused",),
        ),
        (
            "            if not _stands_as_said(rows.get((move.name, move.partition)), move):\n                raise CheckpointConflictError(move.name)\n        for move in moves:\n",
            "",
            (f"{MEMORY}Leases::test_once_expired_another_takes_it_and_the_first_moves_no_more",),
        ),
    ),
    *mutants_in(
        "storage/table_fold.py",
        (
            "            self.upserts.clear()\n",
            "",
            (f"{RULES}test_a_deleted_row_is_made_anew_by_a_later_event_of_the_same_batch",),
        ),
        (
            "            self.deleted = True\n",
            "",
            (f"{COMBINED}test_a_first_value_for_a_row_that_was_deleted_is_its_value",),
        ),
        (
            "(_on_nothing(change.signature) if self.deleted else change.signature, change.values)",
            "(change.signature, change.values)",
            (f"{COMBINED}test_a_first_value_for_a_row_that_was_deleted_is_its_value",),
        ),
        (
            '"set" if action == "initial" else action',
            "action",
            (f"{COMBINED}test_a_first_value_for_a_row_that_was_deleted_is_its_value",),
        ),
        (
            "            continue  # there is a row by then\n",
            "            pass\n",
            (f"{RULES}test_a_deleted_row_is_made_anew_by_a_later_event_of_the_same_batch",),
        ),
        (
            '    if first in (then, "set"):',
            '    if first in (then, "set", "initial"):',
            (f"{RULES}test_the_events_of_a_batch_count_one_after_the_other",),
        ),
        (
            '    if first in (then, "set"):',
            "    if True:",
            (f"{RULES}test_the_events_of_a_batch_count_one_after_the_other",),
        ),
        (
            '    if then == "set":\n        return "set", None\n',
            '    if then == "set":\n        return first, None\n',
            (f"{COMBINED}test_a_value_that_is_set_covers_what_was_added_before",),
        ),
        (
            "return (one or 0) + (other or 0)",
            "return None if one is None else one + (other or 0)",
            (f"{COMBINED}test_a_value_and_nothing_make_the_value",),
        ),
        (
            "return other if one is None else one if other is None else min(one, other)",
            "return one if other is None else min(one or 0, other)",
            (f"{COMBINED}test_a_value_and_nothing_make_the_value",),
        ),
        (
            "return other if one is None else one if other is None else max(one, other)",
            "return one if other is None else max(one or 0, other)",
            (f"{COMBINED}test_a_value_and_nothing_make_the_value",),
        ),
        (
            "ordered = sorted(groups.items(), key=lambda group: group[0][0])",
            "ordered = sorted(groups.items(), key=lambda group: -group[0][0])",
            (f"{RULES}test_the_events_of_a_batch_count_one_after_the_other",),
        ),
        (
            "        if joint is None:\n            self.upserts.append((then, values))\n",
            "        if joint is None:\n            self.upserts[-1] = (then, values)\n",
            (f"{RULES}test_the_events_of_a_batch_count_one_after_the_other",),
        ),
        (
            "        if None in key:\n            return None\n",
            "",
            (f"{RULES}test_an_event_without_a_key_is_left_out",),
        ),
        (
            "recorded.raw if recorded.schema_version == self.schema_version else self._upcast(recorded)",
            "recorded.raw",
            (f"{RULES}test_an_older_event_is_upcast_before_its_fields_are_read",),
        ),
    ),
    *mutants_in(
        "storage/sqlite/sql/control.sql",
        (
            "and token = :token and position",
            "and position",
            (f"{SQLITE}Moves::test_a_row_that_stands_otherwise_refuses_and_nothing_of_the_transaction_is_kept",),
        ),
        (
            "and position = :since and",
            "and",
            (f"{SQLITE}Moves::test_a_row_that_stands_otherwise_refuses_and_nothing_of_the_transaction_is_kept",),
        ),
        (
            "and letters = :letters and status",
            "and status",
            (f"{SQLITE}Moves::test_a_row_that_stands_otherwise_refuses_and_nothing_of_the_transaction_is_kept",),
        ),
        (
            " and status = 'running'",
            "",
            (f"{SQLITE}Moves::test_a_consumer_that_does_not_run_does_not_move",),
        ),
        (
            "letters = letters + :parked",
            "letters = letters",
            (f"{SQLITE}Moves::test_a_move_that_parks_counts_one_more",),
        ),
        (
            "lease_until = max(lease_until, :renewed)",
            "lease_until = lease_until",
            (f"{SQLITE}Moves::test_a_move_prolongs_the_lease_when_it_is_asked_to",),
        ),
        (
            "owner = :owner or lease_until <= :now",
            "owner = :owner",
            (f"{SQLITE}Leases::test_once_expired_another_takes_it_and_the_first_moves_no_more",),
        ),
        (
            "owner = :owner or lease_until <= :now",
            "true",
            (f"{SQLITE}Leases::test_nobody_else_gets_it_while_it_holds",),
        ),
        (
            "token = token + (owner is not :owner)",
            "token = token",
            (f"{SQLITE}Leases::test_a_free_consumer_is_leased_with_a_new_token",),
        ),
        (
            "on conflict (tenant, consumer, lane, position) where state = 'parked' do nothing",
            "on conflict (tenant, consumer, lane, position) where state = 'parked' do update set error = excluded.error, attempts = excluded.attempts",
            (f"{SQLITE}DeadLetters::test_one_that_is_parked_already_stays_as_it_is",),
        ),
        (
            "where id = ? and tenant = ? and state = 'parked'",
            "where id = ? and tenant = ?",
            (f"{SQLITE}DeadLetters::test_what_is_settled_is_not_settled_again",),
        ),
    ),
)
