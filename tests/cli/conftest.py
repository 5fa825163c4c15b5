"""Running the command line: in this process for its results, as a process of its own for its streams and signals.

Whatever a run writes with --json is held to the schema that ships with the command.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click import Context, Group
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from everfold import EventStore
from everfold.cli.root import everfold
from everfold.cli.untyped import PlainEvent, UntypedRegistry

COMMAND = [sys.executable, "-m", "everfold.cli"]
CLEAN = {"EVERFOLD_DB": None, "EVERFOLD_APP": None, "NO_COLOR": None}


def schema(command: str) -> Draft202012Validator:
    text = (files("everfold.cli") / "schemas" / f"{command.replace(' ', '-')}.json").read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        """The tab-separated lines."""
        return [line.split("\t") for line in self.out.splitlines()]

    @property
    def objects(self) -> list[Any]:
        """The JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def data(self) -> Any:
        [envelope] = self.objects
        return envelope["data"]

    @property
    def error(self) -> Any:
        return self.objects[-1]["error"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of the test: empty, and its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path


@pytest.fixture
def url(folder: Path) -> str:
    """A store without events, in a file."""
    address = f"sqlite:///{folder}/store.db"
    with EventStore.open(address):
        return address


def environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in CLEAN}
    return kept | {"PYTHONUTF8": "1"} | given


@pytest.fixture
def run(folder: Path) -> Callable[..., Outcome]:
    """`run("append", "stay-1", "booked", db=url)`: one run in this process."""

    def invoke(*args: str, db: str | None = None, stdin: str | bytes | None = None, **variables: str) -> Outcome:
        given = ["--db", db, *args] if db else list(args)
        done = CliRunner(env={**CLEAN, **variables}).invoke(everfold, given, input=stdin)
        outcome = Outcome(done.exit_code, done.stdout, done.stderr)
        if "--json" in args:
            hold_to_schema(args, outcome)
        return outcome

    return invoke


def hold_to_schema(args: tuple[str, ...], outcome: Outcome) -> None:
    command = spelt(args)
    for line in outcome.objects if command else ():
        schema(command).validate(line)


def spelt(args: tuple[str, ...], group: Group = everfold) -> str:
    """The words of the command that the arguments name, as far as a schema is named after them."""
    for place, arg in enumerate(args):
        command = group.get_command(Context(group), arg)
        if isinstance(command, Group):
            rest = spelt(args[place + 1 :], command)
            return f"{arg} {rest}" if rest else ""
        if command is not None:
            return arg
    return ""


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`start("tail", db=url)`: a process of its own, with pipes; whatever is left of it ends with the test."""
    processes: list[subprocess.Popen[str]] = []

    def begin(*args: str, db: str | None = None, **variables: str) -> subprocess.Popen[str]:
        given = ["--db", db, *args] if db else list(args)
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [*COMMAND, *given], stdout=pipe, stderr=pipe, stdin=pipe, text=True, env=environment(**variables)
        )
        processes.append(process)
        return process

    yield begin
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def program(start: Callable[..., subprocess.Popen[str]]) -> Callable[..., Outcome]:
    """`program("streams", db=url)`: one run as a process of its own, to its end."""

    def to_its_end(*args: str, stdin: str = "", **given: str) -> Outcome:
        process = start(*args, **given)
        out, err = process.communicate(stdin, timeout=60)
        return Outcome(process.returncode, out, err)

    return to_its_end


@pytest.fixture
def write(url: str) -> Callable[..., None]:
    """`write("stay-1", "booked", {...}, tags=[...])`: an event, as another program would write it."""

    def append(stream: str | None, type: str, data: dict[str, Any] | None = None, **given: Any) -> None:
        append_plain(url, stream, type, data or {}, **given)

    return append


def append_plain(
    url: str,
    stream: str | None,
    type: str,
    data: dict[str, Any],
    *,
    tags: tuple[str, ...] = (),
    schema_version: int = 1,
    tenant: str = "",
) -> None:
    from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

    _, _, encoded = UntypedRegistry().encode(PlainEvent(type, schema_version, data))
    event = EncodedEvent(uuid.uuid4().bytes, type, schema_version, encoded, b"{}", tuple(sorted(tags)))
    with EventStore.open(url) as store:
        store.storage.commit(Unit(tenant, (StreamAppend(stream, -1, (event,)),)))


@pytest.fixture
def shop(folder: Path) -> Callable[..., str]:
    """`shop()`: an application in the folder; gives the `--app` that names its module."""

    def make(text: str = SHOP, name: str = "shop") -> str:
        module = f"shop_{uuid.uuid4().hex[:12]}"
        (folder / f"{module}.py").write_text(text, encoding="utf-8")
        return f"{module}:{name}"

    return make


@pytest.fixture
def hotel(shop: Callable[..., str]) -> Callable[..., str]:
    """`hotel(version=2, broken="g7", parking=True)`: an application with projections; gives its `--app`.

    `occupancy` is of documents, `revenue` a table; `broken` is the guest that the handler of occupancy fails on.
    """

    def make(version: int = 1, *, broken: str = "", parking: bool = False, extra: str = "") -> str:
        policy = "ef.Park()" if parking else "ef.Stop()"
        given = f"VERSION, POLICY, BROKEN, EXTRA = {version}, {policy}, {broken!r}, {extra!r}"
        return shop(HOTEL.replace("GIVEN", given), "hotel")

    return make


HOTEL = """
import os
from dataclasses import dataclass

import everfold as ef

GIVEN

hotel = ef.Module("hotel")


@hotel.event("checked_in")
@dataclass(frozen=True)
class CheckedIn:
    guest: str
    room: int


occupancy = ef.DocumentProjection("occupancy", version=VERSION, key=lambda event: str(event.room), on_error=POLICY)


def count(document, event, recorded):
    if event.guest == BROKEN:
        raise ValueError("no such guest\\nanywhere")
    counted = {"stays": (document or {}).get("stays", 0) + 1}
    return {**counted, EXTRA: True} if EXTRA else counted


occupancy.on(CheckedIn)(count)
stays = ef.TableProjection("stays", version=1, columns={"room": ef.Integer, "number": ef.Integer}, key=["room"])
stays.on(CheckedIn).increment(number=1).at(room="room")
hotel.add(occupancy, stays)
"""


SHOP = """
from dataclasses import dataclass
from decimal import Decimal

import everfold as ef

shop = ef.Module("shop")
stock = ef.Module("stock")
everything = [shop, stock]
number = 7


@shop.event("order_placed", version=2, aliases=["order_made"])
@dataclass(frozen=True)
class OrderPlaced:
    total: Decimal
    currency: str


@shop.upcast("order_placed", from_version=1)
def _(data):
    if data.get("broken"):
        raise ValueError("broken")
    return {**data, "currency": "EUR"}


@stock.event("goods_received")
@dataclass(frozen=True)
class GoodsReceived:
    count: int


def opened():
    return ef.EventStore.open("sqlite:///store.db", shop, stock, migrate="never")


def unmigrated():
    return ef.EventStore.open("sqlite:///no-such-store.db", shop, migrate="never")


def failing():
    raise RuntimeError("out of order")


def wrong():
    return 7
"""
