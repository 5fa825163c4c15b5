"""`%s` becomes what the database takes, and only where it is a parameter."""

from __future__ import annotations

import pytest

from everfold.storage.placeholders import translate


def numbered(sql: str) -> str:
    return translate(sql, "${}".format)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("", ""),
        ("select 1", "select 1"),
        ("insert into t values (%s, %s)", "insert into t values ($1, $2)"),
        ("%s%s", "$1$2"),
        ("a %% b = %s", "a % b = $1"),
        ("a % b", "a % b"),
        ("%%s", "%s"),
        ("%%%s", "%$1"),
    ],
)
def test_each_mark_gets_its_number_and_a_doubled_percent_sign_is_one(given, wanted):
    assert numbered(given) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "'%s'",
        "'it''s %s'",
        "'50%%'",
        "E'\\'%s'",
        "e'\\\\%s'",
        '"%s"',
        '"a""%s"',
        "-- %s\n",
        "/* %s */",
        "/* a /* %s */ %s */",
        "$$ %s ' $$",
        "$body$ %s $$ %s $body$",
        "'%s",
        "/* %s",
    ],
)
def test_what_is_text_or_a_comment_stays(text):
    assert numbered(f"%s {text}") == f"$1 {text}"


@pytest.mark.parametrize("text", ["'%s'", '"%s"', "-- %s\n", "/* %s */", "$$%s$$", "E'\\'%s'"])
def test_marks_after_a_text_or_a_comment_are_counted_on(text):
    assert numbered(f"%s {text} %s") == f"$1 {text} $2"


def test_the_backslash_of_a_plain_text_is_a_character():
    assert numbered("'a\\' = %s") == "'a\\' = $1"


def test_a_word_that_ends_in_e_begins_no_text_with_backslashes():
    assert numbered("name'\\' %s") == "name'\\' $1"


def test_a_mark_may_be_the_same_for_every_number():
    assert translate("a = %s and b = %s", lambda _: "?") == "a = ? and b = ?"


def test_an_operator_of_slashes_and_stars_outside_a_comment_is_left_alone():
    assert numbered("%s / %s * %s") == "$1 / $2 * $3"
