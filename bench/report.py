"""The tables: medians with their spread, ratios to the raw driver and to the fastest peer, and growth."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

BEGIN = "<!-- bench: begin -->"
END = "<!-- bench: end -->"


def markdown(
    workloads: list[Any], contestants: list[Any], grown: list[Any], conditions: list[str], raw: dict[str, str]
) -> str:
    """Everything that was measured in this run."""
    parts = ["\n".join(f"- {line}" for line in conditions)]
    for engine, title in (("postgresql", "PostgreSQL"), ("sqlite", "SQLite")):
        ours = [c for c in contestants if c.engine == engine]
        parts.append(f"### {title}\n\n" + _table(workloads, ours, engine))
    if grown:
        parts.append("### Growth\n\n" + _growth(grown))
    return "\n\n".join(parts) + "\n"


def write(page: Path, text: str) -> None:
    """Put the text between the page's markers, and leave the rest."""
    between(page, BEGIN, END, text)


def between(page: Path, begin: str, end: str, text: str) -> None:
    """The same for any pair of markers."""
    old = page.read_text()
    head, tail = old[: old.index(begin) + len(begin)], old[old.index(end) :]
    page.write_text(f"{head}\n\n{text}\n{tail}")


def _table(workloads: list[Any], contestants: list[Any], engine: str) -> str:
    names = [c.name for c in contestants]
    lines = [
        "| work | " + " | ".join(names) + " | everfold / raw | everfold / fastest peer | goal |",
        "|---|" + "---:|" * len(names) + "---:|---:|---|",
    ]
    lines += [_row(workload, contestants) for workload in workloads if engine in workload.engines]
    return "\n".join(lines)


def _row(workload: Any, contestants: list[Any]) -> str:
    compared = workload.name if workload.against == "raw" else workload.against
    by_name = {c.name: c for c in contestants}
    cells = [_cell(c.rates.get(workload.name if c.name == "everfold" else compared)) for c in contestants]
    ours = _median(by_name["everfold"], workload.name)
    raw = _median(by_name["raw driver"], compared)
    peers = [_median(c, compared) for c in contestants if c.name not in ("everfold", "raw driver")]
    best = max((rate for rate in peers if rate), default=None)
    ratios = [_ratio(ours, raw), _ratio(ours, best)]
    return f"| {workload.title} ({workload.unit}) | " + " | ".join([*cells, *ratios, workload.goal]) + " |"


def _median(contestant: Any, workload: str) -> float | None:
    rates = contestant.rates.get(workload)
    return median(rates) if rates else None


def _cell(rates: list[float] | None) -> str:
    if not rates:
        return "–"
    return f"{_number(median(rates))} [{_number(min(rates))}–{_number(max(rates))}]"


def _number(rate: float) -> str:
    return f"{rate:,.0f}" if rate < 100_000 else f"{rate / 1000:,.0f}k"


def _ratio(ours: float | None, other: float | None) -> str:
    return f"**{ours / other:.2f}**" if ours and other else "–"


def _growth(grown: list[Any]) -> str:
    lines = [
        "| engine | events stored | append 1, p50 / p99 µs | load 14, p50 µs | tail read, events/s | bytes an event |"
    ]
    lines.append("|---|---:|---:|---:|---:|---:|")
    lines += [
        f"| {g.engine} | {g.events:,} | {g.append_p50:.0f} / {g.append_p99:.0f} | {g.load_p50:.0f} | {_number(g.tail)} | {g.size / g.events:.0f} |"
        for g in grown
    ]
    return "\n".join(lines)
