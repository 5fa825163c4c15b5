"""Documents by key, inside a transaction that the caller holds open: their JSON is text in the file, and bytes outside."""

# ruff: noqa: S608  # the pieces are quoted names; every value is bound

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from ..read_model import StoredDocument, Target
from .names import identifier, table_name

__all__ = ["DOCUMENT_COLUMNS", "save_documents", "stored_documents"]

DOCUMENT_COLUMNS = "key, cast(data as blob), version"
_encode_keys = msgspec.json.Encoder().encode


def stored_documents(
    cursor: sqlite3.Cursor, tenant: str, target: Target, keys: Sequence[str]
) -> dict[str, StoredDocument]:
    """The documents at these keys, in the order of the keys."""
    if len(keys) == 1:
        rows = cursor.execute(_text(target, "select_one"), (tenant, keys[0]))
    else:
        rows = cursor.execute(_text(target, "select"), (tenant, _encode_keys(list(keys)).decode()))
    found = {key: StoredDocument(data, version) for key, data, version in rows}
    return found if len(found) < 2 else {key: found[key] for key in keys if key in found}


def save_documents(
    cursor: sqlite3.Cursor,
    tenant: str,
    target: Target,
    documents: Mapping[str, StoredDocument],
    deletes: Sequence[str],
) -> None:
    """Delete, then insert or replace."""
    cursor.executemany(_text(target, "delete"), [(tenant, key) for key in deletes])
    rows = [(tenant, key, document.data, document.version) for key, document in documents.items()]
    cursor.executemany(_text(target, "save"), rows)


@lru_cache(maxsize=512)
def _text(target: Target, verb: str) -> str:
    table = identifier(table_name(target))
    match verb:
        case "delete":
            return f"delete from {table} where tenant = ? and key = ?"
        case "select_one":
            return f"select {DOCUMENT_COLUMNS} from {table} where tenant = ? and key = ?"
        case "select":
            return (
                f"select {DOCUMENT_COLUMNS} from {table} where tenant = ? and key in (select value from json_each(?))"
            )
        case _:
            return (
                f"insert into {table} (tenant, key, data, version) values (?, ?, cast(? as text), ?) "
                "on conflict (tenant, key) do update set data = excluded.data, version = excluded.version"
            )
