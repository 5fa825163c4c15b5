"""The tests whose worth grows with their length: storms of writers and readers, and generated properties.

    EVERFOLD_STORM_EVENTS=100000 python tools/soak.py [pytest's own options]

A storm is found by what it reads: a test file that names EVERFOLD_STORM_EVENTS or the fixture `storm_events`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIGNS = ("EVERFOLD_STORM_EVENTS", "storm_events", "from hypothesis import")


def files() -> list[Path]:
    tests = sorted(path for tree in ("tests", "src/everfold/testing") for path in (ROOT / tree).glob("**/test_*.py"))
    return [path for path in tests if any(sign in path.read_text() for sign in SIGNS)]


def main() -> int:
    chosen = files()
    events = os.environ.get("EVERFOLD_STORM_EVENTS", "the tests' own number of")
    print(f"{len(chosen)} files, {events} events in each storm", flush=True)
    command = [sys.executable, "-m", "pytest", "--hypothesis-profile=soak", "--durations=10", *sys.argv[1:]]
    return subprocess.run([*command, *map(str, chosen)], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
