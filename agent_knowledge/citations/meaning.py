"""The second look at claims that words leave open: how close a passage comes in meaning."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

from agent_knowledge.citations.reading import TokenizedText
from agent_knowledge.citations.wording import EntailmentFit, cosine
from agent_knowledge.ports import Embedder
from agent_knowledge.types import Matrix

_PASSAGES = 512
_CLAIMS = 512

T = TypeVar("T")


class Memory(Generic[T]):
    """The values made last, by key. Two threads may both make one; either serves."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made if it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value = make()
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return value


class Meaning:
    """Reads the cosine of a claim with the sentences of a passage, each embedded once."""

    def __init__(self, embedder: Embedder, fit: EntailmentFit) -> None:
        """Prepare without embedding anything.

        Args:
            embedder: Gives the vectors.
            fit: Reads `cosine` among the measurements; fitted to this embedder's vectors.
        """
        self._embedder = embedder
        self._fit = fit
        self._passages = Memory[Matrix](_PASSAGES)
        self._claims = Memory[Matrix](_CLAIMS)

    def embed_passage(self, reading: TokenizedText) -> Matrix:
        """One row per sentence of a passage that has some."""
        return self._passages.get(
            reading.text,
            lambda: self._embedder.embed([reading.text[a:b] for a, b in reading.spans]),
        )

    def probability(
        self, claim: str, measured: Mapping[str, float], reading: TokenizedText
    ) -> float:
        """The probability that a passage says a claim, by words and by meaning."""
        vector = self._claims.get(claim, lambda: self._embedder.embed([claim]))[0]
        near = cosine(vector, self.embed_passage(reading))
        return self._fit.probability({**measured, "cosine": near})
