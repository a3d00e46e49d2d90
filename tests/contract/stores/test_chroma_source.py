"""A collection of langchain-chroma as a source in YAML, from the file to a citation."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, index_sources, load_router
from agent_knowledge.build import taking_over
from agent_knowledge.build.indexing import remove_sources
from agent_knowledge.errors import ConfigError, SourceError, StoreLockedError, TenantMissingError
from agent_knowledge.retrieval.embedded.store_folder import writing
from agent_knowledge.retrieval.reading import documents
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types import Matrix
from agent_knowledge.types.filters import Filter, Scope

TEXTS = [
    "Refunds take ten days at Harbour House.",
    "Parcels to islands cost more.",
    "Returns are free of charge until May.",
]
FIELDS: list[dict[str, Any]] = [
    {"title": "Refunds", "year": 2024, "customer": "acme", "source": "/home/me/refunds.md"},
    {"title": "Islands", "year": 2023, "customer": "beta", "url": "https://shop.example/islands"},
    {"title": "Returns", "year": 2024, "customer": "acme"},
]
CONFIG = """
store: {path: kept}
sources: {tickets: {kind: chroma, path: chroma, collection: tickets%s}}
agents: {x: {sources: [tickets]%s}}
"""


class Counting(HashEmbedder):
    def __init__(self) -> None:
        super().__init__(64)
        self.embedded: list[str] = []

    def embed(self, texts: Any) -> Matrix:
        self.embedded += texts
        return super().embed(texts)


class Embedding(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return HashEmbedder(64).embed(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def users_store(folder: Path) -> Chroma:
    return Chroma("tickets", Embedding(), persist_directory=str(folder / "chroma"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a user's collection, and a configuration that names it."""
    store = users_store(tmp_path)
    store.add_texts(TEXTS, FIELDS, ids=["a", "b", "c"])
    store._client.close()
    (tmp_path / "agent-knowledge.yaml").write_text(CONFIG % ("", ""))
    return tmp_path


def opened(folder: Path, embedder: HashEmbedder | None = None) -> KnowledgeRouter:
    config = KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")
    return load_router(config, embedding=embedder or HashEmbedder(64))


def state(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file): hashlib.md5(file.read_bytes()).hexdigest() for file in files}


def changed(folder: Path) -> None:
    store = users_store(folder)
    store.add_texts(["Vouchers last a year."], [{"title": "Vouchers"}], ids=["d"])
    store.delete(["c"])
    store._client.close()


def titles(router: KnowledgeRouter, query: str = "refunds parcels returns vouchers") -> set[str]:
    return {passage.title for passage in router.retrieve(query)}


def test_a_collection_of_langchain_chroma_is_a_source_in_yaml(folder: Path):
    router = opened(folder)
    passage = router.retrieve("How long do refunds take at Harbour House?")[0]
    assert (passage.text, passage.title, passage.uri) == (TEXTS[0], "Refunds", "tickets/refunds.md")
    assert passage.fields["year"] == 2024
    assert router.document_text(passage) == TEXTS[0]
    filtered = router.scoped(Scope(filter=Filter.of({"year": 2023})))
    assert titles(filtered) == {"Islands"}
    assert router.route("How long do refunds take?").signals.coverage["tickets"] is not None


def test_its_folder_is_unchanged_bit_for_bit(folder: Path):
    before = state(folder / "chroma")
    opened(folder).retrieve("refunds")
    config = KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")
    assert index_sources(config, embedding=HashEmbedder(64)).complete
    assert state(folder / "chroma") == before


def test_it_is_searched_without_an_index_run_and_embeds_nothing(folder: Path):
    embedder = Counting()
    opened(folder, embedder)
    assert set(embedder.embedded) <= set(TEXTS)  # the three that are compared with their vectors
    again = Counting()
    opened(folder, again)
    assert again.embedded == []


def test_what_changed_is_taken_over_when_it_is_opened_next(folder: Path):
    assert titles(opened(folder)) == {"Refunds", "Islands", "Returns"}
    changed(folder)
    assert titles(opened(folder)) == {"Refunds", "Islands", "Vouchers"}


def test_a_release_that_reads_documents_otherwise_takes_it_over_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    opened(folder)
    later = documents.FORMAT + 1
    for module in (documents, taking_over):
        monkeypatch.setattr(module, "FORMAT", later)
    with caplog.at_level(logging.INFO, logger=taking_over.__name__):
        opened(folder)
        assert "0 added, 3 updated, 0 deleted" in caplog.text
        caplog.clear()
        opened(folder)
    assert caplog.text == ""


def test_an_index_run_takes_it_over_too(folder: Path):
    config = KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")
    (first,) = index_sources(config, embedding=HashEmbedder(64)).reports
    changed(folder)
    (second,) = index_sources(config, ["tickets"], embedding=HashEmbedder(64)).reports
    assert (first.added, first.embedded) == (3, 0)
    assert (second.added, second.deleted, second.unchanged, second.embedded) == (1, 1, 2, 0)


def test_the_last_state_serves_while_another_process_writes(
    folder: Path, caplog: pytest.LogCaptureFixture
):
    with writing(folder / "kept"), pytest.raises(StoreLockedError):
        opened(folder)
    opened(folder)
    changed(folder)
    with writing(folder / "kept"), caplog.at_level(logging.WARNING):
        assert titles(opened(folder)) == {"Refunds", "Islands", "Returns"}
    assert "serves what was taken over before" in caplog.text


def test_a_large_database_waits_for_an_index_run(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(taking_over, "_MOST_BYTES", 1000)
    with pytest.raises(SourceError, match="run: agent-knowledge index tickets"):
        opened(folder)
    config = KnowledgeConfig.from_yaml(folder / "agent-knowledge.yaml")
    index_sources(config, embedding=HashEmbedder(64))
    assert titles(opened(folder)) == {"Refunds", "Islands", "Returns"}


def test_a_collection_of_another_embedding_is_refused(folder: Path):
    with pytest.raises(ConfigError, match=r"was made with another embedding .* set embedding:"):
        opened(folder, HashEmbedder(32))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("path: chroma", "path: chrome", "no Chroma database in"),
        ("collection: tickets", "collection: ticket", "did you mean 'tickets'"),
    ],
)
def test_what_is_not_there_is_named(folder: Path, old: str, new: str, said: str):
    file = folder / "agent-knowledge.yaml"
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ConfigError) as refused:
        opened(folder)
    assert said in str(refused.value)


def test_what_was_taken_over_is_removed_also_beside_a_store_on_a_server(folder: Path):
    told = (CONFIG % ("", "")).replace("path: kept", "path: kept, kind: qdrant")
    (folder / "notes").mkdir()
    (folder / "notes" / "a.md").write_text("Parcels take two days.")
    told = told.replace("{tickets", "{notes: {path: notes}, tickets")
    config = KnowledgeConfig.parse(told).at(folder)
    embedder = HashEmbedder(64)
    assert index_sources(config, embedding=embedder).complete
    assert titles(load_router(config, embedding=embedder)) == {"Refunds", "Islands", "Returns"}
    assert remove_sources(config, ["tickets", "notes"]) == {"tickets": 3, "notes": 1}
    for name in ("tickets", "notes"):
        with pytest.raises(SourceError, match="is not indexed"):
            remove_sources(config, [name])


def test_its_tenants_are_kept_apart_also_when_that_is_asked_for_later(folder: Path):
    assert titles(opened(folder)) == {"Refunds", "Islands", "Returns"}
    told = CONFIG % (", tenant: customer", ", tenant: customer")
    (folder / "agent-knowledge.yaml").write_text(told)
    router = opened(folder)
    assert titles(router.scoped(Scope(tenant="acme"))) == {"Refunds", "Returns"}
    assert titles(router.scoped(Scope(tenant="beta"))) == {"Islands"}
    with pytest.raises(TenantMissingError):
        router.retrieve("refunds")
