"""Fakes for tests, ours and yours: small, deterministic, in memory."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agent_knowledge.errors import TenantMissingError
from agent_knowledge.retrieval.dense import DenseIndex
from agent_knowledge.retrieval.names import LINK
from agent_knowledge.retrieval.statistics import measure
from agent_knowledge.text import words
from agent_knowledge.types import Matrix, Passage
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceStatistics


class HashEmbedder:
    """Embeds a text by its words alone: texts that share words are near, no model is loaded."""

    def __init__(self, dimensions: int = 256) -> None:
        """Make one.

        Args:
            dimensions: Length of the vectors.
        """
        self.dimensions = dimensions

    @property
    def name(self) -> str:
        """Its identity in an index."""
        return f"hash-{self.dimensions}"

    def embed(self, texts: Sequence[str]) -> Matrix:
        """See `ports.Embedder`."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in words(text) or ["\0"]:
                digest = hashlib.sha256(word.encode()).digest()
                place = int.from_bytes(digest[:4], "big") % self.dimensions
                vectors[row, place] += 1.0 if digest[4] % 2 else -1.0
            if not vectors[row].any():
                vectors[row, 0] = 1.0
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class MemoryIndex:
    """An index of passages in memory; satisfies `ports.PassageIndex`.

    Cosines are exact; the lexical score is the sum of the rarities (IDF) of the shared words.
    """

    def __init__(
        self, passages: Sequence[Passage], embedder: HashEmbedder, tenant: str | None = None
    ) -> None:
        """Index passages.

        Args:
            passages: Of any sources.
            embedder: What queries will be embedded with, too.
            tenant: The field that says whose a passage is; every source then keeps them apart.
        """
        self._tenant = tenant
        self._passages = tuple(passages)
        self._vectors = embedder.embed([passage.text for passage in passages])
        self._words = [set(words(f"{passage.title} {passage.text}")) for passage in passages]
        found_in = Counter(word for found in self._words for word in found)
        self._rarity = {w: math.log(1 + len(self._words) / n) for w, n in found_in.items()}

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        """See `ports.PassageIndex`."""
        return [
            {source: self._search(query, source, k, scope) for source in sources}
            for query in queries
        ]

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        """See `ports.PassageIndex`: a passage is named by a text that holds its whole title."""
        texts = [
            (hit.passage, self._passages[hit.passage].text)
            for hit in hits
            if self._is_within(self._passages[hit.passage], scope)
        ]

        def is_named(place: int) -> bool:
            title = self._passages[place].title
            return any(title and title in text and number != place for number, text in texts)

        return {
            source: Hits.of(
                source,
                [
                    replace(hit, named=LINK)
                    for hit in self._hits(query, source, scope)
                    if is_named(hit.passage)
                ][:k],
            )
            for source in sources
        }

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        """See `ports.PassageIndex`; of a source without passages, that it has none."""
        places = np.array(self._places(source, scope), dtype=np.int64)
        return measure(DenseIndex.of(self._vectors[places], places))

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        """See `ports.PassageIndex`."""
        found = ((hit, self._passages[hit.passage]) for hit in hits)
        return tuple(
            replace(passage, score=hit.score)
            for hit, passage in found
            if self._is_within(passage, scope)
        )

    def _places(self, source: str, scope: Scope) -> list[int]:
        """Where the passages of a source stand that are in a scope.

        Raises:
            TenantMissingError: Tenants are kept apart, and the scope names none.
        """
        if self._tenant and not scope.tenant:
            msg = f"source {source!r} keeps tenants apart, and this search names none"
            raise TenantMissingError(msg)
        return [
            place
            for place, passage in enumerate(self._passages)
            if passage.source == source and self._is_within(passage, scope)
        ]

    def _is_within(self, passage: Passage, scope: Scope) -> bool:
        own = {"document": passage.document, "title": passage.title, "uri": passage.uri}
        fields = {**own, **({"date": passage.date} if passage.date else {}), **passage.fields}
        owner = fields.get(self._tenant) if self._tenant else scope.tenant
        return owner == scope.tenant and scope.filter.matches(fields)

    def _search(self, query: Query, source: str, k: int, scope: Scope) -> SearchResult:
        hits = self._hits(query, source, scope)
        by_words = sorted(hits, key=lambda hit: -hit.lexical)[:k]
        by_vector = sorted(hits, key=lambda hit: -hit.dense)[:k]
        statistics = self.statistics(source, scope)
        return SearchResult(
            query=query,
            hits=Hits.of(source, {hit.passage: hit for hit in (*by_words, *by_vector)}.values()),
            statistics=statistics,
            usual=statistics.usual(query.vector),
            terms_found=by_words[0].terms if by_words else 0.0,
            known=self._share(set(words(query.text)), self._known(source, scope)),
        )

    def _known(self, source: str, scope: Scope) -> set[str]:
        """The words of a source within a scope."""
        return set[str]().union(*(self._words[place] for place in self._places(source, scope)))

    def _hits(self, query: Query, source: str, scope: Scope) -> list[Hit]:
        """Every passage of a source within a scope, measured."""
        wanted = set(words(query.text))
        return [
            Hit(
                source=source,
                passage=place,
                dense=float(self._vectors[place] @ query.vector),
                lexical=self._weight(wanted & self._words[place]),
                terms=self._share(wanted, self._words[place]),
            )
            for place in self._places(source, scope)
        ]

    def _share(self, wanted: set[str], found: set[str]) -> float:
        return self._weight(wanted & found) / (self._weight(wanted) or 1.0)

    def _weight(self, some: set[str]) -> float:
        rarest = max(self._rarity.values(), default=1.0)
        return sum(self._rarity.get(word, rarest) for word in some)
