"""`python -m bench`: every contestant on every workload, in turns, three times; medians, spread and ratios.

A measurement is a process of its own. The turns are interleaved, so that what else the machine does falls on all of
them alike. A ratio is the median of everfold over the median of the raw driver in the same run.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import growth, projections, projections_report, report, server
from .conditions import conditions

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent


@dataclass(frozen=True)
class Workload:
    name: str
    title: str
    unit: str
    goal: str
    engines: tuple[str, ...] = ("postgresql", "sqlite")
    against: str = "raw"


WORKLOADS = [
    Workload(
        "append_1",
        "append 1 event, expected version, one caller",
        "appends/s",
        "PostgreSQL ≥ 0.85, SQLite ≥ 0.8 of raw",
    ),
    Workload(
        "append_16",
        "the same, 16 callers in one process",
        "appends/s",
        "≥ 1.0 of raw with 16 connections",
        ("postgresql",),
    ),
    Workload("append_128", "the same, 128 callers in one process", "appends/s", "PostgreSQL ≥ 3, SQLite ≥ 8 of raw"),
    Workload("batch_10", "append 10 events at once", "events/s", "≥ 1.0 of raw"),
    Workload("batch_1000", "append 1,000 events at once", "events/s", "≥ 1.0 of raw"),
    Workload("load_100", "load a stream of 100 and fold", "loads/s", "≥ 1.0 of raw"),
    Workload("command_1", "command: load 10, decide, append 1, one caller", "commands/s", "≥ 1.0 of raw"),
    Workload("command_1_cached", "the same with the state cache", "commands/s", "≥ 1.0 of raw", against="command_1"),
    Workload("command_16", "command, 16 callers", "commands/s", "≥ 2 of raw with the cache", ("postgresql",)),
    Workload(
        "command_16_cached", "the same with the state cache", "commands/s", "≥ 2 of raw", ("postgresql",), "command_16"
    ),
    Workload(
        "catch_up", "catch-up read, typed events with envelope", "events/s", "PostgreSQL ≥ 180k/s, SQLite ≥ 250k/s"
    ),
]
RAW = {"postgresql": "raw_postgres", "sqlite": "raw_sqlite"}


@dataclass
class Contestant:
    name: str
    engine: str
    command: list[str]
    url: str
    rates: dict[str, list[float]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def measure(self, workload: str, seconds: float) -> float:
        done = subprocess.run(
            [*self.command, workload, self.url, str(seconds)],
            capture_output=True, text=True, check=False, cwd=ROOT, timeout=60 + 10 * seconds,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "ended without a word")
        return float(json.loads(done.stdout.strip().splitlines()[-1]))


def main() -> int:
    arguments = _arguments()
    with (
        server.postgres() as url,
        tempfile.TemporaryDirectory(prefix="everfold-bench-", dir=arguments.folder) as folder,
    ):
        contestants = _contestants(url, Path(folder), arguments.peers)
        wanted = [w for w in WORKLOADS if not arguments.only or w.name in arguments.only]
        _prepare(contestants)
        for turn in range(arguments.repeats):
            for workload in wanted:
                _turn(contestants, workload, arguments.seconds, f"{turn + 1}/{arguments.repeats}")
        described = conditions(url)
        grown = growth.measure(url, Path(folder), arguments.grow) if arguments.grow else []
        projected = projections.measure(url, Path(folder), arguments) if arguments.projections else ""
    text = report.markdown(wanted, contestants, grown, described, RAW)
    print(text + projected)
    if arguments.write:
        report.write(Path(arguments.write), text)
    if arguments.write and projected:
        projections_report.write(
            Path(arguments.write), "\n".join(f"- {line}" for line in described) + "\n\n" + projected
        )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a timed window")
    parser.add_argument("--repeats", type=int, default=3, help="turns; the median counts")
    parser.add_argument("--only", nargs="*", metavar="WORKLOAD", help=", ".join(w.name for w in WORKLOADS))
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="only everfold and the raw drivers")
    parser.add_argument(
        "--grow", type=int, default=0, metavar="EVENTS", help="also measure growth up to so many events"
    )
    parser.add_argument(
        "--no-projections",
        dest="projections",
        action="store_false",
        help="leave out the part of `python -m bench.projections`",
    )
    parser.add_argument("--parts", nargs="*", choices=projections.WORKS, help="only these parts of the projections")
    parser.add_argument(
        "--rebuild",
        type=int,
        default=projections.REBUILD_EVENTS,
        metavar="EVENTS",
        help="length of the log to rebuild; 0: none",
    )
    parser.add_argument("--folder", help="where SQLite files go (the disk to measure)")
    parser.add_argument("--write", metavar="FILE", help="put the tables between the markers of this page")
    arguments = parser.parse_args()
    arguments.projections = arguments.projections and (not arguments.only or bool(arguments.parts))
    return arguments


def _contestants(url: str, folder: Path, peers: bool) -> list[Contestant]:
    python = [sys.executable, "-m", "bench.one"]

    def on(name: str, engine: str, module: str) -> Contestant:
        place = (
            server.fresh_database(url, f"bench_{module}")
            if engine == "postgresql"
            else f"sqlite:////{folder}/{module}.db"
        )
        place = place.replace("sqlite://////", "sqlite:////")
        return Contestant(name, engine, [*python, module], place)

    found = []
    for engine in ("postgresql", "sqlite"):
        found.append(on("raw driver", engine, RAW[engine]))
        found.append(on("everfold", engine, "everfold_store"))
        if peers:
            found.append(on("pyeventsourcing", engine, "pyeventsourcing"))
    node = _emmett() if peers else None
    if node:
        found.append(Contestant("Emmett", "postgresql", node, server.fresh_database(url, "bench_emmett")))
    return found


def _emmett() -> list[str] | None:
    """Node's command, with Emmett installed below .cache; None, said aloud, where that can't be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        print("Emmett is left out: Node is not installed.", file=sys.stderr)
        return None
    place = ROOT / ".cache" / "emmett"
    place.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "bench.mjs"):
        shutil.copy(HERE / "emmett" / name, place)
    done = subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=place, capture_output=True, check=False)
    if done.returncode != 0:
        print("Emmett is left out: npm could not install it.", file=sys.stderr)
        return None
    return [node, str(place / "bench.mjs")]


def _prepare(contestants: list[Contestant]) -> None:
    for contestant in contestants:
        print(f"preparing {contestant.name} on {contestant.engine} …", file=sys.stderr, flush=True)
        contestant.measure("prepare", 60)


def _turn(contestants: list[Contestant], workload: Workload, seconds: float, turn: str) -> None:
    for contestant in contestants:
        if contestant.engine not in workload.engines:
            continue
        if workload.against != "raw" and contestant.name != "everfold":
            continue
        if workload.name in contestant.missing:
            continue
        try:
            rate = contestant.measure(workload.name, seconds)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            contestant.missing[workload.name] = str(error)
            print(f"{turn} {workload.name} {contestant.engine} {contestant.name} failed: {error}", file=sys.stderr)
            if contestant.name == "everfold":
                raise
            continue
        contestant.rates.setdefault(workload.name, []).append(rate)
        print(
            f"{turn} {workload.name:18} {contestant.engine:10} {contestant.name:16} {rate:12,.0f}",
            file=sys.stderr,
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
