"""Lexical search: BM25 by bm25s over English stems (Snowball), stop words left out.

Lù, "BM25S: orders of magnitude faster lexical search via eager sparse scoring" (2024).
"""

from __future__ import annotations

import logging
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import bm25s
import numpy as np
import Stemmer
from bm25s.stopwords import STOPWORDS_EN

from agent_knowledge.retrieval.reading.chunks import Searched

if TYPE_CHECKING:
    from numpy.typing import NDArray

# It sets itself to DEBUG, and would tell every host's log about each index that it builds.
logging.getLogger("bm25s").setLevel(logging.WARNING)

_WORD = re.compile(r"\w\w+")
_BORDER = re.compile(r"[a-z0-9][A-Z]|[A-Za-z0-9]_+[A-Za-z0-9]")
"""Where a part of an identifier ends. Not at a digit: that adds 0.008 to nDCG@10 in httpx, and less
than 0.002 in five other libraries."""
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STOP_WORDS = frozenset(STOPWORDS_EN)
_NUMBERS = "passages.npy"
_RARE = 0.5
"""Of the IDF of a word that no passage has: among a thousand passages, one in thirty has it. Halved
or doubled, calibration moves by 0.001 and nothing else (`tools.ablate`, routing)."""
_NO_SCORES = {
    "indptr": np.zeros(1, dtype=np.int32),
    "indices": np.zeros(0, dtype=np.int32),
    "data": np.zeros(0, dtype=np.float32),
}


def stems(text: str) -> list[str]:
    """The words of a text as they are searched: lower case, two letters or more, stemmed."""
    words = [w for w in _WORD.findall(text.lower()) if w not in _STOP_WORDS]
    # A stemmer is not to be shared between threads, and costs less than a lock to make.
    return cast("list[str]", Stemmer.Stemmer("english", 0).stemWords(words))


def indexed_stems(text: str) -> list[str]:
    """The words that a passage is found by: its `stems`, and the parts of its identifiers.

    So `getUserName` and `get_user_name` are found by `user` too. By words alone, nDCG@10 of
    functions by the first line of their documentation rises by 0.06 (httpx, opentelemetry) to 0.27
    (networkx), with vectors beside them by 0.06 (httpx). It moves by less than 0.005 on docs_rag,
    hotpot and musique by words, and on the first two with vectors.
    """
    found = stems(text)
    if not _BORDER.search(text):  # as in most prose
        return found
    identifiers = filter(_BORDER.search, _WORD.findall(text))
    return found + stems(" ".join(part for one in identifiers for part in _PART.findall(one)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsFound:
    """What the passages of a source have of a query's words.

    A word that no passage has weighs as much as one that a single passage has.

    Attributes:
        scores: BM25 of each passage, 0 or more.
        shares: Share of the words, weighted by IDF, that each passage has; 0..1.
        known: Share of them that any passage has; 0..1.
    """

    scores: NDArray[np.float32]
    shares: NDArray[np.float32]
    known: float


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
        self._vocabulary: dict[str, int] = bm25.vocab_dict if bm25 is not None else {}
        found: Any = cast("Any", bm25).scores if bm25 is not None else _NO_SCORES
        # Of each stem, the passages that have it, in their order, and what it adds to their score.
        self._pointers: list[int] = found["indptr"].tolist()
        passages = len(numbers)
        holders = np.diff(found["indptr"])
        self._idf: list[float] = np.log(1 + (passages - holders + 0.5) / (holders + 0.5)).tolist()
        self._unknown_idf = math.log(1 + max(passages - 0.5, 0.5) / 1.5)
        self._rows: NDArray[np.int32] = found["indices"]
        self._weights: NDArray[np.float32] = found["data"]

    @classmethod
    def build(cls, passages: Iterable[Searched]) -> LexicalIndex:
        """Count the words of passages."""
        numbers: list[int] = []
        ids: list[list[int]] = []
        vocabulary = defaultdict[str, int]()
        vocabulary.default_factory = vocabulary.__len__  # a new word gets the next number
        for passage in passages:
            words = indexed_stems(passage.words)
            numbers.append(passage.number)
            ids.append([vocabulary[word] for word in words])
        bm25 = None
        if vocabulary:
            bm25 = bm25s.BM25()
            bm25.index((ids, dict(vocabulary)), show_progress=False)
        return cls(np.array(numbers, dtype=np.int64), bm25)

    def find(self, words: Sequence[str], within: NDArray[np.bool_] | None = None) -> WordsFound:
        """What the passages have of a query.

        Args:
            words: Distinct `stems` of it.
            within: Which passages are looked at; None for all. How rare a word is stays what it is.
        """
        size = len(self.numbers)
        known = [self._vocabulary[word] for word in words if word in self._vocabulary]
        if not known:
            none = np.zeros(size, dtype=np.float32)
            return WordsFound(scores=none, shares=none, known=0.0)
        parts = [slice(*self._pointers[stem : stem + 2]) for stem in known]
        rows = np.concatenate([self._rows[part] for part in parts]).astype(np.intp)
        weights = np.concatenate([self._weights[part] for part in parts])
        idf = np.array([self._idf[stem] for stem in known])
        total = idf.sum() + (len(words) - len(known)) * self._unknown_idf
        shares = np.repeat(idf / total, [part.stop - part.start for part in parts])
        if within is not None:
            weights, shares = weights * within[rows], shares * within[rows]
            idf = idf[[bool(within[self._rows[part]].any()) for part in parts]]
        return WordsFound(
            scores=np.bincount(rows, weights, size).astype(np.float32),
            shares=np.bincount(rows, shares, size).astype(np.float32),
            known=float(idf.sum() / total),
        )

    def idf(self, word: str) -> float:
        """How rare a stem is, as BM25 weighs it (Robertson's, never negative)."""
        stem = self._vocabulary.get(word)
        return self._unknown_idf if stem is None else self._idf[stem]

    def is_rare(self, word: str) -> bool:
        """Whether so few passages have a stem, or none, that it tells them from the others."""
        return self.idf(word) >= _RARE * self._unknown_idf

    def save(self, folder: Path) -> None:
        """Write it into a folder as arrays and JSON, never pickled."""
        np.save(folder / _NUMBERS, self.numbers, allow_pickle=False)
        if self._bm25 is not None:
            self._bm25.save(folder, allow_pickle=False, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> LexicalIndex:
        """Read what `save` wrote, from a folder that was compared with its manifest."""
        numbers = np.load(folder / _NUMBERS, allow_pickle=False)
        bm25 = None
        if (folder / "params.index.json").exists():
            bm25 = bm25s.BM25.load(folder, load_corpus=False, allow_pickle=False)
        return cls(numbers, bm25)
