"""What is made of a query before PostgreSQL is asked for passages: what each word and name says.

The same code weighs names here and in the embedded store; the database only picks, of a source's
hundred thousand names, the few whose words a text has.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from agent_knowledge.retrieval.asked import NAMED, Asked
from agent_knowledge.retrieval.counted import CountedWords
from agent_knowledge.retrieval.names import LINK, NameIndex, Spoken, TalkedOf
from agent_knowledge.retrieval.postgres.schema import LONGEST_WORD
from agent_knowledge.retrieval.reading.fields import fields_of
from agent_knowledge.types import Passage, Vector
from agent_knowledge.types.search import SourceStatistics

if TYPE_CHECKING:
    from numpy.typing import NDArray


def bounded(stem: str) -> str:
    """A stem as it is kept: a very long one, as of a text without spaces, by its hash."""
    if len(stem) <= LONGEST_WORD:
        return stem
    return hashlib.sha256(stem.encode()).hexdigest()


def key_of(text: str) -> str:
    """What a text of any length is found by in an index."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def bounded_spoken(text: Spoken) -> Spoken:
    """A text's stems as they are kept."""
    return [(at, bounded(stem)) for at, stem in text]


def as_text(vector: Vector) -> str:
    """A vector as pgvector reads it, exact to the last bit of a float."""
    return "[" + ",".join(f"{number:.9g}" for number in vector.tolist()) + "]"


class HeldSource(NamedTuple):
    """A source, or one tenant's part of it, as its row says."""

    id: int
    name: str
    embedding: str
    dimensions: int
    generation: int
    passages: int
    windows: int
    length: float
    near: float
    near_spread: float
    spread: float
    center: Sequence[float]

    def statistics(self, passages: int) -> SourceStatistics:
        """What is usual in it, of so many passages within the scope of a search."""
        return SourceStatistics(
            passages=passages,
            center=np.array(self.center, dtype=np.float32),
            spread=self.spread,
            near=self.near,
            near_spread=self.near_spread,
        )


class PassageRow(NamedTuple):
    """A passage as its row says."""

    id: int
    source: str
    document: str
    title: str
    uri: str
    date: str | None
    content: str
    first: int
    after: int
    line: int
    last_line: int
    fields: Mapping[str, object]
    text: str

    def passage(self, score: float) -> Passage:
        """The passage, with what a ranking gave it."""
        return Passage(
            source=self.source,
            document=self.document,
            title=self.title,
            uri=self.uri,
            text=self.text,
            start=self.first,
            end=self.after,
            score=score,
            date=self.date,
            document_hash=self.content,
            lines=(self.line, self.last_line),
            fields=fields_of(self.fields),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A query, weighed by what a source's words and names say.

    Attributes:
        asked: The query.
        words: How rare words are in the source.
        names: Of the source's names those that the texts may mention, each a place of `ids`.
        ids: Their numbers in the store.
        talked_of: What the conversation talks of; gains per name.
    """

    asked: Asked
    words: CountedWords
    names: NameIndex
    ids: Sequence[int]
    talked_of: TalkedOf

    @classmethod
    def of(cls, asked: Asked, words: CountedWords, names: NameIndex, ids: Sequence[int]) -> Weighed:
        """Weigh a query."""
        earlier = [bounded_spoken(turn) for turn in asked.earlier]
        talked_of = names.talked_of(bounded_spoken(asked.request), earlier)
        return cls(asked=asked, words=words, names=names, ids=ids, talked_of=talked_of)

    @property
    def tail(self) -> bool:
        """The words of the conversation's end rank, for no name says what the turn is about."""
        return bool(self.asked.tail) and not self.talked_of.subjects

    @property
    def known(self) -> float:
        """Share of the turn's words, weighted by IDF, that any passage has; 0..1."""
        found = self.words.weights([bounded(stem) for stem in self.asked.words])
        there = sum(weight for word, weight in found.items() if word in self.words.there)
        return there / self._total if there else 0.0

    @property
    def names_something(self) -> bool:
        """The turn seems to name a thing that few passages speak of, or none."""
        return any(self.words.is_rare(bounded(stem)) for stem in self.asked.proper)

    @property
    def _total(self) -> float:
        return sum(self.words.idf(bounded(stem)) for stem in self.asked.words)

    def parameters(self, k: int, links: NDArray[np.float32] | None = None) -> dict[str, Any]:
        """What the statement of the search takes.

        Args:
            k: Passages that each way contributes.
            links: Of each name, what being named by a passage adds; None for nothing.
        """
        own = self.words.weights([bounded(stem) for stem in self.asked.words])
        ranks = self.words.weights([bounded(s) for s in self.asked.tail]) if self.tail else own
        stems = list(own | ranks)
        looked = self.words.choosing(own) | self.words.choosing(ranks)
        total = self._total or 1.0
        gains = self.talked_of.gains
        linked = np.zeros_like(gains) if links is None else links
        telling = np.flatnonzero((gains > 0) | (linked > 0)).tolist()
        return {
            "vector": as_text(self.asked.query.vector),
            "stems": stems,
            "ranks": [ranks.get(stem, 0.0) for stem in stems],
            "words": [own.get(stem, 0.0) for stem in stems],
            "shares": [own.get(stem, 0.0) / total for stem in stems],
            "looked": [stem in looked for stem in stems],
            "names": [self.ids[place] for place in telling],
            "gains": [float(gains[place]) for place in telling],
            "links": [float(linked[place]) for place in telling],
            "k": k,
            "by_name": NAMED * k,
        }

    def linked(self, texts: Sequence[tuple[Spoken, Collection[int]]]) -> NDArray[np.float32]:
        """Of each name, what it adds to a passage that some texts name it.

        Args:
            texts: Each with the numbers of its passage's own names, which it does not name.
        """
        linked = np.zeros(len(self.ids), dtype=np.float32)
        for text, own in texts:
            mentioned = self.names.mentioned(bounded_spoken(text), but_of=None)
            others = [number not in own for number in self.ids]
            np.maximum(linked, np.where(others, mentioned, 0), out=linked)
        return LINK * linked
