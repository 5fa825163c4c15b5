"""The sync twins: what the generator makes of async code, and that every committed twin is what it makes."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def unasync(root):
    spec = importlib.util.spec_from_file_location("unasync", root / "tools" / "unasync.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_sync_twin_is_what_its_source_generates(root):
    command = [sys.executable, str(root / "tools" / "unasync.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("source", "twin"),
    [
        ("async def f(): await g()", "def f(): g()"),
        ("async with a() as b, c: ...", "with a() as b, c: ..."),
        ("x = [i async for i in f()]", "x = [i for i in f()]"),
        ("class AsyncStore(AsyncPort): ...", "class Store(Port): ..."),
        ("from .read_async import read", "from .read import read"),
        ("from .. import read_async", "from .. import read"),
        ("async def __aenter__(self): ...", "def __enter__(self): ..."),
        ("x: AsyncIterator[int]", "x: Iterator[int]"),
        ('"""An `AsyncStore`: `await store.head()`."""', '"""An `Store`: `store.head()`."""'),
        ("# see AsyncStore in store_async", "# see Store in store"),
        ('f"{await f()} of AsyncStore, {{kept}}"', 'f"{f()} of Store, {{kept}}"'),
        ("asynchronous = awaiting", "asynchronous = awaiting"),
        ('x = "a"  # await nothing', 'x = "a"  # await nothing'),
    ],
)
def test_a_twin_says_the_same_without_the_colour(unasync, source, twin):
    assert unasync.rewrite(f"{source}\n", set()) == f"{twin}\n"


def test_what_stays_asynchronous_in_a_twin_is_an_error(unasync):
    assert unasync.awaits("x = 1\nasync def f(): ...\n", "twin.py") == ["twin.py:2: still asynchronous"]


def test_a_rule_counts_as_used_only_where_it_changes_something(unasync):
    used: set[str] = set()
    unasync.rewrite("await x.aclose()\n", used)
    assert used == {"aclose"}
