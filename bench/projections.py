"""`python -m bench.projections`: projecting, following, rebuilding and sharing; also the last part of `python -m bench`.

A measurement is a process of its own, and the contestants take turns. Whoever projects is checked: every event once, or
there is no figure.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import projections_report, server
from .conditions import conditions

ROOT = Path(__file__).resolve().parent.parent
ENGINES = ("postgresql", "sqlite")
WORKS = ("projecting", "live", "rebuild", "sharing")
PROJECTING = (
    ("everfold", "in_python"),
    ("everfold", "declared"),
    ("everfold", "documents"),
    ("everfold", "handler"),
    ("raw", "batched"),
    ("raw", "each"),
    ("raw", "inside"),
    ("pyeventsourcing", "each"),
)
LIVE = {
    "postgresql": (
        ("everfold", "in_python"),
        ("everfold", "documents"),
        ("pyeventsourcing", "each"),
    ),
    "sqlite": (("everfold", "in_python"), ("everfold", "documents")),
}
REBUILT = ("in_python", "orders")
SHARED = ("declared", "in_python")
REBUILD_EVENTS = 1_000_000

Key = tuple[str, ...]


@dataclass
class Measured:
    """Rates, samples and memory, each by what was measured."""

    projecting: dict[Key, list[float]] = field(default_factory=dict)
    live: dict[Key, list[float]] = field(default_factory=dict)
    rebuild: dict[Key, dict[str, float]] = field(default_factory=dict)
    sharing: dict[Key, list[float]] = field(default_factory=dict)
    events: int = REBUILD_EVENTS


@dataclass
class Bench:
    """Where it measures, and what it found."""

    postgres: str
    folder: Path
    peers: bool
    found: Measured

    def fresh(self, engine: str, name: str) -> str:
        """An empty database; its URL."""
        if engine == "postgresql":
            return server.fresh_database(self.postgres, f"bench_{name}")
        for path in self.folder.glob(f"{name}.db*"):
            path.unlink()
        return f"sqlite:///{self.folder.resolve()}/{name}.db"

    def run(self, who: str, function: str, *arguments: str) -> Any:
        """What the function says, in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.one_projected", f"projecting_{who}", function, *arguments],
            capture_output=True, text=True, check=False, cwd=ROOT, timeout=300,
        )  # fmt: skip
        if done.returncode != 0:
            last = done.stderr.strip().splitlines() or ["ended without a word"]
            raise RuntimeError(f"{who} {function}: {last[-1]}")
        return json.loads(done.stdout.strip().splitlines()[-1])

    def contestant(self, who: str) -> bool:
        return self.peers or who != "pyeventsourcing"


def measure(postgres: str, folder: Path, arguments: argparse.Namespace) -> str:
    """All of it; the tables as Markdown."""
    bench = Bench(postgres, folder, arguments.peers, Measured(events=arguments.rebuild))
    wanted = [w for w in WORKS if not arguments.parts or w in arguments.parts]
    steps: dict[str, Callable[[Bench, int], None]] = {
        "projecting": _projecting,
        "live": _live,
        "rebuild": _rebuild,
        "sharing": _sharing,
    }
    for work in wanted:
        if work != "rebuild" or arguments.rebuild:
            steps[work](bench, arguments.repeats)
    return projections_report.markdown(bench.found)


def _projecting(bench: Bench, repeats: int) -> None:
    places = {(who, engine): bench.fresh(engine, f"p_{who}") for who in ("everfold", "raw") for engine in ENGINES}
    for (who, _), url in places.items():
        bench.run(who, "prepare", url)
    for turn in range(repeats):
        for engine in ENGINES:
            for who, way in PROJECTING:
                if not bench.contestant(who):
                    continue
                url = places.get((who, engine)) or bench.fresh(engine, "p_peer")
                rate = bench.run(who, way, url, str(turn + 1))
                bench.found.projecting.setdefault((engine, who, way), []).append(rate)
                _say(f"{turn + 1}/{repeats} project {engine:10} {who:16} {way:10} {rate:12,.0f} events/s")


def _live(bench: Bench, repeats: int) -> None:
    for engine in ENGINES:
        for who, kind in LIVE[engine]:
            if not bench.contestant(who):
                continue
            samples = bench.run(who, "live", bench.fresh(engine, f"l_{who}"), kind)
            bench.found.live[engine, who, kind] = samples
            p50, p99 = projections_report.percentiles(samples)
            _say(f"live {engine:10} {who:16} {kind:10} p50 {p50:.2f} p99 {p99:.2f} ms")


def _rebuild(bench: Bench, repeats: int) -> None:
    for engine in ENGINES:
        url = bench.fresh(engine, "long")
        bench.run("everfold", "fill", url, str(bench.found.events))
        for kind in REBUILT:
            found = bench.run("everfold", "rebuild", url, kind, str(bench.found.events))
            bench.found.rebuild[engine, kind] = found
            _say(f"rebuild {engine:10} {kind:10} {found['rate']:12,.0f} events/s, {found['memory'] / 1e6:.0f} MB")


def _sharing(bench: Bench, repeats: int) -> None:
    for turn in range(repeats):
        for kind in SHARED:
            for processes in ("1", "2"):
                rate = bench.run("everfold", "shared", bench.fresh("postgresql", "shared"), kind, processes)
                bench.found.sharing.setdefault((kind, processes), []).append(rate)
                _say(f"{turn + 1}/{repeats} share {kind:10} {processes} process(es) {rate:12,.0f} events/s")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main() -> int:
    arguments = _arguments()
    with (
        server.postgres() as url,
        tempfile.TemporaryDirectory(prefix="everfold-bench-", dir=arguments.folder) as folder,
    ):
        tables = measure(url, Path(folder), arguments)
        text = "\n".join(f"- {line}" for line in conditions(url)) + "\n\n" + tables
    print(text)
    if arguments.write:
        projections_report.write(Path(arguments.write), text)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.projections", description=__doc__)
    parser.add_argument("--repeats", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--parts", nargs="*", choices=WORKS, help="only these parts")
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="only everfold and the raw drivers")
    parser.add_argument(
        "--rebuild", type=int, default=REBUILD_EVENTS, metavar="EVENTS", help="length of the log to rebuild; 0: none"
    )
    parser.add_argument("--folder", help="where SQLite files go (the disk to measure)")
    parser.add_argument("--write", metavar="FILE", help="put the tables between the markers of this page")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
