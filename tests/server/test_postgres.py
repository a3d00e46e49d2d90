"""A store in PostgreSQL finds, scores and keeps what the embedded one does."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from stores import SOURCE, embedded, index, opened, query, search

from agent_knowledge.retrieval.postgres.statements import EXACT_BELOW
from agent_knowledge.types.search import SearchResult

WORDS = [
    "refund",
    "parcel",
    "shipping",
    "warranty",
    "invoice",
    "colour",
    "kettle",
    "battery",
    "return",
    "damage",
    "window",
    "store",
    "customer",
    "payment",
    "credit",
    "delivery",
    "courier",
    "express",
    "weekend",
    "holiday",
    "receipt",
    "exchange",
]
PLACES = ["Laurel Inn", "Harbour House", "Sea Food Grill", "Kings Arms, a Joie Hotel", "Old Mill"]


def rows(count: int) -> list[dict[str, str]]:
    """Texts of a few words, some of them long enough for several passages, under like titles."""
    chosen = random.Random(7)
    made: list[dict[str, str]] = []
    for number in range(count):
        length = 600 if number % 10 == 0 else 25
        words = " ".join(chosen.choice(WORDS) for _ in range(length))
        place = PLACES[number % len(PLACES)]
        text = f"{words}. Ask at the {PLACES[(number + 1) % len(PLACES)]}."
        made.append({"id": f"d{number}", "title": f"{place} > Rule {number % 7}", "text": text})
    return made


def by_document(index, result: SearchResult) -> dict[tuple[str, int], tuple[float, ...]]:
    """Of each hit its scores, by its document and where in it it begins."""
    hits = [*result.hits]
    passages = index.passages(hits)
    assert len(passages) == len(hits)
    return {
        (one.document, one.start): (hit.dense, hit.lexical, hit.named, hit.terms)
        for one, hit in zip(passages, hits, strict=True)
    }


ASKED = [
    ("refund for a broken kettle", (), ""),
    ("express delivery at the Laurel Inn", (), ""),
    ("do they take a credit payment", ("We stay at the Harbour House.",), ""),
    ("and on a weekend?", ("How long does a courier take?",), "courier weekend delivery"),
    ("zebra xylophone", (), ""),
    ("the of and", (), ""),
    ("sea food for the customer at the old mill, exchange and receipt", (), ""),
]


@pytest.mark.parametrize("k", [8, 200])
@pytest.mark.parametrize(("text", "earlier", "tail"), ASKED)
def test_scores_are_those_of_the_embedded_store(
    both, text: str, earlier: tuple[str, ...], tail: str, k: int
):
    theirs, ours = (search(one, text, *earlier, tail=tail, k=k) for one in both)
    expected, found = (by_document(*pair) for pair in zip(both, (theirs, ours), strict=True))
    for place in found.keys() & expected.keys():
        assert found[place] == pytest.approx(expected[place], rel=1e-4, abs=1e-4)
    if k == 200:
        assert found.keys() == expected.keys()
    # Of those that score alike any may be among the best; what the best score is the same.
    for column, most in ((0, k), (1, k), (2, 2 * k)):
        best = [
            sorted((scores[column] for scores in one.values()), reverse=True)[:most]
            for one in (found, expected)
        ]
        assert best[0] == pytest.approx(best[1], rel=1e-4, abs=1e-4)
    for name in ("mentioned", "terms_found", "known", "usual", "cosine"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), abs=1e-4), name
    assert (ours.names_something, ours.nearest) == (theirs.names_something, theirs.nearest)
    assert sorted(ours.subjects) == sorted(theirs.subjects)
    for name in ("passages", "spread", "near", "near_spread"):
        measured = [getattr(one.statistics, name) for one in (ours, theirs)]
        assert measured[0] == pytest.approx(measured[1], abs=1e-3), name
    assert np.allclose(ours.statistics.center, theirs.statistics.center, atol=1e-4)


def test_what_a_passage_names_is_related_to_it(both):
    asked = query("refund for a broken kettle")
    found = []
    for one in both:
        result = one.search([asked], [SOURCE], 8)[0][SOURCE]
        best = sorted(result.hits, key=lambda hit: -hit.dense)[:2]
        related = one.related(asked, best, [SOURCE], 200)[SOURCE]
        hits = [*related]
        places = {(p.document, p.start) for p in one.passages(hits)}
        found.append((places, sorted(round(hit.named, 3) for hit in hits)))
    assert found[0][1]
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_large_source_has_an_index_of_its_own(
    postgres_server, database: str, url: str, tmp_path: Path
):
    rows = [
        {"id": f"d{n}", "text": f"Parcel number {n} of {n % 7} boxes."}
        for n in range(EXACT_BELOW + 100)
    ]
    index(url, rows, tmp_path)
    reader = opened(url)
    asked = "parcel number 42"
    found = reader.passages([*search(reader, asked, k=10).hits])
    assert "d42" in {one.document for one in found}
    find = "SELECT indexname FROM pg_indexes WHERE indexname LIKE 'windows_near_%'"
    with postgres_server.connect(database) as owner:
        assert len(owner.execute(find).fetchall()) == 1
        index(url, rows[:50], tmp_path, rebuild=True)
        assert owner.execute(find).fetchall() == []
    reader.close()


@pytest.fixture(scope="module")
def both(postgres_server, tmp_path_factory):
    """The embedded store and the one in PostgreSQL, of the same documents."""
    name = postgres_server.make_database()
    folder = tmp_path_factory.mktemp("both")
    documents = rows(60)
    theirs = embedded(documents, folder)
    index(postgres_server.url(name), documents, folder)
    ours = opened(postgres_server.url(name))
    yield theirs, ours
    theirs.close()
    ours.close()
    postgres_server.drop_database(name)
