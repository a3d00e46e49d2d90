"""A store in PostgreSQL as the tests use it: indexed like the embedded one, and read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.postgres.connection import Database
from agent_knowledge.retrieval.postgres.searching import PostgresIndex
from agent_knowledge.retrieval.postgres.writing import PostgresWriter
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.retrieval.server_indexing import ServerIndexer
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import Query, SearchResult

Row = Mapping[str, Any]
EMBEDDER = HashEmbedder(64)
SOURCE = "docs"


def write(rows: Sequence[Row], folder: Path) -> Path:
    """The rows as a file that a source is read from."""
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return file


def database(url: str, timeout_s: float = 5) -> Database:
    return Database(url, timeout_s=timeout_s, most=4)


def indexer(url: str, embedder: HashEmbedder = EMBEDDER, *, tenanted: bool = False):
    return ServerIndexer(PostgresWriter(database(url), embedder.name, tenanted=tenanted), embedder)


def index(
    url: str,
    rows: Sequence[Row],
    folder: Path,
    *,
    source: str = SOURCE,
    tenant: str | None = None,
    embedder: HashEmbedder = EMBEDDER,
    rebuild: bool = False,
) -> IndexReport:
    """Make a source hold these rows and no others."""
    with indexer(url, embedder, tenanted=tenant is not None) as opened:
        return opened.index(source, write(rows, folder), tenant=tenant, rebuild=rebuild)


def opened(url: str, embedder: HashEmbedder = EMBEDDER) -> PostgresIndex:
    return PostgresIndex(database(url), embedder.name)


def embedded(rows: Sequence[Row], folder: Path) -> SourceIndex:
    """The same rows in the embedded store."""
    with Indexer(folder / "store", EMBEDDER) as made:
        made.index(SOURCE, write(rows, folder))
    return SourceIndex(folder / "store", EMBEDDER.name)


def query(text: str, *earlier: str, tail: str = "") -> Query:
    return Query(text=text, vector=EMBEDDER.embed([text])[0], earlier=earlier, tail=tail)


def search(
    index: PostgresIndex | SourceIndex,
    text: str,
    *earlier: str,
    tail: str = "",
    k: int = 50,
    scope: Scope = EVERYTHING,
) -> SearchResult:
    return index.search([query(text, *earlier, tail=tail)], [SOURCE], k, scope)[0][SOURCE]
