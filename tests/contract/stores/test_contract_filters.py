"""No passage outside a scope is found, read, counted or felt, in any store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from under_test import SOURCE, Row, StoreUnderTest, found, query, search

from agent_knowledge.errors import TenantMissingError
from agent_knowledge.ports import StoredDocuments
from agent_knowledge.types.filters import Filter, Scope

ANEW = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""Each example fills a store of its own; the fixture makes them."""

ROWS: list[Row] = [
    {"id": "a", "text": "apple", "lang": "en", "year": 2020, "team": ["red", "blue"], "ok": True},
    {"id": "b", "text": "apple", "lang": "de", "year": 2021.5, "team": ["blue"], "ok": False},
    {"id": "c", "text": "apple", "lang": "EN", "year": "2020", "day": "2024-05-01"},
    {"id": "d", "text": "apple", "year": -3, "ok": 1, "day": "2024-05-01T10:00:00+02:00"},
    {"id": "e", "text": "apple", "title": "Refunds", "date": "2024-01-31", "team": "red"},
]
TABLE: list[tuple[dict[str, object], str]] = [
    ({}, "abcde"),
    ({"lang": "en"}, "a"),
    ({"lang": {"eq": "de"}}, "b"),
    ({"lang": ["en", "de", "fr"]}, "ab"),
    ({"lang": {"in": ["EN"]}}, "c"),
    ({"year": 2020}, "a"),
    ({"year": 2020.0}, "a"),
    ({"year": "2020"}, "c"),
    ({"year": [2020, "2020"]}, "ac"),
    ({"year": {"gte": 2020}}, "ab"),
    ({"year": {"gt": 2020, "lte": 2021.5}}, "b"),
    ({"year": {"lt": 0}}, "d"),
    ({"ok": True}, "a"),
    ({"ok": False}, "b"),
    ({"ok": 1}, "d"),
    ({"ok": {"gte": 0}}, "d"),
    ({"team": "blue"}, "ab"),
    ({"team": ["red"]}, "ae"),
    ({"day": {"gte": "2024-05-01"}}, "cd"),
    ({"day": {"gt": "2024-05-01"}}, "d"),
    ({"day": {"lte": "2024-05-01T08:00:00Z"}}, "cd"),
    ({"day": {"lt": "2024-05-01T08:00:00Z"}}, "c"),
    ({"date": {"gte": "2024-01-01"}}, "e"),
    ({"date": "2024-01-31"}, "e"),
    ({"lang": {"exists": True}}, "abc"),
    ({"lang": {"exists": False}}, "de"),
    ({"nothing": {"exists": False}}, "abcde"),
    ({"nothing": "x"}, ""),
    ({"document": ["a", "e"]}, "ae"),
    ({"title": "Refunds"}, "e"),
    ({"lang": "en", "year": {"gte": 2020}, "team": "blue"}, "a"),
    ({"lang": "en", "year": {"gte": 2021}}, ""),
]


def test_equals_in_range_and_exists(store: StoreUnderTest):
    store.index(ROWS)
    opened = store.open()
    for written, expected in TABLE:
        scope = Scope(filter=Filter.of(written))
        documents = sorted(found(store, "apple", scope=scope, opened=opened))
        assert "".join(documents) == expected, written
        assert opened.statistics(SOURCE, scope).passages == len(expected), written


NAMES = st.sampled_from(["lang", "year", "a.b", "it's", 'q"x', "$.f", "ключ"])
SCALARS = st.one_of(
    st.sampled_from(["en", "de", "it's", '"', "2024-05-01", "2024-05-02T00:00:00Z", "", "%", "\\"]),
    st.integers(-3, 3),
    st.floats(-3, 3, allow_nan=False, width=16),
    st.booleans(),
)
METADATA = st.dictionaries(NAMES, st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), max_size=4)
BOUNDS = st.one_of(
    st.integers(-3, 3), st.floats(-3, 3, allow_nan=False, width=16), st.just("2024-05-02")
)
CONDITIONS = st.one_of(
    SCALARS,
    st.lists(SCALARS, min_size=1, max_size=3),
    st.builds(lambda way, end: {way: end}, st.sampled_from(["gt", "gte", "lt", "lte"]), BOUNDS),
    st.builds(lambda there: {"exists": there}, st.booleans()),
)
FILTERS = st.dictionaries(NAMES, CONDITIONS, min_size=1, max_size=2)


@ANEW
@given(metadata=st.lists(METADATA, min_size=1, max_size=12), filters=st.lists(FILTERS, max_size=6))
def test_a_filter_finds_all_that_a_scan_finds_and_nothing_else(
    make_store: Callable[[], StoreUnderTest],
    metadata: Sequence[dict[str, Any]],
    filters: Sequence[dict[str, object]],
):
    store = make_store()
    store.index([{**one, "id": str(n), "text": f"apple n{n}"} for n, one in enumerate(metadata)])
    opened = store.open()
    everything = opened.passages(list(search(store, "apple", k=99, opened=opened).hits))
    assert len(everything) == len(metadata)
    for written in filters:
        wanted = Filter.of(written)
        expected = {p.document for p in everything if wanted.matches(p.fields)}
        scope = Scope(filter=wanted)
        result = search(store, "apple", k=99, scope=scope, opened=opened)
        assert result.statistics.passages == len(expected)
        # Read without the filter, so that the search alone has to have heeded it.
        assert {p.document for p in opened.passages(list(result.hits))} == expected
        assert {p.document for p in opened.passages(list(result.hits), scope)} == expected


def test_few_are_found_among_many_that_are_nearer(store: StoreUnderTest):
    store.index(
        [
            *({"id": f"near{n}", "text": "apple apple", "lang": "en"} for n in range(150)),
            {"id": "far", "text": "something else, and one apple", "lang": "de"},
        ]
    )
    assert found(store, "apple", k=3, scope=Scope(filter=Filter.of({"lang": "de"}))) == ["far"]


def test_a_filter_that_nothing_matches_finds_nothing_and_is_a_gap(store: StoreUnderTest):
    store.index(ROWS)
    scope = Scope(filter=Filter.of({"lang": "fr"}))
    result = search(store, "apple Refunds", "What of Refunds?", scope=scope)
    assert (len(result.hits), result.nearest, result.date) == (0, "", None)
    assert (result.known, result.terms_found, result.mentioned, result.subjects) == (0, 0, 0, ())
    assert result.statistics.passages == 0


def test_what_lies_outside_a_filter_is_not_measured(store: StoreUnderTest):
    store.index(
        [
            {"id": "in", "title": "Opening", "text": "open daily", "lang": "en"},
            {"id": "out", "title": "Laurel Inn", "text": "zebra crossing", "lang": "de"},
        ]
    )
    scope = Scope(filter=Filter.of({"lang": "en"}))
    result = search(store, "zebra at the Laurel Inn", "the Laurel Inn", scope=scope)
    assert (result.nearest, result.mentioned, result.subjects) == ("Opening", 0, ())
    assert (result.known, result.terms_found) == (0, 0)
    (hit,) = result.hits
    assert (hit.named, hit.lexical, hit.terms) == (0, 0, 0)


def test_hits_and_texts_outside_a_filter_are_not_read(store: StoreUnderTest):
    store.index(ROWS)
    opened = store.open()
    hits = list(search(store, "apple", opened=opened).hits)
    scope = Scope(filter=Filter.of({"lang": "en"}))
    assert [passage.document for passage in opened.passages(hits, scope)] == ["a"]
    if store.tells_text:
        assert isinstance(opened, StoredDocuments)
        for passage in opened.passages(hits):
            text = opened.document_text(passage, scope)
            assert text == ("apple" if passage.document == "a" else None)


TENANTS = ("acme", "umbrella", "a'cme", 'a"', "ACME", "7", "%")
SECRETS = ("zebra", "quokka", "lynx", "Laurel Inn", "Harbour House")
OWNED = st.lists(
    st.tuples(st.sampled_from(TENANTS), st.sampled_from(SECRETS), st.integers(1, 3)),
    min_size=2,
    max_size=10,
)


@ANEW
@given(owned=OWNED, asks=st.lists(st.sampled_from(SECRETS), min_size=1, max_size=3))
def test_no_tenant_sees_another(
    make_store: Callable[[], StoreUnderTest],
    owned: Sequence[tuple[str, str, int]],
    asks: Sequence[str],
):
    rows = [
        {
            "id": f"{n} of {tenant}",
            "title": secret,
            "text": f"{secret} " * times + "is here",
            "owner": int(tenant) if tenant == "7" and n % 2 else tenant,
        }
        for n, (tenant, secret, times) in enumerate(owned)
    ]
    store = make_store()
    store.index(rows, "owner")
    opened = store.open()
    everything = {
        tenant: list(search(store, "here", k=99, scope=Scope(tenant=tenant), opened=opened).hits)
        for tenant in TENANTS
    }
    for tenant in TENANTS:
        own = {row["id"] for row in rows if str(row["owner"]) == tenant}
        texts = " ".join(str(row["text"]) for row in rows if row["id"] in own)
        others = [hit for name, hits in everything.items() if name != tenant for hit in hits]
        for scope in (
            Scope(tenant=tenant),
            Scope(tenant=tenant, filter=Filter.of({"owner": {"exists": True}})),
            Scope(tenant=tenant, filter=Filter.of({"owner": [*TENANTS, 7]})),
        ):
            assert opened.statistics(SOURCE, scope).passages == len(own)
            assert not opened.passages(others, scope)
            for secret in asks:
                result = search(store, secret, f"about {secret}", k=99, scope=scope, opened=opened)
                assert {p.document for p in opened.passages(list(result.hits), scope)} == own
                assert len(result.hits) == len(own)
                assert result.nearest in {"", *(s for s in SECRETS if s in texts)}
                if secret not in texts:
                    assert (result.mentioned, result.terms_found, result.known) == (0, 0, 0)
                    assert result.subjects == ()
                asked = query(store, secret)
                related = opened.related(asked, others, [SOURCE], 99, scope).get(SOURCE, ())
                assert len(related) == 0
        if store.tells_text:
            assert isinstance(opened, StoredDocuments)
            for name, hits in everything.items():
                for passage in opened.passages(hits, Scope(tenant=name)):
                    text = opened.document_text(passage, Scope(tenant=tenant))
                    assert (text is not None) is (name == tenant)


def test_another_tenants_documents_move_nothing(make_store: Callable[[], StoreUnderTest]):
    own = [
        {"id": f"o{n}", "title": f"Row {n}", "text": f"apple{n} pear", "owner": "acme"}
        for n in range(9)
    ]
    others = [
        {"id": f"x{n}", "title": "Row 3", "text": "apple3 apple3 pear", "owner": "umbrella"}
        for n in range(40)
    ]
    results = []
    for rows in (own, own + others):
        store = make_store()
        store.index(rows, "owner")
        results.append(search(store, "apple3 in Row 3", scope=Scope(tenant="acme")))
    alone, beside = results
    assert len(alone.hits) == len(beside.hits) == 9
    for column in ("dense", "lexical", "named", "terms"):
        assert sorted(getattr(alone.hits, column)) == pytest.approx(
            sorted(getattr(beside.hits, column)), abs=2e-3
        )
    for measured in ("usual", "terms_found", "known", "mentioned"):
        assert getattr(alone, measured) == pytest.approx(getattr(beside, measured), abs=2e-3)
    for measured in ("passages", "spread", "near", "near_spread"):
        assert getattr(alone.statistics, measured) == pytest.approx(
            getattr(beside.statistics, measured), abs=2e-3
        )


@pytest.mark.parametrize("tenant", [None, ""])
def test_a_tenanted_source_without_a_tenant_is_refused(store: StoreUnderTest, tenant: str | None):
    store.index([{"id": "a", "text": "apple", "owner": "acme"}], "owner")
    opened = store.open()
    scope = Scope(tenant=tenant, filter=Filter.of({"owner": "acme"}))
    with pytest.raises(TenantMissingError, match=SOURCE):
        search(store, "apple", scope=scope, opened=opened)
    with pytest.raises(TenantMissingError, match=SOURCE):
        opened.statistics(SOURCE, scope)
    hits = search(store, "apple", scope=Scope(tenant="acme"), opened=opened).hits
    assert opened.passages(list(hits), scope) == ()


def test_a_source_without_tenants_is_searched_whoever_asks(store: StoreUnderTest):
    store.index([{"id": "a", "text": "apple", "owner": "acme"}])
    assert found(store, "apple", scope=Scope(tenant="umbrella")) == ["a"]


def test_a_document_of_nobody_is_shown_to_nobody_and_told(store: StoreUnderTest):
    rows: list[Row] = [
        {"id": "a", "text": "apple", "owner": "acme"},
        {"id": "none", "text": "apple"},
        {"id": "many", "text": "apple", "owner": ["acme", "umbrella"]},
        {"id": "blank", "text": "apple", "owner": " "},
        {"id": "true", "text": "apple", "owner": True},
    ]
    report = store.index(rows, "owner")
    if report is not None:
        assert len(report.failed) == 4
        assert all("'owner'" in reason or '"owner"' in reason for _, reason in report.failed)
    assert found(store, "apple", scope=Scope(tenant="acme")) == ["a"]


def test_a_document_that_changes_hands_is_the_new_owners_alone(store: StoreUnderTest):
    for owner in ("acme", "umbrella"):
        rows = [{"id": "a", "text": "apple", "owner": owner}, {"id": "b", "text": "b", "owner": 1}]
        store.index(rows, "owner")
        for tenant in ("acme", "umbrella"):
            held = found(store, "apple", scope=Scope(tenant=tenant))
            assert held == (["a"] if tenant == owner else [])


def test_a_source_that_begins_or_ceases_to_keep_tenants_apart(store: StoreUnderTest):
    rows: list[Row] = [{"id": "a", "text": "apple", "owner": "acme"}]
    store.index(rows)
    assert found(store, "apple") == ["a"]
    store.index(rows, "owner")
    with pytest.raises(TenantMissingError):
        found(store, "apple")
    assert found(store, "apple", scope=Scope(tenant="acme")) == ["a"]
    store.index(rows)
    assert found(store, "apple") == ["a"]


HOSTILE = [
    "x'; DROP TABLE documents; --",
    'x" || true || "',
    "$.f.x",
    "@ == 1",
    "x') OR ('1'='1",
    "%",
    "\\",
    "${x}",
    "a\nb",
    "tenant",
]


@pytest.mark.parametrize("word", HOSTILE)
def test_a_field_name_or_value_is_never_code(store: StoreUnderTest, word: str):
    store.index([{"id": "a", "text": "apple", "f": "1"}, {"id": "b", "text": "apple", word: word}])
    opened = store.open()
    for written in ({word: word}, {word: [word]}, {word: {"exists": True}}):
        scope = Scope(filter=Filter.of(written))
        assert found(store, "apple", scope=scope, opened=opened) == ["b"]
    for written in ({"f": word}, {word: "1"}, {word: {"gte": 0}}):
        assert found(store, "apple", scope=Scope(filter=Filter.of(written)), opened=opened) == []
    assert len(found(store, "apple", opened=opened)) == 2
