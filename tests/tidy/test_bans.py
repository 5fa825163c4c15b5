"""What must not stand in the code: hidden clocks and chance, swallowed errors, leftovers, empty names, wrong words."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

CLOCKS = ("time.sleep", "time.time", "datetime.now", "datetime.utcnow", "datetime.today", "date.today")
CHANCE = ("random", "secrets")
PRINTERS = ("everfold.cli",)
MARKERS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "core", "misc"}
WORDS = ("aggregate id", "revision", "offset", "sequence number", "hydrate", "daemon", "saga", "async projection")
SLEEPS = ("time.sleep", "asyncio.sleep")
TEST_MARKS = ("pytest.skip", "pytest.xfail", "pytest.importorskip", "mark.skip", "mark.skipif", "mark.xfail")


def dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of names; what stands before a call in it is left out."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def nodes(sources, *kinds) -> Iterator[tuple]:
    return ((source, node) for source in sources for node in ast.walk(source.tree) if isinstance(node, kinds))


def clock_reads(sources) -> list[str]:
    used = [(s, n, dotted(n)) for s, n in nodes(sources, ast.Attribute)]
    renamed = [
        (s, n, f"{n.module}.{alias.name}")
        for s, n in nodes(sources, ast.ImportFrom)
        if not n.level
        for alias in n.names
    ]
    return [
        f"{source.module} {clock}: {source.at(node)}: time and waiting are injected (runtime/clock, runtime/concurrency)"
        for source, node, name in used + renamed
        for clock in CLOCKS
        if f".{name}".endswith(f".{clock}")
    ]


def chance_draws(sources) -> list[str]:
    imports = [
        (s, n, name)
        for s, n in nodes(sources, ast.Import, ast.ImportFrom)
        for name in ([n.module] if isinstance(n, ast.ImportFrom) else [alias.name for alias in n.names])
    ]
    return [f"{s.module} {name}: {s.at(n)}: chance is injected" for s, n, name in imports if name in CHANCE]


def prints(sources) -> list[str]:
    calls = ((s, n) for s, n in nodes(sources, ast.Call) if dotted(n.func) == "print")
    return [s.at(n) for s, n in calls if not s.module.startswith(PRINTERS)]


def swallowed(sources) -> list[str]:
    return [f"{s.module}: {s.at(node)}" for s, node in nodes(sources, ast.ExceptHandler) if is_silent(node)]


def is_silent(handler: ast.ExceptHandler) -> bool:
    """A bare `except:`, or one of every exception whose body does nothing."""
    if handler.type is None:
        return True
    everything = {"Exception", "BaseException"} & set(re.findall(r"\w+", ast.unparse(handler.type)))
    return bool(everything) and all(is_idle(statement) for statement in handler.body)


def is_idle(statement: ast.stmt) -> bool:
    return isinstance(statement, (ast.Pass, ast.Continue)) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def leftovers(sources) -> list[str]:
    found = ((s, number, line) for s in sources for number, line in enumerate(s.text.splitlines(), 1))
    return [f"{s.name}:{number}: {line.strip()}" for s, number, line in found if MARKERS.search(line)]


def avoided_words(sources) -> list[str]:
    found = {
        f"{source.module}.{name}: {source.at(node)}: the glossary has another word for {word!r}"
        for source, node in nodes(sources, ast.AST)
        for name in defined_names(node)
        for word in WORDS
        if f" {word} " in f" {' '.join(words_of(name))} "
    }
    return sorted(found)


def defined_names(node: ast.AST) -> Iterator[str]:
    """Names that this node gives; one that is only used may be another library's."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
        yield node.attr


def words_of(name: str) -> list[str]:
    """`fooBar_baz2` → foo, bar, baz."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def sleeps(sources) -> list[str]:
    calls = ((s, n) for s, n in nodes(sources, ast.Call) if dotted(n.func) in SLEEPS)
    return [s.at(n) for s, n in calls if not gives_way(n)]


def gives_way(call: ast.Call) -> bool:
    """`asyncio.sleep(0)` lets other tasks run; it does not wait."""
    return dotted(call.func) == "asyncio.sleep" and [getattr(a, "value", None) for a in call.args] == [0]


def excused_tests(sources) -> list[str]:
    return [s.at(n) for s, n in nodes(sources, ast.Attribute) if dotted(n).endswith(TEST_MARKS)]


def test_nothing_reads_a_clock_or_waits_by_itself(library, refuse):
    refuse(clock_reads(library), "clocks")


def test_nothing_draws_chance_by_itself(library, refuse):
    refuse(chance_draws(library), "chance")


def test_only_the_command_line_prints(library, refuse):
    refuse(prints(library))


def test_no_error_is_swallowed(code, refuse):
    refuse(swallowed(code), "swallowed_errors")


def test_no_work_is_left_behind_in_a_comment(code, tests, refuse):
    refuse(leftovers(source for source in code + tests if not source.name.startswith("tests/tidy/")))


def test_no_function_is_left_unwritten(library, refuse):
    # caught it may be: the standard library raises it where a platform can't do something
    refuse(s.at(node) for s, node in nodes(library, ast.Raise) if "NotImplementedError" in ast.unparse(node))


def test_no_folder_or_file_has_a_name_that_says_nothing(code, tests, refuse):
    refuse(source.name for source in code + tests if EMPTY_NAMES & {*source.path.parts, source.path.stem})


def test_what_the_code_names_is_named_in_the_words_of_the_glossary(library, refuse):
    refuse(avoided_words(library), "words")


def test_no_test_sleeps(tests, refuse):
    refuse(sleeps(tests))


def test_no_test_is_skipped_or_expected_to_fail(tests, refuse):
    refuse(excused_tests(tests))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (clock_reads, "import time\ntime.sleep(1)"),
        (clock_reads, "import datetime\ndatetime.datetime.now()"),
        (clock_reads, "from time import sleep"),
        (chance_draws, "def f():\n    import random"),
        (chance_draws, "from secrets import token_hex"),
        (prints, "print(1)"),
        (swallowed, "try:\n    f()\nexcept:\n    g()"),
        (swallowed, "try:\n    f()\nexcept Exception:\n    pass"),
        (swallowed, "for a in b:\n    try:\n        f()\n    except (ValueError, BaseException):\n        continue"),
        (leftovers, "a = 1  # FIXME"),
        (avoided_words, "def f(aggregate_id): ..."),
        (avoided_words, "class AggregateId: ..."),
        (avoided_words, "self.sequence_number = 1"),
        (sleeps, "asyncio.sleep(0.1)"),
        (excused_tests, "@pytest.mark.skipif(True)\ndef f(): ..."),
    ],
)
def test_a_rule_finds_what_it_is_there_to_find(rule, text, sample):
    assert len(rule([sample(text)])) == 1


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (clock_reads, "self.clock.now()"),
        (swallowed, "try:\n    f()\nexcept ValueError:\n    pass"),
        (swallowed, "try:\n    f()\nexcept Exception:\n    raise"),
        (avoided_words, "thread = Thread(daemon=True)"),
        (sleeps, "asyncio.sleep(0)"),
    ],
)
def test_a_rule_leaves_the_rest_alone(rule, text, sample):
    assert rule([sample(text)]) == []
