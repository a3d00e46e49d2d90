"""What is usual in a source: measured when it is indexed, kept beside its vectors.

What a search finds means little without it: a cosine of 0.5 is much in one source and little in
another. Measured once, no search needs a number for every passage.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from agent_knowledge.retrieval.dense import DenseIndex
from agent_knowledge.types.search import SourceStatistics

_FILE = "statistics.json"
_SAMPLE = 256
"""Passages whose text is compared with all others: their mean is then known to a sixteenth of
their standard deviation, and 100,000 passages take a second or two."""
_BATCH = 32
"""Of them compared at a time: a limit of memory."""


def measure(dense: DenseIndex) -> SourceStatistics:
    """Measure a source.

    Args:
        dense: Its vectors. For a store that has one vector per passage:
            `DenseIndex.of(vectors, numbers)`.
    """
    n = dense.passages
    windows = np.bincount(dense.owners, minlength=n)
    center = (1 / windows[dense.owners] / max(n, 1)).astype(np.float32) @ dense.vectors
    if n < 2:
        return SourceStatistics(passages=n, center=center, spread=0.0, near=0.0, near_spread=0.0)
    sample = np.unique(np.linspace(0, n - 1, _SAMPLE).astype(np.intp))
    spreads: list[float] = []
    nearest: list[float] = []
    for start in range(0, len(sample), _BATCH):
        own = sample[start : start + _BATCH]
        cosines = dense.cosines(dense.vectors[own])  # the first window of each stands for its text
        rows = np.arange(len(own))
        cosines[rows, own] = np.nan
        spreads += np.nanstd(cosines, axis=1).tolist()
        nearest += np.nanmax(cosines, axis=1).tolist()
    return SourceStatistics(
        passages=n,
        center=center,
        spread=float(np.mean(spreads)),
        near=float(np.mean(nearest)),
        near_spread=float(np.std(nearest)),
    )


def save(statistics: SourceStatistics, folder: Path) -> None:
    """Write statistics into a folder."""
    row: dict[str, object] = {
        "passages": statistics.passages,
        "spread": statistics.spread,
        "near": statistics.near,
        "near_spread": statistics.near_spread,
        "center": [] if statistics.center is None else statistics.center.tolist(),
    }
    (folder / _FILE).write_text(json.dumps(row), encoding="utf-8")


def load(folder: Path) -> SourceStatistics:
    """Read what `save` wrote, from a folder that was compared with its manifest."""
    row: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    return SourceStatistics(
        passages=int(row["passages"]),
        center=np.array(row["center"], dtype=np.float32),
        spread=float(row["spread"]),
        near=float(row["near"]),
        near_spread=float(row["near_spread"]),
    )
