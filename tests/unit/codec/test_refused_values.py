"""What has no canonical form is refused before it is stored, with the field's name and never its value."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from everfold.errors import UnencodableEventError

UTC = timezone.utc
NAIVE = datetime(2026, 5, 27)
NAN = float("nan")


def refused(codec, **values) -> UnencodableEventError:
    """Built without validation: what is looked at here is the codec."""
    build = getattr(codec.cls, "model_construct", codec.cls)
    with pytest.raises(UnencodableEventError) as caught:
        codec.encode(build(**values))
    assert caught.value.type_name == "it"
    assert repr(caught.value.field) in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("annotation", "value", "word"),
    [
        (datetime, NAIVE, "naive"),
        (datetime | None, NAIVE, "naive"),
        (datetime | int, NAIVE, "naive"),
        (float, NAN, "NaN"),
        (float, float("inf"), "infinity"),
        (float, -float("inf"), "infinity"),
        (Decimal, Decimal("NaN"), "NaN"),
        (Decimal, Decimal("sNaN"), "NaN"),
        (Decimal, Decimal("-Infinity"), "infinity"),
        (str, "a\0b", "NUL"),
        (str, "\ud800", "surrogate"),
        (int, 10**4299, "digits"),
        (int, -(10**4299), "digits"),
        (int, 10**9000, "digits"),
        (time, time(1, tzinfo=ZoneInfo("Europe/Berlin")), "offset"),
        (time, time(1, tzinfo=timezone(timedelta(seconds=30))), "offset"),
        (datetime, datetime.min.replace(tzinfo=timezone(timedelta(hours=2))), "years"),
        (Any, object(), "object"),
        (Any, range(3), "range"),
        (Any, msgspec.Raw(b"1"), "Raw"),
        (Any, NAN, "NaN"),
        (Any, {None: 1}, "key"),
        (Any, {(1, 2): 1}, "key"),
        (str, object(), "object"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isalpha() else "",
)
def test_a_value_without_a_canonical_form_is_refused_by_field(make, annotation, value, word):
    error = refused(make(first=int, it=annotation), first=1, it=value)
    assert error.field.startswith("it")
    assert word in error.reason


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (str, 5),
        (int, "5"),
        (int, None),
        (Decimal, "much"),
        (datetime, "soon"),
        (int | None, [1]),
        (list[int], [1, "2"]),
    ],
    ids=str,
)
def test_a_value_that_could_not_be_read_again_is_refused_by_field(make, annotation, value):
    """No class but pydantic's checks its fields, and its bytes would be stored for ever."""
    error = refused(make(first=int, it=annotation), first=1, it=value)
    assert error.field.startswith("it")
    assert "read again" in error.reason


@pytest.mark.parametrize(
    ("annotation", "value", "path"),
    [
        (list[float], [0.0, NAN], "it[1]"),
        (tuple[datetime, ...], (NAIVE,), "it[0]"),
        (tuple[int, datetime], (1, NAIVE), "it[1]"),
        (dict[str, Decimal], {"x": Decimal("NaN")}, "it['x']"),
        (dict[int, float], {3: NAN}, "it[3]"),
        (dict[str, list[float]], {"x": [NAN]}, "it['x'][0]"),
        (set[float], {NAN}, "it[*]"),
        (dict[str, int], {"a\0": 1}, "it['a\\x00']"),
        (Any, {"a": [{"b": NAIVE}]}, "it['a'][0]['b']"),
        (dict[str, Any], {"1": 1, 1: 2}, "it[1]"),
    ],
)
def test_the_path_leads_into_containers(make, annotation, value, path):
    assert refused(make(it=annotation), it=value).field == path


def test_the_path_leads_into_nested_objects(make, make_class):
    line = make_class("Line", charged_at=datetime)
    codec = make(lines=list[line], by_name=dict[str, line], one=line | None)
    good = line(charged_at=datetime(2026, 1, 1, tzinfo=UTC))
    bad = line(charged_at=NAIVE)
    assert refused(codec, lines=[good, good, bad], by_name={}, one=None).field == "lines[2].charged_at"
    assert refused(codec, lines=[], by_name={"x": bad}, one=None).field == "by_name['x'].charged_at"
    assert refused(codec, lines=[], by_name={}, one=bad).field == "one.charged_at"


@dataclass
class Folder:
    name: str
    inner: list[Folder] = field(default_factory=list)


def nested(levels: int) -> Folder:
    folder = Folder("leaf")
    for _ in range(levels):
        folder = Folder("f", [folder])
    return folder


def test_a_recursive_class_is_stored_as_deep_as_it_can_be_read(codec):
    it = codec(Folder)
    assert it.decode(it.encode(nested(40))) == nested(40)


@pytest.mark.parametrize("levels", [60, 5_000])
def test_deeper_recursion_is_refused(codec, levels):
    with pytest.raises(UnencodableEventError, match="deeper than 100"):
        codec(Folder).encode(nested(levels))


def test_a_value_that_contains_itself_is_refused(make):
    loop: list[Any] = []
    loop.append(loop)
    assert "contains itself" in refused(make(it=Any), it=loop).reason


@dataclass
class Half:
    there: int
    missing: int = field(init=False)


def test_a_field_that_was_never_set_is_refused_by_name(codec):
    with pytest.raises(UnencodableEventError, match=r"'missing'.*never set"):
        codec(Half).encode(Half(1))


@dataclass
class Raising:
    value: Any


class Awkward(str):
    __slots__ = ()

    def __contains__(self, _: object) -> bool:
        raise ZeroDivisionError


def test_an_error_raised_by_a_value_itself_is_the_cause(codec):
    with pytest.raises(UnencodableEventError, match="ZeroDivisionError") as caught:
        codec(Raising).encode(Raising(Awkward("x")))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_the_message_names_no_value_and_the_error_travels_between_processes(make):
    error = refused(make(secret=str), secret="hunter2\0")
    assert "hunter2" not in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
