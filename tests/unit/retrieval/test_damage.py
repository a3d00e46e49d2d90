"""Damage is told with the file and the next step, never served, and mended by `index`."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hashed_words import HashedWords

from agent_knowledge.errors import SourceError, StoreLockedError
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.embedded.vectors import VectorStore
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.types.filters import Filter, Scope
from agent_knowledge.types.search import SourceKey
from tests.older_stores import make_format

EMBEDDER = HashedWords()
ROWS = 60
OF_R7 = "WHERE document = (SELECT id FROM documents WHERE name = 'r7')"
SQL = {
    "a text of another kind": f"UPDATE blocks SET text = 7 {OF_R7}",
    "another text": f"UPDATE blocks SET text = 'word7x is free' {OF_R7}",
    "no text": f"DELETE FROM blocks {OF_R7}",
    "another document's text": f"UPDATE blocks SET number = 1 {OF_R7}",
    "bytes for a text": f"UPDATE blocks SET text = x'80ff' {OF_R7}",
    "a text that is no UTF-8": "UPDATE blocks SET text = CAST(x'80ff' AS TEXT)",
    "another line": "UPDATE passages SET line = 3",
    "another key": "UPDATE windows SET key = 'x' || key",
    "a span of text": "UPDATE passages SET first = 'x', after = 'y'",
    "a span far away": "UPDATE passages SET after = 1 << 60",
    "a title that is a number": "UPDATE passages SET title = 5",
    "a title too few": "DELETE FROM passages WHERE id % 7 = 0",
    "another number": "UPDATE passages SET id = id + 1000",
    "another document's passage": "UPDATE passages SET document = 1",
    "keywords of another kind": "UPDATE documents SET keywords = x'00'",
    "a date of another kind": "UPDATE documents SET date = 12",
    "an address changed": "UPDATE documents SET uri = 'file:///etc/passwd'",
    "fields of another kind": "UPDATE documents SET fields = '[' WHERE name = 'r7'",
    "a generation that is a word": "UPDATE sources SET generation = 'many'",
    "no such table": "DROP TABLE passages",
}


def index(store: Path, rows: Path) -> IndexReport:
    with Indexer(store, EMBEDDER) as indexer:
        return indexer.index("s", rows)


def answers(store: Path) -> list[tuple[str, ...]]:
    """What is found of every row, best first."""
    with SourceIndex(store, EMBEDDER.name) as opened:
        found = opened.search([EMBEDDER.query(f"word{n}x") for n in range(ROWS)], ["s"], 5)
        hits = [fuse([result["s"]])[:1] for result in found]
        return [tuple(passage.text for passage in opened.passages(row)) for row in hits]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source's file, which no test writes."""
    file = tmp_path_factory.mktemp("source") / "rows.jsonl"
    made = [
        {"id": f"r{n}", "title": f"Row {n}", "text": f"word{n}x costs {n}"} for n in range(ROWS)
    ]
    file.write_text("\n".join(map(json.dumps, made)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def made(rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound store, which no test writes."""
    folder = tmp_path_factory.mktemp("made") / "store"
    index(folder, rows)
    return folder


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "store")


def assert_told(store: Path, *words: str) -> None:
    with pytest.raises(SourceError) as told:
        answers(store)
    message = str(told.value)
    assert "agent-knowledge index" in message
    for word in words:
        assert word in message
    assert "delete" not in message[: message.index("damaged")] if "delete" in message else True


def _zeroed(content: bytes) -> bytes:
    kept = content[: min(256, len(content) // 2)]
    return kept + bytes(len(content) - len(kept))


def _garbled_end(content: bytes) -> bytes:
    return content[:-40] + b"\x7f" * 40


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": lambda content: content[: len(content) // 2],
    "zeroed": _zeroed,
    "garbled": _garbled_end,
    "of another kind": lambda content: b'{"a": [1]}',
    "longer": lambda content: content + bytes(8),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_no_search_file_is_parsed_that_is_not_what_was_written(
    store: Path, damage: Callable[[bytes], bytes]
):
    good = answers(store)
    (folder,) = (store / "search").iterdir()
    for file in sorted(folder.iterdir()):
        content = file.read_bytes()
        file.write_bytes(damage(content))
        if file.read_bytes() != content:
            assert_told(store, str(file), "index s")
        file.write_bytes(content)
    assert answers(store) == good


def test_vectors_of_nan_are_told_and_made_good_without_embedding(store: Path, rows: Path):
    good = answers(store)
    (folder,) = (store / "search").iterdir()
    vectors = np.load(folder / "vectors.npy")
    np.save(folder / "vectors.npy", np.full_like(vectors, np.nan))
    assert_told(store, "vectors.npy", "damaged")
    report = index(store, rows)
    assert (report.embedded, len(report.mended)) == (0, 1)
    assert "vectors.npy" in report.mended[0]
    assert answers(store) == good


def test_a_snapshot_of_another_state_is_not_served(store: Path, rows: Path):
    (folder,) = (store / "search").iterdir()
    before = shutil.copytree(folder, store.parent / "before")
    changed = store.parent / "rows.jsonl"
    changed.write_text(rows.read_text(encoding="utf-8").replace("costs", "costs only"))
    index(store, changed)
    (folder,) = (store / "search").iterdir()
    shutil.rmtree(folder)
    shutil.copytree(before, folder)
    assert_told(store, "is not of what the store holds")


@pytest.mark.parametrize("statement", SQL.values(), ids=SQL.keys())
def test_records_that_are_not_what_was_stored_are_told(store: Path, rows: Path, statement: str):
    good = answers(store)
    with sqlite3.connect(store / "passages.sqlite3") as opened:
        opened.execute("PRAGMA foreign_keys = OFF")
        opened.execute(statement)
    opened.close()
    assert_told(store)
    if statement.startswith("DROP") or "AS TEXT" in statement:
        with pytest.raises(SourceError, match="is damaged"):
            index(store, rows)
        return
    report = index(store, rows)
    assert report.mended
    assert report.embedded == 0
    assert answers(store) == good


def test_a_changed_text_is_told_where_it_is_read(store: Path):
    with sqlite3.connect(store / "passages.sqlite3") as opened:
        opened.execute(SQL["another text"])
    opened.close()
    assert_told(store, "document 'r7' of source 's' is damaged")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"garbage" * 1000, "not a database"),
        (b"SQLite format 3\x00" + b"\x10" * 5000, "is damaged"),
    ],
)
def test_a_file_that_is_no_database_is_told(store: Path, content: bytes, words: str):
    (store / "passages.sqlite3").write_bytes(content)
    with pytest.raises(SourceError, match=words):
        answers(store)


def test_a_database_that_was_cut_is_told(store: Path):
    file = store / "passages.sqlite3"
    file.write_bytes(file.read_bytes()[:8192])
    assert_told(store, "is damaged")


@pytest.mark.parametrize("version", [0, 99])
def test_another_format_is_told_and_left_alone(store: Path, rows: Path, version: int):
    with sqlite3.connect(store / "passages.sqlite3") as opened:
        opened.execute(f"PRAGMA user_version = {version}")
    opened.close()
    before = (store / "passages.sqlite3").read_bytes()
    for attempt in (answers, lambda store: index(store, rows)):
        with pytest.raises(SourceError, match=f"has format {version}, this version reads 3"):
            attempt(store)
    assert (store / "passages.sqlite3").read_bytes() == before


@pytest.mark.parametrize("version", [1, 2])
def test_a_format_before_is_converted_by_index_without_embedding(
    store: Path, rows: Path, version: int
):
    good = answers(store)
    make_format(store, version)
    assert_told(store, f"has format {version}")
    report = index(store, rows)
    assert (report.unchanged, report.embedded, report.mended) == (ROWS, 0, ())
    assert answers(store) == good


def test_what_is_converted_is_served_before_its_source_is_read_again(store: Path, tmp_path: Path):
    good = answers(store)
    make_format(store, 2)
    other = tmp_path / "other.md"
    other.write_text("Text")
    with Indexer(store, HashedWords()) as indexer:
        indexer.index("other", other)
    assert answers(store) == good
    wanted = Scope(filter=Filter.of({"document": "r7"}))
    with SourceIndex(store, HashedWords().name) as opened:
        assert opened.statistics("s", wanted).passages == 1


def test_what_was_damaged_before_is_not_taken_for_sound(store: Path, rows: Path):
    make_format(store, 2)
    with sqlite3.connect(store / "passages.sqlite3") as opened:
        opened.execute("UPDATE documents SET text = 'word7x is free' WHERE name = 'r7'")
    opened.close()
    report = index(store, rows)
    assert report.mended == ("1 documents were not what was stored of them",)


@pytest.mark.parametrize("fill", [0.0, 1e30])
def test_a_kept_vector_that_is_damaged_is_embedded_again(store: Path, rows: Path, fill: float):
    good = answers(store)
    with Indexer(store, EMBEDDER) as indexer:
        source = indexer._store.sources()[SourceKey("s")]
    opened = VectorStore(store)
    keys = sorted(opened.keys(source))[:3]
    opened.put(source, keys, np.full((3, EMBEDDER.dimensions), fill, dtype=np.float32))
    opened.close()
    shutil.rmtree(store / "search")
    report = index(store, rows)
    assert report.embedded == 3
    assert answers(store) == good


def test_an_embedding_that_gives_no_numbers_is_told(store: Path, rows: Path):
    class Broken(HashedWords):
        def embed(self, texts):
            return super().embed(texts) * np.nan

    (store.parent / "rows.jsonl").write_text('{"id": "new", "text": "something new"}')
    with (
        Indexer(store, Broken()) as indexer,
        pytest.raises(SourceError, match="embedding 'hashed-words' gave an array"),
    ):
        indexer.index("s", store.parent / "rows.jsonl")


@pytest.mark.parametrize(
    "content", [b"", b"\xff\x00", b"[1]", b'{"pid": "\\u001b[2J"}', b"[" * 9999]
)
def test_a_damaged_note_of_the_lock_names_nobody(store: Path, rows: Path, content: bytes):
    with Indexer(store, EMBEDDER):
        (store / "write.lock.holder").write_bytes(content)
        with pytest.raises(StoreLockedError, match="is being written by another process"):
            index(store, rows)
    assert index(store, rows).unchanged == ROWS


def test_what_stands_where_the_note_of_the_lock_belongs_stops_nobody(store: Path, rows: Path):
    (store / "write.lock.holder").mkdir()
    assert index(store, rows).unchanged == ROWS
    assert index(store, rows).unchanged == ROWS


def test_of_a_long_document_only_what_is_read_has_to_be_sound(tmp_path: Path):
    page = tmp_path / "book.txt"
    page.write_text("first words\n\n" + "filler " * 30_000 + "\n\nlast words")
    index(tmp_path / "store", page)
    with sqlite3.connect(tmp_path / "store" / "passages.sqlite3") as opened:
        opened.execute("UPDATE blocks SET text = 'x' || substr(text, 2) WHERE number = 3")
    opened.close()
    with SourceIndex(tmp_path / "store", EMBEDDER.name) as reader:
        hits = list(reader.search([EMBEDDER.query("words")], ["s"], 500)[0]["s"].hits)
        (first,) = reader.passages(hits[:1])
        assert first.text.startswith("first words")
        with pytest.raises(SourceError, match=r"'book\.txt' of source 's' is damaged"):
            reader.passages(hits)
        with pytest.raises(SourceError, match="is damaged"):
            reader.document_text(first)
    index(tmp_path / "store", page)
    with SourceIndex(tmp_path / "store", EMBEDDER.name) as reader:
        hits = list(reader.search([EMBEDDER.query("words")], ["s"], 500)[0]["s"].hits)
        assert reader.passages(hits)[-1].text.endswith("last words")
