"""Small stand-ins for the parts behind `agent_knowledge.ports`, and short ways to make values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from agent_knowledge.types import Example, Matrix, Passage, Vector
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceStatistics


def unit(*values: float) -> Vector:
    """A vector of length 1 in the direction of the values."""
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


def passage(text: str, *, source: str = "handbook", start: int = 0, title: str = "") -> Passage:
    end = start + len(text)
    return Passage(
        source=source, document="d", title=title, uri="", text=text, start=start, end=end
    )


def result(
    dense: Sequence[float],
    lexical: Sequence[float] = (),
    numbers: Sequence[int] = (),
    source: str = "s",
    *,
    named: Sequence[float] = (),
    usual: float = 0.0,
    spread: float = 0.0,
    **more: Any,
) -> SearchResult:
    """What a source answered: a cosine, a BM25 score and what names add per passage."""
    none = [0.0] * len(dense)
    rows = zip(numbers or range(len(dense)), dense, lexical or none, named or none, strict=True)
    vector = unit(1, 0)
    return SearchResult(
        query=Query(text="q", vector=vector),
        hits=Hits.of(
            source,
            [
                Hit(source=source, passage=number, dense=cosine, lexical=words, named=gain)
                for number, cosine, words, gain in rows
            ],
        ),
        statistics=SourceStatistics(
            passages=len(dense), center=usual * vector, spread=spread, near=0.0, near_spread=0.0
        ),
        usual=usual,
        **more,
    )


@dataclass
class CountingEmbedder:
    """Embeds a text as its length and its number of spaces; counts the calls."""

    name: str = "counting"
    calls: int = 0

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.calls += 1
        rows = [unit(len(text), text.count(" ") + 1) for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), 2)


@dataclass(frozen=True, kw_only=True)
class Examples:
    """An example set in memory."""

    examples: tuple[Example, ...]
    vectors: Matrix

    @classmethod
    def of(cls, *rows: tuple[str, str, Vector]) -> Examples:
        """From (input, output, vector) each."""
        made = tuple(Example(input=given, output=output) for given, output, _ in rows)
        return cls(examples=made, vectors=np.array([vector for *_, vector in rows]))


@dataclass(frozen=True)
class Index:
    """Holds passages by number."""

    held: Sequence[Passage]

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        return [{name: self.result_of(name) for name in sources} for _ in queries]

    def result_of(self, source: str) -> SearchResult:
        """Every passage of a source, better the further to the front."""
        numbers = [n for n, held in enumerate(self.held) if held.source == source]
        return result([1 - n / 100 for n in numbers], [10 - n for n in numbers], numbers, source)

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        return {}

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        return self.result_of(source).statistics

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        return tuple(self.held[hit.passage] for hit in hits)


@dataclass
class WebSearch:
    """An external source; raises what it is told to raise."""

    found: Sequence[Passage] = ()
    fails_with: Exception | None = None
    asked: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    def retrieve(self, query: str, k: int) -> Sequence[Passage]:
        self.asked.append((query, k))
        if self.fails_with:
            raise self.fails_with
        return self.found
