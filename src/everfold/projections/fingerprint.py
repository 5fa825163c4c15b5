"""Whether a projection's code is still the one that its read model was built with.

Functions count by their source as parsed: layout, comments and docstrings don't matter. A function without source (typed
into a shell) counts by its bytecode, which another Python release compiles otherwise; the two kinds are told apart by their
prefix and never compared with each other.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

__all__ = ["comparable", "fingerprint"]


def fingerprint(parts: Iterable[object]) -> str:
    """`source:…` or `code311:…` and a digest."""
    texts = [_text(part, seen=set()) for part in parts]
    compiled = any("\0code" in text for text in texts)
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:32]
    return f"code{sys.version_info[0]}{sys.version_info[1]}:{digest}" if compiled else f"source:{digest}"


def comparable(one: str, other: str) -> bool:
    """Whether the two tell something about each other."""
    return one.partition(":")[0] == other.partition(":")[0]


def _text(part: object, seen: set[int]) -> str:
    if isinstance(part, FunctionType):
        return _function_text(part, seen)
    if isinstance(part, type):
        return f"{part.__module__}.{part.__qualname__}"
    if isinstance(part, Mapping):
        return "{" + ",".join(f"{_text(k, seen)}:{_text(v, seen)}" for k, v in part.items()) + "}"
    if isinstance(part, (tuple, list)):
        return "[" + ",".join(_text(item, seen) for item in part) + "]"
    if callable(part):
        return _callable_text(part, seen)
    return repr(part)


def _callable_text(part: Callable[..., Any], seen: set[int]) -> str:
    wrapped = getattr(part, "func", None)  # functools.partial
    if wrapped is not None:
        given = (getattr(part, "args", ()), getattr(part, "keywords", {}))
        return f"partial({_text(wrapped, seen)},{_text(given, seen)})"
    name = getattr(part, "__qualname__", None)
    return f"{getattr(part, '__module__', '')}.{name}" if name else repr(type(part))


def _function_text(function: FunctionType, seen: set[int]) -> str:
    if id(function) in seen:
        return function.__qualname__
    seen.add(id(function))
    body = _source(function) or f"\0code{_code_text(function.__code__)}"
    cells = [cell.cell_contents for cell in function.__closure__ or () if _filled(cell)]
    held = _text([c for c in cells if isinstance(c, (str, int, float, tuple, FunctionType))], seen)
    return f"{body}|{held}|{_helpers(function, seen)}"


def _helpers(function: FunctionType, seen: set[int]) -> str:
    """The functions and constants of the same module that it names: what it does changes when they do."""
    found = []
    for name in sorted(_names(function.__code__)):
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType) and value.__module__ == function.__module__:
            found.append(_function_text(value, seen))
        elif isinstance(value, (str, int, float, bool, tuple, frozenset)):
            found.append(f"{name}={sorted(value, key=repr) if isinstance(value, frozenset) else value!r}")
    return ";".join(found)


def _names(code: CodeType) -> set[str]:
    inner = [c for c in code.co_consts if isinstance(c, CodeType)]
    return set(code.co_names).union(*(_names(c) for c in inner)) if inner else set(code.co_names)


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018  # asking is what raises
    except ValueError:
        return False
    return True


def _source(function: FunctionType) -> str | None:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return None
    found = _definition(tree, function)
    return None if found is None else ast.unparse(found)


def _definition(tree: ast.Module, function: FunctionType) -> ast.AST | None:
    """The function's own node, without its decorators and docstring; None when it isn't sure which one it is."""
    named = [n for n in ast.walk(tree) if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))]
    if function.__name__ == "<lambda>":
        lambdas = [n for n in ast.walk(tree) if isinstance(n, ast.Lambda)]
        return lambdas[0] if len(lambdas) == 1 else None
    if not named or named[0].name != function.__name__:
        return None
    node = named[0]
    node.decorator_list = []
    if ast.get_docstring(node) is not None:
        node.body = node.body[1:] or [ast.Pass()]
    return node


def _code_text(code: CodeType) -> str:
    consts = [_code_text(c) if isinstance(c, CodeType) else repr(c) for c in code.co_consts]
    return f"{code.co_code.hex()}{consts}{code.co_names}{code.co_varnames}"
