"""What a store gives back is what was read, to the character."""

from __future__ import annotations

import pytest
from under_test import Row, StoreUnderTest, found, search

from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.ports import StoredDocuments
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import Value

LONG = "\n\n".join(
    f"## Part {n} 🂡\n\nThe 𝔳𝔞𝔩𝔳𝔢 number{n} opens at {n} bar. שלום "
    + f"It is made of brass{n} and cafe\u0301s. " * 30
    for n in range(40)
)
"""Beyond one block of any store, with characters that take two units in UTF-16."""


def passages(store: StoreUnderTest, text: str, k: int = 200) -> tuple[Passage, ...]:
    opened = store.open()
    return opened.passages(list(search(store, text, k=k, opened=opened).hits))


def test_a_passage_is_a_slice_of_the_stored_text(store: StoreUnderTest):
    store.index([{"id": "long", "title": "Valves", "text": LONG}, {"id": "b", "text": "brass"}])
    opened = store.open()
    held = passages(store, "brass valve")
    assert len(held) > (20 if store.tells_text else 1)
    for passage in held:
        text = LONG if passage.document == "long" else "brass"
        assert text[passage.start : passage.end] == passage.text
        if store.tells_text:
            assert isinstance(opened, StoredDocuments)
            assert opened.document_text(passage) == text


def test_offsets_and_lines_beyond_the_basic_plane(store: StoreUnderTest):
    if not store.tells_text:
        pytest.skip("it has passages alone")
    store.index([{"id": "long", "title": "Valves", "text": LONG}])
    lines = LONG.split("\n")
    for passage in passages(store, "number39 brass7"):
        assert passage.lines is not None
        first, last = passage.lines
        assert passage.text.startswith(lines[first - 1])
        assert lines[last - 1] in LONG[: passage.end].rsplit("\n", 1)[-1] + lines[last - 1]
        assert LONG.count("\n", 0, passage.start) == first - 1
        assert LONG.count("\n", 0, passage.end) == last - 1


def test_the_stored_text_is_what_was_read(store: StoreUnderTest):
    if not store.tells_text:
        pytest.skip("it has passages alone")
    text = "  apple\r\n\ttabs, trailing  \n\n\nend\u2028 𝟙 \n"
    store.index([{"id": "a", "text": text}])
    opened = store.open()
    (passage,) = passages(store, "apple")
    assert isinstance(opened, StoredDocuments)
    assert opened.document_text(passage) == text
    unknown = Passage(
        source=passage.source, document="no such", title="", uri="", text="x", start=0, end=1
    )
    assert opened.document_text(unknown) is None


def test_dates_titles_addresses_and_fields_come_back_typed(store: StoreUnderTest):
    row: Row = {
        "id": "a",
        "title": "Opening hours",
        "text": "apple",
        "url": "https://shop.example/hours",
        "updated": "2024-05-01",
        "year": 2020,
        "price": 2.5,
        "open": True,
        "shut": False,
        "zip": "01067",
        "team": ["red", 7, False],
        "none": None,
    }
    store.index([row])
    (passage,) = passages(store, "apple")
    told = (passage.document, passage.title, passage.uri, passage.date)
    assert told == ("a", "Opening hours", "https://shop.example/hours", "2024-05-01")
    expected: dict[str, Value] = {
        "year": 2020,
        "price": 2.5,
        "open": True,
        "shut": False,
        "zip": "01067",
        "team": ("red", 7, False),
        "updated": "2024-05-01",
        "document": "a",
        "title": "Opening hours",
        "uri": "https://shop.example/hours",
        "date": "2024-05-01",
    }
    assert passage.fields == expected
    types = {name: type(value) for name, value in passage.fields.items()}
    assert types == {name: type(value) for name, value in expected.items()}
    result = search(store, "apple")
    assert (result.date, result.nearest) == ("2024-05-01", "Opening hours")


def test_a_quotation_is_verified_against_the_stored_document(store: StoreUnderTest):
    if not store.tells_text:
        pytest.skip("it has passages alone")
    far = "Parcels leave on Mondays and Thursdays."
    store.index([{"id": "a", "text": f"Refunds take 30 days.\n\n{'Filler here. ' * 300}{far}"}])
    opened = store.open()
    assert isinstance(opened, StoredDocuments)
    (passage,) = [one for one in passages(store, "refunds") if one.start == 0]
    assert far not in passage.text
    verifier = CitationVerifier(documents=opened.document_text)
    for said, verbatim in ((far[:-1], True), ("Parcels leave on Sundays and Mondays", False)):
        checked = verifier.verify(f'They say "{said}" and refunds take 30 days [1].', [passage])
        (quotation,) = checked.claims[0].quotations
        assert quotation.verbatim is verbatim


def test_a_document_that_changed_is_told_by_its_hash(store: StoreUnderTest):
    hashes = set()
    for text in ("apple", "apple pie"):
        store.index([{"id": "a", "text": text}])
        (passage,) = passages(store, "apple")
        hashes.add(passage.document_hash)
    assert len(hashes) == 2 or hashes == {None}


def test_a_long_document_is_read_by_its_slices(store: StoreUnderTest):
    sentence = "The pump turns on its axle. "
    filler = sentence * 20_000
    store.index([{"id": "long", "text": f"{filler}\n\nThe needle lies here.\n\n{filler}"}])
    hits = list(search(store, "needle lies here", k=3).hits)
    opened = store.open()
    (passage,) = [one for one in opened.passages(hits) if "needle" in one.text]
    if store.tells_text:
        assert isinstance(opened, StoredDocuments)
        text = opened.document_text(passage)
        assert text is not None
        assert text[passage.start : passage.end] == passage.text
        assert len(text) == 2 * len(filler) + 25
    assert found(store, "needle", k=1)[0] == "long"
