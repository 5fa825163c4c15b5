"""The JSON Schemas that ship with the commands: one each, valid, and strict enough to notice a change."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from click import Context, Group
from jsonschema import Draft202012Validator

from everfold.cli.root import everfold


def leaves(group=everfold, before=""):
    """Every command that does something: `streams`, `projections list`."""
    for name in group.list_commands(Context(group)):
        command = group.get_command(Context(group), name)
        yield from leaves(command, f"{before}{name} ") if isinstance(command, Group) else [f"{before}{name}"]


COMMANDS = list(leaves())
ENVELOPE = {
    "v": 1,
    "command": "streams",
    "status": "pass",
    "data": {"streams": [], "next": None},
    "diagnostics": [],
    "error": None,
}


def schema(command):
    return json.loads(
        (files("everfold.cli") / "schemas" / f"{command.replace(' ', '-')}.json").read_text(encoding="utf-8")
    )


def test_every_command_has_a_schema_and_every_schema_a_command():
    found = {path.name for path in (files("everfold.cli") / "schemas").iterdir()}
    assert found == {f"{command.replace(' ', '-')}.json" for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_schema_is_valid_itself(command):
    Draft202012Validator.check_schema(schema(command))
    assert schema(command)["title"] == f"everfold {command} --json"


@pytest.mark.parametrize("command", COMMANDS)
def test_no_object_of_ours_takes_unknown_keys(command):
    def ours(node):
        if isinstance(node, dict):
            if "properties" in node:
                yield node
            for inner in node.values():
                yield from ours(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from ours(inner)

    found = list(ours(schema(command)))
    assert [node for node in found if node.get("additionalProperties") is not False] == []
    assert [node for node in found if sorted(node["required"]) != sorted(node["properties"])] == []


def test_a_change_of_the_shape_is_noticed():
    streams = Draft202012Validator(schema("streams"))
    assert streams.is_valid(ENVELOPE)
    for change in ({"v": 2}, {"command": "types"}, {"status": "fail"}, {"data": {}}, {"more": 1}):
        assert not streams.is_valid({**ENVELOPE, **change})
    assert not streams.is_valid({key: value for key, value in ENVELOPE.items() if key != "error"})
