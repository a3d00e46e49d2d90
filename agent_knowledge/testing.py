"""Fakes for tests, ours and yours: small, deterministic, in memory."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from agent_knowledge.search import Hit, Probe, Query
from agent_knowledge.text import words
from agent_knowledge.types import Matrix, Passage, Vector


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

    def __init__(self, passages: Sequence[Passage], embedder: HashEmbedder) -> None:
        """Index passages.

        Args:
            passages: Of any sources.
            embedder: What queries will be embedded with, too.
        """
        self._passages = tuple(passages)
        self._vectors = embedder.embed([passage.text for passage in passages])
        self._words = [set(words(f"{passage.title} {passage.text}")) for passage in passages]
        found_in = Counter(word for found in self._words for word in found)
        self._rarity = {w: math.log(1 + len(self._words) / n) for w, n in found_in.items()}

    def probe(self, queries: Sequence[Query], sources: Sequence[str]) -> list[dict[str, Probe]]:
        """See `ports.PassageIndex`."""
        return [{source: self._probe(query, source) for source in sources} for query in queries]

    def related(self, hits: Sequence[Hit], probes: Sequence[Probe]) -> dict[str, Vector]:
        """See `ports.PassageIndex`: a passage is named by a text that holds its whole title."""
        texts = [(hit.passage, self._passages[hit.passage].text) for hit in hits]
        return {
            probe.source: np.array(
                [
                    any(bool(title) and title in text and number != place for number, text in texts)
                    for place in self._places(probe.source)
                    for title in [self._passages[place].title]
                ],
                dtype=np.float32,
            )
            for probe in probes
        }

    def passages(self, hits: Sequence[Hit]) -> tuple[Passage, ...]:
        """See `ports.PassageIndex`."""
        return tuple(replace(self._passages[hit.passage], score=hit.score) for hit in hits)

    def _places(self, source: str) -> list[int]:
        return [i for i, passage in enumerate(self._passages) if passage.source == source]

    def _probe(self, query: Query, source: str) -> Probe:
        asked = set(words(query.text))
        rarest = max(self._rarity.values(), default=1.0)
        weight = {word: self._rarity.get(word, rarest) for word in asked}
        places = self._places(source)
        dense = self._vectors[places] @ query.vector
        lexical = np.array(
            [sum(weight[word] for word in asked & self._words[place]) for place in places],
            dtype=np.float32,
        )
        best = float(lexical.max(initial=0.0))
        return Probe(
            source=source,
            numbers=np.array(places, dtype=np.int64),
            dense=dense,
            lexical=lexical,
            named=np.zeros(len(places), dtype=np.float32),
            terms_found=best / (sum(weight.values()) or 1.0),
            usual=float(dense.mean()) if places else 0.0,
            spread=float(dense.std()) if places else 0.0,
        )
