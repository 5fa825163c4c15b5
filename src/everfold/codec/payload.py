"""The codec of one class or type: an object → canonical JSON bytes, and back.

Invariants: equal values give the same bytes whichever of the four kinds of class holds them; bytes that were written
decode to an equal value; `encode(decode(data)) == data`. What has no such form is refused with the field's name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import inspect

from .. import limits
from ..errors import ConfigurationError, UndecodableEventError, UnencodableEventError
from .canonical import Refusal, plain_bytes, plain_of
from .guard import compile_encode
from .inspection import node_problems, union_problems
from .models import classes_in, is_model, merged, model_reader, read_custom
from .reasons import reason_of, unfit

__all__ = ["PayloadCodec", "ValueCodec", "value_codec"]


class PayloadCodec:
    """Encode and decode one event class, which has passed `class_problems`.

    `encode` raises UnencodableEventError. `decode` and `convert` (plain data, as an upcaster gives it) raise
    what msgspec, pydantic or the class itself raises; the registry words it.
    """

    __slots__ = ("cls", "decode", "encode")

    def __init__(self, cls: type, type_name: str) -> None:
        self.cls = cls
        self.decode: Callable[[bytes], Any] = _reader(cls)
        self.encode = _read_back(compile_encode(inspect.type_info(cls), _slow_path(type_name)), self.decode, type_name)

    def convert(self, plain: dict[str, Any]) -> Any:
        """An object from plain data. By way of bytes: as strict as reading them, and faster than msgspec's convert."""
        return self.decode(plain_bytes(plain))


class ValueCodec:
    """Encode and decode values of any type that msgspec or pydantic knows, for what is no event: a snapshot's state."""

    __slots__ = ("_decode", "encode", "name", "schema_version")

    def __init__(self, value_type: Any, name: str, schema_version: int) -> None:
        self.name = name
        self.schema_version = schema_version
        node, self._decode = _value_parts(value_type, name)
        self.encode: Callable[[Any], bytes] = compile_encode(node, _slow_path(name))

    def decode(self, data: bytes) -> Any:
        """The value. Raises UndecodableEventError."""
        try:
            return self._decode(data)
        except Exception as error:
            raise UndecodableEventError(self.name, self.schema_version, reason_of(error)) from error


def value_codec(value_type: Any, *, name: str | None = None, schema_version: int = 1) -> ValueCodec:
    """The codec for a type: a class, a dict, a union, ... Raises ConfigurationError for one without a canonical form.

    `name` and `schema_version` only word its errors.
    """
    return _codec_of(value_type, name or str(getattr(value_type, "__qualname__", value_type)), schema_version)


# Making one takes 160 µs, more than half of a load that begins at a snapshot.
_codec_of = lru_cache(limits.VALUE_CODECS)(ValueCodec)


def _read_back(
    encode: Callable[[Any], bytes], decode: Callable[[bytes], Any], type_name: str
) -> Callable[[Any], bytes]:
    """`encode`, refusing what `decode` wouldn't take: no class checks its fields, and what is stored stays for ever."""

    def encode_readably(value: Any) -> bytes:
        data = encode(value)
        try:
            decode(data)
        except Exception as error:
            field, reason = unfit(error)
            raise UnencodableEventError(type_name, field, f"it couldn't be read again: {reason}") from error
        return data

    return encode_readably


def _slow_path(type_name: str) -> Callable[[Any], bytes]:
    def encode_slowly(value: Any) -> bytes:
        try:
            return plain_bytes(plain_of(value))
        except Refusal as refusal:
            raise UnencodableEventError(type_name, refusal.path, refusal.reason) from None
        except MemoryError:
            raise
        except Exception as error:
            raise UnencodableEventError(
                type_name, "", f"{type(error).__name__} was raised while it was read"
            ) from error

    return encode_slowly


def _reader(cls: Any) -> Callable[[bytes], Any]:
    return model_reader(cls) if is_model(cls) else msgspec.json.Decoder(cls, dec_hook=read_custom).decode


def _value_parts(value_type: Any, name: str) -> tuple[inspect.Type, Callable[[bytes], Any]]:
    try:
        node = inspect.type_info(value_type)
        decode = _reader(value_type)
        _raise_problems(node_problems(node), name)
    except (TypeError, NameError) as error:
        return inspect.AnyType(), _union_reader(value_type, name, error)
    return node, decode


def _union_reader(value_type: Any, name: str, refused: Exception) -> Callable[[bytes], Any]:
    """pydantic's own reading of a type that only pydantic can decode: a union of models."""
    if not any(map(is_model, classes_in(value_type))):
        advice = "classes of a union are told apart when they are msgspec Structs with a tag"
        raise ConfigurationError(f"values of {name} can't be stored: {refused}; {advice}") from refused
    _raise_problems(union_problems(value_type), name)
    try:
        inspect.type_info(merged(value_type))
    except TypeError as error:
        raise ConfigurationError(f"values of {name} can't be stored: {error}") from error
    validate = sys.modules["pydantic"].TypeAdapter(value_type).validate_python
    decode = msgspec.json.Decoder().decode
    return lambda data: validate(decode(data), strict=False)


def _raise_problems(problems: Iterable[tuple[str, str]], name: str) -> None:
    texts = [f"{path or name}: {problem}" for path, problem in problems]
    if texts:
        raise ConfigurationError(f"values of {name} can't be stored: {'; '.join(texts)}")
