"""Which cases are for which backends: by what it declares, never by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ...storage.unit import Capabilities

__all__ = ["fitting", "needs", "without"]

Case = TypeVar("Case", bound=Callable[..., Any])
_NEEDS = "_everfold_needs"


def needs(*capabilities: str) -> Callable[[Case], Case]:
    """The case, or every case of the class, is for backends that declare all of these."""
    return _declare(dict.fromkeys(capabilities, True))


def without(*capabilities: str) -> Callable[[Case], Case]:
    """The case, or every case of the class, is for backends that declare none of these: it shows the difference."""
    return _declare(dict.fromkeys(capabilities, False))


def fitting(classes: Iterable[type], capabilities: Capabilities) -> dict[str, type]:
    """The classes as pytest collects them (`Test…`), without the cases that this backend is not for."""
    return {f"Test{one.__name__}": _reduced(one, capabilities) for one in classes if _fits(one, capabilities)}


def _declare(wanted: dict[str, bool]) -> Callable[[Case], Case]:
    def declare(case: Case) -> Case:
        setattr(case, _NEEDS, {**getattr(case, _NEEDS, {}), **wanted})
        return case

    return declare


def _fits(case: object, capabilities: Capabilities) -> bool:
    wanted: dict[str, bool] = getattr(case, _NEEDS, {})
    return all(getattr(capabilities, name) is value for name, value in wanted.items())


def _reduced(cases: type, capabilities: Capabilities) -> type:
    left_out = [name for name, case in vars(cases).items() if not _fits(case, capabilities)]
    return type(f"Test{cases.__name__}", (cases,), {"__doc__": cases.__doc__} | dict.fromkeys(left_out))
