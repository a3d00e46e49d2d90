"""How rare words are in a source that a server searches."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from agent_knowledge.retrieval.lexical import LexicalIndex

_COMMON = 0.3
_FEW = 1_000
"""A word that more than this share of a source's passages have, and more than so many, chooses no
passage; it counts in the score of those that others chose. A limit of time; its IDF is
below 1.2."""


class CountedWords(LexicalIndex):
    """How rare words are in a source, as counted when it was indexed; the postings stay there."""

    def __init__(
        self, passages: int, holders: Mapping[str, int], there: Collection[str], names: int
    ) -> None:
        """Take what was counted.

        Args:
            passages: Of the source.
            holders: Of each known word how many of them have it.
            there: The words of the turns that passages within the scope have.
            names: How many names are looked at.
        """
        super().__init__(np.arange(names), None)
        self.passages = passages
        self.holders = holders
        self.there = there
        self._vocabulary = {stem: place for place, stem in enumerate(holders)}
        self._idf = [
            math.log(1 + (passages - held + 0.5) / (held + 0.5)) for held in holders.values()
        ]
        self._unknown_idf = math.log(1 + max(passages - 0.5, 0.5) / 1.5)

    def weights(self, words: Sequence[str]) -> dict[str, float]:
        """What each of some words weighs that any passage has."""
        return {word: self.idf(word) for word in words if word in self.holders}

    def choosing(self, words: Collection[str]) -> set[str]:
        """Those of some known words that choose passages: all but the very common ones."""
        common = max(_FEW, _COMMON * self.passages)
        rarest = min((self.holders[word] for word in words), default=0)
        return {word for word in words if self.holders[word] <= max(common, rarest)}
