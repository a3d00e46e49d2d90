"""A reranker of the host's: it orders, and where it fails the search's order stands."""

from __future__ import annotations

import math
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from langchain_core.cross_encoders import BaseCrossEncoder

from agent_knowledge import KnowledgeConfig, index_sources, load_router
from agent_knowledge.build.rerank import as_reranker
from agent_knowledge.errors import ConfigError
from agent_knowledge.routing.reranking import Reranking
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import Scope
from tests.unit.fakes import WebSearch
from tests.unit.scoped_index import ACME, FILLER, NOTICES, RENT, ScopedIndex, agent, held, made

FOUND = [held(f"passage {n}", title=f"page {n}") for n in range(4)]


def by_length(query: str, texts: Sequence[str]) -> list[float]:
    """The longest first."""
    return [len(text) for text in texts]


def by_shortness(query: str, texts: Sequence[str]) -> list[float]:
    """The shortest first."""
    return [-len(text) for text in texts]


class OfWords(BaseCrossEncoder):
    """Scores a pair by the words that it shares."""

    model_name = "words-1"

    def score(self, text_pairs: list[tuple[str, str]]) -> list[float]:
        return [len(set(a.lower().split()) & set(b.lower().split())) for a, b in text_pairs]


class ByNumber:
    """Scores passages as a `ports.Reranker`: the last found is the best."""

    name = "by-number"

    def scores(self, query: str, passages: Sequence[Passage]) -> Sequence[float]:
        return [float(n) for n in range(len(passages))]


def order(reranker: object, top: int = 50, wait_s: float = 5.0):
    made_of = Reranking(reranker=as_reranker(reranker, "reranker"), top=top, wait_s=wait_s)
    return made_of.order("which page is 2", FOUND)


def test_each_kind_of_reranker_orders():
    assert [one.text[-1] for one in order(ByNumber()).passages] == ["3", "2", "1", "0"]
    assert order(ByNumber()).reranked_by == "by-number"
    words = order(OfWords())
    assert words.passages[0].text == "passage 2"
    assert words.passages[0].score > words.passages[1].score
    assert words.reranked_by == "words-1"
    seen: list[str] = []
    texts = order(lambda query, given: [seen.append(one) or 0.0 for one in given])
    assert [one.text for one in texts.passages] == [one.text for one in FOUND]  # ties stay
    assert seen[0] == "page 0\npassage 0"  # a passage is read under its title
    assert order(by_length).reranked_by == "by_length"


def test_only_the_best_found_are_given_and_the_others_stay_behind():
    found = order(ByNumber(), top=2).passages
    assert [one.text[-1] for one in found] == ["1", "0", "2", "3"]
    assert [one.score for one in found] == [1.0, 0.0, 0.0, 0.0]


def test_nothing_found_is_nothing_to_ask():
    reranking = Reranking(reranker=ByNumber(), top=5, wait_s=1)
    assert reranking.order("q", []).passages == ()
    assert reranking.order("q", []).failure == ""


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        (lambda query, texts: [1.0], "it gave 1 scores for 4 passages"),
        (lambda query, texts: [math.nan] * 4, "it gave a score that is no number"),
        (lambda query, texts: [math.inf, 1, 2, 3], "it gave a score that is no number"),
        (lambda query, texts: ["high"] * 4, r"it failed \(ValueError\)"),
        (lambda query, texts: None, r"it failed \(TypeError\)"),
        (lambda query, texts: 1 / 0, r"it failed \(ZeroDivisionError\)"),
        (lambda query, texts: time.sleep(3), "it gave no answer within 0.05 s"),
    ],
)
def test_a_reranker_that_fails_changes_nothing_and_is_told_of(
    scores: Callable[[str, Sequence[str]], Sequence[float]], said: str
):
    found = order(scores, wait_s=0.05 if "within" in said else 5)
    assert list(found.passages) == FOUND
    assert found.reranked_by is None
    assert re.search(said, found.failure)
    assert "the search's order stands" in found.failure


def test_what_is_no_reranker_is_refused():
    with pytest.raises(ConfigError, match="reranker: 3 is no reranker; give a LangChain cross-enc"):
        as_reranker(3, "reranker")


def test_a_routers_passages_come_in_the_rerankers_order_and_the_plan_says_whose():
    router = made(reranker=as_reranker(by_shortness, "r")).scoped(ACME)
    knowledge = router.look_up(RENT)
    scores = [one.score for one in knowledge.passages]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == -len(f"{knowledge.passages[0].title}\n{knowledge.passages[0].text}".strip())
    assert knowledge.decision.plan.reranked_by == "by_shortness"
    assert [one.id for one in router.retrieve(RENT)] == [one.id for one in knowledge.passages]
    plain = made().scoped(ACME).look_up(RENT)
    assert plain.decision.plan.reranked_by is None
    assert [one.id for one in plain.passages] != [one.id for one in knowledge.passages]


def test_a_reranker_reaches_further_than_the_places():
    deep = held("x" * 300, customer="acme")
    many = [held(f"{RENT} {n}", customer="acme") for n in range(30)]
    handbook = ScopedIndex([*many, *NOTICES, *FILLER, deep])
    found = made(handbook=handbook, reranker=as_reranker(by_length, "r")).scoped(ACME)
    assert found.retrieve(RENT, 1)[0].text == deep.text
    assert made(handbook=handbook).scoped(ACME).retrieve(RENT, 1)[0].text != deep.text


def test_external_passages_are_ordered_among_the_indexed_ones():
    web = WebSearch([held("w" * 200, "web"), held("w", "web")])
    sources = {"tickets": {"path": "x"}, "web": {"external": True}}
    given = {"retrievers": {"web": web}, "reranker": as_reranker(by_length, "r")}
    found = made(agent(sources=sources), **given).retrieve(RENT)
    assert [one.source for one in found] == ["web", "tickets", "web"]


def test_a_failing_reranker_leaves_the_knowledge_as_it_was_and_says_so():
    broken = made(reranker=as_reranker(lambda query, texts: [], "r")).scoped(ACME).look_up(RENT)
    plain = made().scoped(ACME).look_up(RENT)
    assert broken.passages == plain.passages
    assert broken.decision.plan.reranked_by is None
    assert any("was to rerank the passages, but it gave 0 scores" in s for s in broken.left_out)


def test_a_policy_that_names_one_needs_it():
    with pytest.raises(ConfigError, match="has rerank: shop:score; give a reranker"):
        made(agent(policy={"rerank": "shop:score"}))


MODULE = """
def longest(query, texts):
    return [len(text) for text in texts]

class Made:
    def __init__(self, model="words-2"):
        self.model_name = model
    def score(self, pairs):
        return [float(len(text)) for _, text in pairs]

def maker():
    return Made("words-3")

def broken():
    raise RuntimeError("no weights")

number = 3
"""


@pytest.fixture
def folder(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    name = "rerankers_of_a_test"
    (tmp_path / f"{name}.py").write_text(MODULE)
    (tmp_path / "notes.md").write_text(
        "# Rent\n\n## Notice\n\nThree months.\n\n## Pets\n\nA cat or a dog may live here.\n"
    )
    request.addfinalizer(lambda: sys.modules.pop(name, None))  # noqa: PT021 - no value to give
    return tmp_path


def config(folder: Path, name: str, **policy: int) -> KnowledgeConfig:
    made_of = {"rerank": f"rerankers_of_a_test:{name}", **policy}
    return KnowledgeConfig.model_validate(
        {
            "sources": {"notes": {"path": "notes.md"}},
            "agents": {"desk": {"sources": ["notes"], "policy": made_of}},
        }
    ).at(folder)


@pytest.mark.parametrize("name", ["longest", "Made", "maker"])
def test_a_configuration_names_one(folder: Path, name: str):
    index_sources(config(folder, name))
    with load_router(config(folder, name), imports=("rerankers_of_a_test",)) as router:
        found = router.look_up("Which notice is due?")
    assert "cat" in found.passages[0].text
    assert found.decision.plan.reranked_by == f"rerankers_of_a_test:{name}"


def test_nothing_is_imported_that_the_host_does_not_allow(folder: Path):
    with pytest.raises(
        ConfigError, match=r"agents.desk.policy.rerank: .*only where the host allows"
    ):
        load_router(config(folder, "longest"))
    assert "rerankers_of_a_test" not in sys.modules


def of_shop(folder: Path, rerank: str) -> KnowledgeConfig:
    """An agent over a file of code, and what it names as its reranker."""
    names = ["read_file(path)", "connect(host, port)", "reduced(price, discount)"]
    functions = [f"def {name}:\n    ...\n" for name in names]
    (folder / "shop.py").write_text("\n\n".join(functions))
    return KnowledgeConfig.model_validate(
        {
            "sources": {"shop": {"path": "shop.py"}},
            "agents": {"desk": {"sources": ["shop"], "policy": {"rerank": rerank}}},
        }
    ).at(folder)


def test_maxsim_is_named_without_leave_to_import(tmp_path: Path):
    wanted = of_shop(tmp_path, "maxsim")
    index_sources(wanted)
    with load_router(wanted) as router:
        found = router.look_up("How are prices reduced for our customers?")
    assert "discount" in found.passages[0].text
    assert found.decision.plan.reranked_by == "maxsim"


def test_another_bare_name_is_refused_with_what_is_accepted(tmp_path: Path):
    said = "agents.desk.policy.rerank: 'maxsin' is not accepted; write 'maxsim' or 'package.module:"
    with pytest.raises(ConfigError, match=said):
        load_router(of_shop(tmp_path, "maxsin"), imports=("maxsin",))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("number", "agents.desk.policy.rerank: 3 is no reranker"),
        ("broken", r"making the reranker failed \(RuntimeError: no weights\)"),
    ],
)
def test_what_a_configuration_names_wrongly_is_told(folder: Path, name: str, said: str):
    with pytest.raises(ConfigError, match=said):
        load_router(config(folder, name), imports=("rerankers_of_a_test",))


def test_the_hosts_own_goes_before_the_configurations(folder: Path):
    wanted = config(folder, "broken", rerank_top=1)
    index_sources(wanted)
    with load_router(wanted, reranker=OfWords()) as router:
        assert router.scope == Scope()
        assert router.look_up("Which notice?").decision.plan.reranked_by == "words-1"
