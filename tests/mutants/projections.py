"""The delicate lines of projections: switches, handovers, dead letters, comparisons."""

from __future__ import annotations

from .mutant import Mutant, mutants_in

LATER = "tests/unit/projections/test_parked_and_later.py"
MEMORY = "tests/conformance/test_memory_async.py::Test"
ORDER = "tests/unit/projections/test_order_of_verbs.py::"
REFUSALS = "tests/unit/projections/test_refusals.py::"
HANDOVER = "tests/unit/projections/test_handover_lines.py::"

PROJECTIONS: tuple[Mutant, ...] = (
    *mutants_in(
        "projections/fold.py",
        (
            "            before = changed[one.key] if one.key in changed else documents.get(one.key)\n",
            "            before = documents.get(one.key)\n",
            (f"{MEMORY}ParkedEvents::test_later_events_of_the_key_wait_in_order_and_other_keys_go_on",),
        ),
        (
            "            if findings.closing and findings.waits(event, lane):\n                continue\n            before",
            "            before",
            (f"{MEMORY}ParkedEvents::test_later_events_of_the_key_wait_in_order_and_other_keys_go_on",),
        ),
        (
            "            if findings.closing and findings.waits(event, lane):\n                continue\n            try:\n                slices",
            "            try:\n                slices",
            (f"{MEMORY}ParkedEvents::test_an_event_that_can_not_be_decoded_holds_back_its_stream_alone",),
        ),
        (
            '            event.event  # noqa: B018  # raises UnknownEventTypeError: it was asked for with unknown="fail"\n',
            "            pass\n",
            (f"{MEMORY}StoppedProjections::test_a_type_that_no_module_knows_stops_it_when_it_asked_for_that",),
        ),
    ),
    *mutants_in(
        "projections/letters_async.py",
        (
            "            if failed is not None:\n                break\n",
            "            if failed is not None:\n                continue\n",
            (f"{MEMORY}ParkedEvents::test_what_fails_again_stays_parked_with_those_behind_it",),
        ),
        (
            "plan = await applier.plan([event], _other_lanes(row, keys), load, {})",
            "plan = await applier.plan([event], (), load, {})",
            (f"{MEMORY}ParkedEvents::test_an_event_of_several_keys_is_parked_where_it_fails_alone",),
        ),
        (
            "failed = _behind(row, plan.findings.behind[0].lane)",
            "pass",
            (f"{LATER}::test_an_event_whose_key_was_unknown_is_retried_after_the_earlier_ones_of_that_key",),
        ),
        (
            'or rows[0].state != "parked":',
            ":",
            (f"{MEMORY}ParkedEvents::test_a_skipped_event_is_left_out_and_who_did_it_and_why_is_kept",),
        ),
        (
            "if not reason or not isinstance(reason, str):",
            "if False:",
            (f"{MEMORY}ParkedEvents::test_a_skipped_event_is_left_out_and_who_did_it_and_why_is_kept",),
        ),
    ),
    *mutants_in(
        "projections/control.py",
        (
            "    if changed:\n",
            "    if False:\n",
            (f"{REFUSALS}test_each_reason_to_refuse_is_named_alone",),
        ),
        (
            'if green.fed == "consumer" and stopped:',
            "if False:",
            (f"{REFUSALS}test_each_reason_to_refuse_is_named_alone",),
        ),
        (
            "        if behind < ahead:\n",
            "        if False:\n",
            (f"{REFUSALS}test_each_reason_to_refuse_is_named_alone",),
        ),
        (
            "        if behind < ahead:\n",
            "        if behind <= ahead:\n",
            (f"{REFUSALS}test_one_that_stands_where_the_active_one_does_is_promoted",),
        ),
        (
            "lag > lag_max:",
            "lag > lag_max + 1:",
            (f"{REFUSALS}test_each_reason_to_refuse_is_named_alone",),
        ),
        (
            "lag > lag_max:",
            "lag >= lag_max:",
            (f"{REFUSALS}test_what_is_no_reason_refuses_nothing",),
        ),
        (
            'said.get("code") == green.code and not',
            "not",
            (f"{REFUSALS}test_what_is_no_reason_refuses_nothing",),
        ),
        (
            'not said.get("equal", True):',
            "False:",
            (f"{REFUSALS}test_each_reason_to_refuse_is_named_alone",),
        ),
        (
            'if before is None or before.state != "retiring":',
            "if before is None:",
            (f"{REFUSALS}test_the_way_back_needs_a_version_that_is_fed_and_has_caught_up",),
        ),
        (
            "        if there < here:\n",
            "        if False:\n",
            (f"{REFUSALS}test_the_way_back_needs_a_version_that_is_fed_and_has_caught_up",),
        ),
        (
            "        if there < here:\n",
            "        if there <= here:\n",
            (f"{REFUSALS}test_the_way_back_needs_a_version_that_is_fed_and_has_caught_up",),
        ),
        (
            "return min((c.position",
            "return max((c.position",
            (f"{REFUSALS}test_a_build_is_as_far_as_the_slowest_of_its_partitions",),
        ),
        (
            "if r.target.version == projection.version]",
            "]",
            (f"{REFUSALS}test_generations_are_counted_for_each_version",),
        ),
        (
            "key=lambda r: (r.target.version, r.target.generation), default=None)",
            "key=lambda r: (-r.target.version, r.target.generation), default=None)",
            (f"{REFUSALS}test_the_newest_generation_of_the_newest_version_is_promoted",),
        ),
        (
            "key=lambda r: (r.target.version, r.target.generation), default=None)",
            "key=lambda r: (r.target.version, -r.target.generation), default=None)",
            (f"{REFUSALS}test_the_newest_generation_of_the_newest_version_is_promoted",),
        ),
    ),
    *mutants_in(
        "projections/lifecycle_async.py",
        (
            "        await transaction.gate(scope.tenant, (name,), exclusive=True)\n        rows = await transaction.builds(scope.tenant, (name,))\n        green",
            "        rows = await transaction.builds(scope.tenant, (name,))\n        await transaction.gate(scope.tenant, (name,), exclusive=True)\n        green",
            (f"{ORDER}test_a_switch_closes_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        await transaction.gate(scope.tenant, (name,), exclusive=True)\n        rows = await transaction.builds(scope.tenant, (name,))\n        green",
            "        rows = await transaction.builds(scope.tenant, (name,))\n        green",
            (f"{ORDER}test_a_switch_closes_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        await transaction.gate(scope.tenant, (name,), exclusive=True)\n        rows = await transaction.builds(scope.tenant, (name,))\n        active",
            "        rows = await transaction.builds(scope.tenant, (name,))\n        active",
            (f"{ORDER}test_a_switch_closes_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        await transaction.gate(scope.tenant, (name,), exclusive=True)\n        rows = await transaction.builds(scope.tenant, (name,))\n        wanted",
            "        rows = await transaction.builds(scope.tenant, (name,))\n        wanted",
            (f"{ORDER}test_a_switch_closes_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        await transaction.gate(scope.tenant, (projection.name,), exclusive=True)\n",
            "",
            (f"{ORDER}test_a_rebuild_in_place_closes_the_gate_before_it_looks_at_the_consumers",),
        ),
        (
            'previous=None if away is None or aside == "standby" else away.target',
            "previous=to.previous",
            (f"{MEMORY}ProjectionLife::test_it_goes_from_build_to_promotion_back_and_to_retirement",),
        ),
        (
            'aside="standby")\n\n    return',
            'aside="retiring")\n\n    return',
            (f"{MEMORY}ProjectionLife::test_it_goes_from_build_to_promotion_back_and_to_retirement",),
        ),
    ),
    *mutants_in(
        "projections/inline_async.py",
        (
            "        await transaction.gate(tenant, self._names, exclusive=False)\n        builds = await self._fed(transaction)\n",
            "        builds = await self._fed(transaction)\n        await transaction.gate(tenant, self._names, exclusive=False)\n",
            (f"{ORDER}test_an_append_with_inline_projections_enters_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        await transaction.gate(tenant, self._names, exclusive=False)\n",
            "",
            (f"{ORDER}test_an_append_with_inline_projections_enters_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        if committed.repeated or not builds:\n",
            "        if not builds:\n",
            (f"{MEMORY}InlineProjections::test_it_is_there_when_the_append_returns",),
        ),
        (
            'if row.fed == "inline" and row.state != "dropped"]',
            'if row.state != "dropped"]',
            (f"{MEMORY}Timings::test_a_definition_may_move_from_inline_to_catch_up_and_back",),
        ),
        (
            "            raise _refused(projection, failure.event, failure.error) from failure.error\n",
            "            pass\n",
            (f"{MEMORY}InlineProjections::test_its_failure_refuses_the_append_and_nothing_is_written",),
        ),
        (
            "        seen = [e for e in events if query.matches(e.type, _category(e), e.tags)]\n",
            "        seen = events\n",
            (f"{ORDER}test_an_append_with_inline_projections_enters_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            'names |= {r.target.projection for r in rows if r.fed == "inline" and r.state != "dropped"}',
            "pass",
            (f"{MEMORY}Timings::test_a_definition_may_move_from_inline_to_catch_up_and_back",),
        ),
    ),
    *mutants_in(
        "projections/inline_handover_async.py",
        (
            "        await transaction.gate(scope.tenant, (row.target.projection,), exclusive=True)\n        current = await _current(scope, transaction, row.target)\n        held",
            "        current = await _current(scope, transaction, row.target)\n        held",
            (f"{ORDER}test_a_handover_closes_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        await transaction.gate(scope.tenant, (row.target.projection,), exclusive=True)\n        current = await _current(scope, transaction, row.target)\n        if",
            "        current = await _current(scope, transaction, row.target)\n        if",
            (f"{ORDER}test_a_handover_closes_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        await transaction.gate(scope.tenant, (row.target.projection,), exclusive=True)\n        current = await _current(scope, transaction, row.target)\n        held",
            "        current = await _current(scope, transaction, row.target)\n        await transaction.gate(scope.tenant, (row.target.projection,), exclusive=True)\n        held",
            (f"{ORDER}test_a_handover_closes_the_gate_before_it_looks_at_the_builds",),
        ),
        (
            "        position = await _drain(scope, transaction, applier, projection, held[0].position)\n",
            "        position = head\n",
            (f"{HANDOVER}test_what_the_consumer_had_not_applied_is_in_it_and_the_consumer_rests",),
        ),
        (
            "        if await transaction.letters(scope.tenant, row.target.consumer, lane=None, limit=1):\n",
            "        if False:\n",
            (f"{HANDOVER}test_one_with_parked_events_is_left_to_its_consumer",),
        ),
        (
            'moved = [_at_rest(c, position, "paused") for c in held]',
            'moved = [_at_rest(c, position, "running") for c in held]',
            (f"{HANDOVER}test_what_the_consumer_had_not_applied_is_in_it_and_the_consumer_rests",),
        ),
        (
            "        position = head\n        async for events in _rest(scope, transaction, query, head):\n            position = events[-1].position\n",
            "        position = head\n",
            (f"{HANDOVER}test_on_the_way_back_the_consumer_goes_on_after_the_last_event",),
        ),
        (
            "event_id=None, token=row.token + 1, status=status)",
            "event_id=None, status=status)",
            (f"{HANDOVER}test_what_the_consumer_had_not_applied_is_in_it_and_the_consumer_rests",),
        ),
        (
            "position=position, event_id=None, token",
            "position=position, token",
            (f"{HANDOVER}test_what_the_consumer_had_not_applied_is_in_it_and_the_consumer_rests",),
        ),
        (
            "        after = page.position\n",
            "        return\n",
            (f"{HANDOVER}test_what_the_consumer_had_not_applied_is_in_it_and_the_consumer_rests",),
        ),
        (
            "or control.code_changed(row, projection):",
            ":",
            (f"{HANDOVER}test_one_whose_code_changed_is_not_handed_over",),
        ),
        (
            "or head - control.position_of(own, row) > _NEAR:",
            ":",
            (f"{HANDOVER}test_one_that_is_far_behind_is_left_to_its_consumer",),
        ),
        (
            'fed="consumer", timing="catch_up")',
            'fed="consumer")',
            (f"{HANDOVER}test_on_the_way_back_the_consumer_goes_on_after_the_last_event",),
        ),
    ),
    *mutants_in(
        "projections/read_model_async.py",
        (
            "if found.active == active[0] and not found.missing:",
            "if not found.missing:",
            (f"{MEMORY}ProjectionLife::test_a_reader_that_saw_the_old_version_sees_the_new_one_whole",),
        ),
        (
            "            self._active = None\n        raise",
            "        raise",
            (f"{MEMORY}ProjectionLife::test_a_reader_that_saw_the_old_version_sees_the_new_one_whole",),
        ),
    ),
    *mutants_in(
        "projections/wait_async.py",
        (
            "        if reached >= position:\n",
            "        if reached > position:\n",
            (f"{HANDOVER}test_nobody_waits_for_what_is_fed_inline",),
        ),
        (
            "    consumers = await scope.storage.consumer_rows(scope.tenant)\n    # the builds are looked at later: the one that is active now was at least where its consumer was seen before\n    rows = [r for r in await scope.storage.build_rows(scope.tenant) if r.target.projection == name]\n",
            "    rows = [r for r in await scope.storage.build_rows(scope.tenant) if r.target.projection == name]\n    consumers = await scope.storage.consumer_rows(scope.tenant)\n",
            (f"{HANDOVER}test_a_switch_between_the_two_looks_of_a_wait_is_not_taken_for_a_build_that_is_behind",),
        ),
        (
            '    if active.fed != "consumer":\n        return position, ""\n',
            "",
            (f"{HANDOVER}test_nobody_waits_for_what_is_fed_inline",),
        ),
    ),
    *mutants_in(
        "projections/verify_async.py",
        (
            "        if await self._stamp() != before:\n            return None\n",
            "",
            ("tests/unit/projections/test_meeting_lines.py::test_what_was_read_while_a_build_changed_is_not_compared",),
        ),
        (
            "        if before is None:\n            return None\n        sides",
            "        sides",
            ("tests/unit/projections/test_meeting_lines.py::test_builds_that_stand_apart_are_not_compared",),
        ),
        (
            "(c.key, c.position, c.letters) for c",
            "(c.key, c.position) for c",
            ("tests/unit/projections/test_meeting_lines.py::test_what_was_read_while_a_build_changed_is_not_compared",),
        ),
        (
            "return self.differences == self.expected and self.unsettled == 0",
            "return self.differences == self.expected",
            (
                "tests/unit/projections/test_meeting_lines.py::test_builds_of_which_something_is_unsettled_are_not_equal",
            ),
        ),
    ),
)
