"""Whether a source holds what a task asks for, from what a probe of its index found."""

from __future__ import annotations

from agent_knowledge.signals.calibration import Calibration
from agent_knowledge.types import Probe


def measure_probe(probe: Probe) -> dict[str, float]:
    """What a probe shows, as numbers that rise with coverage.

    Returns:
        `cosine`: of the nearest passage, -1..1. `terms`: share of the query's words, weighted by
        rarity, in the best lexical candidate, 0..1. `lead`: how far the nearest passage stands
        out of the other candidates, in their standard deviations, 0..10.
    """
    dense = sorted((hit.dense for hit in probe.hits if hit.dense is not None), reverse=True)
    cosine = dense[0] if dense else 0.0
    lead = 0.0
    if len(dense) > 2:
        mean = sum(dense) / len(dense)
        spread = (sum((d - mean) ** 2 for d in dense) / len(dense)) ** 0.5
        lead = min((cosine - mean) / max(spread, 1e-3), 10.0)
    return {"cosine": cosine, "terms": probe.terms_found, "lead": lead}


def coverage(probe: Probe, calibration: Calibration) -> float:
    """Probability that the source holds what was asked; 0 for an empty source."""
    if not probe.hits:
        return 0.0
    return calibration.probability(measure_probe(probe))
