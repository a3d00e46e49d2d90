"""Measures the pairs of `support_data`: what the fit reads, a row per sentence of a claim."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from agent_knowledge.citations import meaning, measures, reading, rivals, windows
from agent_knowledge.citations.entailment import claim_parts
from agent_knowledge.citations.meaning import Meaning
from agent_knowledge.citations.measures import measure, put_beside
from agent_knowledge.citations.reading import read_passage
from agent_knowledge.models.minilm import MiniLM
from agent_knowledge.types import Matrix
from tools.train.support_data import Pair

CACHE = Path(__file__).parents[2] / ".cache" / "support"
_WORKERS = 2
_CHUNK = 200
NOTHING = -9.0
"""In every column of a sentence that shares no word with its passage: it is not fitted to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPairs:
    """Pairs with the measurements of their claims' sentences.

    Attributes:
        pairs: The pairs.
        names: What is measured.
        values: A row per sentence, a column per name.
        owner: Per sentence, the place of its pair in `pairs`; ascending.
    """

    pairs: Sequence[Pair]
    names: Sequence[str]
    values: Matrix
    owner: np.ndarray

    def where(self, keep: Sequence[bool]) -> MeasuredPairs:
        """Those pairs alone."""
        kept = np.array(keep)
        place = np.cumsum(kept) - 1
        rows = kept[self.owner]
        return MeasuredPairs(
            pairs=[pair for pair, k in zip(self.pairs, keep, strict=True) if k],
            names=self.names,
            values=self.values[rows],
            owner=place[self.owner[rows]],
        )


def measured(pairs: Sequence[Pair]) -> MeasuredPairs:
    """Measure pairs, in two processes, or read what was measured before."""
    file = CACHE / f"{_key(pairs)}.npz"
    if not file.is_file():
        chunks = [pairs[at : at + _CHUNK] for at in range(0, len(pairs), _CHUNK)]
        with ProcessPoolExecutor(_WORKERS) as pool:
            done = [row for rows in pool.map(_measure, chunks) for row in rows]
        names = list(next(row for rows in done for row in rows))
        owner = [i for i, rows in enumerate(done) for _ in rows]
        values = [[row.get(n, NOTHING) for n in names] for rows in done for row in rows]
        CACHE.mkdir(parents=True, exist_ok=True)
        np.savez(file, names=names, values=np.array(values, np.float32), owner=owner)
    with np.load(file, allow_pickle=False) as kept:
        return MeasuredPairs(
            pairs=pairs, names=kept["names"].tolist(), values=kept["values"], owner=kept["owner"]
        )


def _key(pairs: Sequence[Pair]) -> str:
    """Changes with the pairs and with the code that measures."""
    digest = hashlib.sha256(json.dumps([pair.as_row() for pair in pairs]).encode())
    for module in (meaning, measures, reading, rivals, windows):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()[:16]


def _measure(pairs: Sequence[Pair]) -> list[list[dict[str, float]]]:
    return [list(rows) for rows in _rows(pairs, Meaning(MiniLM(threads=1)))]


def _rows(pairs: Sequence[Pair], by: Meaning) -> Iterator[list[dict[str, float]]]:
    for (text, title), same in groupby(pairs, key=lambda pair: (pair.text, pair.title)):
        passage = read_passage(text, title)
        for pair in same:
            beside = [put_beside(part, passage) for part in claim_parts(pair.claim)]
            yield [measure(b) | by.measure(b) if b else {} for b in beside] or [{}]
