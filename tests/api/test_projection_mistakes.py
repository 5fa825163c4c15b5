"""What a user gets wrong in a projection is told when it is defined or when the store opens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.api.hotel_of_the_page import ChargeRecorded, GuestCheckedIn, module, occupancy, revenue

import everfold as ef


def table(columns: dict[str, Any] | None = None, **options: Any) -> ef.TableProjection:
    """A table of days, with what a test gets wrong in it."""
    columns = columns or {"day": ef.Date, "amount": ef.Numeric(14, 2)}
    return ef.TableProjection("days", **({"version": 1, "columns": columns, "key": ["day"]} | options))


def unknown_key() -> Any:
    return table(key=["dya"]).on(ChargeRecorded).increment(amount="amount").at(dya="charged_on")


def no_key_given() -> Any:
    wrong = table()
    wrong.on(ChargeRecorded).increment(amount="amount")
    return wrong


def unknown_column() -> Any:
    wrong = table()
    wrong.on(ChargeRecorded).increment(amuont="amount").at(day="charged_on")
    return wrong


def unknown_field() -> Any:
    wrong = table()
    wrong.on(ChargeRecorded).increment(amount="amuont").at(day="charged_on")
    return wrong


def unknown_field_in_key() -> Any:
    wrong = table()
    wrong.on(ChargeRecorded).increment(amount="amount").at(day="chargd_on")
    return wrong


def number_of_a_date() -> Any:
    wrong = table()
    wrong.on(ChargeRecorded).increment(amount="charged_on").at(day="charged_on")
    return wrong


def increment_of_a_text() -> Any:
    wrong = table({"day": ef.Date, "kind": ef.Text})
    wrong.on(ChargeRecorded).increment(kind="kind").at(day="charged_on")
    return wrong


def no_rules() -> Any:
    return table()


def rule_without_an_operation() -> Any:
    wrong = table()
    wrong.on(ChargeRecorded).at(day="charged_on")
    return wrong


def no_handlers() -> Any:
    return ef.DocumentProjection("rooms", version=1, key=lambda e: "x")


def no_columns() -> Any:
    return ef.TableProjection("days", version=1, columns={}, key=["day"])


def no_key_columns() -> Any:
    return table(key=[])


def type_no_column_has() -> Any:
    return table({"day": ef.Date, "amount": float})


def version_zero() -> Any:
    return occupancy(version=0)


def timing_as_a_text() -> Any:
    return occupancy(timing="sometimes")


def policy_as_a_class() -> Any:
    return occupancy(on_error=ef.Park)


def handler_of_five() -> Any:
    wrong = ef.DocumentProjection("rooms", version=1, key=lambda e: "x")

    @wrong.on(GuestCheckedIn)
    def five(document: Any, event: Any, recorded: Any, others: Any, more: Any) -> Any:
        return {}

    return wrong


def two_handlers_of_one_type() -> Any:
    wrong = occupancy()

    @wrong.on(GuestCheckedIn)
    def again(document: Any, event: Any, recorded: Any) -> Any:
        return {}

    return wrong


def type_that_is_misspelt() -> Any:
    wrong = ef.DocumentProjection("rooms", version=1, key=lambda e: "x")

    @wrong.on("guest_cheked_in")
    def arrived(document: Any, event: Any, recorded: Any) -> Any:
        return {}

    return wrong


def class_no_module_knows() -> Any:
    class Stranger:
        pass

    wrong = ef.DocumentProjection("rooms", version=1, key=lambda e: "x")

    @wrong.on(Stranger)
    def arrived(document: Any, event: Any, recorded: Any) -> Any:
        return {}

    return wrong


def option_that_is_misspelt() -> Any:
    return occupancy(on_eror=ef.Park())


def name_with_spaces() -> Any:
    return ef.DocumentProjection("drop table; rooms", version=1)


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (unknown_key, "dya"),
    (no_key_given, "day"),
    (unknown_column, "amuont"),
    (unknown_field, "amuont"),
    (unknown_field_in_key, "chargd_on"),
    (number_of_a_date, "amount"),
    (increment_of_a_text, "kind"),
    (no_rules, "days"),
    (rule_without_an_operation, "days"),
    (no_handlers, "rooms"),
    (no_columns, "days"),
    (no_key_columns, "key"),
    (type_no_column_has, "amount"),
    (version_zero, "version"),
    (timing_as_a_text, "timing"),
    (policy_as_a_class, "on_error"),
    (handler_of_five, "five"),
    (two_handlers_of_one_type, "occupancy"),
    (type_that_is_misspelt, "guest_cheked_in"),
    (class_no_module_knows, "Stranger"),
    (option_that_is_misspelt, "on_eror"),
    (name_with_spaces, "drop table"),
]


@pytest.mark.parametrize(("mistake", "told"), MISTAKES, ids=lambda part: getattr(part, "__name__", ""))
def test_a_mistake_is_told_before_anything_runs(mistake: Callable[[], Any], told: str) -> None:
    with pytest.raises((ef.EverfoldError, TypeError), match=told), ef.EventStore.open("memory://", module(mistake())):
        pass


def test_one_version_twice_is_refused() -> None:
    with (
        pytest.raises(ef.ConfigurationError, match="occupancy"),
        ef.EventStore.open("memory://", module(occupancy(), occupancy())),
    ):
        pass


def test_a_name_of_two_modules_projections_is_refused() -> None:
    other = ef.Module("other")
    other.add(revenue())
    with (
        pytest.raises(ef.ConfigurationError, match="revenue"),
        ef.EventStore.open("memory://", module(revenue()), other),
    ):
        pass


def test_all_mistakes_are_told_at_once() -> None:
    with (
        pytest.raises(ef.ConfigurationError) as caught,
        ef.EventStore.open("memory://", module(unknown_column(), type_that_is_misspelt())),
    ):
        pass
    assert "amuont" in str(caught.value)
    assert "guest_cheked_in" in str(caught.value)


def test_a_column_that_rows_is_asked_for_and_is_not_there_is_told() -> None:
    days = revenue()
    with ef.EventStore.open("memory://", module(days)) as store:
        ef.Worker(store).run_until_caught_up()
        for ask in (
            lambda: store.read_model(days).find(where={"amuont": 1}),
            lambda: store.read_model(days).rows(order_by="amuont"),
            lambda: store.read_model(days).count(where={"amuont >": 1}),
        ):
            with pytest.raises((ef.EverfoldError, ValueError), match="amuont"):
                ask()


def test_rows_of_documents_are_refused_with_what_to_use() -> None:
    rooms = occupancy()
    with ef.EventStore.open("memory://", module(rooms)) as store, pytest.raises(Exception, match="find"):
        store.read_model(rooms).rows()
