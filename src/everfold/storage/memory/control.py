"""Consumers, builds and dead letters in memory: checkpoints that move by compare-and-set, leases, the life of a build."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import islice

import msgspec

from ...errors import CheckpointConflictError, ConfigurationError
from ..control import BuildRow, ConsumerKey, ConsumerRow, Letter, LetterRow, Move
from ..read_model import Target
from .journal import Journal

__all__ = ["Control"]

_replace = msgspec.structs.replace


class Control:
    """Every tenant's rows. Without a lock: its owner has one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._consumers: defaultdict[str, dict[ConsumerKey, ConsumerRow]] = defaultdict(dict)
        self._builds: defaultdict[str, dict[Target, BuildRow]] = defaultdict(dict)
        self._letters: defaultdict[str, dict[int, LetterRow]] = defaultdict(dict)
        self._last_letter = 0

    # Consumers

    def consumer_rows(self, tenant: str, names: Collection[str] | None = None) -> list[ConsumerRow]:
        """The rows of these consumers, or of all, by name and partition."""
        rows = self._consumers[tenant].values()
        return sorted((row for row in rows if names is None or row.name in names), key=lambda row: row.key)

    def move(self, tenant: str, moves: Sequence[Move], now: int, event_id: Callable[[int], bytes | None]) -> None:
        """All moves or none; `event_id` looks one up by its position."""
        rows = self._consumers[tenant]
        for move in moves:
            if not _stands_as_said(rows.get((move.name, move.partition)), move):
                raise CheckpointConflictError(move.name)
        for move in moves:
            row = _moved(rows[move.name, move.partition], move, now)
            found = move.event_id or event_id(move.position)
            self._journal.put(rows, row.key, _replace(row, event_id=found))

    def save_consumers(self, tenant: str, rows: Sequence[ConsumerRow], identity: bytes) -> None:
        """Insert or replace; a row without an epoch gets the identity."""
        for row in rows:
            known = row if row.epoch else _replace(row, epoch=identity)
            self._journal.put(self._consumers[tenant], row.key, known)

    def delete_consumers(self, tenant: str, names: Sequence[str]) -> None:
        """The rows of these consumers go, and their letters."""
        for row in self.consumer_rows(tenant, names):
            self._journal.drop(self._consumers[tenant], row.key)
        letters = self._letters[tenant]
        for one in [one for one in letters.values() if one.letter.consumer in names]:
            self._journal.drop(letters, one.id)

    def lease(
        self, tenant: str, owner: str, keys: Sequence[ConsumerKey], seconds: float, now: int
    ) -> list[ConsumerRow]:
        """Those of the rows that the owner now holds."""
        rows = self._consumers[tenant]
        free = [rows[key] for key in dict.fromkeys(keys) if key in rows and _is_free(rows[key], owner, now)]
        held = [_leased(row, owner, now + _microseconds(seconds)) for row in free]
        for row in held:
            self._journal.put(rows, row.key, row)
        return sorted(held, key=lambda row: row.key)

    def release(self, tenant: str, owner: str) -> None:
        """The owner's leases end."""
        rows = self._consumers[tenant]
        for row in [row for row in rows.values() if row.owner == owner]:
            self._journal.put(rows, row.key, _replace(row, owner=None, lease_until=0))

    # Builds

    def build_rows(self, tenant: str, projections: Collection[str] | None = None) -> list[BuildRow]:
        """The builds of these projections, or of all, by target."""
        rows = self._builds[tenant].values()
        wanted = (row for row in rows if projections is None or row.target.projection in projections)
        return sorted(wanted, key=lambda row: row.target)

    def target_used(self, target: Target) -> bool:
        """Whether a build of any tenant, one that isn't dropped, stands there."""
        rows = [row for builds in self._builds.values() for row in builds.values()]
        return any(row.target == target and row.state != "dropped" for row in rows)

    def save_build(self, tenant: str, row: BuildRow) -> None:
        """Insert or replace, unless it would be the second active one."""
        active = self.active(tenant, row.target.projection)
        if row.state == "active" and active not in (None, row.target):
            raise ConfigurationError(
                f"projection {row.target.projection!r} has an active build already, {active}: end that one's time first"
            )
        self._journal.put(self._builds[tenant], row.target, row)

    def active(self, tenant: str, projection: str) -> Target | None:
        """The target that readers of the projection ask."""
        rows = self._builds[tenant].values()
        found = (row.target for row in rows if row.target.projection == projection and row.state == "active")
        return next(found, None)

    # Dead letters

    def park(self, tenant: str, letters: Sequence[Letter], now: int) -> None:
        """Store those that aren't parked already."""
        stored = self._letters[tenant]
        parked = {_place(one.letter) for one in stored.values() if one.state == "parked"}
        for letter in letters:
            if _place(letter) not in parked:
                parked.add(_place(letter))
                self._last_letter += 1
                row = LetterRow(self._last_letter, letter, "parked", now)
                self._journal.put(stored, row.id, row)

    def settle(self, tenant: str, ids: Sequence[int], state: str, ending: tuple[str | None, str | None, int]) -> None:
        """Parked letters end as `state`; `ending`: the actor, the reason, the time."""
        actor, reason, now = ending
        stored = self._letters[tenant]
        for number in ids:
            row = stored.get(number)
            if row is not None and row.state == "parked":
                settled = LetterRow(row.id, row.letter, state, row.parked_at, now, actor, reason)
                self._journal.put(stored, number, settled)

    def letters(self, tenant: str, consumer: str, lane: str | None, limit: int) -> list[LetterRow]:
        """What is parked, by id."""
        rows = self.letter_rows(tenant, consumer, "parked", 0)
        return list(islice((row for row in rows if lane in (None, row.letter.lane)), limit))

    def letter_rows(self, tenant: str, consumer: str | None, state: str | None, after: int) -> list[LetterRow]:
        """Letters with an id above `after`, by id."""
        return [
            row
            for number, row in sorted(self._letters[tenant].items())
            if number > after and consumer in (None, row.letter.consumer) and state in (None, row.state)
        ]


def _stands_as_said(row: ConsumerRow | None, move: Move) -> bool:
    if row is None or row.status != "running":
        return False
    return (row.token, row.position, row.letters) == (move.token, move.since, move.letters)


def _moved(row: ConsumerRow, move: Move, now: int) -> ConsumerRow:
    renewed = now + _microseconds(move.renew_seconds) if move.renew_seconds else 0
    return _replace(
        row,
        position=move.position,
        events=row.events + move.events,
        letters=row.letters + move.parked,
        lease_until=max(row.lease_until, renewed),
        moved_at=now,
    )


def _is_free(row: ConsumerRow, owner: str, now: int) -> bool:
    return row.owner in (None, owner) or row.lease_until <= now


def _leased(row: ConsumerRow, owner: str, until: int) -> ConsumerRow:
    return _replace(row, owner=owner, token=row.token + (row.owner != owner), lease_until=until)


def _place(letter: Letter) -> tuple[str, str, int]:
    return letter.consumer, letter.lane, letter.position


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)
