"""Who imports whom: no cycles, no dead files, no driver outside its backend."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator

DRIVERS = {
    "psycopg": "everfold.storage.postgres",
    "sqlite3": "everfold.storage.sqlite",
}
ENTRIES = ("__main__", "__init__")


def import_nodes(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import that runs: at the top or inside a function, but not under TYPE_CHECKING."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            pending += node.orelse
        else:
            pending += ast.iter_child_nodes(node)


def imported(source, node, modules=()) -> Iterator[str]:
    """The absolute names of what a statement imports; a name that is no module of `modules` counts as its parent's."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        package = source.module.split(".")
        package = package[: len(package) + source.is_package - node.level]
        base = ".".join([*package, base] if base else package)
    for alias in node.names:
        yield f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base


def graph(sources) -> dict[str, set[str]]:
    """Module → the modules among `sources` that it imports."""
    modules = {source.module for source in sources}
    return {
        source.module: {
            name
            for node in import_nodes(source.tree)
            for name in imported(source, node, modules)
            if name in modules and name != source.module
        }
        for source in sources
    }


def circle_in(edges: dict[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def unimported(sources) -> list[str]:
    edges = graph(sources)
    wanted = set().union(*edges.values())
    return [
        s.module for s in sources if s.module not in wanted and s.path.stem not in ENTRIES and "/testing/" not in s.name
    ]


def foreign_drivers(sources) -> list[str]:
    return [
        f"{source.module}: {source.at(node)}: imports {name}"
        for source in sources
        for node in import_nodes(source.tree)
        for name in imported(source, node)
        if (home := DRIVERS.get(name.partition(".")[0])) and not source.module.startswith(home)
    ]


def test_no_modules_import_each_other_in_a_circle(library):
    assert circle_in(graph(library)) == []


def test_a_circle_is_found_through_relative_imports_and_functions(sample):
    first = sample("def f():\n    from ..store import second", "src/everfold/store/first.py")
    second = sample("from .first import f", "src/everfold/store/second.py")
    assert set(circle_in(graph([first, second]))) == {"everfold.store.first", "everfold.store.second"}


def test_an_import_for_types_only_makes_no_circle(sample):
    first = sample("if TYPE_CHECKING:\n    from . import second", "src/everfold/store/first.py")
    second = sample("from .first import f", "src/everfold/store/second.py")
    assert circle_in(graph([first, second])) == []


def test_every_module_is_imported_by_another(library, refuse):
    refuse(unimported(library), "unimported_modules")


def test_a_file_that_nothing_imports_is_found(sample):
    package = sample("from .used import f", "src/everfold/store/__init__.py")
    used, dead = (sample("", f"src/everfold/store/{name}.py") for name in ("used", "dead"))
    assert unimported([package, used, dead]) == ["everfold.store.dead"]


def test_a_database_driver_is_imported_by_its_backend_only(code, refuse):
    refuse(foreign_drivers(code), "drivers")


def test_a_driver_is_found_inside_a_function_too(sample):
    text = "def f():\n    import sqlite3\n    from psycopg.rows import dict_row"
    assert len(foreign_drivers([sample(text)])) == 2
    assert len(foreign_drivers([sample(text, "src/everfold/storage/sqlite/store.py")])) == 1


def test_the_package_imports_nothing_from_its_testing_kit(library, refuse):
    outside = {s.module for s in library if "/testing/" not in s.name}
    edges = graph(library)
    refuse(f"{m}: {t}" for m in outside for t in edges[m] if t.startswith("everfold.testing"))
