"""Every check that runs no test: style, format, twins, layers, types. Calm when all is well.

    python tools/lint.py            run them all; what fails shows its output, and the rest still runs

Two run at a time. The exit code is 1 when any of them failed.
"""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TYPED = ["src", "tools", "tests/typing", "examples"]


@dataclass(frozen=True)
class Check:
    name: str
    command: list[str]


@dataclass(frozen=True)
class Outcome:
    check: Check
    code: int
    output: str
    seconds: float


def checks() -> list[Check]:
    """The slow ones first, so that the short ones fill the gaps."""
    typed = [folder for folder in TYPED if (ROOT / folder).exists()]
    return [
        Check("types (mypy)", [tool("mypy"), *typed]),
        Check("types (pyright)", [tool("pyright"), "--pythonpath", sys.executable]),
        Check("style", [tool("ruff"), "check", "--output-format=concise", "."]),
        Check("format", [tool("ruff"), "format", "--check", "--output-format=concise", "."]),
        Check("layers", [tool("lint-imports"), "--no-cache", "--no-logo"]),
        Check("twins", [sys.executable, "tools/unasync.py", "--check"]),
    ]


def tool(name: str) -> str:
    beside = BIN / name
    return str(beside) if beside.exists() else name


def run(check: Check) -> Outcome:
    start = time.perf_counter()
    done = subprocess.run(check.command, capture_output=True, text=True, cwd=ROOT, check=False)
    return Outcome(check, done.returncode, done.stdout + done.stderr, time.perf_counter() - start)


def report(outcome: Outcome) -> None:
    verdict = "ok" if outcome.code == 0 else "FAILED"
    print(f"{outcome.check.name:<16} {verdict:<7} {outcome.seconds:5.1f} s", flush=True)
    if outcome.code != 0:
        print("\n".join(f"    {line}" for line in outcome.output.strip().splitlines()), flush=True)


def main() -> int:
    with ThreadPoolExecutor(max_workers=2) as pool:
        outcomes = []
        for outcome in pool.map(run, checks()):
            report(outcome)
            outcomes.append(outcome)
    return int(any(outcome.code for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
