"""The tables of `bench.projections`: a row for each way to project, its rate beside the raw driver's and the peer's."""

from __future__ import annotations

from pathlib import Path
from statistics import median, quantiles
from typing import Any

from .report import _cell, _number, _ratio, between

BEGIN = "<!-- bench of projections: begin -->"
END = "<!-- bench of projections: end -->"
TITLES = {"postgresql": "PostgreSQL", "sqlite": "SQLite"}
PROJECTED = {
    "in_python": ("a declared table, in Python", "batched", "≥ 80k/s"),
    "declared": ("a declared table, inside the database", "inside", "PostgreSQL ≥ 300k/s"),
    "documents": ("documents", "batched", "≥ 80k/s"),
    "handler": ("a handler, one statement an event", "each", "≥ 80k/s"),
}
NAMES = {kind: title for kind, (title, _, _) in PROJECTED.items()} | {
    "orders": "documents, one for ten events",
    "each": "one row and its tracking an event",
}


def markdown(found: Any) -> str:
    """Everything that was measured in this run."""
    parts = []
    if found.projecting:
        parts.append("### Projecting 100,000 events, exactly once (events/s)\n\n" + _projecting(found.projecting))
    if found.live:
        parts.append("### Append → projected, live (ms)\n\n" + _live(found.live))
    if found.rebuild:
        parts.append(f"### Rebuilding a log of {found.events:,} events\n\n" + _rebuild(found.rebuild))
    if found.sharing:
        parts.append("### Two processes, PostgreSQL (events/s)\n\n" + _sharing(found.sharing))
    return "\n\n".join(parts) + "\n"


def write(page: Path, text: str) -> None:
    """Put the text between the page's markers, and leave the rest."""
    between(page, BEGIN, END, text)


def percentiles(samples: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    cuts = quantiles(samples, n=100)
    return cuts[49], cuts[98]


def _projecting(rates: dict[tuple[str, ...], list[float]]) -> str:
    lines = [
        "| engine | into | everfold | raw driver, the same way | pyeventsourcing | everfold / raw | everfold / pyeventsourcing | goal |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    ]
    for engine, title in TITLES.items():
        for kind, (what, raw, goal) in PROJECTED.items():
            contestants = [("everfold", kind), ("raw", raw), ("pyeventsourcing", "each")]
            found = [rates.get((engine, *contestant)) for contestant in contestants]
            ours, *others = [median(f) if f else None for f in found]
            cells = [*(_cell(f) for f in found), *(_ratio(ours, other) for other in others)]
            lines.append(f"| {title} | {what} | " + " | ".join(cells) + f" | {goal} |")
    return "\n".join(lines)


def _live(samples: dict[tuple[str, ...], list[float]]) -> str:
    lines = ["| engine | contestant | into | p50 | p99 | goal |", "|---|---|---|---:|---:|---|"]
    for (engine, who, kind), found in samples.items():
        p50, p99 = percentiles(found)
        goal = "p50 ≤ 3, p99 ≤ 15" if who == "everfold" else ""
        lines.append(f"| {TITLES[engine]} | {who} | {NAMES[kind]} | {p50:.2f} | {p99:.2f} | {goal} |")
    return "\n".join(lines)


def _rebuild(found: dict[tuple[str, ...], dict[str, float]]) -> str:
    lines = [
        "| engine | into | events/s | peak memory of the process | before the rebuild | goal |",
        "|---|---|---:|---:|---:|---|",
    ]
    lines += [
        f"| {TITLES[engine]} | {NAMES[kind]} | {_number(f['rate'])} | {_megabytes(f['memory'])} | {_megabytes(f['before'])} | ≤ 150 MB |"
        for (engine, kind), f in found.items()
    ]
    return "\n".join(lines)


def _megabytes(size: float) -> str:
    return f"{size / 1e6:.0f} MB"


def _sharing(rates: dict[tuple[str, ...], list[float]]) -> str:
    lines = ["| into | one process | two processes | two / one | goal |", "|---|---:|---:|---:|---|"]
    for kind in dict.fromkeys(kind for kind, _ in rates):
        one, two = (rates.get((kind, processes)) for processes in ("1", "2"))
        ratio = _ratio(median(two) if two else None, median(one) if one else None)
        lines.append(f"| {NAMES[kind]} | {_cell(one)} | {_cell(two)} | {ratio} | ≥ 1.6 |")
    return "\n".join(lines)
