"""Sources that come as items: what is kept, given and told apart by tenant."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hashed_words import HashedWords

from agent_knowledge.errors import ConfigError, SourceError
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.reading.documents import Document, Failure, Item, Kept, Known
from agent_knowledge.retrieval.reading.screening import Screening
from agent_knowledge.retrieval.reports import IndexReport
from agent_knowledge.types.filters import Scope

EMBEDDER = HashedWords()
MARKED = Known(etag='"1"', modified="Sat, 31 Jan 2026 10:00:00 GMT")


class Nothing:
    """A screen that finds nothing."""

    def screen(self, texts: object) -> list[object]:
        raise AssertionError(texts)


def page(name: str, text: str = "apple", **more: object) -> Document:
    return replace(
        Document(id=name, origin=name, title="", uri="", text=text, known=MARKED), **more
    )


def index(store: Path, *items: Item, tenant: str | None = None) -> IndexReport:
    with Indexer(store, EMBEDDER) as indexer:
        return indexer.index("s", iter(items), tenant=tenant)


def known(store: Path, **more: object) -> dict[str, Known]:
    with Indexer(store, EMBEDDER) as indexer:
        return indexer.known("s", **more)


def found(store: Path, tenant: str | None = None) -> list[str]:
    with SourceIndex(store, EMBEDDER.name) as opened:
        scope = Scope(tenant=tenant)
        (result,) = opened.search([EMBEDDER.query("apple pear")], ["s"], 50, scope)
        return sorted(p.document for p in opened.passages(list(result["s"].hits), scope))


def test_what_is_unchanged_at_its_place_stays_and_is_not_read(tmp_path: Path):
    index(tmp_path, page("a"), page("b"))
    assert known(tmp_path) == {"a": MARKED, "b": MARKED}
    anew = Known(etag='"2"')
    report = index(tmp_path, Kept(id="a", known=anew), page("c"))
    assert (report.added, report.unchanged, report.deleted) == (1, 1, 1)
    assert found(tmp_path) == ["a", "c"]
    assert known(tmp_path) == {"a": anew, "c": MARKED}
    assert index(tmp_path, Kept(id="a"), Kept(id="c")).unchanged == 2
    assert known(tmp_path) == {"a": anew, "c": MARKED}


def test_what_a_server_says_of_a_page_that_is_the_same_is_noted(tmp_path: Path):
    index(tmp_path, page("a"))
    report = index(tmp_path, page("a", known=Known(etag="new")))
    assert (report.unchanged, report.updated) == (1, 0)
    assert known(tmp_path) == {"a": Known(etag="new")}


def test_what_is_kept_but_not_stored_is_told(tmp_path: Path):
    report = index(tmp_path, page("a"), Kept(id="never seen"))
    assert [where for where, _ in report.failed] == ["never seen"]
    with pytest.raises(SourceError, match="never seen was not given again"):
        index(tmp_path, Kept(id="never seen"))


def test_what_was_read_otherwise_has_to_be_read_anew(tmp_path: Path):
    index(tmp_path, page("a", metadata={"owner": "acme", "keeper": "umbrella"}), tenant="owner")
    assert known(tmp_path, tenant="owner") == {"a": MARKED}
    cleaned = Screening(screen=Nothing(), cleaned=True)
    for other in ({}, {"tenant": "keeper"}, {"tenant": "owner", "screening": cleaned}):
        assert known(tmp_path, **other) == {}
    report = index(tmp_path, page("b", metadata={"keeper": "x"}), Kept(id="a"), tenant="keeper")
    assert [where for where, _ in report.failed] == ["a"]
    assert found(tmp_path, "umbrella") == []


def test_an_id_that_comes_twice_is_told_and_the_first_is_kept(tmp_path: Path):
    report = index(tmp_path, page("a", "apple"), page("a", "pear"))
    assert (report.added, report.passages, len(report.failed)) == (1, 1, 1)


def test_what_no_index_can_hold_is_told_whoever_reads_it(tmp_path: Path):
    bad = page("b", vector=np.full(64, np.nan, dtype=np.float32))
    report = index(tmp_path, page("a"), page("c", " "), bad)
    assert [where for where, _ in report.failed] == ["c", "b"]


def test_a_source_of_which_nothing_can_be_read_keeps_its_index(tmp_path: Path):
    index(tmp_path, page("a"))
    failure = Failure(where="https://x.example", reason="cannot be reached", origin="x")
    with pytest.raises(SourceError, match=r"https://x\.example cannot be reached.*left as it is"):
        index(tmp_path, failure)
    with pytest.raises(SourceError, match="no document could be read"):
        index(tmp_path)
    assert found(tmp_path) == ["a"]


def test_the_same_text_of_two_tenants_is_embedded_once(tmp_path: Path):
    embedder = HashedWords()
    documents = [page(owner, "same text", metadata={"owner": owner}) for owner in ("a", "b", "c")]
    with Indexer(tmp_path, embedder) as indexer:
        report = indexer.index("s", [replace(d, labels=()) for d in documents], tenant="owner")
    assert (report.passages, embedder.embedded) == (3, ["same text"])


def test_only_the_parts_that_changed_are_written(tmp_path: Path):
    documents = [page(owner, metadata={"owner": owner}) for owner in ("a", "b", "c")]
    index(tmp_path, *documents, tenant="owner")
    before = {place.name for place in (tmp_path / "search").iterdir()}
    index(tmp_path, *documents[:2], page("c", "pear", metadata={"owner": "c"}), tenant="owner")
    after = {place.name for place in (tmp_path / "search").iterdir()}
    assert len(before) == len(after) == 3
    assert len(before & after) == 2
    index(tmp_path, *documents[:2], tenant="owner")
    assert len([*(tmp_path / "search").iterdir()]) == 2, "the part went with its last document"


def test_two_tenants_may_have_a_document_of_one_name(tmp_path: Path):
    twins = [page("a", word, metadata={"owner": word}) for word in ("apple", "pear")]
    assert index(tmp_path, *twins, tenant="owner").added == 2
    assert index(tmp_path, *twins, tenant="owner").unchanged == 2
    with SourceIndex(tmp_path, EMBEDDER.name) as opened:
        for tenant in ("apple", "pear"):
            scope = Scope(tenant=tenant)
            (result,) = opened.search([EMBEDDER.query("apple pear")], ["s"], 5, scope)
            (passage,) = opened.passages(list(result["s"].hits), scope)
            assert opened.document_text(passage, scope) == passage.text == tenant


def test_a_removed_source_is_removed_with_all_its_parts(tmp_path: Path):
    documents = [page(owner, metadata={"owner": owner}) for owner in ("a", "b")]
    index(tmp_path, *documents, tenant="owner")
    with Indexer(tmp_path, EMBEDDER) as indexer:
        assert indexer.remove("s") == 2
        with pytest.raises(SourceError, match="not indexed"):
            indexer.remove("s")
    assert not [*(tmp_path / "search").iterdir()]


def given(name: str, place: int, dimensions: int = 64) -> Document:
    vector = np.zeros(dimensions, dtype=np.float32)
    vector[place] = 1
    return page(name, vector=vector, row=True)


def test_vectors_that_came_with_documents_are_taken_from_the_snapshot_or_asked_for_anew(
    tmp_path: Path,
):
    documents = [given(str(n), n) for n in range(3)]
    index(tmp_path, *documents)
    shutil.rmtree(tmp_path / "chroma")
    report = index(tmp_path, *documents)
    assert (report.unchanged, report.embedded, report.mended) == (3, 0, ())
    shutil.rmtree(tmp_path / "chroma")
    shutil.rmtree(tmp_path / "search")
    report = index(tmp_path, *documents)
    assert (report.added, report.embedded) == (3, 0)
    assert "the vectors of 3 documents were lost" in report.mended
    assert found(tmp_path) == ["0", "1", "2"]


def test_a_vector_of_another_size_is_refused_and_nothing_changes(tmp_path: Path):
    index(tmp_path, given("a", 1))
    with pytest.raises(ConfigError, match="another size"):
        index(tmp_path, given("a", 1), given("b", 1, dimensions=32))
    assert found(tmp_path) == ["a"]


def test_a_damaged_vector_store_is_begun_anew_also_where_items_are_read_once(tmp_path: Path):
    index(tmp_path, page("a"), page("b"))
    (tmp_path / "chroma" / "chroma.sqlite3").write_bytes(b"garbage" * 500)
    report = index(tmp_path, page("a"), page("b"))
    assert (report.unchanged, report.embedded) == (2, 0)
    assert found(tmp_path) == ["a", "b"]


def test_of_what_a_source_was_taken_over_from_is_noted(tmp_path: Path):
    with Indexer(tmp_path, EMBEDDER) as indexer:
        assert indexer.fingerprint("s") == ""
        indexer.index("s", [page("a")])
        indexer.note_fingerprint("s", "abc")
    index(tmp_path, page("a"), page("b"))
    with Indexer(tmp_path, EMBEDDER) as indexer:
        assert indexer.fingerprint("s") == "abc"
        assert indexer.fingerprint("other") == ""


def test_more_tenants_than_stay_open_are_all_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("agent_knowledge.retrieval.embedded.search._OPEN", 2)
    documents = [page(f"d{n}", metadata={"owner": n}) for n in range(5)]
    index(tmp_path, *documents, tenant="owner")
    with SourceIndex(tmp_path, EMBEDDER.name) as opened:
        for n in (0, 1, 2, 3, 4, 0, 4, 2):
            assert opened.statistics("s", Scope(tenant=str(n))).passages == 1
        assert opened.statistics("s", Scope(tenant="9")).passages == 0


def items_that_fail() -> Iterator[Item]:
    yield page("a")
    msg = "the connection broke"
    raise OSError(msg)


def test_a_reading_that_breaks_off_changes_nothing(tmp_path: Path):
    index(tmp_path, page("b"))
    with Indexer(tmp_path, EMBEDDER) as indexer, pytest.raises(OSError, match="connection broke"):
        indexer.index("s", items_that_fail())
    assert found(tmp_path) == ["b"]
