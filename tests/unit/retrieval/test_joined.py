"""Several stores searched as one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent_knowledge.errors import SourceError, StoreUnavailableError, TenantMissingError
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.retrieval.joined import JoinedIndex
from agent_knowledge.types.filters import EVERYTHING, Filter, Scope
from tests.unit.scoped_index import ScopedIndex, held, query

REFUNDS = [
    held("refunds take ten days", customer="acme", lang="en"),
    held("refunds take two days", customer="bolt", lang="en"),
    held("Erstattungen dauern zehn Tage", customer="acme", lang="de"),
]
TICKETS = [held("refunds were late in May", "tickets"), held("a lamp arrived broken", "tickets")]
ASKED = query("how long do refunds take")
ACME = Scope(tenant="acme")
SOURCES = ("handbook", "tickets")


def made(handbook: ScopedIndex | None = None, tickets: ScopedIndex | None = None) -> JoinedIndex:
    return JoinedIndex(
        indexes={
            "handbook": handbook or ScopedIndex(REFUNDS),
            "tickets": tickets or ScopedIndex(TICKETS),
        },
        tenanted={"handbook": "customer"},
    )


def texts(index: JoinedIndex, scope: Scope, sources: tuple[str, ...] = SOURCES) -> list[str]:
    found = index.search([ASKED], sources, 50, scope)[0]
    return [one.text for one in index.passages(fuse(list(found.values())), scope)]


def test_passages_of_all_stores_come_in_one_order():
    index = made()
    found = fuse(list(index.search([ASKED], SOURCES, 50, ACME)[0].values()))
    read = index.passages(found, ACME)
    assert [one.source for one in read] == [hit.source for hit in found]
    assert [one.score for one in read] == sorted((hit.score for hit in found), reverse=True)
    assert {one.source for one in read} == set(SOURCES)


def test_a_tenant_reaches_only_the_sources_that_keep_tenants_apart():
    handbook, tickets = ScopedIndex(REFUNDS), ScopedIndex(TICKETS)
    found = texts(made(handbook, tickets), ACME)
    assert not any("two days" in text for text in found)
    assert {scope.tenant for scope in handbook.asked} == {"acme"}
    assert {scope.tenant for scope in tickets.asked} == {None}


@pytest.mark.parametrize("scope", [EVERYTHING, Scope(tenant="")])
def test_a_tenanted_source_without_a_tenant_is_refused_before_any_store_is_asked(scope: Scope):
    handbook, tickets = ScopedIndex(REFUNDS), ScopedIndex(TICKETS)
    index = made(handbook, tickets)
    calls = [
        lambda: index.search([ASKED], ("tickets", "handbook"), 5, scope),
        lambda: index.statistics("handbook", scope),
        lambda: index.document_text(REFUNDS[0], scope),
        lambda: index.related(ASKED, [], SOURCES, 5, scope),
        lambda: index.passages(hits, scope),
    ]
    hits = fuse(list(index.search([ASKED], SOURCES, 5, ACME)[0].values()))
    handbook.asked.clear()
    tickets.asked.clear()
    for call in calls:
        with pytest.raises(
            TenantMissingError, match=r"'handbook' keeps its tenants apart.*--tenant"
        ):
            call()
    assert handbook.asked == tickets.asked == []


def test_what_the_configuration_filters_holds_beside_what_the_caller_asks():
    index = replace(made(), filters={"handbook": Filter.of({"lang": "de"})})
    assert texts(index, ACME, ("handbook",)) == ["Erstattungen dauern zehn Tage"]
    english = replace(ACME, filter=Filter.of({"lang": "en"}))
    assert texts(index, english, ("handbook",)) == []


def test_a_store_that_is_down_leaves_the_others_serving():
    index = made(tickets=ScopedIndex(TICKETS, down="db:5432 is down"))
    answer = index.search([ASKED, ASKED], SOURCES, 50, ACME)
    assert [one["tickets"].failure for one in answer] == ["db:5432 is down"] * 2
    assert not len(answer[0]["tickets"].hits)
    assert len(answer[0]["handbook"].hits) == 2
    assert not answer[0]["handbook"].failure


def test_when_all_stores_are_down_each_says_why():
    index = made(
        ScopedIndex([], down="db:5432 is down"), ScopedIndex([], down="no route to q:6333")
    )
    with pytest.raises(StoreUnavailableError, match=r"db:5432 is down; no route to q:6333"):
        index.search([ASKED], SOURCES, 50, ACME)


def test_a_store_that_goes_down_after_the_search_costs_only_its_own_passages():
    handbook = ScopedIndex(REFUNDS)
    index = made(handbook)
    hits = fuse(list(index.search([ASKED], SOURCES, 50, ACME)[0].values()))
    handbook.down = "gone"
    assert {one.source for one in index.passages(hits, ACME)} == {"tickets"}
    assert set(index.related(ASKED, hits, SOURCES, 5, ACME)) == {"tickets"}
    with pytest.raises(SourceError, match="gone"):
        index.passages([hit for hit in hits if hit.source == "handbook"], ACME)


def test_documents_are_read_within_the_scope():
    index = made()
    assert index.document_text(REFUNDS[0], ACME) == "refunds take ten days"
    assert index.document_text(REFUNDS[1], ACME) is None
    assert index.document_text(held("x", "web"), ACME) is None


def test_a_store_that_does_not_keep_tenants_apart_is_refused_before_it_measures_anything():
    careless = ScopedIndex(REFUNDS, apart=False)
    said = "'handbook' was indexed before its tenants were kept apart; run: agent-knowledge index"
    with pytest.raises(SourceError, match=said):
        made(careless).search([ASKED], ("handbook",), 50, ACME)
    beside = made(careless).search([ASKED], SOURCES, 50, ACME)[0]
    assert said in beside["handbook"].failure
    assert not len(beside["handbook"].hits)
    assert len(beside["tickets"].hits) == 2


def test_a_store_that_ceases_to_keep_tenants_apart_shows_nothing_of_another():
    store = ScopedIndex(REFUNDS)
    index = made(store)
    hits = fuse(list(index.search([ASKED], ("handbook",), 50, ACME)[0].values()))
    store.apart = False
    with pytest.raises(SourceError, match="'handbook' was indexed before its tenants were kept"):
        index.passages([replace(hit, passage=1) for hit in hits], ACME)
