"""Every projection that the modules of a store declare, checked together when the store opens."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..codec.registry import Registry
from ..errors import ConfigurationError, ProjectionError
from ..module import Module
from .group import ProjectionGroup
from .projection import Projection, Timing

__all__ = ["Catalogue"]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The definitions, by module and order. Several versions of one projection may stand in it, to feed both."""

    projections: tuple[Projection, ...] = ()
    groups: tuple[ProjectionGroup, ...] = ()

    @classmethod
    def of(cls, modules: Iterable[Module], registry: Registry) -> Catalogue:
        """Raises one ConfigurationError that lists everything that contradicts."""
        added = [item for module in modules for item in module.definitions]
        wrong = [item for item in added if not isinstance(item, (Projection, ProjectionGroup))]
        if wrong:
            raise ConfigurationError(f"Module.add(...) takes projections and groups of them, not {wrong[0]!r}")
        groups = tuple(item for item in added if isinstance(item, ProjectionGroup))
        alone = [item for item in added if isinstance(item, Projection)]
        unique = dict.fromkeys([*alone, *(member for group in groups for member in group.members)])
        found = cls(tuple(unique), groups)
        problems = found._problems(registry)
        if problems:
            listed = "".join(f"\n- {problem}" for problem in problems)
            raise ConfigurationError(f"the projections of this store have {len(problems)} problem(s):{listed}")
        return found

    def group_of(self, projection: Projection) -> str | None:
        """The name of the group that it is a member of."""
        return next((group.name for group in self.groups if projection in group.members), None)

    def newest(self, name: str) -> Projection:
        """The definition of that name with the highest version. Raises ProjectionError."""
        found = [p for p in self.projections if p.name == name]
        if not found:
            known = ", ".join(sorted({p.name for p in self.projections})) or "none"
            raise ProjectionError(
                name, f"no module of this store has it; there are: {known}. Add it with module.add(...)"
            )
        return max(found, key=lambda p: p.version)

    def known(self, name: str, built: Iterable[str]) -> str:
        """The name itself, of a definition or of one that was `built` before. Raises ProjectionError for any other."""
        if name not in built:
            self.newest(name)
        return name

    def defined(self, name: str, version: int) -> Projection | None:
        """The definition of exactly this version."""
        return next((p for p in self.projections if (p.name, p.version) == (name, version)), None)

    def _problems(self, registry: Registry) -> list[str]:
        problems = [problem for p in self.projections for problem in p.problems(registry)]
        places = [(p.name, p.version) for p in self.projections]
        problems += [
            f"projection {name!r} is added twice with version {version}"
            for name, version in dict.fromkeys(place for place in places if places.count(place) > 1)
        ]
        timings = {(p.name, p.timing is Timing.LIVE) for p in self.projections}
        problems += [
            f"projection {name!r} is LIVE in one version and stored in another"
            for name, live in timings
            if live and (name, False) in timings
        ]
        return problems
