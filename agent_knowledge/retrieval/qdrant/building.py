"""The next state of a source in Qdrant: what stays of the one before, and what is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np
from qdrant_client import QdrantClient, models

from agent_knowledge.retrieval.dense import DenseIndex
from agent_knowledge.retrieval.lexical import indexed_stems
from agent_knowledge.retrieval.prepared import IndexChange, PreparedDocument
from agent_knowledge.retrieval.qdrant.conditions import stored
from agent_knowledge.retrieval.qdrant.parts import (
    BLOCK,
    MOST_AT_ONCE,
    NEAR,
    WORDS,
    PartFacts,
    SourcePart,
    index_of,
    number_of,
    place_of,
    saturation,
    window_of,
)
from agent_knowledge.retrieval.reading.chunks import Searched
from agent_knowledge.retrieval.reading.fields import written
from agent_knowledge.retrieval.statistics import measure
from agent_knowledge.types import Vector
from agent_knowledge.types.search import SourceKey


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """A passage of the next state.

    Attributes:
        number: Its number.
        document: Id of its document.
        label: Its title and its document's keywords.
        keys: Of its windows.
        length: How many words it has.
    """

    number: int
    document: str
    label: tuple[str, str]
    keys: Sequence[str]
    length: int


class NextState:
    """The next state of a source, or of one tenant's part of it."""

    def __init__(self, source: SourceKey, change: IndexChange, old: SourcePart | None) -> None:
        """Compare.

        Args:
            source: The source.
            change: What changes.
            old: The state before; None for none, or where nothing of it stays.
        """
        self._source = source
        self._change = change
        self._old = old
        self._put = list(change.put)
        names = {one.document.id for one in self._put}
        before = old.facts.documents if old else ()
        self._kept = [
            _noted(row, change) for row in before if row[0] not in names.union(change.gone)
        ]
        self._words = {
            self._number(one, place): Counter(indexed_stems(searched.words))
            for one in self._put
            for place, searched in enumerate(one.searched())
        }
        self._entries = sorted([*self._old_entries(), *self._new_entries()], key=_by_number)
        lengths = [entry.length for entry in self._entries]
        self._average = sum(lengths) / max(len(lengths), 1)
        self._vectors: dict[int, list[Vector]] = {}

    def new_keys(self) -> list[str]:
        """The keys of the windows of what is put, each once."""
        return list(dict.fromkeys(key for one in self._put for of in one.keys for key in of))

    def points(
        self, client: QdrantClient, vectors: Mapping[str, Vector]
    ) -> Iterator[models.PointStruct]:
        """All points of the next state, those that tell of it as a whole at the end.

        Args:
            client: To read what stays.
            vectors: Of the new windows, by key.
        """
        gone = Counter[str]()
        if self._old is not None:
            yield from self._old_points(client)
            gone = self._gone_words(client)
        for one in self._put:
            yield from self._new_points(one, vectors)
        yield from self._facts(gone).points()

    def _number(self, one: PreparedDocument, place: int) -> int:
        source = self._source
        return number_of(source.name, source.tenant, one.document.id, one.content, place)

    def _old_entries(self) -> Iterator[_Entry]:
        if self._old is None:
            return
        facts = self._old.facts
        kept = {row[0] for row in self._kept}
        columns = (facts.numbers, facts.owners, facts.labelled, facts.keys, facts.lengths)
        for number, owner, label, keys, length in zip(*columns, strict=True):
            name = facts.documents[owner][0]
            if name in kept:
                title, keywords = facts.labels[label]
                yield _Entry(
                    number=number,
                    document=name,
                    label=(title, keywords),
                    keys=keys,
                    length=length,
                )

    def _new_entries(self) -> Iterator[_Entry]:
        for one in self._put:
            for place, (span, keys) in enumerate(zip(one.spans, one.keys, strict=True)):
                number = self._number(one, place)
                yield _Entry(
                    number=number,
                    document=one.document.id,
                    label=(span.title, one.document.keywords),
                    keys=list(dict.fromkeys(keys)),
                    length=self._words[number].total(),
                )

    def _old_points(self, client: QdrantClient) -> Iterator[models.PointStruct]:
        """What stays, with the weights of its words by what is average now."""
        assert self._old is not None, "there is a state before"  # noqa: S101 - our own code
        new = self._words.keys()
        stay = [entry for entry in self._entries if entry.number not in new]
        of_point = {
            window_of(entry.number, place): (entry, place)
            for entry in stay
            for place in range(len(entry.keys))
        }
        for record in _read(client, self._old.collection, [*of_point]):
            entry, place = of_point[int(record.id)]
            vectors: dict[str, Any] = dict(cast("dict[str, Any]", record.vector))
            self._vectors.setdefault(entry.number, []).append(np.array(vectors[NEAR], np.float32))
            if not place and WORDS in vectors:
                vectors[WORDS] = self._reweighed(vectors[WORDS], entry.length)
            yield models.PointStruct(id=record.id, vector=vectors, payload=record.payload)
        places = [
            place_of("block", row[0], number) for row in self._kept for number in range(row[-2])
        ]
        for record in _read(client, self._old.collection, places):
            yield models.PointStruct(id=record.id, vector={}, payload=record.payload)

    def _reweighed(self, words: models.SparseVector, length: int) -> models.SparseVector:
        before = saturation(length, self._old.facts.length if self._old else 0.0)
        counts = [round(value * before / (1 - value)) for value in words.values]
        after = saturation(length, self._average)
        values = [count / (count + after) for count in counts]
        return models.SparseVector(indices=words.indices, values=values)

    def _gone_words(self, client: QdrantClient) -> Counter[str]:
        """Of each stem, how many passages had it that are there no more."""
        assert self._old is not None, "there is a state before"  # noqa: S101 - our own code
        stay = {entry.number for entry in self._entries}
        facts = self._old.facts
        left = {
            number: facts.labels[label][1]
            for number, label in zip(facts.numbers, facts.labelled, strict=True)
            if number not in stay
        }
        gone = Counter[str]()
        for record in _read(client, self._old.collection, [*left], vectors=False):
            told = record.payload or {}
            searched = Searched(
                number=0, title=told["title"], keywords=left[int(record.id)], text=told["text"]
            )
            gone.update(set(indexed_stems(searched.words)))
        return gone

    def _new_points(
        self, one: PreparedDocument, vectors: Mapping[str, Vector]
    ) -> Iterator[models.PointStruct]:
        document = one.document
        fields = stored(document.fields)
        counted, line = 0, 1  # `line` is the line of the character at `counted`
        for place, (span, keys) in enumerate(zip(one.spans, one.keys, strict=True)):
            number = self._number(one, place)
            line += document.text.count("\n", counted, span.start)
            counted = span.start
            words = self._words[number]
            weight = saturation(words.total(), self._average)
            payload = {
                "passage": number,
                "q": fields,
                "document": document.id,
                "title": span.title,
                "uri": document.uri,
                "date": document.date,
                "hash": one.content,
                "first": span.start,
                "after": span.end,
                "line": line,
                "last_line": line + document.text.count("\n", span.start, span.end - 1),
                "fields": {
                    n: [*v] if isinstance(v, tuple) else v for n, v in document.fields.items()
                },
                "text": document.text[span.start : span.end],
            }
            for window, key in enumerate(dict.fromkeys(keys)):
                near = vectors[key]
                self._vectors.setdefault(number, []).append(near)
                given: dict[str, Any] = {NEAR: near.tolist()}
                if not window:
                    given[WORDS] = _sparse(words, weight)
                yield models.PointStruct(
                    id=window_of(number, window),
                    vector=given,
                    payload=payload if not window else {"passage": number, "q": fields},
                )
        for number, start in enumerate(range(0, len(document.text), BLOCK)):
            text = document.text[start : start + BLOCK]
            place = place_of("block", document.id, number)
            yield models.PointStruct(id=place, vector={}, payload={"text": text})

    def _facts(self, gone: Counter[str]) -> PartFacts:
        """What is told of the state as a whole, once all its points were made."""
        documents = [*self._kept, *map(_row, self._put)]
        places = {row[0]: place for place, row in enumerate(documents)}
        labels = list(dict.fromkeys(entry.label for entry in self._entries))
        labelled = {label: place for place, label in enumerate(labels)}
        holders = Counter(self._old.facts.holders if self._old else {})
        holders.subtract(gone)
        for words in self._words.values():
            holders.update(words.keys())
        return PartFacts(
            name=self._source.name,
            tenant=self._source.tenant,
            embedding=self._change.embedding,
            dimensions=self._change.dimensions,
            length=self._average,
            statistics=self._statistics(),
            holders={stem: count for stem, count in holders.items() if count > 0},
            documents=documents,
            numbers=[entry.number for entry in self._entries],
            owners=[places[entry.document] for entry in self._entries],
            labels=labels,
            labelled=[labelled[entry.label] for entry in self._entries],
            keys=[entry.keys for entry in self._entries],
            lengths=[entry.length for entry in self._entries],
        )

    def _statistics(self) -> dict[str, Any]:
        rows = [
            (entry.number, one) for entry in self._entries for one in self._vectors[entry.number]
        ]
        matrix = np.array([one for _, one in rows], dtype=np.float32)
        matrix = matrix.reshape(len(rows), self._change.dimensions)
        numbers = np.array([number for number, _ in rows], dtype=np.int64)
        found = measure(DenseIndex.of(matrix, numbers))
        return {
            "center": [] if found.center is None else found.center.tolist(),
            "spread": found.spread,
            "near": found.near,
            "near_spread": found.near_spread,
        }


def _by_number(entry: _Entry) -> int:
    return entry.number


def _row(one: PreparedDocument) -> list[Any]:
    document = one.document
    blocks = -(-len(document.text) // BLOCK)
    known = (document.known.etag, document.known.modified)
    told = (document.id, document.origin, one.content, one.recipe, *known)
    return [*told, blocks, written(document.fields)]


def _noted(row: Sequence[Any], change: IndexChange) -> list[Any]:
    name, origin, content, recipe, etag, modified, blocks, fields = row
    if name in change.noted:
        known, recipe = change.noted[name]
        etag, modified = known.etag, known.modified
    return [name, origin, content, recipe, etag, modified, blocks, fields]


def _sparse(words: Counter[str], weight: float) -> models.SparseVector:
    counts = Counter[int]()
    for stem, count in words.items():
        counts[index_of(stem)] += count
    values = [count / (count + weight) for count in counts.values()]
    return models.SparseVector(indices=list(counts), values=values)


def _read(
    client: QdrantClient, collection: str, ids: Sequence[int | str], *, vectors: bool = True
) -> Iterator[models.Record]:
    left = iter(ids)
    while some := list(islice(left, MOST_AT_ONCE)):
        yield from client.retrieve(collection, some, with_vectors=vectors)
