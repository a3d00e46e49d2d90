from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from agent_knowledge.errors import SourceError
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.retrieving import retrieve
from agent_knowledge.testing import HashEmbedder, MemoryIndex
from agent_knowledge.types import Plan
from agent_knowledge.types.search import Query
from tests.unit.fakes import CountingEmbedder, Index, WebSearch, passage

INDEX = Index([passage(f"own {n}") for n in range(4)] + [passage("faq 0", source="faq")])
RESULTS = {name: INDEX.result_of(name) for name in ("handbook", "faq")}
FOUND = [passage(f"web {n}", source="web") for n in range(4)]


def plan(*sources: str, k: int = 4) -> Plan:
    return Plan(sources=sources, query="q", k=k)


def shelf(external: Mapping[str, WebSearch], index: Index | None = INDEX) -> Shelf:
    return Shelf(embedder=CountingEmbedder(), index=index, external=external)


def texts(passages: tuple) -> list[str]:
    return [found.text for found in passages]


def test_indexed_sources_give_their_best_passages_first():
    found, failed, _ = retrieve(plan("handbook", k=2), RESULTS, shelf({}))
    assert (texts(found), failed) == (["own 0", "own 1"], ())


def test_only_the_plans_sources_are_read():
    found, *_ = retrieve(plan("faq"), RESULTS, shelf({"web": WebSearch(FOUND)}))
    assert texts(found) == ["faq 0"]


def test_an_external_source_is_asked_the_plans_query_and_k():
    web = WebSearch(FOUND)
    found, *_ = retrieve(plan("web", k=3), {}, shelf({"web": web}, index=None))
    assert texts(found) == ["web 0", "web 1", "web 2"]
    assert web.asked == [("q", 3)]


def test_indexed_and_external_sources_take_turns():
    web = {"web": WebSearch(FOUND), "news": WebSearch([passage("news 0", source="news")])}
    found, *_ = retrieve(plan("handbook", "web", "news", k=6), RESULTS, shelf(web))
    assert texts(found) == ["own 0", "web 0", "news 0", "own 1", "web 1", "own 2"]


def test_a_failed_external_source_is_reported_and_the_others_serve():
    web = WebSearch(fails_with=TimeoutError("no reply"))
    found, failed, _ = retrieve(plan("handbook", "web", k=1), RESULTS, shelf({"web": web}))
    assert texts(found) == ["own 0"]
    assert failed == ("source 'web' failed (TimeoutError: no reply)",)


def test_a_source_that_finds_nothing_has_not_failed():
    sources = {"web": WebSearch(), "news": WebSearch(fails_with=SourceError("news: down"))}
    assert retrieve(plan("web", "news"), {}, shelf(sources, index=None))[:2] == (
        (),
        ("news: down",),
    )


def test_when_every_source_fails_the_error_names_each():
    broken = {
        "web": WebSearch(fails_with=OSError("refused")),
        "news": WebSearch(fails_with=SourceError("news: down")),
    }
    with pytest.raises(SourceError, match=r"'web' failed \(OSError: refused\); news: down"):
        retrieve(plan("web", "news"), {}, shelf(broken, index=None))


def test_a_retriever_that_was_not_passed_says_how_to_pass_it():
    with pytest.raises(SourceError, match=r"'web' is external; pass retrievers=\{'web': \.\.\.\}"):
        retrieve(plan("web"), {}, shelf({}, index=None))


def test_a_task_of_several_look_ups_asks_its_parts_and_follows_what_is_named():
    embedder = HashEmbedder()
    held = [
        passage("Solaris was filmed by Andrei Tarkovsky.", title="Solaris"),
        passage("Born in Zavrazhye, he went to school in Moscow.", title="Andrei Tarkovsky"),
        *(passage(f"The film number {n} was shown on a Monday.", title=f"{n}") for n in range(9)),
    ]
    index = MemoryIndex(held, embedder)
    question = "When was the man who filmed Solaris born?"
    query = Query(text=question, vector=embedder.embed([question])[0])
    results = index.search([query], ["handbook"], 50)[0]
    once = Plan(sources=("handbook",), query=question, k=2)
    twice = replace(once, multi_hop=True, sub_queries=("the man", "who filmed Solaris born"))
    owned = Shelf(embedder=embedder, index=index)
    assert [p.title for p in retrieve(twice, results, owned)[0]] == ["Solaris", "Andrei Tarkovsky"]
