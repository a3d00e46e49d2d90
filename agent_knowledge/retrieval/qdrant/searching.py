"""Searching a store in Qdrant: by vector and words in one request, then both of what was found."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from qdrant_client import QdrantClient

from agent_knowledge.errors import ConfigError, SourceError, TenantMissingError
from agent_knowledge.retrieval.asked import EMPTY, Asked, check_dimensions, nothing
from agent_knowledge.retrieval.names import spoken
from agent_knowledge.retrieval.qdrant.client import CollectionGoneError, QdrantStore
from agent_knowledge.retrieval.qdrant.measuring import ScopedPart, related, search
from agent_knowledge.retrieval.qdrant.parts import (
    PartFacts,
    SourcePart,
    alias_of,
    place_of,
    prefix_of,
)
from agent_knowledge.retrieval.reading.fields import fields_of
from agent_knowledge.retrieval.recent import Recent
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceKey, SourceStatistics

_MOST_OPEN = 256
"""Sources, and tenants' parts of them, that stay read: a limit of memory."""
_TRIES = 3
"""Times that a state is looked for at most: it goes only with an index run that ends meanwhile."""

T = TypeVar("T")


class QdrantIndex:
    """Implements `ports.PassageIndex` and `ports.StoredDocuments`; threads may share it."""

    def __init__(self, store: QdrantStore, embedding: str) -> None:
        """Prepare without opening anything.

        Args:
            store: Where it is.
            embedding: Name of the embedder that queries come from.
        """
        self._store = store
        self._embedding = embedding
        self._lock = threading.Lock()
        self._parts = Recent[str, SourcePart](_MOST_OPEN)

    def close(self) -> None:
        """Close it; the next call opens it again."""
        self._store.close()

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        """Ask sources; see `ports.PassageIndex`.

        Raises:
            SourceError: A source is not indexed, or the store cannot serve.
            ConfigError: A source was indexed with another embedding.
            TenantMissingError: A source keeps tenants apart, and the scope names none.
        """
        asked = [Asked.of(query) for query in queries]

        def ask(client: QdrantClient) -> list[dict[str, SearchResult]]:
            found = self._found(client, sources, scope)
            for name, scoped in found.items():
                if scoped is not None:
                    facts = scoped.part.facts
                    check_dimensions(name, facts.embedding, facts.dimensions, queries)
            return [
                {
                    name: nothing(name, one) if scoped is None else search(client, scoped, one, k)
                    for name, scoped in found.items()
                }
                for one in asked
            ]

        return self._ask(ask)

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        """Which passages the texts of some passages name; see `ports.PassageIndex`."""
        texts = [(hit.passage, spoken(one.text)) for hit in hits for one in self._one(hit, scope)]

        def ask(client: QdrantClient) -> dict[str, Hits]:
            found = self._found(client, sources, scope)
            return {
                name: related(client, scoped, Asked.of(query), texts, k)
                for name, scoped in found.items()
                if scoped is not None
            }

        return self._ask(ask)

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        """What was measured of a source when it was indexed; see `ports.PassageIndex`."""
        found = self._ask(lambda client: self._found(client, [source], scope))[source]
        return EMPTY if found is None else found.statistics

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        """Read hits; see `ports.PassageIndex`. A passage keeps its hit's score."""
        names = list(dict.fromkeys(hit.source for hit in hits))

        def ask(client: QdrantClient) -> tuple[Passage, ...]:
            found: dict[str, ScopedPart | None] = {}
            for name in names:  # what is gone, or outside the scope, is left out
                with suppress(SourceError, TenantMissingError):
                    found |= self._found(client, [name], scope)
            read: dict[tuple[str, int], Mapping[str, Any]] = {}
            for name, scoped in found.items():
                numbers = [hit.passage for hit in hits if hit.source == name]
                if scoped is not None:
                    rows = client.retrieve(scoped.part.collection, numbers)
                    read |= {(name, int(row.id)): row.payload or {} for row in rows}
            return tuple(
                _passage(hit, read[hit.source, hit.passage])
                for hit in hits
                if (hit.source, hit.passage) in read
                and scope.filter.matches(fields_of(read[hit.source, hit.passage]["fields"]))
            )

        return self._ask(ask)

    def document_text(self, passage: Passage, scope: Scope = EVERYTHING) -> str | None:
        """The text of a passage's document as it is stored now; see `ports.StoredDocuments`."""

        def ask(client: QdrantClient) -> str | None:
            scoped = self._found(client, [passage.source], scope)[passage.source]
            documents = () if scoped is None else scoped.part.facts.documents
            for name, *_, blocks, fields in documents:
                if scoped is not None and name == passage.document:
                    if not scope.filter.matches(fields_of(json.loads(fields))):
                        return None
                    places = [place_of("block", name, number) for number in range(blocks)]
                    rows = client.retrieve(scoped.part.collection, places)
                    texts = {str(row.id): (row.payload or {})["text"] for row in rows}
                    return "".join(texts[place] for place in places)
            return None

        return self._ask(ask)

    def _one(self, hit: Hit, scope: Scope) -> tuple[Passage, ...]:
        return self.passages([hit], scope)

    def _ask(self, ask: Callable[[QdrantClient], T]) -> T:
        for _ in range(_TRIES - 1):
            try:
                with self._store.used() as client:
                    return ask(client)
            except CollectionGoneError:
                continue
        try:
            with self._store.used() as client:
                return ask(client)
        except CollectionGoneError as error:
            msg = f"{self._store.where}: what is searched goes while it is; try again"
            raise SourceError(msg) from error

    def _found(
        self, client: QdrantClient, sources: Sequence[str], scope: Scope
    ) -> dict[str, ScopedPart | None]:
        """The sources as they are now; None for one of which the scope's tenant has nothing.

        Raises:
            SourceError: One is not indexed.
            TenantMissingError: One keeps tenants apart, and the scope names none.
        """
        aliases = {one.alias_name: one.collection_name for one in client.get_aliases().aliases}
        found: dict[str, ScopedPart | None] = {}
        for name in sources:
            collection = aliases.get(alias_of(SourceKey(name)))
            if collection is None:
                if not any(alias.startswith(prefix_of(name)) for alias in aliases):
                    msg = f"source {name!r} is not indexed; run: agent-knowledge index {name}"
                    raise SourceError(msg)
                if not scope.tenant:
                    msg = f"source {name!r} keeps tenants apart; give one: Scope(tenant=...)"
                    raise TenantMissingError(msg)
                collection = aliases.get(alias_of(SourceKey(name, scope.tenant)))
            part = None if collection is None else self._part(client, collection)
            found[name] = (
                None if part is None else ScopedPart.of(part, scope, local=self._store.is_local)
            )
        return found

    def _part(self, client: QdrantClient, collection: str) -> SourcePart:
        with self._lock:
            part = self._parts.get(collection)
        if part is None:
            part = SourcePart(collection=collection, facts=PartFacts.read(client, collection))
            with self._lock:
                self._parts.put(collection, part)
        facts = part.facts
        if facts.embedding != self._embedding:
            msg = (
                f"source {facts.name!r} was indexed with embedding {facts.embedding!r}, the "
                f"configuration says {self._embedding!r}; set embedding: {facts.embedding} again, "
                f"or rebuild it: agent-knowledge index {facts.name} --rebuild"
            )
            raise ConfigError(msg)
        return part


def _passage(hit: Hit, row: Mapping[str, Any]) -> Passage:
    return Passage(
        source=hit.source,
        document=row["document"],
        title=row["title"],
        uri=row["uri"],
        text=row["text"],
        start=row["first"],
        end=row["after"],
        score=hit.score,
        date=row["date"],
        document_hash=row["hash"],
        lines=(row["line"], row["last_line"]),
        fields=fields_of(row["fields"]),
    )
