"""A table of langchain-postgres as a source, on a real server."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.embeddings import Embeddings
from langchain_postgres import Column, PGEngine, PGVectorStore

from agent_knowledge.errors import StoreUnavailableError
from agent_knowledge.retrieval.others.finders import finder_of
from agent_knowledge.retrieval.others.index import ForeignIndex, ForeignSource
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types.filters import EVERYTHING, Filter, Scope
from agent_knowledge.types.search import COSINE, Query
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

OURS = HashEmbedder(64)
TEXTS = [f"Note {i} about refund{i % 7} and parcel{i % 11}" for i in range(60)]
FIELDS: list[dict[str, Any]] = [
    {
        "year": 2000 + i % 12,
        "tenant": ("acme", "beta")[i % 2],
        "lang": ("en", "de", "o'x%")[i % 3],
        "weight": i / 4,
        "open": i % 2 == 0,
        "tags": ["red", "blue"] if i % 4 else ["red"],
    }
    for i in range(60)
]


class Embedding(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return OURS.embed(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@pytest.fixture
def store(url: str) -> PGVectorStore:
    """A table with a column for some of the metadata; all else is in its JSON column."""
    engine = PGEngine.from_connection_string(url.replace("postgresql://", "postgresql+asyncpg://"))
    columns = [Column("year", "integer"), Column("tenant", "text")]
    engine.init_vectorstore_table("notes", OURS.dimensions, metadata_columns=columns)
    made = PGVectorStore.create_sync(
        engine, Embedding(), "notes", metadata_columns=["year", "tenant"]
    )
    made.add_texts(TEXTS, FIELDS)
    return made


def ask(index: ForeignIndex, text: str, scope: Scope = EVERYTHING):
    query = Query(text=text, vector=OURS.embed([text])[0])
    result = index.search([query], ["notes"], 50, scope)[0]["notes"]
    return result, index.passages(sorted(result.hits, key=lambda hit: -hit.dense), scope)


def index_of(store: PGVectorStore, tenant: str | None = None) -> ForeignIndex:
    source = ForeignSource(name="notes", description="notes", tenant=tenant)
    return ForeignIndex(source, finder_of("notes", store, OURS))


FILTERS: list[dict[str, Any]] = [
    {"year": 2003},
    {"year": {"gte": 2003, "lt": 2007}},
    {"lang": "de"},
    {"lang": ["o'x%", "xx"]},
    {"weight": 2.5},
    {"weight": {"gt": 13.0}},
    {"open": True},
    {"tags": "blue"},
    {"tags": {"exists": False}},
    {"lang": "x' OR '1'='1"},
    {"year": "2003"},
    {"lang": "de", "year": {"lte": 2004}},
]


def test_a_table_of_langchain_postgres_is_a_source(store: PGVectorStore):
    index = index_of(store)
    result, passages = ask(index, TEXTS[17])
    assert passages[0].text == TEXTS[17]
    assert result.scale == COSINE  # the store tells distances
    cosines = OURS.embed([one.text for one in passages]) @ result.query.vector
    assert sorted(result.hits.dense, reverse=True) == pytest.approx(cosines.tolist(), abs=5e-3)
    for written in FILTERS:
        scope = Scope(filter=Filter.of(written))
        _, passages = ask(index, "note about refund3", scope)
        wanted = {
            text
            for text, fields in zip(TEXTS, FIELDS, strict=True)
            if scope.filter.matches({**fields, "tags": tuple(fields["tags"])})
        }
        assert {one.text for one in passages} == wanted, written


def test_its_tenants_are_kept_apart(store: PGVectorStore):
    _, passages = ask(index_of(store, "tenant"), TEXTS[17], Scope(tenant="acme"))
    assert {one.fields["tenant"] for one in passages} == {"acme"}
    assert len(passages) == 30


def test_a_server_that_stops_is_told_without_the_password(
    store: PGVectorStore, postgres_server: PostgresServer
):
    index = index_of(store)
    ask(index, "refund")
    postgres_server.stop()
    try:
        with pytest.raises(StoreUnavailableError, match="source 'notes'") as failed:
            ask(index, "refund")
    finally:
        postgres_server.start()
    assert postgres_server.password not in str(failed.value)
