"""The store in PostgreSQL under the contract."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from under_test import SOURCE, Counting, DiesAfter, Row, lines, run_until_killed

from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.postgres.connection import Database
from agent_knowledge.retrieval.postgres.searching import PostgresIndex
from agent_knowledge.retrieval.postgres.writing import PostgresWriter
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.retrieval.server_indexing import ServerIndexer


def indexer(url: str, embedder: Embedder, *, tenanted: bool = False) -> ServerIndexer:
    database = Database(url, timeout_s=5, most=4)
    return ServerIndexer(PostgresWriter(database, embedder.name, tenanted=tenanted), embedder)


class PostgresStore:
    """A database of its own on the tests' server."""

    writes = tells_text = exact = True

    def __init__(
        self, folder: Path, when_done: Callable[[Callable[[], object]], None], url: str
    ) -> None:
        self.embedder = Counting()
        self._rows = folder / "rows.jsonl"
        self._when_done = when_done
        self._url = url

    @classmethod
    def made(
        cls,
        folder: Path,
        when_done: Callable[[Callable[[], object]], None],
        request: pytest.FixtureRequest,
    ) -> PostgresStore:
        server = request.getfixturevalue("postgres_server")
        name = server.make_database()
        when_done(lambda: server.drop_database(name))
        return cls(folder, when_done, server.url(name))

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
        tenanted = tenant_field is not None
        with indexer(self._url, embedder or self.embedder, tenanted=tenanted) as opened:
            return opened.index(source, self._rows, tenant=tenant_field, rebuild=rebuild)

    def open(self) -> PostgresIndex:
        opened = PostgresIndex(Database(self._url, timeout_s=5, most=4), self.embedder.name)
        self._when_done(opened.close)
        return opened

    def kill_while_indexing(self, rows: Sequence[Row]) -> None:
        self._rows.write_text(lines(rows), encoding="utf-8")
        run_until_killed(__file__, self._url, str(self._rows), str(len(rows) // 2))


if __name__ == "__main__":
    place, path, texts = sys.argv[1:]
    with indexer(place, DiesAfter(int(texts))) as killed:
        killed.index(SOURCE, Path(path))
