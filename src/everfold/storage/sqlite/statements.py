"""The SQL of this backend: named blocks in `sql/*.sql`, each with a description of what it is for.

A block begins with `-- name: …`, its description follows as comments, and it ends where the next one begins. Every
name is unique; a block without a description is refused.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

__all__ = ["SQL", "load_statements"]

_BLOCK = re.compile(
    r"^-- name: (?P<name>\w+)\n(?P<description>(?:--[^\n]*\n)+)(?P<text>.+?)(?=^-- name: |\Z)", re.MULTILINE | re.DOTALL
)


@cache
def load_statements() -> dict[str, str]:
    """Every statement by its name."""
    folder = files(__name__.rpartition(".")[0]) / "sql"
    statements: dict[str, str] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        text = path.read_text(encoding="utf-8")
        blocks = list(_BLOCK.finditer(text))
        assert len(blocks) == text.count("-- name: "), f"{path.name}: a block has no description or no statement"
        for block in blocks:
            assert block["name"] not in statements, f"statement {block['name']!r} stands twice"
            statements[block["name"]] = block["text"].strip()
    return statements


SQL = load_statements()
