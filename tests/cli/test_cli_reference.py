"""docs/reference/cli.md: nothing is left out, nothing is made up, and its session runs as shown."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import click
import pytest

from everfold.cli import failure
from everfold.cli.root import everfold

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
GROUPS = ["projections", "deadletters"]
EXIT_CODES = [value for value in vars(failure).values() if type(value) is int]


def command_of(path):
    """The command of `projections list`."""
    found = everfold
    for word in path.split():
        found = found.get_command(click.Context(found), word)
    return found


def leaves(path=""):
    group = command_of(path)
    for name in group.list_commands(click.Context(group)):
        yield from leaves(name) if name in GROUPS else [f"{path} {name}".strip()]


COMMANDS = list(leaves())


def section(title):
    return re.search(rf"^##+ {title}\n(.*?)(?=^##+ |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def own_options(command):
    """Every spelling of the options that only this command has."""
    found = command_of(command).params
    return {name for p in found if isinstance(p, click.Option) and not p.hidden for name in p.opts}


def documented(text):
    """The options that the first column of a table names."""
    cells = re.findall(r"^\| (`-.*?`) \|", text, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`(--?[a-z-]+)", cell)}


def test_every_command_has_its_section_in_the_order_of_the_help():
    titles = re.findall(r"^##+ ([a-z]+(?: [a-z]+)?)$", PAGE, re.MULTILINE)
    assert [title for title in titles if title not in GROUPS] == COMMANDS
    assert titles.index("projections list") == titles.index("projections") + 1
    assert titles.index("deadletters list") == titles.index("deadletters") + 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_names_exactly_the_options_of_its_command(command):
    assert documented(section(command)) == own_options(command)


def test_the_global_options_are_exactly_those_of_the_program():
    spelt = {name for p in everfold.params for name in p.opts} | {"-h", "--help"}
    assert documented(section("Global options")) == spelt


@pytest.mark.parametrize("command", COMMANDS)
def test_the_arguments_of_a_command_are_named(command):
    for parameter in command_of(command).params:
        if isinstance(parameter, click.Argument):
            names = parameter.type.choices if isinstance(parameter.type, click.Choice) else [parameter.name.upper()]
            assert [name for name in names if name not in section(command)] == []


def test_every_exit_code_has_a_line_and_no_other_has_one():
    listed = [int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)]
    assert listed == sorted(EXIT_CODES)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_key_of_the_json_is_named(command):
    elsewhere = {"tail": ["read"], "deadletters show": ["deadletters", "read"], "worker": GROUPS}.get(
        command, [command.partition(" ")[0]]
    )
    text = section(command) + "".join(section(title) for title in elsewhere)
    missing = [key for key in keys_of(command) if f"`{key}`" not in text]
    assert missing == ([] if command != "version" else ["everfold", "python", "msgspec", "psycopg", "click", "rich"])


def keys_of(command):
    shape = json.loads(
        (files("everfold.cli") / "schemas" / f"{command.replace(' ', '-')}.json").read_text(encoding="utf-8")
    )["oneOf"][0]
    data = shape["properties"].get("data", {})
    for inner in [shape] if command in ("read", "tail") else data.get("oneOf", [data]):
        for key, value in inner["properties"].items():
            yield key
            yield from value.get("items", value).get("properties", ())


def test_the_session_of_the_page_runs_as_shown(tmp_path):
    [session] = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "everfold").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m everfold.cli "$@"\n')
    (tmp_path / "everfold").chmod(0o755)
    commands = [line[2:] for line in session.splitlines() if line.startswith("$ ")]
    done = subprocess.run(
        ["bash"],
        input="\n".join(commands),
        cwd=tmp_path,
        env={**os.environ, "EVERFOLD_APP": "", "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    shown = [line for line in session.splitlines() if not line.startswith("$ ")]
    pattern = "\n".join(".*".join(map(re.escape, line.split("..."))) for line in shown)
    assert re.fullmatch(pattern, done.stdout.rstrip("\n"))
