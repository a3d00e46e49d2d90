"""What is measured of a query in one collection: two requests, whatever is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from qdrant_client import QdrantClient, models

from agent_knowledge.retrieval.asked import NAMED, Asked, nothing
from agent_knowledge.retrieval.names import LINK, NameIndex, Spoken
from agent_knowledge.retrieval.qdrant.conditions import filter_of
from agent_knowledge.retrieval.qdrant.parts import NEAR, WORDS, SourcePart, index_of
from agent_knowledge.types.filters import Scope
from agent_knowledge.types.search import Hit, Hits, SearchResult, SourceStatistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

_EXACT_BELOW = 10_000
"""Passages up to which a server is asked to compare all: a limit, as in PostgreSQL."""
_WINDOWS = 4
"""Windows looked at for each passage wanted: a passage has one or a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopedPart:
    """A part of a source within a scope.

    Attributes:
        part: The part.
        names: The names of those of its passages that are within it.
        statistics: The part's, with how many those are.
        scope: The scope; its tenant is the part's.
        local: It lies in a folder of this process.
    """

    part: SourcePart
    names: NameIndex
    statistics: SourceStatistics
    scope: Scope
    local: bool

    @classmethod
    def of(cls, part: SourcePart, scope: Scope, *, local: bool) -> ScopedPart:
        """Look at a part within a scope."""
        mask = part.fields.mask(scope.filter) if scope.filter else None
        passages = len(part.numbers) if mask is None else int(mask.sum())
        statistics = replace(part.statistics, passages=passages)
        names = part.names.within(mask)
        return cls(part=part, names=names, statistics=statistics, scope=scope, local=local)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """What is known of a passage that was found."""

    dense: float
    lexical: float
    word: float
    terms: float
    title: str
    date: str | None


def search(client: QdrantClient, scoped: ScopedPart, asked: Asked, k: int) -> SearchResult:
    """Answer a query; see `ports.PassageIndex.search`."""
    part, query = scoped.part, asked.query
    name = part.facts.name
    if not scoped.statistics.passages:
        return nothing(name, asked, scoped.statistics)
    talked_of = scoped.names.talked_of(asked.request, asked.earlier)
    own = part.words.weights(asked.words)
    tail = bool(asked.tail) and not talked_of.subjects
    ranks = part.words.weights(asked.tail) if tail else own
    total = sum(map(part.words.idf, asked.words)) or 1.0
    wanted = filter_of(scoped.scope.filter)
    requests = [_near(scoped, query.vector.tolist(), _WINDOWS * k, wanted)]
    requests += [_words(ranks, k, wanted)] if ranks else []
    requests += [_words(own, 1, wanted)] if tail and own else []
    requests += [_words({stem: 1.0}, 1, wanted) for stem in own] if wanted else []
    replies = client.query_batch_points(part.collection, requests)
    near, *others = [_numbers(reply.points) for reply in replies]
    said = others.pop(0) if ranks else []
    told = others.pop(0) if tail and own else []
    there = [stem for stem, found in zip(own, others, strict=True) if found] if wanted else own
    named = part.numbers[_best_found(talked_of.gains, NAMED * k)].tolist()
    hits = {*near[:k], *said, *named}
    rows = _rows(client, scoped, asked, sorted(hits.union(told)), (ranks, own, total))
    if not rows:
        return nothing(name, asked, scoped.statistics)
    nearest = max(rows.values(), key=lambda row: row.dense)
    by_words = max(rows.values(), key=lambda row: row.word)
    return SearchResult(
        query=query,
        hits=_hits(scoped, {n: row for n, row in rows.items() if n in hits}, talked_of.gains),
        statistics=scoped.statistics,
        mentioned=talked_of.mentioned,
        names_something=any(part.words.is_rare(stem) for stem in asked.proper),
        subjects=talked_of.subjects,
        terms_found=by_words.terms,
        known=sum(own[stem] for stem in there) / total,
        nearest=nearest.title,
        date=nearest.date,
        usual=scoped.statistics.usual(query.vector),
    )


def related(
    client: QdrantClient,
    scoped: ScopedPart,
    asked: Asked,
    texts: Sequence[tuple[int, Spoken]],
    k: int,
) -> Hits:
    """The passages that some texts name; see `ports.PassageIndex.related`.

    Args:
        client: The client.
        scoped: Where they are.
        asked: The query that they are hits for.
        texts: Each with the number of its passage, whose own names it does not name.
        k: Of them, `NAMED` times as many at most.
    """
    part = scoped.part
    talked_of = scoped.names.talked_of(asked.request, asked.earlier)
    linked = np.zeros(len(part.numbers), dtype=np.float32)
    for number, text in texts:
        np.maximum(linked, scoped.names.mentioned(text, but_of=part.position(number)), out=linked)
    named = (talked_of.gains + LINK * linked).astype(np.float32)
    found = part.numbers[_best_found(np.where(linked > 0, named, 0), NAMED * k)].tolist()
    own = part.words.weights(asked.words)
    tail = bool(asked.tail) and not talked_of.subjects
    ranks = part.words.weights(asked.tail) if tail else own
    total = sum(map(part.words.idf, asked.words)) or 1.0
    return _hits(scoped, _rows(client, scoped, asked, sorted(found), (ranks, own, total)), named)


def _near(
    scoped: ScopedPart, vector: Sequence[float], limit: int, wanted: models.Filter | None
) -> models.QueryRequest:
    return models.QueryRequest(
        query=list(vector),
        using=NEAR,
        limit=limit,
        filter=wanted,
        params=_exactly(scoped.local, scoped.statistics.passages <= _EXACT_BELOW),
        with_payload=["passage"],
    )


def _exactly(local: bool, exact: bool) -> models.SearchParams | None:  # noqa: FBT001 - both are told
    """A local Qdrant compares all in any case, and warns when it is asked to."""
    return models.SearchParams(exact=True) if exact and not local else None


def _words(
    weights: Mapping[str, float], limit: int, wanted: models.Filter | None
) -> models.QueryRequest:
    return models.QueryRequest(
        query=_sparse(weights), using=WORDS, limit=limit, filter=wanted, with_payload=["passage"]
    )


def _sparse(weights: Mapping[str, float]) -> models.SparseVector:
    merged: dict[int, float] = {}
    for stem, weight in weights.items():
        place = index_of(stem)
        merged[place] = merged.get(place, 0.0) + weight
    return models.SparseVector(indices=list(merged), values=list(merged.values()))


def _numbers(points: Sequence[models.ScoredPoint]) -> list[int]:
    """The passages of some points, best first, each once; of words only those that share one."""
    found = [(point.payload or {})["passage"] for point in points]
    return list(dict.fromkeys(cast("list[int]", found)))


def _rows(
    client: QdrantClient,
    scoped: ScopedPart,
    asked: Asked,
    numbers: Sequence[int],
    weights: tuple[dict[str, float], dict[str, float], float],
) -> dict[int, _Row]:
    """All that is known of some passages; those outside the scope are left out."""
    if not numbers:
        return {}
    part, (ranks, own, total) = scoped.part, weights
    these = models.FieldCondition(key="passage", match=models.MatchAny(any=list(numbers)))
    near = client.query_points(
        part.collection,
        query=asked.query.vector.tolist(),
        using=NEAR,
        query_filter=filter_of(scoped.scope.filter, these),
        limit=len(numbers) * part.most_windows,
        search_params=_exactly(scoped.local, exact=True),
        with_payload=["passage"],
    ).points
    dense: dict[int, float] = {}
    for point in near:
        number = (point.payload or {})["passage"]
        dense[number] = max(point.score, dense.get(number, -np.inf))
    read = client.retrieve(
        part.collection, list(dense), with_payload=["title", "date"], with_vectors=[WORDS]
    )
    places = {index_of(stem): (ranks.get(stem, 0.0), own.get(stem, 0.0)) for stem in own | ranks}
    return {int(one.id): _row(one, dense[int(one.id)], places, total) for one in read}


def _row(
    read: models.Record, dense: float, places: Mapping[int, tuple[float, float]], total: float
) -> _Row:
    vectors: Any = read.vector or {}
    words = vectors.get(WORDS)
    pairs = zip(words.indices, words.values, strict=True) if words else ()
    shared = [(*places[index], value) for index, value in pairs if index in places]
    payload = read.payload or {}
    return _Row(
        dense=dense,
        lexical=sum(rank * value for rank, _, value in shared),
        word=sum(own * value for _, own, value in shared),
        terms=sum(own for _, own, _ in shared) / total,
        title=payload["title"],
        date=payload["date"],
    )


def _hits(scoped: ScopedPart, rows: Mapping[int, _Row], named: NDArray[np.float32]) -> Hits:
    source = scoped.part.facts.name
    return Hits.of(
        source,
        (
            Hit(
                source=source,
                passage=number,
                dense=row.dense,
                lexical=row.lexical,
                named=float(named[place]),
                terms=row.terms,
            )
            for number, row in rows.items()
            if (place := scoped.part.position(number)) is not None
        ),
    )


def _best_found(values: NDArray[np.float32], n: int) -> NDArray[np.intp]:
    """Positions of the `n` best above 0."""
    found = np.flatnonzero(values > 0)
    if len(found) <= n:
        return found
    return found[np.argpartition(values[found], -n)[-n:]]
