"""The budgets: what fits in the eye."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator

import pytest

FUNCTION_LINES_MAX = 70
FUNCTION_LINES_FREE = 60
BODY_LINES_MEDIAN_MAX = 6
FILE_LINES_MAX = 500
FILE_LINES_MEDIAN_MAX = 150
POSITIONAL_MAX = 5


def lines(function) -> int:
    return function.end_lineno - function.lineno + 1


def body(function) -> list[ast.stmt]:
    """Without the docstring."""
    return function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body


def body_lines(function) -> int:
    statements = body(function)
    return statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0


def is_declaration(function) -> bool:
    """Of a Protocol or an overload: a body of `...`, or only a docstring."""
    statements = body(function)
    return not statements or (
        isinstance(statements[0], ast.Expr) and getattr(statements[0].value, "value", None) is ...
    )


def positional(function) -> int:
    """Parameters that may be given by place, without `self`."""
    names = [argument.arg for argument in function.args.posonlyargs + function.args.args]
    return len(names) - (names[:1] in (["self"], ["cls"], ["mcs"]))


def every_function(sources) -> Iterator[tuple]:
    return ((source, name, function) for source in sources for name, function in source.functions)


def longer_than(limit, sources) -> list[str]:
    return [f"{s.module}.{n}: {s.at(f)}: {lines(f)} lines" for s, n, f in every_function(sources) if lines(f) > limit]


def wider_than(limit, sources) -> list[str]:
    found = ((s, n, f, positional(f)) for s, n, f in every_function(sources))
    return [f"{s.module}.{n}: {s.at(f)}: {count} positional parameters" for s, n, f, count in found if count > limit]


def test_no_function_has_more_than_70_lines(code, refuse):
    refuse(longer_than(FUNCTION_LINES_MAX, code))


def test_no_function_of_61_to_70_lines_is_added(code, refuse):
    refuse(longer_than(FUNCTION_LINES_FREE, code), "long_functions")


@pytest.mark.parametrize(("count", "found"), [(70, 0), (71, 1)])
def test_a_function_is_measured_from_its_name_to_its_end(sample, count, found):
    source = sample("class A:\n    def f(self):\n" + "        pass\n" * (count - 1))
    assert len(longer_than(FUNCTION_LINES_MAX, [source])) == found


def test_half_of_all_function_bodies_have_6_lines_or_fewer(library):
    written = [source for source in library if not source.is_generated]
    bodies = [body_lines(function) for _, _, function in every_function(written) if not is_declaration(function)]
    assert statistics.median(bodies) <= BODY_LINES_MEDIAN_MAX


def test_a_body_is_measured_without_its_docstring(sample):
    [(_, function)] = sample('def f():\n    """One.\n\n    More.\n    """\n    a = 1\n\n    return a\n').functions
    assert body_lines(function) == 3


def test_no_file_has_more_than_500_lines(code, tests, refuse):
    written = [source for source in code + tests if not source.is_generated]
    counts = [(source.name, len(source.text.splitlines())) for source in written]
    refuse(f"{name}: {count} lines" for name, count in counts if count > FILE_LINES_MAX)


def test_half_of_all_files_have_150_lines_or_fewer(library):
    counts = [len(source.text.splitlines()) for source in library if not source.is_generated]
    assert statistics.median(counts) <= FILE_LINES_MEDIAN_MAX


def test_no_function_takes_more_than_5_positional_parameters(code, refuse):
    refuse(wider_than(POSITIONAL_MAX, code), "many_parameters")


@pytest.mark.parametrize(
    ("parameters", "found"),
    [("self, a, b, c, d, e", 0), ("a, b, c, d, e, *, f", 0), ("a, b, c, d, e, f", 1), ("self, a, b, /, c, d, e, f", 1)],
)
def test_parameters_are_counted_without_self_and_without_keywords(sample, parameters, found):
    assert len(wider_than(POSITIONAL_MAX, [sample(f"def f({parameters}): ...")])) == found
