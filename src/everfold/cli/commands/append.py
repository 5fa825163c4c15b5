"""`everfold append`: one event, typed when an application is named and plain otherwise."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..command import command
from ..failure import refused, usage
from ..results import show
from ..settings import Settings

if TYPE_CHECKING:
    from uuid import UUID

    from ...codec.registry import Registry
    from ...event_store import EventStore
    from ...events.envelope import NewEvent
    from ...events.expected import Expected

__all__ = ["append"]


@command("append")
@click.argument("stream")
@click.argument("type", metavar="TYPE")
@click.option(
    "-d", "--data", default="{}", metavar="JSON|@FILE|-", help="the event's data: JSON, a file, or stdin [{}]"
)
@click.option("--expect", default="any", metavar="N|any|none|exists", help="the version the stream must be at [any]")
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="metadata: correlation_id, causation_id, actor, …")
@click.option("--id", type=click.UUID, help="the event's id; an append sent again with it is stored once")
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="a tag, for queries")
@click.option("--schema-version", type=click.IntRange(1), metavar="N", help="the schema version the data is in")
def append(
    settings: Settings,
    *,
    stream: str,
    type: str,
    data: str,
    expect: str,
    meta: tuple[str, ...],
    id: UUID | None,
    tags: tuple[str, ...],
    schema_version: int | None,
) -> None:
    """Append one event to the end of a stream.

    With --app the data is checked against the registered type and upcast to its current schema version; without, any
    JSON object is stored under any type name.
    """
    from ...events.envelope import NewEvent
    from ..opening import open_store
    from ..untyped import parse_object

    expected = _expected(expect)
    plain = parse_object(_text_of(data), "--data")
    metadata = _metadata(meta)
    with open_store(settings, appends=True) as store:
        _refuse_past_inline(settings, store)
        payload = _payload(store.registry, type, plain, schema_version)
        event = NewEvent(payload, id=id, metadata=metadata, tags=tags)
        _show(settings, _append(store, stream, event, expected))


def _refuse_past_inline(settings: Settings, store: EventStore) -> None:
    """Without its code an inline projection would miss the event for good."""
    if settings.app or settings.yes:
        return
    fed = sorted({build.name for build in store.projections().status() if build.fed == "inline"})
    if fed:
        raise refused(
            "inline_projections",
            f"the inline projections {', '.join(fed)} of this store would never see the event: their code is not here",
            "name the application: --app package.module:name; or pass --yes if none of them handles it",
        )


def _append(store: EventStore, stream: str, event: NewEvent, expected: Expected) -> dict[str, Any]:
    from ...errors import CommitUnknownError
    from ..failure import UNREACHABLE, Failure

    try:
        result = store.append(stream, [event], expected_version=expected)
    except CommitUnknownError as error:
        message = f"whether the event was stored is unknown: {error.reason}"
        raise Failure(UNREACHABLE, "commit_unknown", message, f"the same command with --id {event.id}") from error
    [recorded] = result.events
    return {
        "stream": stream,
        "version": result.version,
        "position": result.position,
        "id": str(event.id),
        "type": recorded.type,
        "schema_version": recorded.schema_version,
        "repeated": result.repeated,
    }


def _show(settings: Settings, data: dict[str, Any]) -> None:
    from ..visible import visible

    columns = ("stream", "version", "position", "id", "repeated")
    before = " (stored before; nothing was added)" if data["repeated"] else ""
    text = f"{visible(data['stream'])} is at version {data['version']}, position {data['position']}{before}"
    row = [str(data[name]).lower() if name == "repeated" else data[name] for name in columns]
    show(settings, data, columns=columns, rows=[row], text=text)


def _expected(text: str) -> Expected:
    from ...events.expected import ANY, NO_STREAM, STREAM_EXISTS

    words = {"any": ANY, "none": NO_STREAM, "exists": STREAM_EXISTS}
    if text in words:
        return words[text]
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise usage(f"--expect {text!r} is no version (0, 1, 2, …) and none of any, none, exists")


def _text_of(data: str) -> str:
    try:
        if data == "-":
            return sys.stdin.buffer.read().decode()
        return Path(data[1:]).read_bytes().decode() if data.startswith("@") else data
    except OSError as error:
        raise usage(f"--data {data}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise usage(f"--data {data} is no UTF-8 text: {error.reason} at byte {error.start}") from error


def _metadata(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals) or key in found:
            raise usage(f"--meta {pair!r} must be KEY=VALUE, each key once", "--meta actor=ann")
        found[key] = value
    return found


def _payload(registry: Registry, type_name: str, plain: dict[str, Any], schema_version: int | None) -> object:
    from ..untyped import PlainEvent, UntypedRegistry, check_type_name

    if isinstance(registry, UntypedRegistry):
        return PlainEvent(check_type_name(type_name), schema_version or 1, plain)
    return _typed(registry, type_name, plain, schema_version)


def _typed(registry: Registry, type_name: str, plain: dict[str, Any], schema_version: int | None) -> object:
    """The object that a reader would get from this data, so that what is stored can be read."""
    from ...codec.canonical import plain_bytes
    from ...errors import UndecodableEventError, UnknownEventTypeError

    current = next((known.version for known in registry.types() if type_name in known.names), 1)
    version = schema_version or current
    try:
        return registry.decode(type_name, version, plain_bytes(plain), 0)
    except UnknownEventTypeError as error:
        raise UnknownEventTypeError(type_name, error.known) from None
    except UndecodableEventError as error:
        message = f"the data is no {type_name!r} in schema version {version}: {error.reason}; nothing was written"
        raise usage(message, "everfold types") from error
