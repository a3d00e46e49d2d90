from __future__ import annotations

import pytest

from agent_knowledge.errors import SourceError
from agent_knowledge.strategies.retrieval import retrieve
from agent_knowledge.types import Plan
from tests.unit.fakes import Index, WebSearch, passage

INDEX = Index([passage(f"own {n}") for n in range(4)] + [passage("faq 0", source="faq")])
PROBES = {name: INDEX.probe_of(name) for name in ("handbook", "faq")}
FOUND = [passage(f"web {n}", source="web") for n in range(4)]


def plan(*sources: str, k: int = 4) -> Plan:
    return Plan(sources=sources, query="q", k=k)


def texts(passages: tuple) -> list[str]:
    return [found.text for found in passages]


def test_indexed_sources_give_their_best_passages_first():
    found, failed = retrieve(plan("handbook", k=2), PROBES, INDEX, {})
    assert (texts(found), failed) == (["own 0", "own 1"], ())


def test_only_the_plans_sources_are_read():
    found, _ = retrieve(plan("faq"), PROBES, INDEX, {"web": WebSearch(FOUND)})
    assert texts(found) == ["faq 0"]


def test_an_external_source_is_asked_the_plans_query_and_k():
    web = WebSearch(FOUND)
    found, _ = retrieve(plan("web", k=3), {}, None, {"web": web})
    assert texts(found) == ["web 0", "web 1", "web 2"]
    assert web.asked == [("q", 3)]


def test_indexed_and_external_sources_take_turns():
    web = {"web": WebSearch(FOUND), "news": WebSearch([passage("news 0", source="news")])}
    found, _ = retrieve(plan("handbook", "web", "news", k=6), PROBES, INDEX, web)
    assert texts(found) == ["own 0", "web 0", "news 0", "own 1", "web 1", "own 2"]


def test_a_failed_external_source_is_reported_and_the_others_serve():
    web = WebSearch(fails_with=TimeoutError("no reply"))
    found, failed = retrieve(plan("handbook", "web", k=1), PROBES, INDEX, {"web": web})
    assert texts(found) == ["own 0"]
    assert failed == ("source 'web' failed (TimeoutError: no reply)",)


def test_a_source_that_finds_nothing_has_not_failed():
    sources = {"web": WebSearch(), "news": WebSearch(fails_with=SourceError("news: down"))}
    assert retrieve(plan("web", "news"), {}, None, sources) == ((), ("news: down",))


def test_when_every_source_fails_the_error_names_each():
    broken = {
        "web": WebSearch(fails_with=OSError("refused")),
        "news": WebSearch(fails_with=SourceError("news: down")),
    }
    with pytest.raises(SourceError, match=r"'web' failed \(OSError: refused\); news: down"):
        retrieve(plan("web", "news"), {}, None, broken)


def test_a_retriever_that_was_not_passed_says_how_to_pass_it():
    with pytest.raises(SourceError, match=r"'web' is external; pass retrievers=\{'web': \.\.\.\}"):
        retrieve(plan("web"), {}, None, {})
