"""Fusing all that was measured of a query and the chosen sources' passages into one ranking.

The sum of z-scores (Lee, "Analyses of multiple evidence combination", 1997, compares the ways to
normalise) ranked better than reciprocal rank fusion on every set we measured: see
docs/benchmarks.md. What names say is added in the same unit, standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.types.search import COSINE, Hit, Hits, SearchResult

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS_WEIGHT = 0.7
"""A passage near to a part of the question counts this much of one near to the whole. Halved,
recall@5 on hotpot falls by 0.013; doubled, on musique by 0.016 (`tools.ablate`, retrieval)."""

_LEAST_SPREAD = 0.03
"""Of cosines: as in `routing.coverage`, a limit for a source of copies of one passage. It counts
only where cosines meet scores of another kind."""
_STANDARD = "standard deviations"


def fuse(
    results: Sequence[SearchResult], parts: Sequence[Mapping[str, SearchResult]] = ()
) -> tuple[Hit, ...]:
    """Rank the candidates of sources.

    Args:
        results: What each chosen source answered to the same query.
        parts: What they answered to each sub-query, by source.

    Returns:
        Every candidate with its score: the z-scores of cosine and BM25 over all candidates, and
        what names add; best first. A candidate whose cosine is not known counts as the least
        similar one.
    """
    results, parts = comparable(results, parts)
    pools = [_with_parts(result, parts) for result in results]
    if not any(map(len, pools)):
        return ()
    rows = [np.stack([pool.dense, pool.lexical, pool.named]).astype(np.float64) for pool in pools]
    dense, lexical, named = np.concatenate(rows, axis=1)
    known = dense[~np.isnan(dense)]
    dense = np.where(np.isnan(dense), known.min() if len(known) else 0.0, dense)
    scores = _z(dense) + _z(lexical) + named
    of_each = np.split(scores, np.cumsum([len(pool) for pool in pools])[:-1])
    hits = [hit for pool, own in zip(pools, of_each, strict=True) for hit in pool.scored(own)]
    return tuple(sorted(hits, key=attrgetter("score"), reverse=True))


def comparable(
    results: Sequence[SearchResult], parts: Sequence[Mapping[str, SearchResult]] = ()
) -> tuple[Sequence[SearchResult], Sequence[Mapping[str, SearchResult]]]:
    """Put results of several scales on one: how far above what is usual in its source each hit is.

    Args:
        results: As for `fuse`; as they are where they share one scale.
        parts: As for `fuse`.

    Returns:
        Both, `dense` in standard deviations.
    """
    if len({result.scale for result in results if len(result.hits)}) < 2:
        return results, parts
    put = [{name: _standardised(result) for name, result in part.items()} for part in parts]
    return [_standardised(result) for result in results], put


def _standardised(result: SearchResult) -> SearchResult:
    spread = result.statistics.spread
    spread = max(spread, _LEAST_SPREAD) if result.scale == COSINE else spread
    above = result.hits.dense - result.usual
    dense = (above / spread if spread > 0 else np.zeros_like(above)).astype(np.float32)
    return replace(result, hits=replace(result.hits, dense=dense), usual=0.0, scale=_STANDARD)


def _with_parts(result: SearchResult, parts: Sequence[Mapping[str, SearchResult]]) -> Hits:
    """A source's hits with those of the sub-queries.

    A part counts by its cosines alone: a passage that has all words of a part has few of the
    question's, and those are what the whole has counted.
    """
    hits = result.hits
    for part in parts:
        if found := part.get(result.source):
            none = np.zeros(len(found.hits), dtype=np.float32)
            near = _on_scale(found, result)
            hits = hits.joined(
                replace(found.hits, dense=near, lexical=none, named=none, terms=none)
            )
    return hits


def _on_scale(part: SearchResult, whole: SearchResult) -> NDArray[np.float32]:
    """A sub-query's cosines on the scale of the whole query's, as far above what is usual."""
    return whole.usual + PARTS_WEIGHT * (part.hits.dense - part.usual)


def _z(values: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.zeros_like(values)
