"""Apply one mutant of `tests/mutants/table.py` after the other, and name those that no test notices.

    python tools/mutants.py              all of them
    python tools/mutants.py load cache   those of files whose path holds one of the words

Each mutant lives in a copy of src of its own, which its tests import. Exit code 1 when one survives: a test that the
table names did not fail. The tests themselves are run once on the unchanged source before: there they must pass.
"""

from __future__ import annotations

import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "tests" / "mutants"
SECONDS_MAX = 60
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
OPTIONS = ("-q", "-rfE", "--tb=no", "-p", "no:cacheprovider", "-p", "no:randomly", "--hypothesis-profile=mutants")


def table() -> ModuleType:
    """The table, as a module of a package of its own: it imports its neighbours."""
    package = ModuleType("mutants_of_everfold")
    package.__path__ = [str(TABLES)]
    sys.modules[package.__name__] = package
    return importlib.import_module(f"{package.__name__}.table")


class Mutant(Protocol):
    """A row of the table: in `file`, `line` becomes `mutated`, and each of `tests` must fail."""

    file: str
    line: str
    mutated: str
    tests: Sequence[str]


def mutate(text: str, mutant: Mutant) -> str:
    """The file's text with the mutant in it. Raises ValueError unless the line stands there exactly once."""
    if text.count(mutant.line) != 1:
        raise ValueError(f"{mutant.file}: {mutant.line.strip()!r} stands there {text.count(mutant.line)} times")
    return text.replace(mutant.line, mutant.mutated)


def failures(source: Path, tests: Iterable[str]) -> set[str]:
    """The ids of the tests that fail with `source` as the package's folder; all of them when they never end."""
    given = list(tests)
    environment = {**os.environ, "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", *OPTIONS, *given]
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        return set(given)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest gave up ({done.returncode}):\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return set(FAILED.findall(done.stdout))


def survives(mutant: Mutant) -> list[str]:
    """The tests of the mutant that did not fail on it, or why it could not be tried."""
    with tempfile.TemporaryDirectory(prefix="everfold-mutant-") as folder:
        source = Path(folder) / "src"
        shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        path = source / "everfold" / mutant.file
        try:
            path.write_text(mutate(path.read_text(), mutant))
            failed = failures(source, mutant.tests)
        except (ValueError, RuntimeError) as error:
            return [str(error)]
    return [test for test in mutant.tests if not any(one == test or one.startswith(f"{test}[") for one in failed)]


def told(mutant: Mutant, quiet_tests: list[str]) -> bool:
    """Say what became of the mutant; whether it was caught."""
    change = f"{mutant.line.strip()}  →  {mutant.mutated.strip() or '(nothing)'}"
    print(f"{'survives' if quiet_tests else 'caught':8} {mutant.file}: {change}", flush=True)
    for test in quiet_tests:
        print(f"         not by {test}", flush=True)
    return not quiet_tests


def main(words: list[str]) -> int:
    mutants = [m for m in table().MUTANTS if not words or any(word in m.file for word in words)]
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    broken = failures(ROOT / "src", tests) if tests else set()
    if broken:
        print("these fail without any mutant:", *sorted(broken), sep="\n  ", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        caught = [told(mutant, quiet) for mutant, quiet in zip(mutants, pool.map(survives, mutants), strict=True)]
    print(f"{sum(caught)} of {len(mutants)} mutants caught")
    return 0 if all(caught) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
