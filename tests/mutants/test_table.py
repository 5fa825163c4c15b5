"""The table of mutants holds still: each line is where it says, and each test exists. (The mutants run by themselves.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from .mutant import Mutant
from .table import MUTANTS

ROOT = Path(__file__).resolve().parents[2]
IDS = [f"{mutant.file}:{mutant.mutated.strip()[:40]}" for mutant in MUTANTS]


@pytest.mark.parametrize("mutant", MUTANTS, ids=IDS)
def test_the_line_of_a_mutant_stands_in_its_file_exactly_once(mutant: Mutant):
    assert (ROOT / "src" / "everfold" / mutant.file).read_text().count(mutant.line) == 1


def test_no_mutant_stands_twice():
    assert len({(m.file, m.line, m.mutated) for m in MUTANTS}) == len(MUTANTS)


def test_each_mutant_changes_its_line_and_names_a_test():
    assert [mutant for mutant in MUTANTS if mutant.line == mutant.mutated or not mutant.tests] == []


def test_each_test_of_the_table_exists():
    sources = [*(ROOT / "tests").glob("**/*.py"), *(ROOT / "src/everfold/testing").glob("**/*_async.py")]
    written = "\n".join(path.read_text() for path in sources)
    named = {test for mutant in MUTANTS for test in mutant.tests}
    assert [test for test in named if f"def {test.rpartition('::')[2]}(" not in written] == []
    assert [test for test in named if not (ROOT / test.partition("::")[0]).exists()] == []
