"""A user's own Chroma collection: read with its vectors, and left as it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import chromadb
import numpy as np
import pytest
from chromadb.config import Settings

from agent_knowledge.errors import ConfigError, SourceError, StoreUnavailableError
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.others import chroma_collection
from agent_knowledge.retrieval.others.chroma_collection import CollectionRecords, fingerprint
from agent_knowledge.retrieval.reading.documents import Document, Failure
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.types.search import Query

EMBEDDER = HashEmbedder(64)
TEXTS = ["Refunds take ten days.", "Parcels to islands cost more.", "Returns are free of charge."]


def filled(folder: Path, embedder: HashEmbedder = EMBEDDER, stretch: float = 3.0) -> Path:
    """A database with a collection of vectors that are not of length 1."""
    client = chromadb.PersistentClient(str(folder), Settings(anonymized_telemetry=False))
    tickets = client.create_collection("tickets", embedding_function=None)
    tickets.add(
        ids=["a", "b", "c"],
        documents=TEXTS,
        embeddings=embedder.embed(TEXTS) * stretch,
        metadatas=[
            {
                "title": "Refunds",
                "year": 2024,
                "source": "/home/me/refunds.md",
                "date": "2024-05-01",
            },
            {"url": "https://shop.example/islands", "open": True, "team": "post"},
            {"year": 2.5},
        ],
    )
    client.create_collection("other", embedding_function=None)
    client.close()
    return folder


def records(path: Path, collection: str = "tickets") -> CollectionRecords:
    return CollectionRecords(name="s", path=path, collection=collection, embedder=EMBEDDER)


def state(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return {str(file): hashlib.md5(file.read_bytes()).hexdigest() for file in files}


def test_a_record_is_a_document_with_its_vector_and_typed_metadata(tmp_path: Path):
    found = {one.id: one for one in records(filled(tmp_path)) if isinstance(one, Document)}
    a, b, c = (found[name] for name in "abc")
    assert (a.text, a.title, a.uri, a.date) == (TEXTS[0], "Refunds", "s/refunds.md", "2024-05-01")
    assert a.fields["year"] == 2024
    assert (b.uri, b.metadata) == ("https://shop.example/islands", {"open": True, "team": "post"})
    assert c.fields["year"] == 2.5
    assert np.allclose(np.stack([a.vector, b.vector, c.vector]), EMBEDDER.embed(TEXTS), atol=1e-6)
    assert "/home/me" not in repr(list(found.values()))
    assert b.keywords == "post"


def test_reading_leaves_its_folder_as_it_is_bit_for_bit(tmp_path: Path):
    before, told = state(filled(tmp_path)), fingerprint(tmp_path, "tickets")
    assert len(list(records(tmp_path))) == 3
    assert state(tmp_path) == before
    assert fingerprint(tmp_path, "tickets") == told


def test_a_change_shows_in_its_fingerprint(tmp_path: Path):
    before = fingerprint(filled(tmp_path), "tickets")
    client = chromadb.PersistentClient(str(tmp_path), Settings(anonymized_telemetry=False))
    client.get_collection("tickets", embedding_function=None).delete(["c"])
    client.close()
    assert fingerprint(tmp_path, "tickets") != before
    assert len(list(records(tmp_path))) == 2


def test_it_is_indexed_without_embedding_and_found_by_vector_and_words(tmp_path: Path):
    path, store = filled(tmp_path / "chroma"), tmp_path / "store"
    with Indexer(store, EMBEDDER) as indexer:
        report = indexer.index("s", records(path))
        again = indexer.index("s", records(path))
    assert (report.added, report.embedded, again.unchanged) == (3, 0, 3)
    with SourceIndex(store, EMBEDDER.name) as index:
        query = Query(text="islands", vector=EMBEDDER.embed([TEXTS[1]])[0])
        hits = index.search([query], ["s"], 5)[0]["s"].hits
        best = max(hits, key=lambda hit: hit.dense)
        (passage,) = index.passages([best])
    assert (passage.document, passage.text) == ("b", TEXTS[1])
    assert best.dense == pytest.approx(1, abs=2e-3)
    assert best.lexical > 0


def test_a_record_that_cannot_be_indexed_stops_no_other(tmp_path: Path):
    client = chromadb.PersistentClient(str(filled(tmp_path)), Settings(anonymized_telemetry=False))
    tickets = client.get_collection("tickets", embedding_function=None)
    tickets.add(ids=["empty"], embeddings=EMBEDDER.embed(["x"]))
    tickets.add(ids=["zero"], embeddings=np.zeros((1, 64)), documents=["No direction."])
    client.close()
    failures = {one.id: one.reason for one in records(tmp_path) if isinstance(one, Failure)}
    assert failures.keys() == {"empty", "zero"}
    assert "no direction" in failures["zero"]


@pytest.mark.parametrize(
    ("made_with", "said"),
    [(HashEmbedder(32), "have 32 numbers, not 64"), (None, "are not near to their vectors")],
)
def test_a_collection_of_another_embedding_is_refused(
    tmp_path: Path, made_with: HashEmbedder | None, said: str
):
    class Other(HashEmbedder):
        def embed(self, texts):
            return np.roll(super().embed(texts), 1, axis=1)

    filled(tmp_path, made_with or Other(64))
    with pytest.raises(ConfigError, match=said) as refused:
        list(records(tmp_path))
    assert "collection 'tickets'" in str(refused.value)
    assert "set embedding:" in str(refused.value)


def without_database(path: Path) -> None:
    (path / "chroma.sqlite3").unlink()


def damaged(path: Path) -> None:
    file = path / "chroma.sqlite3"
    data = bytearray(file.read_bytes())
    data[4096:] = b"\x07" * len(data[4096:])
    file.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "collection", "kind", "said"),
    [
        (without_database, "tickets", ConfigError, "no Chroma database in"),
        (damaged, "tickets", SourceError, "cannot be read"),
        (lambda _: None, "ticket", ConfigError, "did you mean 'tickets'?"),
        (lambda _: None, "other", SourceError, "holds no record with a text"),
    ],
)
def test_what_cannot_be_read_says_why(
    tmp_path: Path, spoil: Callable[[Path], None], collection: str, kind: type[Exception], said: str
):
    spoil(filled(tmp_path))
    with pytest.raises(kind, match=r".") as refused:
        list(records(tmp_path, collection))
    assert said in str(refused.value)


def test_a_folder_that_is_written_all_the_time_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    database = filled(tmp_path) / "chroma.sqlite3"
    copyfile = chroma_collection.shutil.copyfile

    def while_it_is_written(file: Path, copy: Path) -> None:
        copyfile(file, copy)
        with database.open("ab") as opened:
            opened.write(b"\0")

    monkeypatch.setattr(chroma_collection.shutil, "copyfile", while_it_is_written)
    with pytest.raises(StoreUnavailableError, match="is being written by another process"):
        list(records(tmp_path))
