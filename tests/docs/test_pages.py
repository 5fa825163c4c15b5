"""Every example in the documentation runs: a page is a session of its own, from its first block to its last.

`python` blocks share one namespace and may `await`; `console` blocks run their `$ ` lines in a shell whose
environment and folder last for the page. Output that a page shows must come: a line `...` stands for any lines,
`...` inside a line for any text. A block right under `<!-- not executed: reason -->` is left out, and only so.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/tutorial/*.md")), *sorted(ROOT.glob("docs/how-to/*.md"))]
EXCUSE = re.compile(r"<!-- not executed: \S.*-->")
COMMAND_SECONDS_MAX = 120


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the line of its first content, and whether the page says that it does not run."""

    page: str
    language: str
    line: int
    text: str
    excused: bool


@dataclass(frozen=True)
class Command:
    line: int
    text: str
    shown: list[str]


def blocks(page: str, text: str) -> Iterator[Block]:
    lines = text.splitlines()
    fence, start, before = "", 0, ""
    for number, line in enumerate(lines, 1):
        opening = re.match(r"\s*(`{3,}|~{3,})\s*(\S*)", line)
        if not fence and opening:
            fence, language, start, indent = opening[1], opening[2], number, len(line) - len(line.lstrip())
        elif fence and line.strip() == fence:
            content = "\n".join(inner[indent:] for inner in lines[start : number - 1])
            yield Block(page, language, start + 1, content, bool(EXCUSE.fullmatch(before.strip())))
            fence = ""
        if not fence and line.strip():
            before = line


def commands(block: Block) -> Iterator[Command]:
    """`$ ` begins a command, a backslash at its end carries it on, the rest is its output."""
    command, shown, line = "", [], 0
    for number, text in enumerate(block.text.splitlines(), block.line):
        if command.endswith("\\"):
            command = f"{command}\n{text}"
        elif text.startswith("$ "):
            if command:
                yield Command(line, command, shown)
            command, shown, line = text[2:], [], number
        else:
            shown.append(text)
    if command:
        yield Command(line, command, shown)


def matches(shown: list[str], output: str) -> bool:
    """Whether the output is what the page shows; trailing blanks don't count."""
    wanted = [line.rstrip() for line in shown]
    pattern = "".join(r"(?:[^\n]*\n)*?" if line == "..." else inner(line) + "\n" for line in wanted).rstrip("\n")
    given = "\n".join(line.rstrip() for line in output.strip("\n").splitlines())
    return re.fullmatch(f"{pattern}\n*", f"{given}\n") is not None


def inner(line: str) -> str:
    return "[^\n]*?".join(re.escape(part) for part in line.split("..."))


@dataclass
class Session:
    """What the blocks of a page share."""

    folder: Path
    environment: dict[str, str]
    names: dict[str, object] = field(default_factory=lambda: {"__name__": "__main__"})
    code: int = 0

    def run(self, page: str, text: str) -> None:
        with asyncio.Runner() as runner:
            for block in blocks(page, text):
                if block.language == "python" and not block.excused:
                    self.python(block, runner)
                elif block.language == "console" and not block.excused:
                    self.console(block)

    def python(self, block: Block, runner: asyncio.Runner) -> None:
        """Compiled on its own lines of the page, so that a traceback points into the page."""
        source = "\n" * (block.line - 1) + block.text
        try:
            code = compile(source, block.page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            result = eval(code, self.names)
            if inspect.iscoroutine(result):
                runner.run(result)
        except Exception as error:
            raise AssertionError(f"{block.page}:{line_of(error, block)}: {type(error).__name__}: {error}") from error

    def console(self, block: Block) -> None:
        asked = list(commands(block))
        for command, following in zip(asked, [*asked[1:], None], strict=True):
            output = self.shell(command.text)
            place = f"{block.page}:{command.line}: $ {command.text}"
            if command.shown and not matches(command.shown, output):
                wanted = "\n".join(command.shown)
                raise AssertionError(f"{place}\nthe page shows:\n{wanted}\n\nit printed:\n{output}")
            if self.code and (following is None or "$?" not in following.text):
                raise AssertionError(f"{place}\nexit code {self.code}, printed:\n{output}")

    def shell(self, command: str) -> str:
        """Run it where the last one left off: folder, variables and `$?`."""
        kept = self.folder / ".environment"
        script = f"trap 'env -0 > \"{kept}\"' EXIT\n(exit {self.code})\n{command}\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.environment.get("PWD", self.folder),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        self.code = done.returncode
        self.environment = dict(pair.split("=", 1) for pair in kept.read_text().split("\0") if "=" in pair)
        return done.stdout


def line_of(error: BaseException, block: Block) -> int:
    """The line of the page where it was raised, or that of the block."""
    if isinstance(error, SyntaxError) and error.filename == block.page:
        return error.lineno or block.line
    trace, line = error.__traceback__, block.line
    while trace is not None:
        line = trace.tb_lineno if trace.tb_frame.f_code.co_filename == block.page else line
        trace = trace.tb_next
    return line


@pytest.fixture
def session(tmp_path, monkeypatch) -> Session:
    monkeypatch.chdir(tmp_path)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "PWD": str(tmp_path), "NO_COLOR": "1", "COLUMNS": "120"}
    return Session(tmp_path, environment)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_of_a_page_runs(page, session):
    session.run(str(page.relative_to(ROOT)), page.read_text())


def fenced(language: str, *lines: str) -> str:
    return "\n".join([f"```{language}", *lines, "```", ""])


def test_the_blocks_of_a_page_share_their_names_and_may_await(session):
    session.run(
        "page.md", fenced("python", "import asyncio", "a = 1") + fenced("python", "await asyncio.sleep(0)", "b = a")
    )
    assert session.names["b"] == 1


@pytest.mark.parametrize("line", ["1 / 0", "def f(:", "import json; json.loads('{')"])
def test_a_python_block_that_fails_is_named_by_page_and_line(session, line):
    with pytest.raises(AssertionError, match=r"^page\.md:4: "):
        session.run("page.md", "Text.\n" + fenced("python", "a = 1", line))


def test_a_block_that_the_page_excuses_does_not_run(session):
    session.run("page.md", "<!-- not executed: needs a cluster -->\n" + fenced("python", "1 / 0"))
    assert "__builtins__" not in session.names


def test_an_excuse_needs_a_reason_and_covers_one_block(session):
    with pytest.raises(AssertionError, match=r"^page\.md:3: "):
        session.run("page.md", "<!-- not executed: -->\n" + fenced("python", "1 / 0"))
    with pytest.raises(AssertionError, match=r"^page\.md:6: "):
        session.run("page.md", "<!-- not executed: why -->\n" + fenced("python", "1 / 0") + fenced("python", "1 / 0"))


def test_a_console_block_keeps_folder_variables_and_exit_code(session):
    shown = ["$ mkdir inner && cd inner && export WORD=everfold", "$ false", '$ echo "$? $WORD $(basename $PWD)"']
    session.run("page.md", fenced("console", *shown, "1 everfold inner"))
    assert (session.folder / "inner").is_dir()


def test_a_console_block_that_prints_something_else_is_named_by_page_and_line(session):
    with pytest.raises(AssertionError, match=r"(?s)^page\.md:3: \$ echo two.*it printed:\ntwo"):
        session.run("page.md", fenced("console", "$ echo one", "$ echo two", "three"))


def test_a_command_that_fails_unnoticed_fails_the_page(session):
    with pytest.raises(AssertionError, match=r"(?s)^page\.md:2: \$ exit 3.*exit code 3"):
        session.run("page.md", fenced("console", "$ exit 3", "$ true"))


@pytest.mark.parametrize(
    ("shown", "output", "expected"),
    [
        (["a", "...", "z"], "a\nb\nc\nz\n", True),
        (["a", "...", "z"], "a\nz\n", True),
        (["a", "..."], "a\nb\n", True),
        (["..."], "", True),
        (["at position ..., done"], "at position 17, done\n", True),
        (["at position ..., done"], "at position\n17, done\n", False),
        (["a"], "a\nb\n", False),
        (["a", "", "b"], "a\n\nb  \n", True),
        (["1.0"], "1x0\n", False),
    ],
)
def test_three_dots_stand_for_any_lines_or_any_text(shown, output, expected):
    assert matches(shown, output) is expected


def test_a_fence_inside_a_list_loses_its_indentation():
    [block] = blocks("page.md", "1. Do:\n\n   ```python\n   a = 1\n     b\n   ```\n")
    assert (block.language, block.line, block.text) == ("python", 4, "a = 1\n  b")
