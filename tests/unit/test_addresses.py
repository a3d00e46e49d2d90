from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda

from agent_knowledge import KnowledgeConfig, index_sources, load_router
from agent_knowledge.citations.evidence import as_passages
from agent_knowledge.retrieval.embedded.store import FILE
from agent_knowledge.retrieval.others.external import ExternalSource
from agent_knowledge.types import Passage
from agent_knowledge.types.addresses import public_address, relative_address
from tests.older_stores import make_format


def test_a_relative_address_is_percent_encoded() -> None:
    assert relative_address("handbook", "a/my file#1.md") == "handbook/a/my%20file%231.md"
    assert relative_address("faq", "faq.jsonl", "ret 1") == "faq/faq.jsonl#ret%201"
    assert relative_address("s", "\udc80.md") == "s/%3F.md"


@pytest.mark.parametrize(
    ("uri", "document", "told"),
    [
        ("file:///home/me/docs/a/my%20file.md", "a/my file.md", "s/a/my%20file.md"),
        ("FILE:///home/me/faq.jsonl#ret-1", "ret-1", "s/faq.jsonl#ret-1"),
        ("file:///home/me/secret.md", "7", "s/secret.md"),
        (r"C:\Users\me\docs\a.md", "a.md", "s/a.md"),
        (r"\\share\me\a.md", "", "s/a.md"),
        ("file:///home/me/a.md", "/home/me/a.md", "s/a.md"),
        ("https://a.example/home/me", "x", "https://a.example/home/me"),
        ("docs/a.md", "x", "docs/a.md"),
        ("", "x", ""),
    ],
)
def test_no_passage_has_an_address_of_this_machine(uri: str, document: str, told: str) -> None:
    assert public_address(uri, "s", document) == told
    made = Passage(source="s", document=document, title="", uri=uri, text="t", start=0, end=1)
    assert (made.uri, replace(made, score=1.0).uri) == (told, told)


@pytest.mark.parametrize("key", ["source", "uri", "url", "link"])
def test_a_loaders_path_goes_no_further(key: str) -> None:
    place = "/home/me/a.pdf" if key in {"source", "link"} else "file:///home/me/a.pdf"
    document = Document("It is so.", metadata={key: place})
    retriever = RunnableLambda(lambda query: [document])
    (found,) = ExternalSource("web", retriever).retrieve("x", 1)  # pyright: ignore[reportArgumentType]
    assert (found.uri, found.document) == ("web/a.pdf", "web/a.pdf")
    (given,) = as_passages([document]).values()
    assert "home" not in f"{given!r} {given.id}"


def test_old_addresses_are_translated_until_their_source_is_indexed_anew(tmp_path: Path) -> None:
    (tmp_path / "docs" / "more").mkdir(parents=True)
    (tmp_path / "docs" / "more" / "returns.md").write_text("# Returns\n\nThirty days.\n")
    rows = [{"id": "ship", "text": "Shipping costs 5 euros."}]
    (tmp_path / "faq.jsonl").write_text("\n".join(map(json.dumps, rows)))
    text = (
        "sources: {handbook: {path: docs}, faq: {path: faq.jsonl}}\n"
        "agents: {a: {sources: [handbook, faq]}}"
    )
    config = KnowledgeConfig.parse(text).at(tmp_path)
    index_sources(config)
    told = {"handbook/more/returns.md", "faq/faq.jsonl#ship"}
    assert {p.uri for p in load_router(config).retrieve("returns and shipping")} == told
    _make_old(config.store_path / FILE, tmp_path)
    for names, stored in ((["handbook"], {"handbook/more/returns.md"}), ([], told)):
        index_sources(config, names)
        found = load_router(config).retrieve("returns and shipping")
        assert {p.uri for p in found} == told
        assert _stored_addresses(config.store_path / FILE) & told == stored


def _make_old(store: Path, folder: Path) -> None:
    """Turn a store into one of the format before, with the addresses of its time."""
    root = folder.as_uri()
    with closing(sqlite3.connect(store)) as db, db:
        db.execute(
            "UPDATE documents SET hash = 'old', uri = CASE name WHEN 'ship' THEN ? ELSE ? END",
            (f"{root}/faq.jsonl#ship", f"{root}/docs/more/returns.md"),
        )
    make_format(store.parent, 1)


def _stored_addresses(store: Path) -> set[str]:
    with closing(sqlite3.connect(store)) as db:
        return {uri for (uri,) in db.execute("SELECT uri FROM documents")}
