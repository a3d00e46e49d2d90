"""Whether a source holds what a task asks for, from what a search of it found."""

from __future__ import annotations

import math

from agent_knowledge.types.search import COSINE, SearchResult

_NOTHING_NAMED = 0.5
"""Of a turn that names nothing in particular, or leaves its subject to the turns before: the
name does not tell whether the source holds what it asks, neither way. Halved, general tasks gain
0.014; doubled, follow-ups gain 0.028, thanks and the like lose 0.027 (`tools.ablate`, routing)."""
_FARTHEST = 6.0
"""Standard deviations beyond which a difference means nothing more: a limit. Halved or doubled,
accuracy moves by 0.001 (`tools.ablate`, routing)."""
_LEAST_SPREAD = 0.03
"""A source of copies of one passage has no spread of its own: a limit, halved or doubled nothing
moves (`tools.ablate`, routing)."""
_FEWEST = 8
"""Of fewer passages nothing is usual: a limit, below any source that the fits saw."""

IN_CONTEXT = "context_"


def measure(result: SearchResult, in_context: SearchResult | None = None) -> dict[str, float]:
    """What a search shows of a source.

    Args:
        result: What the source answered to the task; with at least one hit.
        in_context: Of a turn, what it answered to the turn together with the one before it.

    Returns:
        `cosine` of the nearest passage, -1..1; `lead`: how far it stands above what is usual in
        the source, and `near`: above how near its passages are to each other, both in standard
        deviations; `terms`: share of the task's words, weighted by rarity, in the best passage by
        words, and `known`: in the source as a whole, both 0..1; `named`: how clearly the task
        names something that the source has, 0..1. Of a turn also `context_near`, `context_known`
        and `context_terms`. Of a source of few passages `lead` and `near` are missing, and of one
        whose scores are no cosines `cosine` is.
    """
    names_other = result.names_something and not result.subjects
    measured = {"cosine": result.cosine} if result.scale == COSINE else {}
    measured |= {
        "terms": result.terms_found,
        "known": result.known,
        "named": result.mentioned if names_other else max(result.mentioned, _NOTHING_NAMED),
    }
    if _is_usual(result):
        measured |= {"lead": _lead(result), "near": _nearness(result)}
    if in_context is not None:
        measured |= {
            f"{IN_CONTEXT}known": in_context.known,
            f"{IN_CONTEXT}terms": in_context.terms_found,
        }
        if _is_usual(in_context):
            measured[f"{IN_CONTEXT}near"] = _nearness(in_context)
    return measured


def _is_usual(result: SearchResult) -> bool:
    """Whether it is known what is usual in the source."""
    statistics = result.statistics
    known = result.scale == COSINE or min(statistics.spread, statistics.near_spread) > 0
    return known and statistics.passages >= _FEWEST


def _lead(result: SearchResult) -> float:
    statistics = result.statistics
    by_chance = math.sqrt(2 * math.log(statistics.passages))
    return _bounded(_above(result, result.usual, statistics.spread) - by_chance)


def _nearness(result: SearchResult) -> float:
    statistics = result.statistics
    return _bounded(_above(result, statistics.near, statistics.near_spread))


def _above(result: SearchResult, usual: float, spread: float) -> float:
    least = _LEAST_SPREAD if result.scale == COSINE else 0.0
    return (result.cosine - usual) / max(spread, least)


def _bounded(value: float) -> float:
    return min(max(value, -_FARTHEST), _FARTHEST)
