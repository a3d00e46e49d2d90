"""The stores that the contract is asked of, each behind the same few calls."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from agent_knowledge.ports import PassageIndex
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.reading.documents import Document, Failure
from agent_knowledge.retrieval.reading.loading import read_source
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Matrix
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import Hit, Query, SearchResult

Row = Mapping[str, Any]
"""A document as a line of JSON: `id` and `text`, perhaps `title`, anything else is metadata."""
SOURCE = "docs"
OTHER = "notes"
"""A second source, for what two of them do together."""


class Counting(HashEmbedder):
    """Remembers what it embedded."""

    def __init__(self, dimensions: int = 64) -> None:
        super().__init__(dimensions)
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.embedded += texts
        return super().embed(texts)


class DiesAfter(Counting):
    """Ends its process as the operating system would, without any clean-up."""

    def __init__(self, texts: int) -> None:
        super().__init__()
        self.left = texts

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.left -= len(texts)
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)


class StoreUnderTest(Protocol):
    """A store, empty when it is made.

    Attributes:
        embedder: What queries are embedded with; it counts.
        writes: We index into it; else `index` fills it by its own client, and returns None.
        tells_text: It has the stored text of a document, not of its passages alone.
        exact: Its cosines and word scores are those of the default.
    """

    embedder: Counting
    writes: bool
    tells_text: bool
    exact: bool

    def index(
        self,
        rows: Sequence[Row],
        tenant_field: str | None = None,
        *,
        source: str = SOURCE,
        embedder: Counting | None = None,
        rebuild: bool = False,
    ) -> IndexReport | None:
        """Make a source hold these documents and no others."""
        ...

    def open(self) -> PassageIndex:
        """A reader; what is opened is closed with the test."""
        ...

    def kill_while_indexing(self, rows: Sequence[Row]) -> None:
        """Index in another process, which dies when half of the texts are embedded."""
        ...


Finalizers = Callable[[Callable[[], object]], None]
"""Takes what is to be called when the test ends."""


def lines(rows: Sequence[Row]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def read(rows: Sequence[Row], folder: Path) -> list[Document | Failure]:
    """The rows as a source of ours reads them."""
    file = folder / "rows.jsonl"
    file.write_text(lines(rows), encoding="utf-8")
    return [*read_source(SOURCE, file)]


class DefaultStore:
    """The embedded store."""

    writes = tells_text = exact = True

    def __init__(self, folder: Path, when_done: Finalizers) -> None:
        self.embedder = Counting()
        self.folder = folder
        self._when_done = when_done
        self._rows = folder / "rows.jsonl"
        self._store = folder / "store"

    def index(
        self,
        rows: Sequence[Row],
        tenant_field: str | None = None,
        *,
        source: str = SOURCE,
        embedder: Counting | None = None,
        rebuild: bool = False,
    ) -> IndexReport:
        self._rows.write_text(lines(rows), encoding="utf-8")
        with Indexer(self._store, embedder or self.embedder) as indexer:
            return indexer.index(source, self._rows, tenant=tenant_field, rebuild=rebuild)

    def open(self) -> SourceIndex:
        opened = SourceIndex(self._store, self.embedder.name)
        self._when_done(opened.close)
        return opened

    def kill_while_indexing(self, rows: Sequence[Row]) -> None:
        self._rows.write_text(lines(rows), encoding="utf-8")
        run_until_killed(__file__, str(self._store), str(self._rows), str(len(rows) // 2))


def run_until_killed(script: str, *arguments: str) -> None:
    """Run a script of a store's that is to die by `DiesAfter`."""
    done = subprocess.run([sys.executable, script, *arguments], check=False, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def _collection(folder: Path, when_done: Finalizers) -> StoreUnderTest:
    from chroma_collection import CollectionStore  # noqa: PLC0415 - it imports this module

    return CollectionStore(folder, when_done)


Maker = Callable[[Path, Finalizers, pytest.FixtureRequest], StoreUnderTest]


def _leg(module: str, name: str) -> Maker:
    """A store whose module is imported when it is asked for."""

    def make(*made: Any) -> StoreUnderTest:
        return getattr(importlib.import_module(module), name).made(*made)

    return make


LEGS: dict[str, Maker] = {
    "default": lambda folder, when_done, _request: DefaultStore(folder, when_done),
    "chroma_collection": lambda folder, when_done, _request: _collection(folder, when_done),
    "postgres": _leg("postgres_store", "PostgresStore"),
    "qdrant": _leg("qdrant_store", "QdrantFolder"),
}
"""Every store by its name. To add one, write a module beside this one and name it here; what needs
a server takes it by `request.getfixturevalue`. Marks of a leg are in `MARKS`."""
SERVERS = {"postgres", "qdrant"}
"""Of these only the tests in `SMOKE` are quick: one of each kind of behaviour."""
SMOKE = {
    "test_hits_carry_dense_lexical_and_name_scores",
    "test_only_what_changed_is_embedded",
    "test_a_passage_is_a_slice_of_the_stored_text",
    "test_equals_in_range_and_exists",
}
MARKS: dict[str, list[pytest.MarkDecorator]] = {"chroma_collection": [pytest.mark.slow]}
_WHOLE = "a record is one passage, whole"
LEFT_OUT: dict[str, dict[str, str]] = {
    "chroma_collection": {
        "test_a_field_name_or_value_is_never_code": "Chroma refuses names that begin with $",
        "test_dates_titles_addresses_and_fields_come_back_typed": "Chroma takes no mixed lists",
        "test_a_passage_is_a_slice_of_the_stored_text": _WHOLE,
        "test_a_quotation_is_verified_against_the_stored_document": _WHOLE,
        "test_a_long_document_is_read_by_its_slices": _WHOLE,
    }
}
"""Tests of the contract that a store is not asked, since it promises that not, and why."""


def query(store: StoreUnderTest, text: str, *earlier: str) -> Query:
    return Query(text=text, vector=store.embedder.embed([text])[0], earlier=earlier)


def search(
    store: StoreUnderTest,
    text: str,
    *earlier: str,
    k: int = 50,
    scope: Scope = EVERYTHING,
    opened: PassageIndex | None = None,
) -> SearchResult:
    """What the source answers."""
    asked = query(store, text, *earlier)
    return (opened or store.open()).search([asked], [SOURCE], k, scope)[0][SOURCE]


def best_first(result: SearchResult) -> list[Hit]:
    return sorted(result.hits, key=lambda hit: (-hit.named, -hit.lexical, -hit.dense))


def found(
    store: StoreUnderTest,
    text: str,
    *earlier: str,
    k: int = 50,
    scope: Scope = EVERYTHING,
    opened: PassageIndex | None = None,
) -> list[str]:
    """Ids of the documents that are found, best first."""
    reader = opened or store.open()
    hits = best_first(search(store, text, *earlier, k=k, scope=scope, opened=reader))
    return [passage.document for passage in reader.passages(hits, scope)]


if __name__ == "__main__":
    place, path, texts = sys.argv[1:]
    with Indexer(Path(place), DiesAfter(int(texts))) as killed:
        killed.index(SOURCE, Path(path))
