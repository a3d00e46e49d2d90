"""What a store says of a source and of a document, as a re-index compares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agent_knowledge.retrieval.reading.documents import Known
from agent_knowledge.types.search import SourceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSource:
    """A source as indexed, or one tenant's part of it.

    Attributes:
        id: Its number.
        name: Its name.
        tenant: Whose part it is; empty where the source keeps no tenants apart.
        embedding: Which one built it.
        generation: A counter that every change raises.
        vectors: Number of the collection that all parts of the source keep their vectors in.
        fingerprint: Of what it was taken over from; see `Indexer.index`.
    """

    id: int
    name: str
    embedding: str
    generation: int
    tenant: str = ""
    vectors: int = 0
    fingerprint: str = ""

    @property
    def key(self) -> SourceKey:
        """What tells it from all others of the store."""
        return SourceKey(self.name, self.tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDocument:
    """What a re-index compares of a document.

    Attributes:
        id: Its number.
        name: Its id in the source.
        origin: See `Document`.
        hash: Of its content.
        recipe: How it was read.
        known: See `Document`.
    """

    id: int
    name: str
    origin: str
    hash: str
    recipe: str
    known: Known


SOURCE = "id, name, tenant, embedding, generation, vectors, fingerprint"
"""The columns that `stored_source` reads."""


def stored_source(row: Sequence[Any]) -> StoredSource:
    """A row of the table of sources."""
    number, name, tenant, embedding, generation, vectors, fingerprint = row
    return StoredSource(
        id=number,
        name=name,
        tenant=tenant,
        embedding=embedding,
        generation=generation if isinstance(generation, int) else -1,  # it is damaged
        vectors=vectors if isinstance(vectors, int) else -1,
        fingerprint=fingerprint,
    )
