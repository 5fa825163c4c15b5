"""Documents of a target on one session: locked and read, saved, deleted.

Keys go in their order (by code points), so two writers of one target lock them in one order.
"""

# ruff: noqa: S608  # the pieces are quoted names and constants; every value is bound

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ..read_model import StoredDocument, Target
from .names import qualified, table_name
from .packing import pack_int8, pack_json, pack_texts
from .session_async import AsyncSession
from .statements import Statement

__all__ = ["locked_documents", "save_documents"]


async def locked_documents(
    session: AsyncSession, sql: Mapping[str, bytes], schema: str, tenant: str, place: tuple[Target, Sequence[str]]
) -> dict[str, StoredDocument]:
    """`place`: the target and the keys. One round trip: the locks, then, in a later snapshot, the documents."""
    target, keys = place
    if not keys:
        return {}
    packed = pack_texts(keys)
    lock = sql["lock_documents"], (tenant, table_name(target), packed)
    _, rows = await session.pipelined(lock, (_statements(schema, target)["read"], (tenant, packed)))
    return {key: StoredDocument(data, version) for key, data, version in rows}


async def save_documents(
    session: AsyncSession,
    schema: str,
    tenant: str,
    place: tuple[Target, Mapping[str, StoredDocument], Sequence[str]],
) -> None:
    """`place`: the target, the documents, the keys to delete. One round trip."""
    target, documents, deletes = place
    text = _statements(schema, target)
    statements: list[Statement] = []
    if deletes:
        statements.append((text["delete"], (tenant, pack_texts(deletes))))
    if documents:
        keys = sorted(documents)
        data = pack_json([documents[key].data for key in keys])
        versions = pack_int8([documents[key].version for key in keys])
        statements.append((text["save"], (tenant, pack_texts(keys), data, versions)))
    if statements:
        await session.pipelined(*statements)


@lru_cache(maxsize=512)
def _statements(schema: str, target: Target) -> dict[str, bytes]:
    table = qualified(schema, table_name(target))
    read = f"select t.key, t.data, t.version from {table} t where t.tenant = $1 and t.key = any ($2::text[])"
    delete = f"delete from {table} t where t.tenant = $1 and t.key = any ($2::text[])"
    save = (
        f"insert into {table} (tenant, key, data, version) "
        "select $1, u.key, u.data, u.version from unnest($2::text[], $3::json[], $4::bigint[]) u(key, data, version) "
        "on conflict (tenant, key) do update set data = excluded.data, version = excluded.version"
    )
    return {"read": read.encode(), "delete": delete.encode(), "save": save.encode()}
