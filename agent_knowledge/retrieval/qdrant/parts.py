"""A source in Qdrant, or one tenant's part of it: a collection, and what is told of it as a whole.

What is usual in it, its names, its words' rarity and its fields are kept beside its points, packed
into a few points without vectors, and read once for each state of it. A collection is never changed
once it is found by its alias: the next state is another collection, and the alias goes over to it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import QdrantClient, models

from agent_knowledge.retrieval.counted import CountedWords
from agent_knowledge.retrieval.field_rows import FieldRows
from agent_knowledge.retrieval.names import NameIndex
from agent_knowledge.types.search import SourceKey, SourceStatistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEAR, WORDS = "near", "words"
"""The two vectors of a point: of its meaning, and of its words."""
BLOCK = 65_536
"""Characters of a document that are kept together, as in PostgreSQL: a limit."""
MOST_AT_ONCE = 256
"""Points read or written in one request: a limit."""
_PACKED = 4_000_000
"""Characters of what is packed into one point: a limit, far below what a request may have."""
_K1 = 1.5
_B = 0.75
"""Of BM25: what bm25s takes where nothing is said."""
_NAMES = uuid.UUID("5b0e2b64-7a3c-4d3c-9a53-6f7f1d1f1c66")


def alias_of(source: SourceKey) -> str:
    """What a source's collection is found by."""
    tenant = hashlib.sha256(source.tenant.encode()).hexdigest()[:32] if source.tenant else ""
    return f"{prefix_of(source.name)}{tenant}"


def prefix_of(name: str) -> str:
    """How the aliases of all parts of a source begin; a name has no such sign."""
    return f"ak~{name}~"


def number_of(*parts: object) -> int:
    """A number for a point, that nothing else has; by a hash of what it is."""
    digest = hashlib.blake2b(json.dumps(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> 1


def place_of(*parts: object) -> str:
    """The same for a point that is not searched."""
    return str(uuid.uuid5(_NAMES, json.dumps(parts)))


def index_of(stem: str) -> int:
    """What stands for a stem in a vector of words; two share one in four thousand million."""
    return int.from_bytes(hashlib.blake2b(stem.encode(), digest_size=4).digest())


def saturation(length: int, average: float) -> float:
    """What a count of a word is weighed against, in a passage of so many words."""
    return _K1 * (1 - _B + _B * length / (average or 1.0))


@dataclass(frozen=True, kw_only=True)
class PartFacts:
    """What is told of a part of a source.

    Attributes:
        name: Of the source.
        tenant: Whose part; may be empty.
        embedding: Name of the embedding.
        dimensions: Numbers in one of its vectors.
        length: Words of a passage on average.
        statistics: See `SourceStatistics`, with the centre as a list.
        holders: Of each stem, how many passages have it.
        documents: Of each its id, origin, hash, recipe, etag, modified, number of blocks, and its
            fields as JSON.
        numbers: Of each passage its number, ascending.
        owners: Of each, the place of its document.
        labels: The titles and keywords that passages have.
        labelled: Of each passage, the place of its own.
        keys: Of each, the keys of its windows.
        lengths: Of each, how many words it has.
    """

    name: str
    tenant: str
    embedding: str
    dimensions: int
    length: float = 0.0
    statistics: Mapping[str, Any] = field(default_factory=dict[str, Any])
    holders: Mapping[str, int] = field(default_factory=dict[str, int])
    documents: Sequence[Sequence[Any]] = ()
    numbers: Sequence[int] = ()
    owners: Sequence[int] = ()
    labels: Sequence[tuple[str, str]] = ()
    labelled: Sequence[int] = ()
    keys: Sequence[Sequence[str]] = ()
    lengths: Sequence[int] = ()

    def points(self) -> Iterator[models.PointStruct]:
        """As points without vectors."""
        packed = base64.b64encode(gzip.compress(json.dumps(asdict(self)).encode())).decode()
        parts = [packed[at : at + _PACKED] for at in range(0, len(packed), _PACKED)]
        for number, part in enumerate(parts):
            payload = {"packed": part, "of": len(parts)}
            yield models.PointStruct(id=place_of("facts", number), vector={}, payload=payload)

    @classmethod
    def read(cls, client: QdrantClient, collection: str) -> PartFacts:
        """What `points` made, out of a collection."""
        first = client.retrieve(collection, [place_of("facts", 0)])[0].payload or {}
        others = [place_of("facts", number) for number in range(1, first["of"])]
        found = {str(one.id): one.payload or {} for one in client.retrieve(collection, others)}
        packed = first["packed"] + "".join(found[place]["packed"] for place in others)
        return cls(**json.loads(gzip.decompress(base64.b64decode(packed))))


@dataclass(frozen=True, kw_only=True, eq=False)
class SourcePart:
    """One state of a part, as it is searched.

    Attributes:
        collection: Name of its collection.
        facts: What is told of it.
    """

    collection: str
    facts: PartFacts

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Its passages' numbers, ascending."""
        return np.array(self.facts.numbers, dtype=np.int64)

    @cached_property
    def words(self) -> CountedWords:
        """How rare words are in it."""
        passages = len(self.facts.numbers)
        return CountedWords(passages, self.facts.holders, (), passages)

    @cached_property
    def names(self) -> NameIndex:
        """Its names."""
        labels = [(title, keywords) for title, keywords in self.facts.labels]
        return NameIndex.of((labels[place] for place in self.facts.labelled), self.words)

    @cached_property
    def fields(self) -> FieldRows:
        """Its documents' fields."""
        return FieldRows.of(self.facts.owners, [row[-1] for row in self.facts.documents])

    @cached_property
    def statistics(self) -> SourceStatistics:
        """What is usual in it."""
        told = dict(self.facts.statistics)
        center = np.array(told.pop("center"), dtype=np.float32)
        return SourceStatistics(passages=len(self.facts.numbers), center=center, **told)

    @cached_property
    def windows(self) -> dict[str, int]:
        """The point of each key's vector."""
        return {
            key: window_of(number, place)
            for number, keys in zip(self.facts.numbers, self.facts.keys, strict=True)
            for place, key in enumerate(keys)
        }

    @cached_property
    def most_windows(self) -> int:
        """Windows of a passage at most."""
        return max(map(len, self.facts.keys), default=1)

    def position(self, number: int) -> int | None:
        """Where a passage stands in it; None when it is not in it."""
        place = int(np.searchsorted(self.numbers, number))
        return place if place < len(self.numbers) and self.numbers[place] == number else None


def window_of(passage: int, place: int) -> int:
    """The point of a passage's window: the first is that of the passage itself."""
    return number_of(passage, place) if place else passage
