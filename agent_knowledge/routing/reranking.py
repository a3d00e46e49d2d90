"""The last order of what was found: a reranker reads query and passage together.

A search compares what it has of each alone, which is fast and errs; a reranker is slow and reads
few. It is a host's own, so it may fail or hang: then the order of the search stands, and says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from agent_knowledge.judges import ask
from agent_knowledge.ports import Reranker
from agent_knowledge.types import Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Passages, best first.

    Attributes:
        passages: Each with its score by whoever ordered them.
        reranked_by: The reranker's name; None where the order of the search stands.
        failure: A line that says why it does, where it was not to.
    """

    passages: tuple[Passage, ...]
    reranked_by: str | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reranking:
    """How an agent's passages come into their last order.

    Attributes:
        reranker: Who scores them.
        top: How many of the best found it is given.
        wait_s: Seconds that it may take.
    """

    reranker: Reranker
    top: int
    wait_s: float

    def order(self, query: str, passages: Sequence[Passage]) -> Ordered:
        """Put passages into their last order.

        Args:
            query: What was searched for.
            passages: Best first by the search; those beyond `top` stay behind the others.
        """
        first, rest = tuple(passages[: self.top]), passages[self.top :]
        if not first:
            return Ordered(passages=())
        outcome = ask([partial(self._scores, query, first)], self.wait_s)[0]
        failure = outcome.failure or _fault(outcome.value or (), len(first))
        if failure:
            name = self.reranker.name
            line = f"{name} was to rerank the passages, but {failure}; the search's order stands"
            return Ordered(passages=tuple(passages), failure=line)
        scored = zip(first, outcome.value or (), strict=True)
        ranked = sorted(
            (replace(passage, score=score) for passage, score in scored),
            key=lambda passage: -passage.score,
        )
        behind = (replace(passage, score=ranked[-1].score) for passage in rest)
        return Ordered(passages=(*ranked, *behind), reranked_by=self.reranker.name)

    def _scores(self, query: str, passages: Sequence[Passage]) -> list[float]:
        return [float(score) for score in self.reranker.scores(query, passages)]


def _fault(scores: Sequence[float], expected: int) -> str:
    """What is wrong with scores; empty where nothing is."""
    if len(scores) != expected:
        return f"it gave {len(scores)} scores for {expected} passages"
    return "" if all(map(math.isfinite, scores)) else "it gave a score that is no number"
