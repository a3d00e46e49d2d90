"""How any store of ours changes, and what its readers see of that."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from under_test import SOURCE, Counting, Row, StoreUnderTest, found, query, search

from agent_knowledge.errors import ConfigError, SourceError
from agent_knowledge.types import Matrix
from agent_knowledge.types.filters import Filter, Scope


@pytest.fixture(autouse=True)
def _ours(store: StoreUnderTest) -> None:
    if not store.writes:
        pytest.skip("it is written by its own client")


def row(number: int, word: str = "apple", **metadata: object) -> Row:
    return {"id": f"r{number}", "text": f"{word}{number} shared", **metadata}


def test_only_what_changed_is_embedded(store: StoreUnderTest):
    report = store.index([row(1), row(2), row(3)])
    assert report is not None
    assert (report.added, report.passages, report.embedded) == (3, 3, 3)
    embedder = Counting()
    report = store.index([row(1), row(2, "pear"), row(4)], embedder=embedder)
    assert report is not None
    assert (report.added, report.updated, report.unchanged, report.deleted) == (1, 1, 1, 1)
    assert sorted(embedder.embedded) == ["apple4 shared", "pear2 shared"]
    report = store.index([row(1), row(2, "pear"), row(4)], embedder=embedder)
    assert report is not None
    assert (report.unchanged, report.embedded, len(embedder.embedded)) == (3, 0, 2)


def test_a_changed_document_embeds_only_its_changed_windows(store: StoreUnderTest):
    parts = [f"## Part {n}\n\n" + f"word{n} " * 250 for n in range(8)]
    store.index([{"id": "a", "text": "\n\n".join(parts)}])
    embedder = Counting()
    parts[5] += "more"
    store.index([{"id": "a", "text": "\n\n".join(parts)}], embedder=embedder)
    assert 1 <= len(embedder.embedded) <= 3
    assert all("word5" in text for text in embedder.embedded)


def test_a_deleted_document_is_found_no_more(store: StoreUnderTest):
    store.index([row(1), row(2)])
    opened = store.open()
    hits = list(search(store, "apple1 apple2", opened=opened).hits)
    store.index([row(2)])
    assert found(store, "apple1 apple2", opened=opened) == ["r2"]
    assert search(store, "apple1", opened=opened).known == 0
    assert [p.document for p in store.open().passages(hits)] in ([], ["r2"])
    assert store.open().statistics(SOURCE).passages == 1


def test_touching_metadata_embeds_nothing(store: StoreUnderTest):
    # A name or a category is searched by, so it is embedded; a date and a long text are not.
    store.index([row(1, updated="2024-01-01", note="a " * 60), row(2)])
    embedder = Counting()
    rows = [row(1, updated="2025-06-30", note="b " * 60, more=["x " * 50]), row(2)]
    report = store.index(rows, embedder=embedder)
    assert report is not None
    assert (report.updated, report.unchanged, embedder.embedded) == (1, 1, [])
    scope = Scope(filter=Filter.of({"updated": {"gte": "2025-01-01"}}))
    assert found(store, "shared", scope=scope) == ["r1"]
    (passage,) = store.open().passages(list(search(store, "shared", scope=scope).hits))
    assert (passage.date, passage.fields["note"]) == ("2025-06-30", "b " * 60)


def test_a_reader_sees_before_or_after_never_between(store: StoreUnderTest):
    before, after = ([row(n, word) for n in range(12)] for word in ("apple", "pear"))
    store.index(before)
    opened = store.open()
    asked = query(store, "shared")

    def write() -> None:
        for rows in (after, before, after):
            store.index(rows)

    seen: set[frozenset[str]] = set()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        searches = 0
        while searches < 200 or not writing.done():
            hits = list(opened.search([asked], [SOURCE], 50)[0][SOURCE].hits)
            # What was found may be gone when it is read; then it is left out, not mixed.
            seen.add(frozenset(passage.text[:4] for passage in opened.passages(hits)))
            searches += 1
        writing.result()
    assert seen <= {frozenset({"appl"}), frozenset({"pear"}), frozenset()}
    assert len(found(store, "shared", opened=opened)) == 12


def test_a_reader_during_a_rebuild_goes_on(store: StoreUnderTest):
    rows = [row(n) for n in range(300)]
    store.index(rows)
    opened = store.open()
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(store.index, rows, rebuild=True)
        while not writing.done():
            assert "r7" in found(store, "apple7", k=3, opened=opened)
        report = writing.result()
    assert report is not None
    assert report.embedded == len(rows)
    assert "r7" in found(store, "apple7", k=3, opened=opened)


def test_a_killed_run_shows_nothing_and_loses_no_vector(store: StoreUnderTest):
    store.index([row(1, "pear")])
    rows = [row(n) for n in range(1200)]
    store.kill_while_indexing(rows)
    assert found(store, "apple1 pear1") == ["r1"]
    assert store.open().statistics(SOURCE).passages == 1
    embedder = Counting()
    report = store.index(rows, embedder=embedder)
    assert report is not None
    assert report.passages == len(rows)
    assert 0 < len(embedder.embedded) <= len(rows) - 256, "a batch of vectors had been kept"
    assert "r7" in found(store, "apple7", k=3)


def test_another_embedding_is_refused_by_name(store: StoreUnderTest):
    store.index([row(1)])
    other = Counting(32)
    with pytest.raises(ConfigError, match=r"hash-64.*hash-32.*--rebuild"):
        store.index([row(1)], embedder=other)
    assert found(store, "apple1") == ["r1"]
    report = store.index([row(1)], embedder=other, rebuild=True)
    assert report is not None
    with pytest.raises(ConfigError, match=r"hash-32.*hash-64"):
        search(store, "apple1")
    store.embedder = other
    assert found(store, "apple1") == ["r1"]


def test_statistics_are_kept_and_follow_a_change(store: StoreUnderTest):
    store.index([row(n) for n in range(60)])
    statistics = store.open().statistics(SOURCE)
    result = search(store, "apple7 shared", k=60)
    assert statistics.passages == result.statistics.passages == len(result.hits) == 60
    assert result.usual == pytest.approx(float(result.hits.dense.mean()), abs=0.02)
    assert 0 < statistics.spread < 1
    assert 0 < statistics.near <= 1.001
    store.index([row(n, "pear") for n in range(20)])
    assert store.open().statistics(SOURCE).passages == 20


class Fails(Counting):
    """Embeds nothing."""

    def embed(self, texts: object) -> Matrix:
        msg = "the embedder is down"
        raise RuntimeError(msg)


def test_a_run_that_fails_leaves_the_old_state(store: StoreUnderTest):
    store.index([row(1, owner="acme")])
    with pytest.raises(RuntimeError, match="the embedder is down"):
        store.index([row(1), row(2)], embedder=Fails())
    with pytest.raises(SourceError):
        store.index([{"id": "a", "text": " "}])
    with pytest.raises(SourceError, match="colour"):
        store.index([row(1), row(2)], "colour")
    assert found(store, "apple1 apple2") == ["r1"]
    report = store.index([row(1, owner="acme"), row(2)])
    assert report is not None
    assert (report.added, report.unchanged) == (1, 1)


def test_only_the_tenants_that_changed_are_written(store: StoreUnderTest):
    rows = [row(n, owner=f"t{n % 3}") for n in range(9)]
    store.index(rows, "owner")
    embedder = Counting()
    report = store.index([*rows[:-1], row(8, "pear", owner="t2")], "owner", embedder=embedder)
    assert report is not None
    assert (report.updated, report.unchanged, report.passages) == (1, 8, 9)
    assert embedder.embedded == ["t2\npear8 shared"]
    report = store.index(rows[:1], "owner")
    assert report is not None
    assert report.deleted == 8
    assert found(store, "shared", scope=Scope(tenant="t1")) == []
    assert found(store, "shared", scope=Scope(tenant="t0")) == ["r0"]
