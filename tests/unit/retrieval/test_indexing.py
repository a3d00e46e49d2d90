from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hashed_words import HashedWords

from agent_knowledge.errors import ConfigError, SourceError, StoreLockedError
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.retrieval.reading.documents import Document
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.types import Passage
from agent_knowledge.types.search import Query

SCRIPT = str(Path(__file__).with_name("hashed_words.py"))


def write(path: Path, *rows: tuple[str, str]) -> Path:
    lines = [json.dumps({"id": number, "text": text}) for number, text in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def index(store: Path, path: Path, embedder: HashedWords | None = None) -> IndexReport:
    with Indexer(store, embedder or HashedWords()) as indexer:
        return indexer.index("s", path)


def counts(report: IndexReport) -> tuple[int, int, int, int, int]:
    return (report.added, report.updated, report.unchanged, report.deleted, len(report.failed))


def passages(store: Path, text: str, embedder: HashedWords | None = None) -> tuple[Passage, ...]:
    embedder = embedder or HashedWords()
    with SourceIndex(store, embedder.name) as opened:
        hits = fuse(list(opened.search([embedder.query(text)], ["s"], 50)[0].values()))
        return opened.passages(hits)


def found(store: Path, text: str, embedder: HashedWords | None = None) -> list[tuple[str, str]]:
    return [(passage.document, passage.text) for passage in passages(store, text, embedder)]


def dates(store: Path, text: str) -> list[str | None]:
    return [passage.date for passage in passages(store, text)]


def test_a_re_index_does_only_what_changed_and_says_so(tmp_path: Path):
    store, rows = tmp_path / "store", tmp_path / "rows.jsonl"
    write(rows, ("a", "apples"), ("b", "bananas"), ("c", "cherries"))
    first = index(store, rows)
    assert counts(first) == (3, 0, 0, 0, 0)
    assert (first.passages, first.embedded) == (3, 3)

    write(rows, ("a", "apples"), ("b", "bananas and more"), ("d", "dates"))
    embedder = HashedWords()
    assert counts(index(store, rows, embedder)) == (1, 1, 1, 1, 0)
    assert sorted(embedder.embedded) == ["bananas and more", "dates"]
    assert sorted(found(store, "apples bananas cherries dates")) == [
        ("a", "apples"),
        ("b", "bananas and more"),
        ("d", "dates"),
    ]

    again = index(store, rows)
    assert counts(again) == (0, 0, 3, 0, 0)
    assert again.embedded == 0


@pytest.mark.parametrize(("front", "day"), [("", None), ("date: 2024-01-01", "2024-01-01")])
def test_a_touched_file_is_unchanged_and_of_the_date_that_it_tells(
    tmp_path: Path, front: str, day: str | None
):
    page, store = tmp_path / "page.md", tmp_path / "store"
    page.write_text(f"---\n{front}\n---\ntext", encoding="utf-8")
    index(store, page)
    assert dates(store, "text") == [day]
    os.utime(page, (1_000_000_000, 1_000_000_000))
    assert counts(index(store, page)) == (0, 0, 1, 0, 0)
    page.touch()
    assert counts(index(store, page)) == (0, 0, 1, 0, 0)
    assert dates(store, "text") == [day]


def test_a_date_that_changed_is_a_change_that_embeds_nothing(tmp_path: Path):
    page, store = tmp_path / "page.md", tmp_path / "store"
    page.write_text("---\ndate: 2024-01-01\n---\ntext", encoding="utf-8")
    index(store, page)
    page.write_text("---\ndate: 2025-05-05\n---\ntext", encoding="utf-8")
    report = index(store, page)
    assert (counts(report), report.embedded) == ((0, 1, 0, 0, 0), 0)
    assert dates(store, "text") == ["2025-05-05"]


def test_a_changed_document_embeds_only_its_changed_passages(tmp_path: Path):
    page = tmp_path / "page.md"
    page.write_text("# A\n\none\n\n# B\n\ntwo\n", encoding="utf-8")
    index(tmp_path / "store", page)
    page.write_text("# A\n\none\n\n# B\n\nthree\n", encoding="utf-8")
    embedder = HashedWords()
    index(tmp_path / "store", page, embedder)
    (embedded,) = embedder.embedded
    assert "three" in embedded


def test_a_document_that_fails_keeps_its_old_entry(tmp_path: Path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("apples", encoding="utf-8")
    write(folder / "rows.jsonl", ("r1", "cherries"), ("r2", "dates"))
    index(tmp_path / "store", folder)
    (folder / "a.md").write_bytes(b"\0\0")
    (folder / "rows.jsonl").write_text('{"id": "r1", "text": "figs"}\n{"id": "r2", "te')
    report = index(tmp_path / "store", folder)
    assert counts(report) == (0, 1, 0, 0, 2)
    assert [where for where, _ in report.failed] == ["a.md", "rows.jsonl line 2"]
    assert sorted(found(tmp_path / "store", "apples figs dates")) == [
        ("a.md", "apples"),
        ("r1", "figs"),
        ("r2", "dates"),
    ]


def test_a_row_that_fails_by_id_protects_only_itself(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"), ("b", "bananas"), ("c", "cherries"))
    index(tmp_path / "store", rows)
    rows.write_text('{"id": "a", "text": ""}\n{"id": "c", "text": "cherries"}')
    assert counts(index(tmp_path / "store", rows)) == (0, 0, 1, 1, 1)
    assert sorted(d for d, _ in found(tmp_path / "store", "apples bananas")) == ["a", "c"]


def test_a_source_that_vanished_keeps_its_index(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(tmp_path / "store", rows)
    rows.unlink()
    with pytest.raises(SourceError, match="agent-knowledge index --remove s"):
        index(tmp_path / "store", rows)
    assert found(tmp_path / "store", "apples") == [("a", "apples")]


def test_a_source_is_removed_on_purpose(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(tmp_path / "store", rows)
    with Indexer(tmp_path / "store", HashedWords()) as indexer:
        assert indexer.remove("s") == 1
        with pytest.raises(SourceError, match="source 's' is not indexed"):
            indexer.remove("s")
    with pytest.raises(SourceError, match="run: agent-knowledge index s"):
        found(tmp_path / "store", "apples")


def test_an_index_of_another_embedding_is_refused_by_name(tmp_path: Path):
    store, rows = tmp_path / "store", write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(store, rows, HashedWords("one"))
    expected = "indexed with embedding 'one', the configuration says 'two'.*index s --rebuild"
    with pytest.raises(ConfigError, match=expected):
        index(store, rows, HashedWords("two"))
    with pytest.raises(ConfigError, match=expected):
        found(store, "apples", HashedWords("two"))
    assert found(store, "apples", HashedWords("one")) == [("a", "apples")]


def test_a_rebuild_takes_another_embedding(tmp_path: Path):
    store, rows = tmp_path / "store", write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(store, rows, HashedWords("one"))
    two = HashedWords("two", dimensions=32)
    with Indexer(store, two) as indexer:
        report = indexer.index("s", rows, rebuild=True)
    assert (counts(report), report.embedded) == ((1, 0, 0, 0, 0), 1)
    assert found(store, "apples", HashedWords("two", dimensions=32)) == [("a", "apples")]


def test_a_rebuild_that_fails_leaves_the_old_index(tmp_path: Path):
    store, rows = tmp_path / "store", write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(store, rows)
    rows.unlink()
    with Indexer(store, HashedWords()) as indexer, pytest.raises(SourceError):
        indexer.index("s", rows, rebuild=True)
    assert found(store, "apples") == [("a", "apples")]


def test_an_embedding_that_changed_its_size_is_refused(tmp_path: Path):
    store, rows = tmp_path / "store", write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(store, rows)
    write(rows, ("a", "apples"), ("b", "bananas"))
    with pytest.raises(ConfigError, match=r"vectors of another size.*--rebuild"):
        index(store, rows, HashedWords(dimensions=32))
    assert found(store, "apples") == [("a", "apples")]


def test_a_second_writer_is_told_who_holds_the_lock(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    with Indexer(tmp_path / "store", HashedWords()):
        second = subprocess.run(
            [sys.executable, SCRIPT, str(tmp_path / "store"), "s", str(rows)],
            capture_output=True,
            text=True,
            check=False,
        )
        with pytest.raises(StoreLockedError):
            index(tmp_path / "store", rows)
    assert "StoreLockedError" in second.stderr
    assert f"is being written by process {os.getpid()} on {socket.gethostname()}" in (second.stderr)
    assert counts(index(tmp_path / "store", rows)) == (1, 0, 0, 0, 0)


def test_a_run_that_was_killed_shows_nothing_and_the_next_one_loses_no_work(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", *((f"r{n}", f"word{n} common") for n in range(600)))
    store = str(tmp_path / "store")
    killed = subprocess.run(
        [sys.executable, SCRIPT, store, "s", str(rows), "300"], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(SourceError, match="'s' is not indexed"):
        found(tmp_path / "store", "word7")

    report = index(tmp_path / "store", rows)
    assert (counts(report), report.passages) == ((600, 0, 0, 0, 0), 600)
    assert report.embedded == 600 - 256
    assert found(tmp_path / "store", "word7")[0] == ("r7", "word7 common")


def test_a_re_index_that_was_killed_leaves_the_old_state_searchable(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("old", "apples"))
    index(tmp_path / "store", rows)
    write(rows, *((f"r{n}", f"word{n}") for n in range(300)))
    subprocess.run(
        [sys.executable, SCRIPT, str(tmp_path / "store"), "s", str(rows), "256"],
        capture_output=True,
        check=False,
    )
    assert found(tmp_path / "store", "apples word3") == [("old", "apples")]
    write(rows, ("old", "apples"), ("new", "pears"))
    assert counts(index(tmp_path / "store", rows)) == (1, 0, 1, 0, 0)
    assert sorted(d for d, _ in found(tmp_path / "store", "pears")) == ["new", "old"]


def test_vectors_that_chroma_lost_are_taken_from_the_snapshot(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(tmp_path / "store", rows)
    shutil.rmtree(tmp_path / "store" / "chroma")
    report = index(tmp_path / "store", rows)
    assert (counts(report), report.embedded) == ((0, 0, 1, 0, 0), 0)
    shutil.rmtree(tmp_path / "store" / "chroma")
    shutil.rmtree(tmp_path / "store" / "search")
    report = index(tmp_path / "store", rows)
    assert (counts(report), report.embedded) == ((0, 0, 1, 0, 0), 1)
    assert found(tmp_path / "store", "apples") == [("a", "apples")]


def test_progress_counts_passages(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", *((f"r{n}", f"word{n}") for n in range(300)))
    seen: list[tuple[int, int]] = []
    with Indexer(tmp_path / "store", HashedWords()) as indexer:
        indexer.index("s", rows, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 300), (256, 300), (300, 300)]


def test_any_name_that_a_configuration_allows_can_be_indexed(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    with Indexer(tmp_path / "store", HashedWords()) as indexer:
        for name in ("a", "A", "a..b.", "x" * 63):
            assert indexer.index(name, rows).added == 1
    with SourceIndex(tmp_path / "store", "hashed-words") as opened:
        found = opened.search([HashedWords().query("apples")], ["a", "A", "a..b.", "x" * 63], 5)[0]
    assert [len(result.hits) for result in found.values()] == [1, 1, 1, 1]


def test_a_damaged_vector_store_is_begun_anew_and_nothing_is_embedded_again(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(tmp_path / "store", rows)
    (tmp_path / "store" / "chroma" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    assert found(tmp_path / "store", "apples")  # a search reads none of Chroma's files
    write(rows, ("a", "apples"), ("b", "bananas"))
    report = index(tmp_path / "store", rows)
    assert (counts(report), report.embedded) == ((1, 0, 1, 0, 0), 1)
    assert found(tmp_path / "store", "bananas")[0] == ("b", "bananas")


def test_a_damaged_index_file_is_an_error_that_says_what_to_do(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    index(tmp_path / "store", rows)
    (tmp_path / "store" / "passages.sqlite3").write_bytes(b"garbage" * 1000)
    with pytest.raises(SourceError, match=r"is damaged .*delete it, and run: agent-knowledge"):
        found(tmp_path / "store", "apples")


def test_a_store_that_is_a_file_is_a_fault_of_the_configuration(tmp_path: Path):
    rows = write(tmp_path / "rows.jsonl", ("a", "apples"))
    with pytest.raises(ConfigError, match=r"store\.path: .* cannot be written"):
        index(rows, rows)


@pytest.mark.slow
def test_a_text_of_50_mb_is_indexed_to_its_end(tmp_path: Path):
    file, store = tmp_path / "big.txt", tmp_path / "store"
    paragraph = "Number {} of the fleet left the harbour in the morning with nets and salt. " * 9
    block = "".join(f"{paragraph.format(*[n] * 9)}\n\n" for n in range(700))
    with file.open("w", encoding="utf-8") as text:
        for _ in range(50_000_000 // len(block) + 1):
            text.write(block)
        text.write("The lighthouse keeper counted every single one of them.\n")
    assert file.stat().st_size > 50_000_000
    report = index(store, file)
    assert counts(report) == (1, 0, 0, 0, 0)
    _, last = found(store, "lighthouse keeper counted")[0]
    assert last.endswith("The lighthouse keeper counted every single one of them.")
    assert counts(index(store, file)) == (0, 0, 1, 0, 0)


def taken(number: int, text: str) -> Document:
    """A document that another store had, with its vector."""
    vector = np.zeros(HashedWords().dimensions, dtype=np.float32)
    vector[number] = 1
    return Document(
        id=str(number), origin="c", title="", uri="", text=text, row=True, vector=vector
    )


def test_a_document_with_a_vector_is_kept_whole_and_not_embedded(tmp_path: Path):
    embedder = HashedWords()
    documents = [taken(0, "word " * 2000), taken(1, "same"), taken(2, "same")]
    with Indexer(tmp_path, embedder) as indexer:
        report = indexer.index("s", documents)
        assert counts(indexer.index("s", documents)) == (0, 0, 3, 0, 0)
        changed = replace(documents[2], vector=documents[0].vector)
        assert counts(indexer.index("s", [*documents[:2], changed])) == (0, 1, 2, 0, 0)
    assert (report.passages, report.embedded, embedder.embedded) == (3, 0, [])
    with SourceIndex(tmp_path, embedder.name) as opened:
        query = Query(text="", vector=documents[1].vector)
        hits = opened.search([query], ["s"], 5)[0]["s"].hits
    assert sorted(hits.dense.tolist()) == [0, 0, 1]
