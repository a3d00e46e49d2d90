"""The values of a search: what is asked, what each source answered, and what a ranking found.

They pass between measuring, which searches, gathering, which retrieves, and the index; a
`MeasuredTask` holds them beside a task's signals, so that nothing is searched twice. A source
answers with its best passages and what was measured of it when it was indexed, never with a
number for every passage, so that any vector store can answer.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.types import Rewriting, Signals, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent_knowledge.types import Vector

COSINE = "cosine"
"""The scale of every store that keeps the embedder's own vectors."""
CANDIDATES = 50
"""Passages that each way of searching contributes per source. Halved, nDCG@10 falls by 0.005 on
docs_rag, 0.006 on musique and 0.015 in dialogues, and rises by 0.004 on hotpot; doubled, it falls
by 0.001, 0.006, 0.018 and 0.007 (`tools.ablate`, retrieval)."""


@dataclass(frozen=True, slots=True, order=True)
class SourceKey:
    """A source in a store; of one that keeps tenants apart, one tenant's part of it."""

    name: str
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Query:
    """What is searched for.

    Attributes:
        text: What the turn itself asks.
        vector: Its embedding.
        earlier: The turns before it, oldest first: what they name may be what it is about.
        tail: The end of the conversation with the turn, when the turn leans on it; its words are
            searched for where no name says what it is about.
    """

    text: str
    vector: Vector
    earlier: tuple[str, ...] = ()
    tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that a search found, not yet read from the store.

    Attributes:
        source: Name of the source.
        passage: The passage's number in the store.
        score: What fusion made of all that was measured, comparable within one ranking; 0 before.
        dense: Cosine of query and passage, -1..1; NaN where it is not known.
        lexical: BM25 score, 0 or more, unbounded; 0 where no word is shared, or none is known.
        named: What being named by the conversation adds to the rank, in standard deviations.
        terms: Share of the turn's words, weighted by rarity in the source (IDF), that the passage
            has; 0..1.
    """

    source: str
    passage: int
    score: float = 0.0
    dense: float = math.nan
    lexical: float = 0.0
    named: float = 0.0
    terms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hits:
    """The hits of one source, a column a measurement: a search makes more than are looked at.

    Attributes:
        source: Name of the source.
        passages: The passages' numbers in the store, ascending, none twice.
        dense: See `Hit`, as all that follow; one number per passage.
        lexical: BM25 scores.
        named: What names add.
        terms: Shares of the words.
    """

    source: str
    passages: NDArray[np.int64]
    dense: NDArray[np.float32]
    lexical: NDArray[np.float32]
    named: NDArray[np.float32]
    terms: NDArray[np.float32]

    @classmethod
    def of(cls, source: str, hits: Iterable[Hit]) -> Hits:
        """Take hits of one source, in any order, each passage once."""
        rows = sorted(hits, key=lambda hit: hit.passage)
        return cls(
            source=source,
            passages=np.array([hit.passage for hit in rows], dtype=np.int64),
            dense=np.array([hit.dense for hit in rows], dtype=np.float32),
            lexical=np.array([hit.lexical for hit in rows], dtype=np.float32),
            named=np.array([hit.named for hit in rows], dtype=np.float32),
            terms=np.array([hit.terms for hit in rows], dtype=np.float32),
        )

    def __len__(self) -> int:
        """How many there are."""
        return len(self.passages)

    def __iter__(self) -> Iterator[Hit]:
        """One by one, in the order of their numbers."""
        return self.scored(np.zeros(len(self)))

    def scored(self, scores: NDArray[np.float64]) -> Iterator[Hit]:
        """One by one, each with the score that a ranking gave it; a score per hit."""
        columns = (self.passages, scores, self.dense, self.lexical, self.named, self.terms)
        for row in zip(*(column.tolist() for column in columns), strict=True):
            passage, score, dense, lexical, named, terms = row
            yield Hit(
                source=self.source,
                passage=passage,
                score=score,
                dense=dense,
                lexical=lexical,
                named=named,
                terms=terms,
            )

    def joined(self, other: Hits) -> Hits:
        """These and other hits of the source; where both have one, the best that either says."""
        passages = np.union1d(self.passages, other.passages)
        places = [np.searchsorted(passages, hits.passages) for hits in (self, other)]

        def best(
            mine: NDArray[np.float32], others: NDArray[np.float32], unknown: float = 0.0
        ) -> NDArray[np.float32]:
            columns = np.full((2, len(passages)), unknown, dtype=np.float32)
            columns[0, places[0]], columns[1, places[1]] = mine, others
            return np.fmax(*columns)

        return Hits(
            source=self.source,
            passages=passages,
            dense=best(self.dense, other.dense, math.nan),
            lexical=best(self.lexical, other.lexical),
            named=best(self.named, other.named),
            terms=best(self.terms, other.terms),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceStatistics:
    """What is usual in a source, measured when it is indexed.

    Attributes:
        passages: How many it has.
        center: Mean of the passages' vectors, shape (dimensions,), shorter than 1: its product with
            a query's vector is the usual cosine of that query with a passage. None where a store
            does not show its vectors.
        spread: Typical standard deviation of the cosines of one text with the passages; 0 where
            there are fewer than two, as are the next.
        near: Mean cosine of a passage with the nearest other passage.
        near_spread: Standard deviation of those cosines.
    """

    passages: int
    center: NDArray[np.float32] | None
    spread: float
    near: float
    near_spread: float

    def usual(self, vector: Vector) -> float:
        """Mean cosine of a query with the passages, -1..1; 0 where no center is known."""
        return 0.0 if self.center is None else float(self.center @ vector)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SearchResult:
    """What one source answered to a query: its candidates, and what is usual in it.

    Attributes:
        query: What was asked.
        hits: The best by cosine, by words and by names, together; a passage that is best in one
            way has what the others say of it, too, where that is known.
        statistics: Of the source.
        mentioned: How clearly the turn itself names something that the source has, 0..1.
        names_something: The turn seems to name a thing that few passages speak of, or none.
        subjects: The names that only the conversation before the turn has, strongest first.
        terms_found: Share of the turn's words, weighted by rarity in the source (IDF), that occur
            in the best passage by words; 0..1.
        known: Share of them that occur anywhere in the source; 0..1.
        nearest: Title of the nearest passage; may be empty.
        date: ISO date of the nearest passage's document, when known.
        usual: Mean score of the query with the source's passages, in the unit of `scale`.
        scale: What `dense` counts in: `cosine` of the packaged kind, -1..1; any other name is a
            store's own score, higher for nearer, which compares with its own alone.
        failure: Why the source could not be asked; then there are no hits. Empty when it was.
    """

    query: Query
    hits: Hits
    statistics: SourceStatistics
    mentioned: float = 0.0
    names_something: bool = False
    subjects: tuple[str, ...] = ()
    terms_found: float = 0.0
    known: float = 0.0
    nearest: str = ""
    date: str | None = None
    usual: float = 0.0
    scale: str = COSINE
    failure: str = ""

    @property
    def source(self) -> str:
        """Name of the source."""
        return self.hits.source

    @property
    def cosine(self) -> float:
        """Score of the nearest passage, in the unit of `scale`; 0 where none is known."""
        known = self.hits.dense[~np.isnan(self.hits.dense)]
        return float(known.max()) if len(known) else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBrief:
    """A source in a few words, for somebody who is asked whether it holds an answer.

    Attributes:
        name: The source.
        description: What its configuration says of it.
        titles: Titles of the best passages that it found, best first; text from outside.
    """

    name: str
    description: str
    titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredTask:
    """The signals of a task, and what measuring them found, so that nothing is searched twice.

    Attributes:
        task: The task.
        signals: What was measured.
        query: What the sources were asked.
        standalone: The request as it reads without its history.
        views: Vectors of what this turn asks and, where there is one, of the text that the task
            works on; example sets are compared with the nearer one.
        results: What each indexed source answered, by its name.
        rewriting: What a chat model made of the turn and its history, where one was asked.
    """

    task: Task
    signals: Signals
    query: Query
    standalone: str
    views: tuple[Vector, ...]
    results: Mapping[str, SearchResult] = field(default_factory=dict[str, SearchResult])
    rewriting: Rewriting | None = None
