"""What a search of any store answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from under_test import SOURCE, DefaultStore, Row, StoreUnderTest, found, query, search

from agent_knowledge.errors import SourceError
from agent_knowledge.types.filters import Filter, Scope

ROWS: list[Row] = [
    {"id": f"r{n}", "title": f"Row {n}", "text": f"apple{n} shared getPearTree", "n": n}
    for n in range(60)
]
BOATS: list[Row] = [
    *({"id": f"boat{n}", "title": "Fleet", "text": f"boat{n} " * 3} for n in range(30)),
    {"id": "inn", "title": "Laurel Inn", "text": "parking " + "word " * 200},
]


def test_each_way_of_searching_contributes_its_best(store: StoreUnderTest):
    store.index(BOATS)
    result = search(store, "boat3 at the Laurel Inn", k=2)
    hits = list(result.hits)
    documents = [passage.document for passage in store.open().passages(hits)]
    by_id = dict(zip(documents, hits, strict=True))
    assert {"boat3", "inn"} <= by_id.keys()
    assert by_id["boat3"].dense == result.cosine
    assert by_id["boat3"].lexical == max(hit.lexical for hit in hits)
    assert by_id["inn"].named == max(hit.named for hit in hits) > 0


def test_hits_carry_dense_lexical_and_name_scores(store: StoreUnderTest):
    store.index(BOATS)
    hits = list(search(store, "boat3 at the Laurel Inn", k=2).hits)
    (named,) = [hit for hit in hits if hit.named]
    assert named.lexical > 0
    assert 0 < named.terms < 1
    assert -1 <= named.dense < max(hit.dense for hit in hits) <= 1.001


@pytest.mark.parametrize(
    "text", ["apple7 zebra", "shared", "Row 12 apple3", "pear tree", "no such word"]
)
def test_scores_are_those_of_the_default(
    store: StoreUnderTest,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    text: str,
):
    if not store.exact:
        pytest.skip("its scores are its own")
    folder = tmp_path / "default"
    folder.mkdir()
    default = DefaultStore(folder, request.addfinalizer)

    def scores(one: StoreUnderTest, scope: Scope) -> dict[str, tuple[float, ...]]:
        reader = one.open()
        hits = list(search(one, text, k=60, scope=scope, opened=reader).hits)
        read = reader.passages(hits, scope)
        return {
            passage.document: (hit.dense, hit.lexical, hit.named, hit.terms)
            for passage, hit in zip(read, hits, strict=True)
        }

    for one in (store, default):
        one.index(ROWS)
    for scope in (Scope(), Scope(filter=Filter.of({"n": {"gte": 5, "lt": 20}}))):
        theirs, ours = scores(store, scope), scores(default, scope)
        assert theirs.keys() == ours.keys()
        for document, expected in ours.items():
            assert theirs[document][0] == pytest.approx(expected[0], abs=2e-3)
            assert theirs[document][1:] == pytest.approx(expected[1:], rel=1e-3, abs=1e-5)


def test_an_identifier_is_found_by_its_parts(store: StoreUnderTest):
    if not store.exact:
        pytest.skip("its words are its own")
    store.index(
        [
            {"id": "a", "text": "def getUserName(self): ..."},
            {"id": "b", "text": "def max_size(self): ..."},
        ]
    )
    for text, document in (("user", "a"), ("size", "b"), ("getUserName", "a"), ("max_size", "b")):
        result = search(store, text)
        (hit,) = [hit for hit in result.hits if hit.lexical]
        assert store.open().passages([hit])[0].document == document
        assert (result.known, result.terms_found) == (1, 1)


def test_many_queries_are_answered_as_each_alone(store: StoreUnderTest):
    store.index(ROWS)
    opened = store.open()
    queries = [query(store, f"apple{n}") for n in range(5)]
    together = opened.search(queries, [SOURCE], 60)
    for asked, result in zip(queries, together, strict=True):
        alone = opened.search([asked], [SOURCE], 60)[0][SOURCE].hits
        assert result[SOURCE].query is asked
        assert np.array_equal(result[SOURCE].hits.passages, alone.passages)
        assert np.allclose(result[SOURCE].hits.dense, alone.dense, atol=1e-4)
        assert np.allclose(result[SOURCE].hits.lexical, alone.lexical, atol=1e-4)


def test_no_more_than_asked_for_and_none_twice(store: StoreUnderTest):
    store.index(ROWS)
    for k in (1, 7, 60):
        passages = search(store, "apple7 shared", k=k).hits.passages.tolist()
        assert passages == sorted(set(passages))
        assert k <= len(passages) <= 4 * k  # of each way its own, of names twice as many
    assert len(search(store, "apple7 shared", k=500).hits) == len(ROWS)


def test_an_empty_source_answers_with_nothing(store: StoreUnderTest):
    store.index([{"id": "a", "text": "apple", "owner": "acme"}], "owner")
    empty = Scope(tenant="nobody")
    result = search(store, "apple", scope=empty)
    assert (len(result.hits), result.nearest, result.known, result.terms_found) == (0, "", 0, 0)
    assert store.open().statistics(SOURCE, empty).passages == result.statistics.passages == 0
    asked = query(store, "apple")
    related = store.open().related(asked, [], [SOURCE], 5, empty)
    assert all(len(hits) == 0 for hits in related.values())


def test_an_unknown_source_is_named_with_the_next_step(store: StoreUnderTest):
    store.index(ROWS[:2])
    for ask in (
        lambda: store.open().search([query(store, "apple1")], ["nope"], 5),
        lambda: store.open().statistics("nope"),
    ):
        with pytest.raises(SourceError, match=r"'nope'.*agent-knowledge index"):
            ask()


@pytest.mark.parametrize("text", ["", "?!", "the of", "x " * 5000, "apple7 " * 5000])
def test_a_query_of_no_words_and_one_of_5000_words(store: StoreUnderTest, text: str):
    store.index(ROWS)
    result = search(store, text, k=5)
    assert len(result.hits) >= 5
    assert (result.known == 1) is ("apple7" in text)


UNICODE = {
    "emoji": "Der Becher 🍵👩‍👩‍👧 kostet wenig",
    "right to left": "שלום עולם و مرحبا",
    "combining": "Cafe\u0301 und Café, A\u030angstro\u0308m",
    "beyond the basic plane": "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟙𝟚 🂡",
    "controls": "tab\tbell\x07 line\u2028paragraph\u2029next\x85 end",
    "quotes": "'; DROP TABLE documents; -- $1 %s {} \\ \" `",
}


@pytest.mark.parametrize("text", UNICODE.values(), ids=UNICODE.keys())
def test_unicode_survives(store: StoreUnderTest, text: str):
    store.index([{"id": text[:9].strip(), "title": text, "text": text, "said": text}])
    (hit,) = search(store, text).hits
    (passage,) = store.open().passages([hit])
    assert (passage.text, passage.title, passage.fields["said"]) == (text, text, text)
    assert found(store, text, scope=Scope(filter=Filter.of({"said": text}))) == [text[:9].strip()]


@pytest.mark.parametrize("character", ["\0", "\ud800"])
@pytest.mark.parametrize("where", ["id", "title", "text", "said"])
def test_what_no_store_can_hold_is_a_failure_that_is_told(
    store: StoreUnderTest, character: str, where: str
):
    row: dict[str, Any] = {"id": "b", "title": "t", "text": "pear", "said": "s"}
    row[where] += character
    report = store.index([{"id": "a", "text": "apple"}, row])
    if report is not None:
        ((_, reason),) = report.failed
        assert f'"{where}" has a' in reason
    assert found(store, "pear apple") == ["a"]


def test_what_is_named_in_the_conversation_comes_first(store: StoreUnderTest):
    store.index(
        [
            {"id": "laurel", "title": "Laurel Inn", "text": "Breakfast is from seven."},
            {"id": "harbour", "title": "Harbour House", "text": "Breakfast is from eight."},
        ]
    )
    for name, document in (("the Laurel Inn", "laurel"), ("Harbour House", "harbour")):
        result = search(store, "When is breakfast?", f"We stay at {name} tonight.")
        hit = max(result.hits, key=lambda hit: hit.named)
        (passage,) = store.open().passages([hit])
        assert passage.document == document
        assert hit.named > 0
        assert result.subjects


def test_what_a_passage_names_is_related_to_it(store: StoreUnderTest):
    store.index(
        [
            {"id": "film", "title": "Solaris", "text": "Andrei Tarkovsky filmed it."},
            {"id": "man", "title": "Andrei Tarkovsky", "text": "He was born in 1932."},
        ]
    )
    opened = store.open()
    asked = query(store, "who filmed solaris")
    result = opened.search([asked], [SOURCE], 50)[0][SOURCE]
    first = [hit for hit in result.hits if opened.passages([hit])[0].document == "film"]
    (related,) = opened.related(asked, first, [SOURCE], 50)[SOURCE]
    assert opened.passages([related])[0].document == "man"
    assert related.named > 0
    known = {hit.passage: hit.dense for hit in result.hits}
    assert related.dense == pytest.approx(known[related.passage], abs=2e-3)


def test_two_sources_of_one_store_stay_apart(make_store: Callable[[], StoreUnderTest]):
    store = make_store()
    store.index([{"id": "a", "text": "apple"}])
    store.index([{"id": "b", "text": "apple"}], source="other")
    result = store.open().search([query(store, "apple")], [SOURCE, "other"], 5)[0]
    read = {name: store.open().passages(list(one.hits)) for name, one in result.items()}
    assert {name: [p.document for p in held] for name, held in read.items()} == {
        SOURCE: ["a"],
        "other": ["b"],
    }
