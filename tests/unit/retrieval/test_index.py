from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hashed_words import HashedWords

from agent_knowledge.errors import SourceError
from agent_knowledge.models.minilm import MiniLM
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.search import SourceIndex
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.types import Passage
from agent_knowledge.types.search import Hit, Query, SearchResult

SCRIPT = str(Path(__file__).with_name("hashed_words.py"))
EMBEDDER = HashedWords()


def write(path: Path, count: int, word: str) -> Path:
    rows = [{"id": f"r{n}", "title": f"Row {n}", "text": f"{word}{n} shared"} for n in range(count)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def index(store: Path, name: str, path: Path) -> None:
    with Indexer(store, EMBEDDER) as indexer:
        indexer.index(name, path)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    index(folder, "s", write(tmp_path / "rows.jsonl", 120, "apple"))
    return folder


def search(opened: SourceIndex, text: str, k: int = 50) -> SearchResult:
    return opened.search([EMBEDDER.query(text)], ["s"], k)[0]["s"]


def ranked(opened: SourceIndex, text: str, *sources: str) -> tuple[Hit, ...]:
    return fuse(list(opened.search([EMBEDDER.query(text)], sources or ("s",), 50)[0].values()))


def best(opened: SourceIndex, text: str, *sources: str) -> str:
    return opened.passages(ranked(opened, text, *sources)[:1])[0].text


def test_a_search_finds_the_best_of_each_way_and_no_more(store: Path):
    with SourceIndex(store, EMBEDDER.name) as opened:
        found = search(opened, "apple7 zebra", k=10)
    hits = sorted(found.hits, key=lambda hit: -hit.dense)
    assert len(hits) == 10, "the one passage that has the word is near, too, and goes by no name"
    assert hits[0].lexical > 0
    assert hits[0].terms == pytest.approx(0.5)
    assert hits[0].dense == found.cosine <= 1.001
    assert not any(hit.lexical or hit.terms for hit in hits[1:])


def test_what_is_found_in_one_way_tells_what_the_others_say_of_it(tmp_path: Path):
    rows = [{"id": str(n), "title": "Fleet", "text": f"boat{n} boat{n} boat{n}"} for n in range(30)]
    rows.append({"id": "inn", "title": "Laurel Inn", "text": "parking " + "word " * 200})
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    index(tmp_path / "store", "s", path)
    with SourceIndex(tmp_path / "store", EMBEDDER.name) as opened:
        hits = list(search(opened, "boat3 at the Laurel Inn", k=2).hits)
        passages = opened.passages(hits)
    (named,) = [hit for hit in hits if hit.named]
    assert passages[hits.index(named)].document == "inn"
    assert named.lexical > 0
    assert 0 < named.terms < 1
    assert -1 <= named.dense < max(hit.dense for hit in hits)


def test_the_statistics_of_a_source_are_kept_when_it_is_indexed(store: Path, tmp_path: Path):
    with SourceIndex(store, EMBEDDER.name) as opened:
        statistics = opened.statistics("s")
        found = search(opened, "apple7 zebra", k=120)
        assert statistics.passages == found.statistics.passages == len(found.hits) == 120
        assert found.usual == pytest.approx(float(found.hits.dense.mean()), abs=0.01)
        assert 0 < statistics.spread < 1
        index(store, "s", write(tmp_path / "rows.jsonl", 60, "pear"))
        assert opened.statistics("s").passages == 60


def test_an_index_without_statistics_asks_to_be_indexed_again(store: Path, tmp_path: Path):
    (folder,) = (store / "search").iterdir()
    (folder / "statistics.json").unlink()
    with SourceIndex(store, EMBEDDER.name) as opened:
        with pytest.raises(SourceError, match="not whole; run: agent-knowledge index s"):
            opened.statistics("s")
        index(store, "s", tmp_path / "rows.jsonl")
        assert best(opened, "apple7") == "apple7 shared"


def test_how_much_of_a_query_a_source_knows_at_all(store: Path):
    with SourceIndex(store, EMBEDDER.name) as opened:
        assert search(opened, "apple7 apple9").known == 1
        assert search(opened, "apple7 apple9").terms_found == pytest.approx(0.5)
        assert search(opened, "apple7 zebra").known == pytest.approx(0.5)
        assert search(opened, "zebra").known == search(opened, "").known == 0


def test_many_queries_are_answered_as_each_alone(store: Path):
    queries = [EMBEDDER.query(f"apple{n}") for n in range(5)]
    with SourceIndex(store, EMBEDDER.name) as opened:
        together = opened.search(queries, ["s"], 120)
        for query, found in zip(queries, together, strict=True):
            alone = opened.search([query], ["s"], 120)[0]["s"].hits
            assert np.allclose(found["s"].hits.dense, alone.dense, atol=1e-5)
            assert np.array_equal(found["s"].hits.lexical, alone.lexical)


def test_terms_found_is_the_share_of_the_querys_words_by_rarity(store: Path):
    with SourceIndex(store, EMBEDDER.name) as opened:

        def share(text: str) -> float:
            return search(opened, text).terms_found

        assert share("apple7 shared") == pytest.approx(1)
        assert share("apple7 zebra") == pytest.approx(0.5)
        assert share("shared zebra") < 0.01
        assert share("zebra") == 0
        assert share("the of") == 0
        assert share("") == 0


def test_passages_come_in_the_order_of_the_hits_and_carry_where_they_stand(store: Path):
    with SourceIndex(store, EMBEDDER.name) as opened:
        first, second = ranked(opened, "apple7 apple9")[:2]
        gone = Hit(source="s", passage=10_000)
        passages = opened.passages([second, gone, first])
    assert {p.document for p in passages} == {"r7", "r9"}
    assert [p.score for p in passages] == [second.score, first.score]
    one = passages[0]
    assert (one.start, one.end, one.source, one.title) == (
        0,
        len(one.text),
        "s",
        f"Row {one.document[1:]}",
    )


def test_passages_tell_their_lines_and_the_hash_of_their_document(tmp_path: Path):
    page = tmp_path / "guide.md"
    parts = [f"## Part {n}\n\n" + f"Línea 😀 apple{n}.\n" * (40 * n) for n in range(1, 5)]
    page.write_text("# Guide\n\n" + "\n".join(parts), encoding="utf-8")
    index(tmp_path / "store", "s", page)
    written = page.read_text(encoding="utf-8").splitlines()
    with SourceIndex(tmp_path / "store", EMBEDDER.name) as opened:

        def found() -> list[Passage]:
            return list(opened.passages(list(search(opened, "apple1").hits)[::-1]))

        passages = found()
        assert len(passages) > 4
        for passage in passages:
            first, last = passage.lines or (0, 0)
            own = passage.text.splitlines()
            assert own[0] in written[first - 1]
            assert own[-1] in written[last - 1]
            assert last - first == passage.text.rstrip("\n").count("\n")
        (before,) = {passage.document_hash for passage in passages}
        page.write_text("# Guide\n\nAnother apple1.\n", encoding="utf-8")
        index(tmp_path / "store", "s", page)
        (changed,) = found()
        assert before
        assert changed.document_hash not in {None, before}


def test_the_text_of_a_passages_document_is_that_which_is_stored_now(store: Path, tmp_path: Path):
    with SourceIndex(store, EMBEDDER.name) as opened:
        (passage,) = opened.passages(ranked(opened, "apple7")[:1])
        assert opened.document_text(passage) == "apple7 shared"
        assert opened.document_text(replace(passage, source="web")) is None
        index(store, "s", write(tmp_path / "rows.jsonl", 120, "pear"))
        assert opened.document_text(passage) == "pear7 shared"
        index(store, "s", write(tmp_path / "rows.jsonl", 1, "pear"))
        assert opened.document_text(passage) is None


def test_a_title_is_searched_too(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a", "title": "Parking", "text": "Yes."}', encoding="utf-8")
    index(tmp_path / "store", "s", path)
    with SourceIndex(tmp_path / "store", EMBEDDER.name) as opened:
        assert search(opened, "parking").terms_found == 1


def test_reading_creates_nothing(tmp_path: Path):
    with (
        SourceIndex(tmp_path / "store", EMBEDDER.name) as opened,
        pytest.raises(SourceError, match=r"no index in .*; run: agent-knowledge index"),
    ):
        search(opened, "x")
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_is_not_indexed_is_named(store: Path):
    with (
        SourceIndex(store, EMBEDDER.name) as opened,
        pytest.raises(SourceError, match="source 'other' is not indexed; run"),
    ):
        opened.search([EMBEDDER.query("x")], ["other"], 50)


def test_broken_search_files_are_an_error_that_says_what_to_do_and_indexing_mends_them(
    store: Path, tmp_path: Path
):
    (folder,) = (store / "search").iterdir()
    (folder / "passages.npy").write_bytes(b"broken")
    with (
        SourceIndex(store, EMBEDDER.name) as opened,
        pytest.raises(SourceError, match="not whole; run: agent-knowledge index s"),
    ):
        best(opened, "apple7")
    index(store, "s", tmp_path / "rows.jsonl")
    with SourceIndex(store, EMBEDDER.name) as opened:
        assert best(opened, "apple7") == "apple7 shared"
    shutil.rmtree(store / "search")
    index(store, "s", tmp_path / "rows.jsonl")
    with SourceIndex(store, EMBEDDER.name) as opened:
        assert best(opened, "apple7") == "apple7 shared"


def test_a_store_is_searched_without_its_vectors_being_written(store: Path):
    shutil.rmtree(store / "chroma")
    with SourceIndex(store, EMBEDDER.name) as opened:
        assert best(opened, "apple7") == "apple7 shared"


def test_an_open_reader_sees_what_another_process_indexed(store: Path, tmp_path: Path):
    with (
        SourceIndex(store, EMBEDDER.name) as opened,
        SourceIndex(store, EMBEDDER.name) as other,
    ):
        assert best(opened, "apple7") == best(other, "apple7") == "apple7 shared"
        for word in ("pear", "quince"):
            path = write(tmp_path / "rows.jsonl", 150, word)
            subprocess.run([sys.executable, SCRIPT, str(store), "s", str(path)], check=True)
            for reader in (opened, other):
                assert reader.statistics("s").passages == 150
                assert best(reader, f"{word}149") == f"{word}149 shared"


def test_a_second_look_up_survives_a_source_that_changed_since_the_first(
    store: Path, tmp_path: Path
):
    with SourceIndex(store, EMBEDDER.name) as opened:
        old = search(opened, "apple7")
        index(store, "s", write(tmp_path / "rows.jsonl", 10, "pear"))
        new = opened.search([EMBEDDER.query("pear7")], ["s"], 50)
        hits = fuse([old])[:2]
        assert len(opened.related(old.query, hits, ["s"], 50)["s"]) == 0
        assert opened.passages(hits) == ()
        found = opened.passages(fuse([old], new))
        assert {passage.text for passage in found} <= {f"pear{n} shared" for n in range(10)}


def test_what_a_passage_names_is_related_to_it(tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    rows = [
        ("Solaris", "Andrei Tarkovsky filmed it."),
        ("Andrei Tarkovsky", "He was born in 1932."),
    ]
    path.write_text(
        "\n".join(json.dumps({"id": t, "title": t, "text": text}) for t, text in rows),
        encoding="utf-8",
    )
    index(tmp_path / "store", "s", path)
    with SourceIndex(tmp_path / "store", EMBEDDER.name) as opened:
        query = EMBEDDER.query("who filmed solaris")
        first = ranked(opened, query.text)[:1]
        assert opened.passages(first)[0].document == "Solaris"
        (related,) = opened.related(query, first, ["s"], 50)["s"]
        assert opened.passages([related])[0].document == "Andrei Tarkovsky"
        assert related.named > 0
        assert related.lexical == 0
        assert related.dense == pytest.approx(
            next(hit.dense for hit in ranked(opened, query.text) if hit.passage == related.passage)
        )


def test_an_open_reader_sees_a_store_that_was_deleted_and_made_again(store: Path, tmp_path: Path):
    with SourceIndex(store, EMBEDDER.name) as opened:
        assert best(opened, "apple7") == "apple7 shared"
        shutil.rmtree(store)
        with pytest.raises(SourceError, match="no index in"):
            best(opened, "apple7")
        index(store, "s", write(tmp_path / "rows.jsonl", 10, "pear"))
        assert best(opened, "pear7") == "pear7 shared"


def test_threads_share_an_index_while_it_is_written(store: Path, tmp_path: Path):
    path = write(tmp_path / "rows.jsonl", 120, "apple")
    with SourceIndex(store, EMBEDDER.name) as opened, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(best, opened, f"apple{n % 120}") for n in range(200)]
        for extra in range(3):
            with path.open("a", encoding="utf-8") as file:
                file.write(f'\n{{"id": "x{extra}", "text": "extra{extra}"}}')
            index(store, "s", path)
        found = [answer.result() for answer in answers]
    assert found == [f"apple{n % 120} shared" for n in range(200)]


def test_sources_are_ranked_together(store: Path, tmp_path: Path):
    index(store, "t", write(tmp_path / "other.jsonl", 60, "pear"))
    with SourceIndex(store, EMBEDDER.name) as opened:
        assert best(opened, "pear7", "s", "t") == "pear7 shared"
        assert best(opened, "apple7", "s", "t") == "apple7 shared"


def test_with_minilm_a_paraphrase_is_found(tmp_path: Path):
    page = tmp_path / "handbook.md"
    page.write_text(
        "# Handbook\n\n## Refunds\n\nYou get your money back within 30 days.\n\n"
        "## Shipping\n\nParcels leave on Mondays.\n\n## Warranty\n\nTwo years on lamps.\n",
        encoding="utf-8",
    )
    embedder = MiniLM()
    with Indexer(tmp_path / "store", embedder) as indexer:
        indexer.index("handbook", page)
    text = "How can I be reimbursed for a purchase?"
    query = Query(text=text, vector=embedder.embed([text])[0])
    with SourceIndex(tmp_path / "store", "minilm") as opened:
        hits = fuse(list(opened.search([query], ["handbook"], 50)[0].values()))
        passage = opened.passages(hits)[0]
    assert passage.title == "Handbook > Refunds"
    assert page.read_text(encoding="utf-8")[passage.start : passage.end] == passage.text
