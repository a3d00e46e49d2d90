"""How good a ranking is, by ir-measures; shared by every bench that ranks documents."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import ir_measures
from ir_measures import R, nDCG


def ranking_quality(
    found: Sequence[Sequence[str]], relevant: Sequence[Collection[str]]
) -> tuple[float, float]:
    """Mean nDCG@10 and recall@5, both 0..1.

    Args:
        found: Per question, the ids of documents, best first; a repeated one counts where it
            stands first.
        relevant: Per question, the ids that answer it.
    """
    gold = {str(n): dict.fromkeys(ids, 1) for n, ids in enumerate(relevant)}
    run = {
        str(n): {name: -float(rank) for rank, name in enumerate(dict.fromkeys(ids))}
        for n, ids in enumerate(found)
    }
    mean = ir_measures.calc_aggregate([nDCG @ 10, R @ 5], gold, run)
    return mean[nDCG @ 10], mean[R @ 5]
