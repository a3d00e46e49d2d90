"""Lexical search: BM25 by bm25s over English stems (Snowball), stop words left out.

Lù, "BM25S: orders of magnitude faster lexical search via eager sparse scoring" (2024).
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bm25s
import numpy as np
import Stemmer
from bm25s.stopwords import STOPWORDS_EN

from agent_knowledge.sources.searched import Searched

if TYPE_CHECKING:
    from numpy.typing import NDArray

# It sets itself to DEBUG, and would tell every host's log about each index that it builds.
logging.getLogger("bm25s").setLevel(logging.WARNING)

_WORD = re.compile(r"\w\w+")
_STOP_WORDS = frozenset(STOPWORDS_EN)
_NUMBERS = "passages.npy"


def stems(text: str) -> list[str]:
    """The words of a text as they are searched: lower case, two letters or more, stemmed."""
    words = [w for w in _WORD.findall(text.lower()) if w not in _STOP_WORDS]
    # A stemmer is not to be shared between threads, and costs less than a lock to make.
    return cast("list[str]", Stemmer.Stemmer("english", 0).stemWords(words))


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalMatch:
    """What a query found.

    Attributes:
        scores: BM25 of every passage, 0 or more, in the order of `LexicalIndex.numbers`.
        best: Positions of the best passages with a score above 0, best first.
        terms_found: Share of the query's stems, weighted by IDF, in the very best one; 0..1. A
            stem that no passage has weighs as much as one that a single passage has.
    """

    scores: NDArray[np.float32]
    best: NDArray[np.intp]
    terms_found: float


class LexicalIndex:
    """Word statistics of one source. Immutable, so safe to share between threads."""

    def __init__(self, numbers: NDArray[np.int64], bm25: bm25s.BM25 | None) -> None:
        """Hold what `build` or `load` made.

        Args:
            numbers: The passages' numbers in the store.
            bm25: The statistics; None when no passage has a word.
        """
        self.numbers = numbers
        self._bm25: Any = bm25

    @classmethod
    def build(cls, passages: Iterable[Searched]) -> LexicalIndex:
        """Count the words of passages."""
        numbers: list[int] = []
        ids: list[list[int]] = []
        vocabulary: dict[str, int] = {}
        for passage in passages:
            words = stems(passage.words)
            numbers.append(passage.number)
            ids.append([vocabulary.setdefault(word, len(vocabulary)) for word in words])
        bm25 = None
        if vocabulary:
            bm25 = bm25s.BM25()
            bm25.index((ids, vocabulary), show_progress=False)
        return cls(np.array(numbers, dtype=np.int64), bm25)

    def search(self, query: str, n: int) -> LexicalMatch:
        """Score every passage, and pick the `n` best."""
        words = list(dict.fromkeys(stems(query)))
        vocabulary = self._vocabulary
        known = [vocabulary[word] for word in words if word in vocabulary]
        if not known:
            nothing = np.zeros(len(self.numbers), dtype=np.float32)
            return LexicalMatch(scores=nothing, best=np.array([], dtype=np.intp), terms_found=0.0)
        scores = cast("NDArray[np.float32]", self._bm25.get_scores_from_ids(known))
        best = _best(scores, n)
        return LexicalMatch(
            scores=scores, best=best, terms_found=self._found(int(best[0]), known, len(words))
        )

    @property
    def _vocabulary(self) -> dict[str, int]:
        return self._bm25.vocab_dict if self._bm25 is not None else {}

    def _found(self, position: int, known: Sequence[int], words: int) -> float:
        """Weigh the query's stems by IDF as BM25 does (Robertson's, never negative)."""
        pointers, rows = self._bm25.scores["indptr"], self._bm25.scores["indices"]
        passages = len(self.numbers)
        weights = np.empty(len(known))
        found = np.empty(len(known), dtype=bool)
        for i, stem in enumerate(known):
            holders = rows[pointers[stem] : pointers[stem + 1]]
            weights[i] = _idf(len(holders), passages)
            found[i] = np.any(holders == position)
        total = weights.sum() + (words - len(known)) * _idf(1, passages)
        return float(weights[found].sum() / total)

    def save(self, folder: Path) -> None:
        """Write it as arrays and JSON, never pickled; all of it appears at once or not at all."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix="."))
        np.save(staging / _NUMBERS, self.numbers, allow_pickle=False)
        if self._bm25 is not None:
            self._bm25.save(staging, allow_pickle=False, show_progress=False)
        shutil.rmtree(folder, ignore_errors=True)
        staging.rename(folder)

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex | None:
        """Read what `save` wrote; None when it is not there or not whole."""
        try:
            numbers = np.load(folder / _NUMBERS, allow_pickle=False)
            bm25 = None
            if (folder / "params.index.json").exists():
                bm25 = bm25s.BM25.load(folder, load_corpus=False, allow_pickle=False)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return cls(numbers, bm25)


def _idf(holders: int, passages: int) -> float:
    return float(np.log(1 + (passages - holders + 0.5) / (holders + 0.5)))


def _best(scores: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """Positions of the `n` best scores above 0, best first."""
    some = np.argpartition(scores, -n)[-n:] if n < len(scores) else np.arange(len(scores))
    ordered = some[np.argsort(-scores[some], kind="stable")]
    return ordered[scores[ordered] > 0]
