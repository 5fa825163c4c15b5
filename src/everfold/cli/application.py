"""`--app package.module:name`: finding the application's modules, or its store, by import. Every way it can fail is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..module import Module
from .failure import Failure, usage

__all__ = ["Application", "load_application"]

_KINDS = "an ef.Module, a list of them, or a function without parameters that opens an ef.EventStore"


@dataclass(frozen=True, slots=True)
class Application:
    """The modules of an application, or the function that opens its store."""

    modules: tuple[Module, ...] = ()
    factory: Callable[[], object] | None = None


def load_application(reference: str) -> Application:
    """Import what `package.module:name` names; the current folder comes first on the path."""
    path, colon, name = reference.partition(":")
    if not (path and colon and name):
        raise usage(f"--app {reference!r} is not of the form package.module:name", "--app shop.events:orders")
    return _application(reference, _attribute(reference, _imported(reference, path), name))


def _imported(reference: str, path: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(f"{error.name}.")):
            raise usage(
                f"--app {reference!r}: there is no module {error.name!r} in {here} or on the Python path",
                "run everfold from the folder that holds the package, or install the package",
            ) from error
        raise _broken(reference, path, error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a module may even call sys.exit
        raise _broken(reference, path, error) from error


def _broken(reference: str, path: str, error: BaseException) -> Failure:
    return usage(
        f"--app {reference!r}: importing {path} failed with {type(error).__name__}: {error}",
        f'python -c "import {path}"',
    )


def _attribute(reference: str, module: Any, name: str) -> Any:
    found = module
    for part in name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = [public for public, value in vars(module).items() if isinstance(value, Module)]
            has = f"its modules are: {', '.join(near)}" if near else f"it should be {_KINDS}"
            raise usage(f"--app {reference!r}: {module.__name__} has no {name!r}; {has}") from None
    return found


def _application(reference: str, found: Any) -> Application:
    if isinstance(found, Module):
        return Application((found,))
    if isinstance(found, Sequence) and found and all(isinstance(one, Module) for one in found):
        return Application(tuple(found))
    if callable(found):
        return Application(factory=found)
    raise usage(f"--app {reference!r} is of type {type(found).__name__}; it must be {_KINDS}")
