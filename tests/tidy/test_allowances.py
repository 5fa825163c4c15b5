"""The list of exceptions itself: each has a rule and a reason, and goes when it is not needed."""

from __future__ import annotations

RULES = {
    "any_in_public_signatures",
    "chance",
    "clocks",
    "drivers",
    "long_functions",
    "many_parameters",
    "swallowed_errors",
    "unimported_modules",
    "words",
}


def test_every_exception_belongs_to_a_rule(refuse):
    assert refuse.granted.keys() == RULES


def test_every_exception_has_its_reason(refuse):
    short = [key for keys in refuse.granted.values() for key, reason in keys.items() if len(reason.split()) < 3]
    assert short == []


def test_an_exception_covers_its_finding_and_no_other(refuse):
    assert refuse.left(["a.b: why", "a.c"], {"a.b": "granted"}, "rule") == ["a.c"]


def test_a_star_in_an_exception_stands_for_any_text(refuse):
    assert refuse.left(["a.b", "x.b.c", "b"], {"a.*": "granted", "*.c": "granted"}, "rule") == ["b"]


def test_an_exception_that_nothing_needs_is_a_finding(refuse):
    assert refuse.left([], {"a": "granted"}, "rule") == ["allowances.toml: 'a' of [rule] is not needed any more"]
