"""One generation of a source, ready to be searched.

The indexer writes it to a folder before SQLite names its generation, so a reader that sees the
generation finds the folder. A reader writes nothing, and parses nothing that was not compared with
its manifest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.retrieval import statistics
from agent_knowledge.retrieval.asked import NAMED, Asked, nothing
from agent_knowledge.retrieval.dense import DenseIndex, arranged
from agent_knowledge.retrieval.embedded import manifest
from agent_knowledge.retrieval.embedded.manifest import Identity, UnsoundError
from agent_knowledge.retrieval.embedded.store import PassageStore
from agent_knowledge.retrieval.embedded.store_folder import search_folder
from agent_knowledge.retrieval.field_rows import FieldRows
from agent_knowledge.retrieval.lexical import LexicalIndex, WordsFound
from agent_knowledge.retrieval.names import (
    LINK,
    NameIndex,
    Spoken,
    TalkedOf,
)
from agent_knowledge.retrieval.stored import StoredSource
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import Hits, SearchResult, SourceStatistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent_knowledge.types import Matrix, Vector


_NOWHERE = np.float32(-2)
"""Below every cosine: of what lies outside a scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One generation of a source in memory; immutable."""

    source: StoredSource
    lexical: LexicalIndex
    dense: DenseIndex
    statistics: SourceStatistics
    names: NameIndex
    fields: FieldRows
    titles: Sequence[str]
    dates: Sequence[str | None]

    @classmethod
    def load(cls, folder: Path, store: PassageStore, source: StoredSource) -> Snapshot:
        """Read what `write` wrote.

        Args:
            folder: The store's folder.
            store: Of the same state as `source`.
            source: The source.

        Raises:
            UnsoundError: It is not there, not whole, damaged, or not of this state.
        """
        place = search_folder(folder, source)
        labels = store.labels(source)
        manifest.check(place, _identity(source, labels))
        try:
            lexical, dense = LexicalIndex.load(place), DenseIndex.load(place)
            measured, names = statistics.load(place), NameIndex.load(place, lexical)
            # Formats before had no filters, nor this file.
            fields = FieldRows.load(place) or FieldRows.of(*store.fields(source))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"the search files in {str(place)!r} cannot be read ({error})"
            raise UnsoundError(msg) from error
        return cls(
            source=source,
            lexical=lexical,
            dense=dense,
            statistics=measured,
            names=names,
            fields=fields,
            titles=tuple(title for _, title, *_ in labels),
            dates=tuple(date for *_, date in labels),
        )

    def position(self, number: int) -> int | None:
        """Where a passage stands in this snapshot; None when it is not in it."""
        place = int(np.searchsorted(self.lexical.numbers, number))
        there = place < len(self.lexical.numbers) and self.lexical.numbers[place] == number
        return place if there else None

    def within(self, scope: Scope) -> Within:
        """What of it is in a scope; its tenant is the snapshot's own."""
        mask = self.fields.mask(scope.filter) if scope.filter else None
        if mask is None:
            return Within(mask=None, names=self.names, statistics=self.statistics)
        measured = replace(self.statistics, passages=int(mask.sum()))
        return Within(mask=mask, names=self.names.within(mask), statistics=measured)

    def search(
        self, asked: Sequence[Asked], k: int, scope: Scope = EVERYTHING
    ) -> list[SearchResult]:
        """Answer all queries together; see `ports.PassageIndex.search`."""
        within = self.within(scope)
        if not within.statistics.passages:
            return [nothing(self.source.name, one, within.statistics) for one in asked]
        cosines = self.dense.cosines(np.array([one.query.vector for one in asked]))
        return [self._search(one, row, k, within) for one, row in zip(asked, cosines, strict=True)]

    def related(
        self,
        asked: Asked,
        texts: Sequence[tuple[int | None, Spoken]],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> Hits:
        """The passages that some texts name; see `ports.PassageIndex.related`.

        Args:
            asked: The query that they are hits for.
            texts: Each with the position of its passage, whose own names it does not name; None
                for one of another source.
            k: Of them, `NAMED` times as many at most.
            scope: Where to look.
        """
        within = self.within(scope)
        cosines = self.dense.cosines(asked.query.vector[np.newaxis])[0]
        measured = self._measured(asked, cosines, within)
        linked = np.zeros_like(measured.dense)
        for own, text in texts:
            np.maximum(linked, within.names.mentioned(text, but_of=own), out=linked)
        named = (measured.talked_of.gains + LINK * linked).astype(np.float32)
        found = _best_found(np.where(linked > 0, named, 0), NAMED * k)
        return self._hits(measured, np.sort(found), named)

    def _search(self, asked: Asked, cosines: Vector, k: int, within: Within) -> SearchResult:
        measured = self._measured(asked, cosines, within)
        talked_of, words = measured.talked_of, measured.words
        near = within.near(cosines)
        found = np.zeros(len(cosines), dtype=bool)
        best = _best(near, k)
        found[best] = near[best] > _NOWHERE
        found[_best_found(measured.lexical, k)] = True
        found[_best_found(talked_of.gains, NAMED * k)] = True
        nearest = int(near.argmax())
        return SearchResult(
            query=asked.query,
            hits=self._hits(measured, np.flatnonzero(found), talked_of.gains),
            statistics=within.statistics,
            mentioned=talked_of.mentioned,
            names_something=any(self.lexical.is_rare(stem) for stem in asked.proper),
            subjects=talked_of.subjects,
            terms_found=float(words.shares[words.scores.argmax()]),
            known=words.known,
            nearest=self.titles[nearest],
            date=self.dates[nearest],
            usual=self.statistics.usual(asked.query.vector),
        )

    def _measured(self, asked: Asked, cosines: Vector, within: Within) -> _Measured:
        talked_of = within.names.talked_of(asked.request, asked.earlier)
        words = self.lexical.find(asked.words, within.mask)
        lexical = words.scores
        if asked.tail and not talked_of.subjects:
            lexical = self.lexical.find(asked.tail, within.mask).scores
        return _Measured(dense=cosines, lexical=lexical, words=words, talked_of=talked_of)

    def _hits(
        self, measured: _Measured, positions: NDArray[np.intp], named: NDArray[np.float32]
    ) -> Hits:
        return Hits(
            source=self.source.name,
            passages=self.lexical.numbers[positions],
            dense=measured.dense[positions],
            lexical=measured.lexical[positions],
            named=named[positions],
            terms=measured.words.shares[positions],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """What of a snapshot is in a scope.

    Attributes:
        mask: Of each passage, whether it is; None where all are.
        names: Theirs.
        statistics: The snapshot's, with how many they are.
    """

    mask: NDArray[np.bool_] | None
    names: NameIndex
    statistics: SourceStatistics

    def near(self, cosines: Vector) -> Vector:
        """The cosines of those that are, and no cosine for the others."""
        return cosines if self.mask is None else np.where(self.mask, cosines, _NOWHERE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What was measured of every passage for a query; it never leaves the index.

    Attributes:
        dense: Cosines.
        lexical: BM25 scores that rank: by the words of the turn, or of the conversation's end.
        words: What the passages have of the turn's words.
        talked_of: What the conversation names.
    """

    dense: Vector
    lexical: NDArray[np.float32]
    words: WordsFound
    talked_of: TalkedOf


def _best(values: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """Positions of the `n` best."""
    if len(values) <= n:
        return np.arange(len(values))
    return np.argpartition(values, -n)[-n:]


def _best_found(values: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """Positions of the `n` best above 0; the many at 0 would make one selection of all slow."""
    found = np.flatnonzero(values > 0)
    return found[_best(values[found], n)]


def _identity(source: StoredSource, labels: Sequence[object]) -> Identity:
    return Identity(
        source=source.name,
        number=(source.id, source.generation),
        embedding=source.embedding,
        rows=manifest.checksum_of(labels),
    )


def write(
    folder: Path,
    store: PassageStore,
    source: StoredSource,
    vectors: Callable[[Sequence[str]], Matrix],
) -> None:
    """Write a source's snapshot; all of it appears at once or not at all.

    Args:
        folder: The store's folder.
        store: Holds the source's new state.
        source: With the generation that the snapshot is of.
        vectors: Reads those of some keys, in their order; asked once, when they are needed, so
            that the vectors of a large source are in memory once and not beside its words.
    """
    place = search_folder(folder, source)
    # There is one writer, so what a killed one left under this name may go.
    staging = place.with_name(f".{place.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    labels = store.labels(source)
    lexical = LexicalIndex.build(store.searched(source))
    lexical.save(staging)
    NameIndex.of(((title, keywords) for _, title, keywords, _ in labels), lexical).save(staging)
    del lexical
    windows = store.keys(source)
    order, owners = arranged(np.array([number for number, _ in windows], dtype=np.int64))
    keys: list[str] = [windows[place][1] for place in order]
    dense = DenseIndex.over(vectors(keys), owners)
    dense.save(staging)
    statistics.save(statistics.measure(dense), staging)
    FieldRows.of(*store.fields(source)).save(staging)
    manifest.write(staging, _identity(source, labels))
    shutil.rmtree(place, ignore_errors=True)
    staging.rename(place)
