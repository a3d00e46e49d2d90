"""Stores of others on the command line: what is allowed there, and what `doctor` says of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_chroma import Chroma
from langchain_core.embeddings import Embeddings

from agent_knowledge.build import packaged_embedder
from agent_knowledge.build.imports import VARIABLE
from tests.e2e.conftest import CommandLine

QUERY = "How long do refunds take?"
MODULE = """
def search(query, k):
    return ["Refunds take ten days.", "Parcels to islands cost more."]
"""
CONFIG = """
sources:
  tickets: {kind: chroma, path: chroma, collection: tickets}
  shop: {retriever: "clishop:search", description: what customers ask}
agents:
  clerk: {sources: [tickets]}
  buyer: {sources: [shop]}
"""


class Packaged(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return packaged_embedder().embed(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line in a folder with a user's collection and a module of theirs."""
    store = Chroma("tickets", Packaged(), persist_directory=str(tmp_path / "chroma"))
    store.add_texts(["Refunds take ten days.", "Parcels to islands cost more."])
    store._client.close()
    (tmp_path / "clishop.py").write_text(MODULE)
    (tmp_path / "agent-knowledge.yaml").write_text(CONFIG)
    yield CommandLine(tmp_path)
    sys.modules.pop("clishop", None)


def test_a_retriever_is_imported_where_the_option_or_the_environment_allows_it(
    shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = shop("retrieve", QUERY, "--agent", "buyer")
    assert refused.code == 2
    assert "--allow-imports clishop" in refused.err
    allowed = shop("retrieve", QUERY, "--agent", "buyer", "--json", "--allow-imports", "clishop")
    assert allowed.json["passages"][0]["text"] == "Refunds take ten days."
    assert shop("retrieve", QUERY, "--agent", "buyer").code == 2
    monkeypatch.setenv(VARIABLE, "clishop")
    assert shop("retrieve", QUERY, "--agent", "buyer").code == 0


def test_a_collection_is_searched_without_an_index_run(shop: CommandLine) -> None:
    row = shop("retrieve", QUERY, "--agent", "clerk", "--json").json
    assert row["passages"][0]["text"] == "Refunds take ten days."


def test_doctor_tries_each(shop: CommandLine) -> None:
    ran = shop("doctor", "--json", "--allow-imports", "clishop")
    found = {check["what"]: check["state"] for check in ran.json["checks"]}
    for what in ("source tickets", "source shop", "agent clerk", "agent buyer"):
        assert found[what] == "ok", ran.out
    refused = shop("doctor", "--json")
    said = {check["what"]: check["detail"] for check in refused.json["checks"]}
    assert "imported only where the host allows it" in said["source shop"]
