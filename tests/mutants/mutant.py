"""What a row of the tables of mutants says."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """In `file` (below src/everfold) `line` becomes `mutated`; then each of `tests` fails."""

    file: str
    line: str
    mutated: str
    tests: tuple[str, ...]


def mutants_in(file: str, *mutants: tuple[str, str, tuple[str, ...]]) -> tuple[Mutant, ...]:
    """Mutants of one file: (line, mutated, tests) each."""
    return tuple(Mutant(file, line, mutated, tests) for line, mutated, tests in mutants)
