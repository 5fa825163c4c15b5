"""The changelog's form: newest first, Unreleased on top, six fixed headings in their order."""

from __future__ import annotations

import re

import pytest

HEADINGS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


@pytest.fixture(scope="module")
def releases(root) -> dict[str, list[str]]:
    """Release → its headings, in the order of the file."""
    found: dict[str, list[str]] = {}
    for line in (root / "CHANGELOG.md").read_text().splitlines():
        if match := re.match(r"## \[?([^\]\s]+)", line):
            found[match[1]] = []
        elif match := re.match(r"### (.+)", line):
            found[list(found)[-1]].append(match[1])
    return found


def test_what_is_not_released_stands_first_under_all_six_headings(releases):
    assert next(iter(releases.items())) == ("Unreleased", HEADINGS)


def test_a_release_uses_the_six_headings_only_and_in_their_order(releases):
    disorder = {name: used for name, used in releases.items() if used != [h for h in HEADINGS if h in used]}
    assert disorder == {}
