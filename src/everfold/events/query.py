"""Queries over the whole log, and the append condition that a dynamic consistency boundary is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .. import limits
from ..errors import ConfigurationError, LimitExceededError
from .stream import check_tag

__all__ = ["AppendCondition", "Query", "QueryItem"]


@dataclass(frozen=True, slots=True)
class QueryItem:
    """One alternative of a query: (any of types) and (any of categories) and (all of tags). Empty means no restriction."""

    types: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def matches(self, type_name: str, category: str | None, tags: Iterable[str]) -> bool:
        """Whether an event fits: the rule that every backend's SQL must agree with."""
        return (
            (not self.types or type_name in self.types)
            and (not self.categories or category in self.categories)
            and (not self.tags or set(self.tags) <= set(tags))
        )


class Query:
    """Which events: types or-ed, categories or-ed, tags and-ed, the three and-ed; queries combine with `|`.

    `Query()` matches every event. A type is a stored name or a registered class. Immutable and hashable.
    """

    __slots__ = ("items",)

    items: tuple[QueryItem, ...]

    def __init__(
        self,
        *,
        types: Iterable[str | type] = (),
        categories: Iterable[str] = (),
        tags: Iterable[str] = (),
    ) -> None:
        for name, value in (("types", types), ("categories", categories), ("tags", tags)):
            if isinstance(value, str):
                raise ConfigurationError(f"Query({name}=...) takes a list of names, not one string: [{value!r}]")
        item = QueryItem(
            tuple(dict.fromkeys(types)),  # type: ignore[arg-type]  # classes become names when a store sees the query
            tuple(dict.fromkeys(categories)),
            tuple(sorted({check_tag(t) for t in tags})),
        )
        object.__setattr__(self, "items", (item,))

    @classmethod
    def of(cls, items: Iterable[QueryItem]) -> Query:
        """A query of these alternatives, repeated ones taken once. Raises LimitExceededError above 100."""
        query = cls.__new__(cls)
        unique = tuple(dict.fromkeys(items))
        if len(unique) > limits.QUERY_ITEMS_MAX:
            raise LimitExceededError("alternatives of a query", len(unique), limits.QUERY_ITEMS_MAX, "Split the query.")
        object.__setattr__(query, "items", unique)
        return query

    @property
    def everything(self) -> bool:
        """Whether it restricts nothing."""
        return QueryItem() in self.items

    def matches(self, type_name: str, category: str | None, tags: Iterable[str]) -> bool:
        """Whether an event of this type, category (None outside streams) and tags fits."""
        return any(item.matches(type_name, category, tags) for item in self.items)

    def __or__(self, other: Query) -> Query:
        return Query.of(self.items + other.items)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Query is immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self.items == other.items

    def __hash__(self) -> int:
        return hash(self.items)

    def __repr__(self) -> str:
        return " | ".join(_item_text(item) for item in self.items)

    def __reduce__(self) -> tuple[object, ...]:
        return Query.of, (self.items,)


def _item_text(item: QueryItem) -> str:
    named = (("types", item.types), ("categories", item.categories), ("tags", item.tags))
    return f"Query({', '.join(f'{name}={list(values)!r}' for name, values in named if values)})"


@dataclass(frozen=True, slots=True)
class AppendCondition:
    """Refuse the append when an event that matches `query` stands after position `after`.

    An empty result is guarded too: `after=0` means that no such event may exist at all.
    `seen` are positions above `after` that the decision already knows (a boundary read past the horizon).
    """

    query: Query
    after: int = 0
    seen: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.query, Query):
            raise ConfigurationError(f"AppendCondition(...) takes an ef.Query, not {self.query!r}")
        if type(self.after) is not int or not 0 <= self.after <= limits.POSITION_MAX:
            raise ConfigurationError(f"AppendCondition(after=...) must be a position (0, 1, 2, …), not {self.after!r}")
