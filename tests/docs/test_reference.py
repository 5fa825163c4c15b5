"""The reference is complete: every public name, error and limit has its line, and no page names what is gone."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import everfold
from everfold import errors, limits

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference"
ERRORS = set(errors.__all__)


def named_in_tables(page: str) -> set[str]:
    """The names in the first column of the page's tables."""
    rows = [line for line in (PAGES / page).read_text().splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}


def test_every_public_name_is_in_the_reference():
    assert named_in_tables("api.md") == set(everfold.__all__) - ERRORS


def test_every_error_is_in_the_reference():
    assert named_in_tables("errors.md") == ERRORS - {"EverfoldError"}


def test_every_limit_is_in_the_reference():
    constants = {name for name in vars(limits) if name.isupper()}
    assert named_in_tables("limits.md") == constants | {field.name for field in dataclasses.fields(limits.Limits)}


def test_the_defaults_in_the_reference_are_those_of_the_code():
    page = (PAGES / "limits.md").read_text()
    shown = dict(re.findall(r"^\| `(\w+)` \| ([\d,]+) \|", page, flags=re.MULTILINE))
    assert shown == {field.name: f"{field.default:,}" for field in dataclasses.fields(limits.Limits)}


def test_every_page_of_the_reference_is_in_its_index():
    linked = set(re.findall(r"\]\((\w[\w-]*\.md)\)", (PAGES / "README.md").read_text()))
    assert linked == {path.name for path in PAGES.glob("*.md")} - {"README.md"}
