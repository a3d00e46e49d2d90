"""Writing into a store in Qdrant: each state of a source is a collection of its own.

The next one is filled beside the one that is searched: with the points that stay, and with those
that are new. Then the alias goes over to it, in one step for all readers, and the old one is
deleted. A run that is killed leaves a collection that nothing names.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import numpy as np
from qdrant_client import QdrantClient, models

from agent_knowledge.retrieval.prepared import HeldDocument, IndexChange, VectorsGoneError
from agent_knowledge.retrieval.qdrant.building import NextState
from agent_knowledge.retrieval.qdrant.client import CollectionGoneError, QdrantStore, hasten
from agent_knowledge.retrieval.qdrant.parts import (
    MOST_AT_ONCE,
    NEAR,
    WORDS,
    PartFacts,
    SourcePart,
    alias_of,
    place_of,
)
from agent_knowledge.retrieval.reading.documents import Known
from agent_knowledge.types import Matrix, Vector
from agent_knowledge.types.search import SourceKey

_STATES, _PENDING = "ak~", "ak-pending~"
T = TypeVar("T")


class QdrantWriter:
    """Implements `StoreWriter`. Of two that change one source at once, the later state stays."""

    def __init__(self, store: QdrantStore, embedding: str) -> None:
        """Prepare without opening anything.

        Args:
            store: Where it is.
            embedding: Name of the embedder whose vectors it is given.
        """
        self._store = store
        self._embedding = embedding
        digest = hashlib.sha256(embedding.encode()).hexdigest()[:32]
        self._pending = f"{_PENDING}{digest}"
        self._parts: dict[str, SourcePart] = {}

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            StoreError: It cannot be written.
        """
        with self._store.used(writes=True) as client:
            aliases = _aliases(client)
            if self._store.is_local:  # nobody else can be filling one
                for one in client.get_collections().collections:
                    if one.name.startswith(_STATES) and one.name not in aliases.values():
                        client.delete_collection(one.name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._store.close()

    def sources(self) -> Mapping[SourceKey, int]:
        """See `StoreWriter`."""
        with self._store.used() as client:
            facts = [
                self._read(client, collection).facts
                for alias, collection in sorted(_aliases(client).items())
                if alias.startswith(_STATES)
            ]
        return {SourceKey(one.name, one.tenant): len(one.documents) for one in facts}

    def held(self, source: SourceKey) -> Mapping[str, HeldDocument]:
        """See `StoreWriter`."""
        part = self._part(source)
        return {
            name: HeldDocument(
                name=name,
                origin=origin,
                hash=content,
                recipe=recipe,
                known=Known(etag=etag, modified=modified),
            )
            for name, origin, content, recipe, etag, modified, *_ in (
                part.facts.documents if part else ()
            )
        }

    def passages(self, source: SourceKey) -> int:
        """See `StoreWriter`."""
        part = self._part(source)
        return len(part.facts.numbers) if part else 0

    def embedding(self, source: SourceKey) -> tuple[str, int] | None:
        """See `StoreWriter`."""
        part = self._part(source)
        return (part.facts.embedding, part.facts.dimensions) if part else None

    def missing(self, source: SourceKey, keys: Collection[str], *, anew: bool = False) -> set[str]:
        """See `StoreWriter`."""
        part = None if anew else self._part(source)
        searched = part.windows if part and part.facts.embedding == self._embedding else {}
        left = [key for key in keys if key not in searched]
        with self._store.used(writes=True) as client:
            return set(left) - self._kept(client, source, left).keys()

    def keep(self, source: SourceKey, keys: Sequence[str], vectors: Matrix) -> None:
        """See `StoreWriter`."""
        with self._store.used(writes=True) as client:
            self._make_pending(client, vectors.shape[1])
            hasten(client, self._pending)
            for some in _batches(zip(keys, vectors.tolist(), strict=True)):
                points = [
                    models.PointStruct(
                        id=place_of(source.tenant, key), vector={NEAR: vector}, payload={"key": key}
                    )
                    for key, vector in some
                ]
                client.upsert(self._pending, points, wait=True)

    def publish(self, source: SourceKey, change: IndexChange) -> None:
        """See `StoreWriter`."""
        before = self._part(source)
        old = None if change.rebuild else before
        state = NextState(source, change, old)
        collection = f"{alias_of(source)}~{time.time_ns() // 1000}"
        with self._store.used(writes=True) as client:
            vectors = self._vectors(client, source, state.new_keys(), old)
            _make(client, collection, change.dimensions, local=self._store.is_local)
            try:
                for some in _batches(state.points(client, vectors)):
                    client.upsert(collection, some, wait=True)
            except BaseException:
                client.delete_collection(collection)
                raise
            self._go_over(client, alias_of(source), collection)
            if before is not None:
                client.delete_collection(before.collection)
            if vectors and client.collection_exists(self._pending):
                places = [place_of(source.tenant, key) for key in vectors]
                client.delete(self._pending, models.PointIdsList(points=[*places]))

    def remove(self, source: SourceKey) -> int:
        """See `StoreWriter`."""
        part = self._part(source)
        if part is None:
            return 0
        with self._store.used(writes=True) as client:
            self._go_over(client, alias_of(source), None)
            client.delete_collection(part.collection)
        return len(part.facts.documents)

    def _part(self, source: SourceKey) -> SourcePart | None:
        with self._store.used() as client:
            collection = _aliases(client).get(alias_of(source))
            return None if collection is None else self._read(client, collection)

    def _read(self, client: QdrantClient, collection: str) -> SourcePart:
        if collection not in self._parts:
            facts = PartFacts.read(client, collection)
            self._parts[collection] = SourcePart(collection=collection, facts=facts)
        return self._parts[collection]

    def _kept(
        self, client: QdrantClient, source: SourceKey, keys: Sequence[str], *, whole: bool = False
    ) -> dict[str, Vector | None]:
        """Those of some keys of which a vector is kept and not named yet; with it, if wanted."""
        found: dict[str, Vector | None] = {}
        if not keys or not client.collection_exists(self._pending):
            return found
        for some in _batches(keys):
            places = [place_of(source.tenant, key) for key in some]
            rows = client.retrieve(self._pending, places, with_vectors=whole)
            found |= {(row.payload or {})["key"]: _vector(row) if whole else None for row in rows}
        return found

    def _vectors(
        self, client: QdrantClient, source: SourceKey, keys: Sequence[str], old: SourcePart | None
    ) -> dict[str, Vector]:
        """The vectors of new windows.

        Raises:
            VectorsGoneError: One is nowhere.
        """
        kept = self._kept(client, source, keys, whole=True)
        found = {key: vector for key, vector in kept.items() if vector is not None}
        left = [key for key in keys if key not in found]
        searched = old.windows if old else {}
        if any(key not in searched for key in left):
            raise VectorsGoneError
        for some in _batches(left) if old else ():
            places = {searched[key]: key for key in some}
            rows = client.retrieve(old.collection, [*places], with_vectors=[NEAR])  # pyright: ignore[reportOptionalMemberAccess] - there is none without
            found |= {places[int(row.id)]: _vector(row) for row in rows}
        return found

    def _make_pending(self, client: QdrantClient, dimensions: int) -> None:
        with suppress(CollectionGoneError):
            if client.collection_exists(self._pending):
                told = client.get_collection(self._pending).config.params.vectors
                size = told[NEAR].size if isinstance(told, dict) else 0
                if size == dimensions:
                    return
                client.delete_collection(self._pending)
        vectors = {NEAR: models.VectorParams(size=dimensions, distance=models.Distance.DOT)}
        client.create_collection(self._pending, vectors_config=vectors)

    def _go_over(self, client: QdrantClient, alias: str, collection: str | None) -> None:
        """Have an alias name another collection, or none."""
        steps: list[models.AliasOperations] = []
        if alias in _aliases(client):
            gone = models.DeleteAlias(alias_name=alias)
            steps.append(models.DeleteAliasOperation(delete_alias=gone))
        if collection is not None:
            made = models.CreateAlias(collection_name=collection, alias_name=alias)
            steps.append(models.CreateAliasOperation(create_alias=made))
        client.update_collection_aliases(change_aliases_operations=steps)


def _aliases(client: QdrantClient) -> dict[str, str]:
    return {one.alias_name: one.collection_name for one in client.get_aliases().aliases}


def _make(client: QdrantClient, collection: str, dimensions: int, *, local: bool) -> None:
    client.create_collection(
        collection,
        vectors_config={NEAR: models.VectorParams(size=dimensions, distance=models.Distance.DOT)},
        sparse_vectors_config={WORDS: models.SparseVectorParams()},
    )
    if local:
        hasten(client, collection)
    else:
        client.create_payload_index(collection, "passage", models.PayloadSchemaType.INTEGER)


def _vector(row: models.Record) -> Vector:
    vectors = cast("dict[str, Any]", row.vector)
    return np.array(vectors[NEAR], dtype=np.float32)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while some := list(islice(left, MOST_AT_ONCE)):
        yield some
