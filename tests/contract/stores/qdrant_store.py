"""The store in Qdrant, kept in a local folder, under the contract."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from under_test import SOURCE, Counting, DiesAfter, Row, lines, run_until_killed

from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.qdrant.client import QdrantStore
from agent_knowledge.retrieval.qdrant.searching import QdrantIndex
from agent_knowledge.retrieval.qdrant.writing import QdrantWriter
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.retrieval.server_indexing import ServerIndexer


def indexer(folder: Path, embedder: Embedder) -> ServerIndexer:
    return ServerIndexer(QdrantWriter(QdrantStore(folder=folder), embedder.name), embedder)


class QdrantFolder:
    """A local Qdrant."""

    writes = tells_text = exact = True

    def __init__(self, folder: Path, when_done: Callable[[Callable[[], object]], None]) -> None:
        self.embedder = Counting()
        self._rows = folder / "rows.jsonl"
        self._when_done = when_done
        self._folder = folder / "qdrant"

    @classmethod
    def made(
        cls,
        folder: Path,
        when_done: Callable[[Callable[[], object]], None],
        _request: pytest.FixtureRequest,
    ) -> QdrantFolder:
        return cls(folder, when_done)

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
        with indexer(self._folder, embedder or self.embedder) as opened:
            return opened.index(source, self._rows, tenant=tenant_field, rebuild=rebuild)

    def open(self) -> QdrantIndex:
        opened = QdrantIndex(QdrantStore(folder=self._folder), self.embedder.name)
        self._when_done(opened.close)
        return opened

    def kill_while_indexing(self, rows: Sequence[Row]) -> None:
        self._rows.write_text(lines(rows), encoding="utf-8")
        run_until_killed(__file__, str(self._folder), str(self._rows), str(len(rows) // 2))


if __name__ == "__main__":
    place, path, texts = sys.argv[1:]
    with indexer(Path(place), DiesAfter(int(texts))) as killed:
        killed.index(SOURCE, Path(path))
