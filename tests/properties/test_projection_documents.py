"""Random document projections, random histories, restarts and deaths against a model in plain Python.

The definition (keys, several keys, items, deletes, size of batches) and the story are drawn; handlers fail on marks that are broken at
that time. At the end everything is mended and retried: then the documents are the fold of the log, as LIVE makes it too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import everfold as ef
from everfold import limits
from everfold.testing.clock import VirtualClock
from everfold.testing.crash import Crash
from everfold.testing.faults import Faults


@dataclass(frozen=True, slots=True)
class Happened:
    keys: tuple[str, ...]
    operation: str
    number: int


NAMES = ("a", "é b")
events = st.builds(
    Happened,
    st.lists(st.sampled_from(NAMES), max_size=3).map(tuple),
    st.sampled_from(["add", "add", "mark", "delete", "reset", "same"]),
    st.integers(0, 3),
)
appends = st.tuples(st.just("append"), st.sampled_from(["s-1", "s-2"]), st.lists(events, min_size=1, max_size=4))
works = st.tuples(st.just("work"), st.none() | st.integers(1, 30), st.just(0))
broken = st.tuples(st.just("break"), st.sets(st.integers(0, 4), min_size=1, max_size=2), st.just(0))
retries = st.tuples(st.just("retry"), st.just(0), st.just(0))
stories = st.lists(st.one_of(appends, appends, works, broken, retries), max_size=9)


def items(event: Happened) -> list[tuple[str, int]]:
    return [(key, event.number + place) for place, key in enumerate(event.keys)]


@dataclass(frozen=True, slots=True)
class Definition:
    """How events find their documents: by "stream", by the "first" key, by "all" of them, or "each" as an item of its own."""

    keys: str
    batch: int

    def slices(self, event: Happened, stream: str) -> list[tuple[str, int]]:
        """(key, number) of everything that the event does."""
        if self.keys == "stream":
            return [(stream, event.number)]
        if self.keys == "each":
            return items(event)
        wanted = event.keys[:1] if self.keys == "first" else event.keys
        return [(key, event.number) for key in dict.fromkeys(wanted)]

    def projection(self, name: str, broken: set[int], **options: Any) -> ef.DocumentProjection:
        """The same for everfold."""
        choices: dict[str, Any] = {
            "stream": None,
            "first": lambda event: event.keys[0] if event.keys else None,
            "all": lambda event: event.keys,
            "each": lambda item: item[0],
        }
        projection = ef.DocumentProjection(name, key=choices[self.keys], **options)

        @projection.on(Happened, each=items if self.keys == "each" else None)
        def _(document: Any, item: Any, recorded: ef.RecordedEvent) -> Any:
            number = item[1] if self.keys == "each" else item.number
            return stepped(document, recorded.event.operation, number, broken)

        return projection


definitions = st.builds(
    Definition, st.sampled_from(["stream", "first", "all", "each"]), st.sampled_from([1, 2, 5, 2000])
)


def stepped(document: Any, operation: str, number: int, broken: set[int]) -> Any:
    """What a handler does; it changes what it was given before it fails."""
    found = document if document is not None else {"sum": 0, "marks": []}
    found["marks"].append(number)
    if number in broken:
        raise ValueError(f"{number} is broken")
    if operation in ("mark", "same"):
        return found if operation == "mark" else document_without_last(found)
    if operation == "delete":
        return None
    if operation == "reset":
        return {"sum": 0, "marks": []}
    found["sum"] += number
    return found


def document_without_last(found: Any) -> Any:
    found["marks"].pop()
    return found


@dataclass(slots=True)
class Model:
    """Documents, and the events that wait by key; each key's events are taken in their order, all of an event or nothing."""

    definition: Definition
    documents: dict[str, Any] = field(default_factory=dict)
    waiting: dict[str, list[tuple[str, list[int]]]] = field(default_factory=dict)

    def take(self, event: Happened, stream: str, broken: set[int]) -> None:
        """An event comes."""
        by_key: dict[str, list[int]] = {}
        for key, number in self.definition.slices(event, stream):
            by_key.setdefault(key, []).append(number)
        for key, numbers in by_key.items():
            if key in self.waiting or not self._apply(key, event.operation, numbers, broken):
                self.waiting.setdefault(key, []).append((event.operation, numbers))

    def retry(self, broken: set[int]) -> None:
        """What waits is tried again."""
        for key, waiting in list(self.waiting.items()):
            while waiting and self._apply(key, *waiting[0], broken):
                waiting.pop(0)
            if not waiting:
                del self.waiting[key]

    def _apply(self, key: str, operation: str, numbers: list[int], broken: set[int]) -> bool:
        if any(number in broken for number in numbers):
            return False
        for number in numbers:
            before = self.documents.pop(key, {"sum": 0, "marks": []})
            copy = {"sum": before["sum"], "marks": list(before["marks"])}
            after = stepped(copy, operation, number, set())
            if after is not None:
                self.documents[key] = after
        return True


class Story:
    """The same things done to a store and to the model."""

    def __init__(self, open_store: Callable[..., ef.EventStore], definition: Definition) -> None:
        self.broken: set[int] = set()
        self.clock = VirtualClock()
        self.model = Model(definition)
        self.pending: list[tuple[Happened, str]] = []
        module = ef.Module("story")
        module.event("happened")(Happened)
        self.desks = definition.projection("desks", self.broken, on_error=ef.Park())
        self.live = definition.projection("desks_live", self.broken, timing=ef.LIVE)
        module.add(self.desks, self.live)
        self.store = open_store(module, clock=self.clock)

    def append(self, stream: str, happened: list[Happened]) -> None:
        self.store.append(stream, happened, expected_version=ef.ANY)
        self.pending += [(event, stream) for event in happened]

    def work(self, dies_at: int | None) -> None:
        """A worker catches up; one that dies before is replaced."""
        if dies_at is not None:
            faults = Faults(self.store.storage)
            faults.crash_at(dies_at)
            scope = self.store._scope
            dying = ef.EventStore(type(scope)(**{**{n: getattr(scope, n) for n in scope.__slots__}, "storage": faults}))
            try:
                ef.Worker(dying).run_until_caught_up()
            except Crash:
                self.clock.advance(timedelta(minutes=1))
        ef.Worker(self.store).run_until_caught_up()
        for event, stream in self.pending:
            self.model.take(event, stream, self.broken)
        self.pending = []
        self.agrees()

    def retry(self) -> None:
        self.work(None)
        self.store.dead_letters(self.desks).retry()
        self.model.retry(self.broken)
        self.agrees()

    def mend(self) -> None:
        """Nothing is broken any more, and nothing waits."""
        self.work(None)
        self.broken.clear()
        self.retry()
        assert self.model.waiting == {}
        assert list(self.store.dead_letters(self.desks)) == []
        assert dict(self.store.read_model(self.live).items()) == self.model.documents

    def agrees(self) -> None:
        assert dict(self.store.read_model(self.desks).items()) == self.model.documents
        waiting = {letter.key for letter in self.store.dead_letters(self.desks)}
        assert waiting == set(self.model.waiting)


def told(open_store: Callable[..., ef.EventStore], definition: Definition, story: list[tuple[str, Any, Any]]) -> None:
    """The story, from its beginning to its end."""
    one = Story(open_store, definition)
    with pytest.MonkeyPatch.context() as patch, one.store:
        patch.setattr(limits, "CONSUMER_BATCH_EVENTS", definition.batch)
        for verb, what, more in story:
            if verb == "append":
                one.append(what, more)
            elif verb == "work":
                one.work(what)
            elif verb == "break":
                one.work(None)  # what was appended before was handled by the code of that time
                one.broken.clear()
                one.broken.update(what)
            else:
                one.retry()
        one.mend()


@pytest.fixture(scope="module")
def open_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., ef.EventStore]:
    path = tmp_path_factory.mktemp("stories") / "store.db"
    return lambda *modules, **options: ef.EventStore.open(
        f"sqlite:///{path}", *modules, tenant=uuid4().hex, synchronous="NORMAL", **options
    )


HALF = [("break", {1}, 0), ("append", "s-1", [Happened(("a", "a"), "add", 0)])]
"""An event whose second item fails on the document that its first one has changed already."""


@given(definitions, stories)
@example(Definition("each", 2000), HALF)
@settings(max_examples=100)
def test_in_memory_documents_are_what_the_model_says(definition: Definition, story: list[Any]) -> None:
    told(lambda *modules, **options: ef.EventStore.open("memory://", *modules, **options), definition, story)


@given(definitions, stories)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_sqlite_documents_are_what_the_model_says(
    open_sqlite: Callable[..., ef.EventStore], definition: Definition, story: list[Any]
) -> None:
    told(open_sqlite, definition, story)


@given(definitions, stories)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_in_postgres_documents_are_what_the_model_says(
    postgres_url: str, postgres_schema: str, definition: Definition, story: list[Any]
) -> None:
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema={postgres_schema}"
    told(
        lambda *modules, **options: ef.EventStore.open(url, *modules, migrate="auto", tenant=uuid4().hex, **options),
        definition,
        story,
    )
