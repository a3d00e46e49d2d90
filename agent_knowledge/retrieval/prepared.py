"""A document as it is handed to a store on a server, and what such a store takes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from tempfile import TemporaryFile
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from agent_knowledge.retrieval.reading.chunks import Searched, Span
from agent_knowledge.retrieval.reading.documents import Document, Known
from agent_knowledge.retrieval.reading.fields import fields_of
from agent_knowledge.types.search import SourceKey

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDocument:
    """What a re-index compares of a document on a server.

    Attributes:
        name: Its id in the source.
        origin: See `Document`.
        hash: Of its content.
        recipe: How it was read.
        known: See `Document`.
    """

    name: str
    origin: str
    hash: str
    recipe: str
    known: Known


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDocument:
    """A document with its passages, and the keys of the vectors that they are searched by.

    Attributes:
        document: The document; without a vector of its own, which is kept under its key.
        content: Hash of its content.
        recipe: How it was read.
        spans: Its passages.
        keys: Per passage, those of its windows.
    """

    document: Document
    content: str
    recipe: str
    spans: Sequence[Span]
    keys: Sequence[Sequence[str]]

    @classmethod
    def of(cls, document: Document, spans: Sequence[Span], recipe: str) -> PreparedDocument:
        """Prepare a document."""
        if document.vector is None:
            keys = [tuple(one.windows) for one in _searched(document, spans)]
        else:
            given = document.vector_hash
            keys = [(one.key_of(given),) for one in _searched(document, spans)]
        content = document.content_hash
        return cls(document=document, content=content, recipe=recipe, spans=spans, keys=keys)

    def searched(self) -> Iterator[Searched]:
        """Its passages as both searches see them; their numbers are their places."""
        return _searched(self.document, self.spans)

    def written(self) -> str:
        """As a line of JSON; `read` gives it back."""
        document = {name: getattr(self.document, name) for name in _WRITTEN}
        row = {
            "document": document | {"known": asdict(self.document.known)},
            "content": self.content,
            "recipe": self.recipe,
            "spans": [(span.start, span.end, span.title) for span in self.spans],
            "keys": [list(keys) for keys in self.keys],
        }
        return json.dumps(row)

    @classmethod
    def read(cls, line: str | bytes) -> PreparedDocument:
        """What `written` wrote."""
        row: dict[str, Any] = json.loads(line)
        told: dict[str, Any] = row["document"]
        told |= {"metadata": fields_of(told["metadata"]), "known": Known(**told["known"])}
        return cls(
            document=Document(**told),
            content=row["content"],
            recipe=row["recipe"],
            spans=[Span(*span) for span in row["spans"]],
            keys=row["keys"],
        )


_WRITTEN = ("id", "origin", "title", "uri", "text", "date", "metadata", "labels", "where", "row")


def _searched(document: Document, spans: Sequence[Span]) -> Iterator[Searched]:
    for place, span in enumerate(spans):
        text = document.text[span.start : span.end]
        yield Searched(number=place, title=span.title, keywords=document.keywords, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChange:
    """What a run makes of a source, or of one tenant's part of it.

    Attributes:
        put: Documents that are new or changed.
        gone: The ids of those that are no longer there.
        noted: Of documents that are unchanged, but were told of otherwise than before, by id: what
            their servers say now, and how they were read.
        embedding: Name of the embedding.
        dimensions: How many numbers its vectors have.
        rebuild: Nothing of what was there is kept.
    """

    put: Iterable[PreparedDocument]
    gone: Sequence[str]
    noted: Mapping[str, tuple[Known, str]]
    embedding: str
    dimensions: int
    rebuild: bool


class VectorsGoneError(Exception):
    """A vector that a change needs is not there: another process has published, or removed it."""


class StoreWriter(Protocol):
    """One process's way into a store on a server; a `with` block opens and closes it.

    Several may write at once. What a method has done when it returns is durable.
    """

    def __enter__(self) -> Self:
        """Open it.

        Raises:
            StoreError: It cannot be written.
        """
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        ...

    def sources(self) -> Mapping[SourceKey, int]:
        """Every indexed source, and every tenant's part of one, with how many documents it has."""
        ...

    def held(self, source: SourceKey) -> Mapping[str, HeldDocument]:
        """Its documents by id; none where it is not indexed."""
        ...

    def passages(self, source: SourceKey) -> int:
        """How many passages it has."""
        ...

    def embedding(self, source: SourceKey) -> tuple[str, int] | None:
        """Name of the embedding that it was built with, and how many numbers its vectors have."""
        ...

    def missing(self, source: SourceKey, keys: Collection[str], *, anew: bool = False) -> set[str]:
        """Of these keys, those of which no vector is kept.

        Args:
            source: The source.
            keys: Of windows.
            anew: What the source is searched by now does not count.
        """
        ...

    def keep(self, source: SourceKey, keys: Sequence[str], vectors: Matrix) -> None:
        """Keep vectors that nothing names yet; what a run that is killed has made is not lost."""
        ...

    def publish(self, source: SourceKey, change: IndexChange) -> None:
        """Change a source, for every reader in one step.

        Raises:
            VectorsGoneError: A vector is not kept; nothing was changed.
        """
        ...

    def remove(self, source: SourceKey) -> int:
        """Forget a source; how many documents it had."""
        ...


class Spool:
    """Prepared documents on the disk, for a source may be larger than the memory."""

    def __enter__(self) -> Self:
        """Make the file; nobody else can open it."""
        self._file = TemporaryFile("w+b")
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self._file.close()

    def add(self, document: PreparedDocument) -> int:
        """Write a document; where it is."""
        place = self._file.seek(0, 2)
        self._file.write(document.written().encode() + b"\n")
        return place

    def read(self, places: Iterable[int]) -> Iterator[PreparedDocument]:
        """Read documents, in the order of `places`."""
        for place in places:
            self._file.seek(place)
            yield PreparedDocument.read(self._file.readline())
