"""A query as every store reads it, and what a store answers that has nothing for it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent_knowledge.errors import ConfigError
from agent_knowledge.retrieval.lexical import stems
from agent_knowledge.retrieval.names import TURNS, Spoken, proper_stems, spoken
from agent_knowledge.types.search import Hits, Query, SearchResult, SourceStatistics

NAMED = 2
"""Names contribute this many times the passages that each other way of searching does: all that
goes by one name gains alike. Halved, nDCG@10 in dialogues falls by 0.023, doubled by 0.009
(`tools.ablate`, retrieval)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query as every source reads it, made once.

    Attributes:
        query: The query.
        words: Distinct stems of the turn.
        tail: Distinct stems of the end of the conversation, where the turn leans on it.
        request: The turn, as names are looked for in it.
        earlier: The turns before, the last one first.
        proper: Stems of what the turn seems to name.
    """

    query: Query
    words: Sequence[str]
    tail: Sequence[str]
    request: Spoken
    earlier: Sequence[Spoken]
    proper: Sequence[str]

    @classmethod
    def of(cls, query: Query) -> Asked:
        """Read a query."""
        return cls(
            query=query,
            words=list(dict.fromkeys(stems(query.text))),
            tail=list(dict.fromkeys(stems(query.tail))),
            request=spoken(query.text),
            earlier=[spoken(turn) for turn in reversed(query.earlier[-TURNS:])],
            proper=proper_stems(query.text),
        )


EMPTY = SourceStatistics(passages=0, center=None, spread=0.0, near=0.0, near_spread=0.0)
"""Of a source that has nothing, as of a tenant that no document belongs to."""


def nothing(source: str, asked: Asked, measured: SourceStatistics = EMPTY) -> SearchResult:
    """What a source answers that has nothing in a scope."""
    usual = measured.usual(asked.query.vector)
    return SearchResult(
        query=asked.query, hits=Hits.of(source, ()), statistics=measured, usual=usual
    )


def check_dimensions(name: str, embedding: str, size: int, queries: Iterable[Query]) -> None:
    """Refuse vectors of another length: an embedding may change under the same name.

    Args:
        name: The source.
        embedding: What it was indexed with.
        size: Numbers of each of its vectors.
        queries: What is asked of it.

    Raises:
        ConfigError: Says how to rebuild.
    """
    if any(len(query.vector) != size for query in queries):
        msg = (
            f"source {name!r} was indexed with vectors of {size} numbers, embedding {embedding!r} "
            f"now gives others; rebuild it: agent-knowledge index {name} --rebuild"
        )
        raise ConfigError(msg)
