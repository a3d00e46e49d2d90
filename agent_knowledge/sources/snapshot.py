"""One generation of a source, ready to be searched.

The indexer writes it to a folder before SQLite names its generation, so a reader that sees the
generation finds the folder; a reader writes nothing.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.search import Probe, Query
from agent_knowledge.sources.dense import DenseIndex
from agent_knowledge.sources.layout import search_folder
from agent_knowledge.sources.lexical import LexicalIndex, stems
from agent_knowledge.sources.names import TURNS, NameIndex, Spoken, proper_stems, spoken
from agent_knowledge.sources.store import PassageStore, StoredSource

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix, Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query as every source reads it, made once.

    Attributes:
        vector: Of what the turn asks.
        words: Distinct stems of the turn.
        tail: Distinct stems of the end of the conversation, where the turn leans on it.
        request: The turn, as names are looked for in it.
        told: The turns before, the last one first.
        proper: Stems of what the turn seems to name.
    """

    vector: Vector
    words: Sequence[str]
    tail: Sequence[str]
    request: Spoken
    told: Sequence[Spoken]
    proper: Sequence[str]

    @classmethod
    def of(cls, query: Query) -> Asked:
        """Read a query."""
        return cls(
            vector=query.vector,
            words=list(dict.fromkeys(stems(query.text))),
            tail=list(dict.fromkeys(stems(query.tail))),
            request=spoken(query.text),
            told=[spoken(turn) for turn in reversed(query.told[-TURNS:])],
            proper=proper_stems(query.text),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One generation of a source in memory; immutable."""

    source: StoredSource
    lexical: LexicalIndex
    dense: DenseIndex
    names: NameIndex
    titles: Sequence[str]
    dates: Sequence[str | None]

    @classmethod
    def load(cls, folder: Path, store: PassageStore, source: StoredSource) -> Snapshot | None:
        """Read what `write` wrote; None when it is not there, not whole or not of this state.

        Args:
            folder: The store's folder.
            store: Inside a transaction, so that it and `source` are of one state.
            source: The source.
        """
        place = search_folder(folder, source)
        lexical, dense = LexicalIndex.load(place), DenseIndex.load(place)
        labels = store.labels(source)
        if lexical is None or dense is None or dense.passages != len(labels):
            return None
        if lexical.numbers.tolist() != [number for number, *_ in labels]:
            return None
        return cls(
            source=source,
            lexical=lexical,
            dense=dense,
            names=NameIndex(((title, keywords) for _, title, keywords, _ in labels), lexical),
            titles=tuple(title for _, title, *_ in labels),
            dates=tuple(date for *_, date in labels),
        )

    def position(self, number: int) -> int | None:
        """Where a passage stands in this snapshot; None when it is not in it."""
        place = int(np.searchsorted(self.lexical.numbers, number))
        there = place < len(self.lexical.numbers) and self.lexical.numbers[place] == number
        return place if there else None

    def probe(self, asked: Sequence[Asked]) -> list[Probe]:
        """Answer all queries together."""
        cosines = self.dense.cosines(np.array([one.vector for one in asked]))
        usual, spread = self.dense.usual(cosines)
        return [
            self._probe(one, cosines[i], float(usual[i]), float(spread[i]))
            for i, one in enumerate(asked)
        ]

    def _probe(self, asked: Asked, cosines: Matrix, usual: float, spread: float) -> Probe:
        lexical = self.lexical.scores(asked.words)
        best = int(lexical.argmax())
        terms_found = self.lexical.share_in(best, asked.words) if lexical[best] > 0 else 0.0
        nearest = int(cosines.argmax())
        talked_of = self.names.talked_of(asked.request, asked.told)
        if asked.tail and not talked_of.subjects:
            lexical = self.lexical.scores(asked.tail)
        return Probe(
            source=self.source.name,
            numbers=self.lexical.numbers,
            dense=cosines,
            lexical=lexical,
            named=talked_of.gains,
            mentioned=talked_of.mentioned,
            names_something=any(self.lexical.is_rare(stem) for stem in asked.proper),
            subjects=talked_of.subjects,
            terms_found=terms_found,
            nearest=self.titles[nearest],
            date=self.dates[nearest],
            usual=usual,
            spread=spread,
        )


def write(
    folder: Path, store: PassageStore, source: StoredSource, keys: Sequence[str], vectors: Matrix
) -> None:
    """Write a source's snapshot; all of it appears at once or not at all.

    Args:
        folder: The store's folder.
        store: Holds the source's new state.
        source: With the generation that the snapshot is of.
        keys: Every key of the source once.
        vectors: Their vectors.
    """
    row_of = {key: row for row, key in enumerate(keys)}
    windows = store.keys(source)
    passages = np.array([number for number, _ in windows], dtype=np.int64)
    rows = np.array([row_of[key] for _, key in windows], dtype=np.intp)
    place = search_folder(folder, source)
    place.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=place.parent, prefix="."))
    LexicalIndex.build(store.searched(source)).save(staging)
    DenseIndex.of(vectors[rows], passages).save(staging)
    shutil.rmtree(place, ignore_errors=True)
    staging.rename(place)
