"""The options that choose events of the log: types or-ed, categories or-ed, tags and-ed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..events.query import Query

__all__ = ["filter_options", "query_of"]

F = TypeVar("F", bound=Callable[..., Any])


def filter_options(function: F) -> F:
    """--type, --category and --tag, each as often as wanted."""
    for name, variable, text in (
        ("--tag", "tags", "only events with this tag; of several, all"),
        ("--category", "categories", "only events of streams of this category; of several, any"),
        ("--type", "types", "only events of this type; of several, any"),
    ):
        function = click.option(name, variable, multiple=True, metavar="NAME", help=text)(function)
    return function


def query_of(types: tuple[str, ...], categories: tuple[str, ...], tags: tuple[str, ...]) -> Query | None:
    """The query that the options say; None without any."""
    from ..events.query import Query

    if not (types or categories or tags):
        return None
    return Query(types=types, categories=categories, tags=tags)
