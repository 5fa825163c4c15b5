"""What users can name: pinned here, sorted, documented, typed; and what importing it costs them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator

import pytest

import everfold
from everfold import errors

PUBLIC = [
    "ANY",
    "Aggregate",
    "AppendCondition",
    "AppendConditionFailedError",
    "AsyncEventStore",
    "AsyncWorker",
    "BigInteger",
    "Boolean",
    "CATCH_UP",
    "CaughtUp",
    "CheckpointConflictError",
    "CheckpointMismatchError",
    "CodecError",
    "CommitUnknownError",
    "ConfigurationError",
    "ConflictError",
    "ConsumerStoppedError",
    "Date",
    "DeadLetter",
    "Decider",
    "DocumentProjection",
    "EventIdReusedError",
    "EventStore",
    "EverfoldError",
    "Expected",
    "HandlerProjection",
    "INLINE",
    "Integer",
    "InvalidNameError",
    "Json",
    "LIVE",
    "LimitExceededError",
    "Limits",
    "Module",
    "NO_STREAM",
    "NewEvent",
    "Numeric",
    "Park",
    "Projection",
    "ProjectionError",
    "ProjectionGroup",
    "ProjectionStatus",
    "PromotionRefusedError",
    "Query",
    "RecordedEvent",
    "Retry",
    "STREAM_EXISTS",
    "SchemaError",
    "Snapshots",
    "StateCache",
    "StatementError",
    "Stop",
    "StorageError",
    "StorageUnavailableError",
    "StoreClosedError",
    "StreamArchivedError",
    "StreamClosedError",
    "StreamState",
    "StreamTombstonedError",
    "TableProjection",
    "Text",
    "Timestamp",
    "UndecodableEventError",
    "UnencodableEventError",
    "UnknownEventTypeError",
    "UpcastError",
    "Uuid",
    "Verification",
    "WaitTimeoutError",
    "Worker",
    "WrongExpectedVersionError",
    "applies",
    "by_stream",
    "by_stream_id",
    "by_tag",
    "case",
    "context",
    "date_of",
    "decides",
    "envelope",
    "field",
    "literal",
    "tag",
]

OPTIONAL = ("psycopg", "sqlite3", "click", "rich", "attr", "attrs", "pydantic", "opentelemetry")


@pytest.fixture(scope="module")
def definitions(library) -> dict[str, ast.AST]:
    """Where each public class and function is written."""
    trees = {source.module: source.tree for source in library}
    homes = {name: trees.get(getattr(getattr(everfold, name), "__module__", "")) for name in everfold.__all__}
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        name: node
        for name, home in homes.items()
        for node in (home.body if home else ())
        if isinstance(node, kinds) and node.name == name
    }


def test_the_public_names_are_these():
    assert everfold.__all__ == PUBLIC


def test_the_public_names_are_sorted():
    assert everfold.__all__ == sorted(everfold.__all__)


def test_every_error_can_be_caught_by_its_public_name():
    assert [name for name in errors.__all__ if getattr(everfold, name, None) is not getattr(errors, name)] == []


def test_every_error_of_the_module_is_listed():
    defined = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined == set(errors.__all__)


def test_every_module_says_what_it_owns(library, refuse):
    refuse(source.name for source in library if not ast.get_docstring(source.tree))


def test_every_public_class_and_function_states_its_contract(definitions, refuse):
    methods = [(f"{name}.{method.name}", method) for name, method in public_methods(definitions)]
    contracts = [pair for pair in [*definitions.items(), *methods] if not is_overload(pair[1])]
    refuse(
        name
        for name, node in contracts
        if not (ast.get_docstring(node) or name.endswith(".__init__") or inherits(name))
    )


def test_a_contract_may_be_that_of_the_class_it_is_inherited_from():
    assert inherits("TableProjection.shape")
    assert not inherits("TableProjection.__init__")


def test_every_public_class_and_function_is_found_where_it_is_written(definitions):
    named = {name for name in everfold.__all__ if isinstance(getattr(everfold, name), type)}
    assert named - definitions.keys() == set()


def test_a_public_signature_says_more_than_any(definitions, refuse):
    functions = [(name, node) for name, node in definitions.items() if not isinstance(node, ast.ClassDef)]
    methods = [(f"{name}.{method.name}", method) for name, method in public_methods(definitions)]
    # where there are overloads a type checker shows them, and not what implements them
    hidden = {name for name, method in methods if is_overload(method)}
    shown = [(name, node) for name, node in functions + methods if name not in hidden or is_overload(node)]
    refuse((found for name, node in shown for found in anys(name, node)), "any_in_public_signatures")


def test_any_is_found_wherever_it_stands_in_a_signature(sample):
    [(name, function)] = sample("def f(a: int, *b: Any, c: list[Any] | None, d: typing.Any) -> Company: ...").functions
    assert list(anys(name, function)) == ["f.c: list[Any] | None", "f.d: typing.Any", "f.b: Any"]


def public_methods(definitions) -> Iterator[tuple]:
    for name, node in definitions.items():
        for method in node.body if isinstance(node, ast.ClassDef) else []:
            if isinstance(method, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_public(method.name):
                yield name, method


def is_public(name: str) -> bool:
    return not name.startswith("_") or name in ("__init__", "__call__")


def inherits(name: str) -> bool:
    """Whether a method carries out what a class above it promises."""
    owner, _, method = name.partition(".")
    above = getattr(everfold, owner).__mro__[1:-1] if method else ()
    return any(getattr(vars(cls).get(method), "__doc__", None) for cls in above)


def is_overload(node) -> bool:
    return any(getattr(decorator, "id", "") == "overload" for decorator in node.decorator_list)


def anys(name, function) -> Iterator[str]:
    arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    arguments += [a for a in (function.args.vararg, function.args.kwarg) if a]
    for place, annotation in [(a.arg, a.annotation) for a in arguments] + [("return", function.returns)]:
        parts = ast.walk(annotation) if annotation else ()
        if any("Any" in (getattr(part, "id", ""), getattr(part, "attr", "")) for part in parts):
            yield f"{name}.{place}: {ast.unparse(annotation)}"


def test_importing_everfold_loads_no_driver_and_no_extra():
    script = f"import sys, everfold; print(*[name for name in {OPTIONAL!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
