"""Whether a source holds what a task asks for, from what a probe of its index found."""

from __future__ import annotations

import math

import numpy as np

from agent_knowledge.search import Probe
from agent_knowledge.signals.calibration import Calibration

_NOTHING_NAMED = 0.5
"""Of a turn that names nothing in particular, or leaves its subject to what was said before: the
name does not tell whether the source holds what it asks, neither way."""
_MOST_LEAD = 5.0
_LEAST_SPREAD = 1e-3
"""A source of one passage, or of copies of it, has no spread of its own."""


def measure_probe(probe: Probe) -> dict[str, float]:
    """What a probe shows, as numbers that rise with coverage.

    Returns:
        `cosine`: of the nearest passage, -1..1. `terms`: share of the query's words, weighted by
        rarity, in the best lexical candidate, 0..1. `lead`: how far the nearest passage stands
        out of what is usual in the source, in standard deviations, beyond what the nearest of so
        many would by chance, -5..5. `named`: how clearly
        the turn names something that the source has, 0..1.
    """
    cosine = float(np.nanmax(probe.dense))
    by_chance = math.sqrt(2 * math.log(max(len(probe.numbers), 2)))
    lead = (cosine - probe.usual) / max(probe.spread, _LEAST_SPREAD) - by_chance
    told = probe.names_something and not probe.subjects
    return {
        "cosine": cosine,
        "terms": probe.terms_found,
        "lead": min(max(lead, -_MOST_LEAD), _MOST_LEAD),
        "named": probe.mentioned if told else max(probe.mentioned, _NOTHING_NAMED),
    }


def coverage(probe: Probe, calibration: Calibration) -> float:
    """Probability that the source holds what was asked; 0 for an empty source."""
    if not len(probe.numbers):
        return 0.0
    return calibration.probability(measure_probe(probe))
