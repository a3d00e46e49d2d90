"""Fusing both searches of all chosen sources into one ranking.

The sum of z-scores (Lee, "Analyses of multiple evidence combination", 1997, compares the ways to
normalise) ranked better than reciprocal rank fusion on every set we measured: see
docs/benchmarks.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.types import Hit, Probe


def fuse(probes: Iterable[Probe]) -> tuple[Hit, ...]:
    """Rank the candidates of all probes.

    Args:
        probes: What each chosen source answered to the same query.

    Returns:
        Every hit with its score (sum of the z-scores of cosine and BM25 over all candidates),
        best first. A candidate that only words found counts as the least similar one that the
        vectors found.
    """
    hits = [hit for probe in probes for hit in probe.hits]
    if not hits:
        return ()
    known = [hit.dense for hit in hits if hit.dense is not None]
    least = min(known, default=0.0)
    dense = np.array([least if hit.dense is None else hit.dense for hit in hits])
    lexical = np.array([hit.lexical for hit in hits])
    scores = _z(dense) + _z(lexical)
    order: list[int] = np.argsort(-scores, kind="stable").tolist()
    return tuple(dataclasses.replace(hits[i], score=float(scores[i])) for i in order)


def _z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
