"""Whether a source holds what a task asks for, from what a search of it found."""

from __future__ import annotations

import math

from agent_knowledge.search import SearchResult
from agent_knowledge.signals.calibration import Calibration

_NOTHING_NAMED = 0.5
"""Of a turn that names nothing in particular, or leaves its subject to what was said before: the
name does not tell whether the source holds what it asks, neither way."""
_MOST_LEAD = 5.0
_LEAST_SPREAD = 1e-3
"""A source of one passage, or of copies of it, has no spread of its own."""


def measure(result: SearchResult) -> dict[str, float]:
    """What a search shows, as numbers that rise with coverage.

    Returns:
        `cosine`: of the nearest passage, -1..1. `terms`: share of the query's words, weighted by
        rarity, in the best passage by words, 0..1. `lead`: how far the nearest passage stands
        out of what is usual in the source, in standard deviations, beyond what the nearest of so
        many would by chance, -5..5. `named`: how clearly
        the turn names something that the source has, 0..1.
    """
    statistics = result.statistics
    by_chance = math.sqrt(2 * math.log(max(statistics.passages, 2)))
    above = (result.cosine - result.usual) / max(statistics.spread, _LEAST_SPREAD)
    told = result.names_something and not result.subjects
    return {
        "cosine": result.cosine,
        "terms": result.terms_found,
        "lead": min(max(above - by_chance, -_MOST_LEAD), _MOST_LEAD),
        "named": result.mentioned if told else max(result.mentioned, _NOTHING_NAMED),
    }


def coverage(result: SearchResult, calibration: Calibration) -> float:
    """Probability that the source holds what was asked; 0 where nothing was found."""
    return calibration.probability(measure(result)) if len(result.hits) else 0.0
