"""Documents by key: exact bytes, one tenant's apart from another's, and locked by whoever is about to change them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ...errors import StatementError
from ...storage.port_async import AsyncStorage, AsyncTransaction
from ...storage.read_model import StoredDocument
from ..racing import race_async, successes
from .read_model_domain import DESK, GUESTS, document

CONTENTS = [
    b"{}",
    b'{"b":1,"a":2,"b2":{"z":[],"y":{}}}',
    b'{"amount":"1.50","n":1.50,"big":9007199254740993,"e":1e2}',
    '{"é":"🛫\\u0041\\n\\"%s $1 ? \'"}'.encode(),
    b"[]",
    b'"text"',
    b"null",
    b"12",
    b'{"long":"' + b"x" * 500_000 + b'"}',
]


async def saved(storage: AsyncStorage, documents: dict[str, StoredDocument], *deletes: str, tenant: str = "") -> None:
    async def work(transaction: AsyncTransaction) -> None:
        await transaction.create_target(DESK, GUESTS)
        await transaction.save_documents(tenant, DESK, documents, deletes)

    await storage.transact(work)


async def found(storage: AsyncStorage, *keys: str, tenant: str = "") -> dict[str, StoredDocument]:
    return dict((await storage.stored_documents(tenant, DESK, keys)).documents)


class StoredDocuments:
    async def test_documents_come_back_byte_by_byte(self, storage: AsyncStorage) -> None:
        documents = {f"k{n}": StoredDocument(data, n) for n, data in enumerate(CONTENTS)}
        await saved(storage, documents)
        assert await found(storage, *documents) == documents

        async def work(transaction: AsyncTransaction) -> Any:
            return await transaction.documents("", DESK, list(documents))

        assert await storage.transact(work) == documents

    @pytest.mark.parametrize("key", ["", " ", "é", "a'b\"c", "%s", "$1", "x" * 1000, "🛫", "a\nb", "k%"], ids=repr)
    async def test_any_text_is_a_key(self, storage: AsyncStorage, key: str) -> None:
        await saved(storage, {key: document(of=key), "other": document()})
        assert await found(storage, key) == {key: document(of=key)}
        await saved(storage, {}, key)
        assert await found(storage, key, "other") == {"other": document()}

    async def test_keys_that_look_alike_are_different(self, storage: AsyncStorage) -> None:
        keys = ["é", "e\u0301", "A", "a", "a ", "1", "01"]
        await saved(storage, {key: document(n=n) for n, key in enumerate(keys)})
        assert await found(storage, *keys) == {key: document(n=n) for n, key in enumerate(keys)}

    async def test_saving_replaces_and_deleting_what_is_not_there_is_nothing(self, storage: AsyncStorage) -> None:
        await saved(storage, {"a": document(1, n=1), "b": document(1, n=1)})
        await saved(storage, {"a": document(2, n=2), "c": document(3)}, "b", "gone")
        assert await found(storage, "a", "b", "c", "gone") == {"a": document(2, n=2), "c": document(3)}

    async def test_many_are_read_and_written_at_once(self, storage: AsyncStorage) -> None:
        documents = {f"k{n:04}": document(n, n=n) for n in range(3000)}
        await saved(storage, documents)
        assert await found(storage, *documents, "gone") == documents
        await saved(storage, {}, *list(documents)[10:])
        assert list(await found(storage, *documents)) == list(documents)[:10]

    async def test_no_keys_give_no_documents(self, storage: AsyncStorage) -> None:
        await saved(storage, {"a": document()})
        assert await found(storage) == {}

        async def work(transaction: AsyncTransaction) -> Any:
            return await transaction.documents("", DESK, [])

        assert await storage.transact(work) == {}

    async def test_tenants_have_documents_of_their_own(self, storage: AsyncStorage) -> None:
        await saved(storage, {"a": document(of="left")}, tenant="left")
        await saved(storage, {"a": document(of="right"), "b": document()}, tenant="right")
        await saved(storage, {}, "b", tenant="left")
        assert await found(storage, "a", "b", tenant="left") == {"a": document(of="left")}
        assert await found(storage, "a", "b", tenant="right") == {"a": document(of="right"), "b": document()}
        assert await found(storage, "a") == {}

    async def test_a_table_that_is_not_there_is_an_error_to_write_to(self, storage: AsyncStorage) -> None:
        async def write(transaction: AsyncTransaction) -> None:
            await transaction.save_documents("", DESK, {"a": document()}, [])

        async def read(transaction: AsyncTransaction) -> None:
            await transaction.documents("", DESK, ["a"])

        for work in (write, read):
            with pytest.raises(StatementError):
                await storage.transact(work)
        assert (await storage.stored_documents("", DESK, ["a"])).missing

    async def test_of_many_that_change_one_document_at_once_none_is_lost(self, storage: AsyncStorage) -> None:
        """The key is locked though there is no document yet."""
        await saved(storage, {})

        async def work(transaction: AsyncTransaction) -> None:
            stored = await transaction.documents("", DESK, ["b", "a"])
            count = msgspec.json.decode(stored["a"].data)["n"] if "a" in stored else 0
            changed = document(count + 1, n=count + 1)
            await transaction.save_documents("", DESK, {"a": changed, "b": changed}, [])

        async def racer() -> None:
            await storage.transact(work)

        outcomes = await race_async([racer] * 8)
        assert len(successes(outcomes)) == 8
        assert await found(storage, "a") == {"a": document(8, n=8)}
