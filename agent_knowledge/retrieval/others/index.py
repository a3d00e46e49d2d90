"""A store or retriever of others as an index: searched where it is, with coverage.

It finds; what the rest needs is measured here. Its scores are brought to one direction and, where
its embedding is known, to cosines; words are compared with those of the passages that it finds.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Container, Sequence, Sized
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from agent_knowledge.errors import TenantMissingError
from agent_knowledge.retrieval.lexical import stems
from agent_knowledge.retrieval.others import walk
from agent_knowledge.retrieval.others.finders import Finder, ForeignHit
from agent_knowledge.retrieval.others.walk import ForeignStatistics, measure_foreign, words_of
from agent_knowledge.retrieval.reading.fields import tenant_of
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Filter, OneOf, Scalar, Scope
from agent_knowledge.types.search import (
    CANDIDATES,
    COSINE,
    Hit,
    Hits,
    Query,
    SearchResult,
    SourceStatistics,
)

if TYPE_CHECKING:
    from agent_knowledge.types import Vector

_MOST_REMEMBERED = 4096
"""Passages that are kept in memory, so that what a search found can be read: a limit."""
_TENANTS = 256
"""Tenants whose statistics are kept in memory: a limit."""
_RANK = "rank"
"""The scale of a retriever that tells no scores: what a passage of that rank is expected to have,
in standard deviations."""
_SATURATION = 1.5
_OF_LENGTH = 0.75
"""BM25's k1 and b as `LexicalIndex` has them, from bm25s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSource:
    """What a foreign source is told by.

    Attributes:
        name: Its name in the configuration.
        description: What the configuration says of it.
        tenant: The field that names whose a document is; None where everybody sees all.
        made_of: What searches it; what was measured of another is not taken for its own.
    """

    name: str
    description: str = ""
    tenant: str | None = None
    made_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    """A passage that was found, with how often it has each stem."""

    passage: Passage
    stems: Counter[str]


class ForeignIndex:
    """Implements `ports.PassageIndex` for one source, over anything that finds documents.

    Safe to share between threads where what it asks is.
    """

    def __init__(self, source: ForeignSource, finder: Finder, folder: Path | None = None) -> None:
        """Hold it; nothing is asked yet.

        Args:
            source: The source.
            finder: What searches it.
            folder: Where what was measured of it is kept; None for in memory alone.
        """
        self._source = source
        self._finder = finder
        self._folder = folder
        self._lock = threading.RLock()
        self._kept: OrderedDict[int, _Remembered] = OrderedDict()
        self._measured: OrderedDict[str, ForeignStatistics] = OrderedDict()

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        """Ask the source; see `ports.PassageIndex`.

        Raises:
            SourceError: It cannot serve.
            TenantMissingError: It keeps tenants apart, and the scope names none.
        """
        return [{name: self._search(query, k, scope) for name in sources} for query in queries]

    def related(
        self,
        query: Query,  # noqa: ARG002
        hits: Sequence[Hit],  # noqa: ARG002
        sources: Sequence[str],  # noqa: ARG002
        k: int,  # noqa: ARG002
        scope: Scope = EVERYTHING,  # noqa: ARG002
    ) -> dict[str, Hits]:
        """Nothing: it is not known what names the source's passages go by."""
        return {}

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:  # noqa: ARG002
        """What a walk through the source found; see `ports.PassageIndex`."""
        return self._usual(scope).statistics

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        """Read hits; one that was found too many searches ago is left out."""
        with self._lock:
            found = [(hit, self._kept.get(hit.passage)) for hit in hits]
        return tuple(
            replace(kept.passage, score=hit.score)
            for hit, kept in found
            if kept is not None and self._is_within(kept.passage, scope)
        )

    def measure(self, scope: Scope = EVERYTHING) -> ForeignStatistics:
        """Measure the source anew, and keep what is found."""
        measured = measure_foreign(self._finder, self._seeds(), self._wanted(scope))
        tenant = scope.tenant or ""
        with self._lock:
            self._measured[tenant] = measured
            if len(self._measured) > _TENANTS:
                self._measured.popitem(last=False)
        if self._folder is not None:
            with suppress(OSError):  # a store that cannot be written still serves
                walk.save(measured, self._file(self._folder, tenant), self._source.made_of)
        return measured

    def _usual(self, scope: Scope) -> ForeignStatistics:
        tenant = scope.tenant or ""
        with self._lock:
            if held := self._measured.get(tenant):
                self._measured.move_to_end(tenant)
                return held
            if self._folder is not None:
                passages = None if self._source.tenant else self._finder.count()
                file = self._file(self._folder, tenant)
                kept = walk.load(file, self._source.made_of, passages)
                if kept is not None:
                    self._measured[tenant] = kept
                    return kept
            return self.measure(Scope(tenant=scope.tenant))

    def _file(self, folder: Path, tenant: str) -> Path:
        of = f"-{hashlib.sha256(tenant.encode()).hexdigest()[:16]}" if tenant else ""
        return folder / f"{self._source.name}{of}.json"

    def _seeds(self) -> list[str]:
        return [text for text in (self._source.description, self._source.name) if text]

    def _search(self, query: Query, k: int, scope: Scope) -> SearchResult:
        usual = self._usual(scope)
        text, vector = query.tail or query.text, self._finder.vector(query)
        found = self._finder.near(text, vector, CANDIDATES, self._wanted(scope))
        near = {hit.number: hit for hit in found if self._is_within(hit.passage, scope)}
        hits = [*near.values()][:CANDIDATES]
        own = self._remembered(hits)
        dense = _dense(hits, usual)
        # What was met on the walk may lie outside the filter, and then is not known here.
        words = _words(own, query, usual, met=() if scope.filter else usual.holders)
        shown = [
            Hit(
                source=self._source.name,
                passage=hit.number,
                dense=near_by,
                lexical=lexical,
                terms=terms,
            )
            for hit, near_by, lexical, terms in zip(
                hits, dense, words.scores, words.shares, strict=True
            )
        ]
        nearest = hits[0].passage if hits else None
        scored = bool(hits) and hits[0].score is not None
        return SearchResult(
            query=query,
            hits=Hits.of(self._source.name, shown[:k]),
            statistics=_within(usual.statistics, near),
            terms_found=words.best,
            known=words.known,
            nearest=nearest.title if nearest else "",
            date=nearest.date if nearest else None,
            usual=_usual_of(vector, usual) if scored else 0.0,
            scale=self._scale(usual) if scored else _RANK,
        )

    def _scale(self, usual: ForeignStatistics) -> str:
        ours = usual.are_cosines and self._finder.in_our_space
        return COSINE if ours else f"scores of {self._source.name}"

    def _remembered(self, hits: Sequence[ForeignHit]) -> list[Counter[str]]:
        """Keep what was found, so that it can be read; the stems of each."""
        with self._lock:
            found: list[Counter[str]] = []
            for hit in hits:
                if hit.number not in self._kept:
                    words = Counter(stems(words_of(hit)))
                    self._kept[hit.number] = _Remembered(passage=hit.passage, stems=words)
                self._kept.move_to_end(hit.number)
                found.append(self._kept[hit.number].stems)
            while len(self._kept) > _MOST_REMEMBERED:
                self._kept.popitem(last=False)
            return found

    def _wanted(self, scope: Scope) -> Filter:
        """The scope as a filter: what is asked of metadata, and whose it must be."""
        if self._source.tenant is None:
            return scope.filter
        if not scope.tenant:
            msg = (
                f"source {self._source.name!r} keeps its tenants apart, and no tenant is given; "
                "pass Scope(tenant=...)"
            )
            raise TenantMissingError(msg)
        # A whole number names a tenant as its text does.
        written: tuple[Scalar, ...] = (scope.tenant,)
        if scope.tenant.isascii() and scope.tenant.isdigit():
            written = (scope.tenant, int(scope.tenant))
        return Filter((OneOf(self._source.tenant, written), *scope.filter.conditions))

    def _is_within(self, passage: Passage, scope: Scope) -> bool:
        field = self._source.tenant
        owned = field is None or tenant_of(passage.fields, field) == scope.tenant
        return owned and scope.filter.matches(passage.fields)


def _dense(hits: Sequence[ForeignHit], usual: ForeignStatistics) -> list[float]:
    """How near each is: by its score, or by its rank where there is none."""
    return [
        _expected(rank) if hit.score is None else usual.dense(hit.score)
        for rank, hit in enumerate(hits, start=1)
    ]


def _expected(rank: int) -> float:
    """The expected value of that rank among `CANDIDATES` normal numbers (Blom, 1958)."""
    return NormalDist().inv_cdf(1 - (min(rank, CANDIDATES) - 0.375) / (CANDIDATES + 0.25))


def _usual_of(vector: Vector | None, usual: ForeignStatistics) -> float:
    """Mean score of a query with the passages."""
    if vector is None:
        return 0.0
    return usual.statistics.usual(vector / max(float(np.linalg.norm(vector)), 1e-12))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What found passages have of a query's words; see `lexical.WordsFound`."""

    scores: Sequence[float]
    shares: Sequence[float]
    best: float
    known: float


def _within(statistics: SourceStatistics, found: Sized) -> SourceStatistics:
    """The statistics, with the number of passages where a search has found all there are."""
    return statistics if len(found) >= CANDIDATES else replace(statistics, passages=len(found))


def _words(
    own: Sequence[Counter[str]], query: Query, usual: ForeignStatistics, met: Container[str]
) -> _Words:
    """Compare the words of a query with those of found passages, by BM25 over the walk's counts.

    Args:
        own: The stems of what was found.
        query: The query.
        usual: How rare words are.
        met: Stems that the source is known to have, beside those of what was found.
    """
    words = list(dict.fromkeys(stems(query.text)))
    ranked = list(dict.fromkeys(stems(query.tail))) or words
    rarity = {word: usual.idf(word) for word in {*words, *ranked}}
    total = sum(rarity[word] for word in words) or 1.0
    lengths = [counts.total() for counts in own]
    length = sum(lengths) / max(len(own), 1) or 1.0
    shares = [sum(rarity[word] for word in words if word in counts) / total for counts in own]
    scores = [
        sum(
            rarity[word] * counts[word] / (counts[word] + _SATURATION * (1 - _OF_LENGTH + of))
            for word in ranked
            if word in counts
        )
        for counts, size in zip(own, lengths, strict=True)
        for of in [_OF_LENGTH * size / length]
    ]
    known = [word for word in words if word in met or any(word in counts for counts in own)]
    best = max(range(len(own)), key=scores.__getitem__, default=None)
    return _Words(
        scores=scores,
        shares=shares,
        best=0.0 if best is None else shares[best],
        known=sum(rarity[word] for word in known) / total,
    )
