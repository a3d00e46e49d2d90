"""A decision model beside the router: what it is asked, and what its probabilities move."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from agent_knowledge import (
    Decision,
    KnowledgeConfig,
    KnowledgeRouter,
    Message,
    Task,
    load_answerer,
    load_router,
)
from agent_knowledge.build import load_model, packaged_embedder
from agent_knowledge.config import AgentProfile, ExampleSetConfig, Policy, SourceConfig
from agent_knowledge.errors import ConfigError, StoreUnavailableError
from agent_knowledge.judges import verdicts
from agent_knowledge.models.decisions import Asking
from agent_knowledge.routing.consulting import with_answers
from agent_knowledge.routing.decision_judge import DecisionNeedJudge
from agent_knowledge.routing.need import evidence_of, load_fits
from agent_knowledge.routing.standing import likely_of
from agent_knowledge.testing import HashEmbedder, MemoryIndex
from agent_knowledge.types import NeedVerdict, Signals, to_dict
from agent_knowledge.types.search import SourceBrief
from tests.decision_server import MISSING, REFUSED, Said, answering, decision_server, first_option
from tests.loopback import Loopback, failing
from tests.unit.fakes import passage

LAMPS = "Tell me about lamps"
FOLLOW_UP = Task(
    "And what does it cost?",
    history=(
        Message("user", "Do you repair lamps that are out of warranty?"),
        Message("assistant", "Yes, our workshop does."),
    ),
)
RETRIEVAL = {"direct": 0.05, "retrieval": 0.9, "few_shot": 0.05}
DIRECT = {"direct": 0.9, "retrieval": 0.05, "few_shot": 0.05}
FIT = load_fits("minilm").decision


def configured(
    shop: KnowledgeConfig, server: Loopback, name: str = "systemone:m", **more: Any
) -> KnowledgeConfig:
    """The shop's desk, whose every decision is put to a decision model."""
    orders = more.pop("router_orders", 1)
    models = shop.models.model_copy(
        update={
            "router": name,
            "router_url": SecretStr(server.url),
            "router_orders": orders,
            "retries": 0,
        }
    )
    policy = Policy.model_validate({"ask_model_below": 1, **more})
    desk = shop.agents["desk"].model_copy(update={"policy": policy})
    return shop.model_copy(update={"models": models, "agents": {"desk": desk}}).at(shop.folder)


def asked_of(shop: KnowledgeConfig, task: Task | str, **said: Said) -> tuple[Decision, Loopback]:
    with decision_server(**said) as server:
        return load_router(configured(shop, server)).route(task), server


def last(decision: Decision) -> str:
    return decision.reasons[-1].text


def names(decision: Decision) -> list[str]:
    return [piece.name for piece in decision.signals.evidence]


# What it is asked.


def test_one_request_asks_all_and_titles_are_data(shop: KnowledgeConfig) -> None:
    _, server = asked_of(shop, FOLLOW_UP)
    (asked,) = server.asked
    assert list(asked["questions"]) == ["need", "holds_0", "holds_1", "fresh"]
    assert list(asked["questions"]["need"]["criteria"]) == ["direct", "retrieval", "few_shot"]
    assert "Factual knowledge comes from retrieval" in str(asked["questions"]["need"])
    state = asked["state"]
    assert list(state) == ["message", "sources", "example_sets", "conversation"]
    assert state["message"] == FOLLOW_UP.text
    assert "out of warranty" in state["conversation"]
    assert {source["name"] for source in state["sources"]} == {"handbook", "faq"}
    titles = [title for source in state["sources"] for title in source["titles"]]
    assert titles
    written = json.dumps(asked["questions"])
    for outside in (*titles, FOLLOW_UP.text, "handbook", "Policies on refunds"):
        assert outside not in written


def test_a_source_in_two_tasks_is_shown_what_each_found(shop: KnowledgeConfig) -> None:
    with decision_server() as server:
        load_router(configured(shop, server)).route_many(["return window", "gift cards"])
    one, other = (asked["state"]["sources"] for asked in server.asked)
    assert one != other


def test_an_agent_with_nothing_is_asked_whether_facts_are_missing() -> None:
    asked = Remembering()
    DecisionNeedJudge(client=asked, agent=AgentProfile()).judge_with(Task("Hi"), ())
    assert list(asked.questions) == ["need", "fresh"]
    assert "few_shot" not in str(asked.questions["need"])
    assert asked.state == {"message": "Hi"}


def test_much_is_cut_and_what_is_not_asked_is_told() -> None:
    asked = Remembering()
    agent = AgentProfile(examples={"set": ExampleSetConfig(file="x", description="d" * 9000)})
    long = SourceBrief(name="s", description="d" * 9000, titles=("t" * 9000,) * 3)
    task = Task("q" * 90_000, history=(Message("user", "h" * 90_000),))
    verdict = DecisionNeedJudge(client=asked, agent=agent).judge_with(task, [long] * 40)
    assert len(asked.state["sources"]) == 30
    assert "not asked of 10 sources" in verdict.reason
    assert len(json.dumps(asked.state)) < 50_000


def test_titles_that_cannot_be_read_are_not_shown_and_stop_nothing() -> None:
    class Gone(MemoryIndex):
        def passages(self, hits: Any, scope: Any = None) -> Any:
            raise StoreUnavailableError("the store is down")

    asked = Remembering()
    agent = AgentProfile(
        sources={"handbook": SourceConfig(path="x", description="policies")},
        policy=Policy(ask_model_below=1),
    )
    router = KnowledgeRouter(
        agent,
        embedder=HashEmbedder(),
        encoder=packaged_embedder(),
        index=Gone([passage("Refunds take 30 days.", title="Refunds")], HashEmbedder()),
        judge=DecisionNeedJudge(client=asked, agent=agent),
    )
    assert router.route(LAMPS).signals.asked is not None
    assert asked.state["sources"] == [{"name": "handbook", "description": "policies", "titles": []}]


class Remembering:
    """A decision model in this process that answers everything alike."""

    name = "remembering"

    def __init__(self) -> None:
        self.state: Any = None
        self.questions: Mapping[str, Asking] = {}

    def ask(self, state: Mapping[str, object], questions: Mapping[str, Asking]) -> object:
        self.state, self.questions = state, questions
        return {"need": {"direct": 0.5, "retrieval": 0.5}, "fresh": 0.5} | {
            name: 0.5 for name in questions if name.startswith("holds")
        }


# What it says is evidence.


def test_probabilities_move_the_decision_and_are_no_verdict(shop: KnowledgeConfig) -> None:
    before = load_router(shop, "desk").route(LAMPS)
    towards, _ = asked_of(shop, LAMPS, need=RETRIEVAL, fresh=before.signals.fresh)
    away, _ = asked_of(shop, LAMPS, need=DIRECT, fresh=before.signals.fresh)
    p = [likely_of(made.signals)["retrieval"] for made in (away, before, towards)]
    assert p[0] < p[1] < p[2]
    odds = [
        one / likely_of(made.signals)["direct"]
        for one, made in zip(p, (away, before, towards), strict=True)
    ]
    assert odds[2] / odds[1] < 20  # ten to one by the need, and what the sources are said to hold
    assert p[2] < 1
    sure, _ = asked_of(shop, "How long is the return window?", need=DIRECT)
    assert sure.strategy == "retrieval"


def test_what_it_moved_stands_in_the_evidence_and_what_it_said_in_the_decision(
    shop: KnowledgeConfig,
) -> None:
    made, _ = asked_of(shop, LAMPS, need=RETRIEVAL, holds_0=0.9, holds_1=0.1, fresh=0.25)
    moved = next(piece for piece in made.signals.evidence if piece.name == "asked_retrieval")
    assert (moved.retrieval, moved.few_shot) == (pytest.approx(2.303, abs=0.01), 0.0)
    assert "asked_few_shot" in names(made)
    asked = made.signals.asked
    assert asked is not None
    assert asked.probabilities == pytest.approx(RETRIEVAL)
    assert sorted(asked.holds.values()) == [0.1, 0.9]
    assert asked.fresh == 0.25
    assert "systemone:m, asked since ask_model_below is 1, says retrieval: direct 0.05" in last(
        made
    )
    assert json.loads(json.dumps(to_dict(made)))["signals"]["asked"]["fresh"] == 0.25


def test_what_it_says_of_a_source_goes_into_its_coverage(shop: KnowledgeConfig) -> None:
    before = load_router(shop, "desk").route(LAMPS).signals
    yes = asked_of(shop, LAMPS, holds_0=0.99, holds_1=0.99, fresh=0.9)[0].signals
    no = asked_of(shop, LAMPS, holds_0=0.01, holds_1=0.01, fresh=0.1)[0].signals
    for name, p in before.coverage.items():
        assert (no.coverage[name] or 0) < (p or 0) < (yes.coverage[name] or 1)
    assert no.fresh < yes.fresh
    assert likely_of(no)["retrieval"] < likely_of(yes)["retrieval"]


def test_half_and_half_says_nothing_of_the_need() -> None:
    signals = weighed(coverage={"a": 0.4})
    even = {"direct": 1 / 3, "retrieval": 1 / 3, "few_shot": 1 / 3}
    told = with_answers(signals, verdict(probabilities=even, need="direct"), FIT)
    assert told.likely == pytest.approx(signals.likely)


@pytest.mark.parametrize(
    ("measured", "said", "left"),
    [
        (0.5, 0.5, 0.5),
        (0.9, 0.1, 0.5),
        (0.5, 1.0, 0.76),  # never surer than ten to one
        (0.5, 0.0, 0.24),
        (None, 1.0, 10 / 11),
        (None, 0.3, 0.3),
        (0.0, 1.0, 0.0),  # it could not be asked, or has nothing there
    ],
)
def test_two_opinions_of_a_source_meet_in_the_middle(
    measured: float | None, said: float, left: float
) -> None:
    told = with_answers(weighed(coverage={"a": measured}), verdict(holds={"a": said}), FIT)
    assert told.coverage["a"] == pytest.approx(left, abs=0.005)


def test_a_source_that_the_agent_lacks_is_passed_over() -> None:
    told = with_answers(weighed(coverage={"a": 0.4}), verdict(holds={"b": 0.9}), FIT)
    assert told.coverage == {"a": 0.4}


def test_a_text_that_no_model_here_can_read_is_left_to_the_judge(shop: KnowledgeConfig) -> None:
    chinese = "退货期限是多久？"
    before = load_router(shop, "desk").route(chinese).signals
    after = asked_of(shop, chinese, need=RETRIEVAL)[0].signals
    assert set(names_of(after)) == {"asked_retrieval", "asked_few_shot"}
    assert after.likely["retrieval"] > before.likely["retrieval"]


def names_of(signals: Signals) -> list[str]:
    return [piece.name for piece in signals.evidence]


def weighed(**more: Any) -> Signals:
    need: Any = {"direct": 0.4, "retrieval": 0.4, "few_shot": 0.2}
    return evidence_of(
        Signals(need=need, agent_need=need, fresh=0.2, pattern={"p": 0.3}, **more), FIT
    )


def verdict(**more: Any) -> NeedVerdict:
    given: dict[str, Any] = {"model": "m", "need": None, "reason": "", **more}
    return NeedVerdict(**given)


# Orders.


def test_a_model_that_prefers_the_first_option_is_averaged_out(shop: KnowledgeConfig) -> None:
    really = {"direct": 0.4, "retrieval": 0.4, "few_shot": 0.2}
    told = first_option(3.0, really)
    shares: list[Mapping[Any, float]] = []
    for orders in (1, 2):
        with decision_server(need=told, need_reversed=told) as server:
            made = load_router(configured(shop, server, router_orders=orders)).route(LAMPS)
        assert len(server.asked) == 1
        assert made.signals.asked is not None
        shares.append(made.signals.asked.probabilities)
    once, twice = shares
    reversed_ = server.asked[0]["questions"]["need_reversed"]["criteria"]
    assert list(reversed_) == ["few_shot", "retrieval", "direct"]
    assert once["direct"] - once["retrieval"] == pytest.approx(0.444, abs=0.001)
    assert twice["direct"] - twice["retrieval"] < 0.25
    assert sum(twice.values()) == pytest.approx(1)


def test_one_order_that_does_not_hold_leaves_the_other(shop: KnowledgeConfig) -> None:
    with decision_server(need=RETRIEVAL, need_reversed={"direct": 3.0}) as server:
        made = load_router(configured(shop, server, router_orders=2)).route(LAMPS)
    assert made.signals.asked is not None
    assert made.signals.asked.probabilities == pytest.approx(RETRIEVAL)
    assert "options reversed (it gave probabilities of other options" in last(made)


# Refusals and failures.


@pytest.mark.parametrize("form", ["systemone:m", "decisions:m"])
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (
            answering(need=REFUSED, holds_0=REFUSED, holds_1=REFUSED, fresh=REFUSED),
            "answered nothing",
        ),
        (
            answering(need={"direct": 7.0}, holds_0=7.0, holds_1=-1.0, fresh=2.0),
            "answered nothing|ValidationError",  # LangChain's client of OpenAI's form checks some
        ),
        (failing(500), "status 500"),
        (failing(429), "status 429"),
        (failing(404), "status 404"),
    ],
)
def test_a_refusal_and_a_failure_leave_the_rules(
    shop: KnowledgeConfig, form: str, reply: Any, told: str
) -> None:
    plain = load_router(shop, "desk").route(LAMPS)
    with decision_server(reply) as server:
        made = load_router(configured(shop, server, form)).route(LAMPS)
    assert (made.strategy, made.confidence) == (plain.strategy, plain.confidence)
    assert made.signals.likely == plain.signals.likely
    assert made.reasons[: len(plain.reasons)] == plain.reasons
    assert f"{form}, asked since ask_model_below is 1, settles nothing" in last(made)
    assert re.search(told, last(made))
    assert "sk-secret" not in str(made)
    assert server.url not in str(made)


def test_an_answer_in_part_counts_and_is_told(shop: KnowledgeConfig) -> None:
    made, _ = asked_of(shop, LAMPS, need=MISSING, holds_0=0.9, holds_1=7.0, fresh=REFUSED)
    assert made.signals.asked is not None
    assert (made.signals.asked.need, len(made.signals.asked.holds)) == (None, 1)
    assert "answers in part: left out: what it needs (it gave no answer)" in last(made)
    assert "it gave 7.0 for a probability" in last(made)


@pytest.mark.parametrize(
    "numbers",
    [
        {"probabilities": {"direct": 0.5, "retrieval": 7.0}},
        {"probabilities": {"retrieval": 1.0}},
        {"probabilities": {"direct": 0.5, "magic": 0.5}},
        {"probabilities": {"direct": 0.0, "retrieval": 0.0}},
        {"holds": {"a": float("nan")}},
        {"fresh": "often"},
    ],
)
def test_a_judge_of_ones_own_that_gives_no_probabilities_is_told(numbers: dict[str, Any]) -> None:
    class Own:
        name = "own"

        def judge_with(self, task: Task, sources: Any) -> NeedVerdict:
            return verdict(need="direct", **numbers)

    (given,) = verdicts(Own(), [Task("a")])
    assert (given.need, given.reason) == (None, "it gave numbers that are no probabilities")


# Where it stands in a configuration.


@pytest.mark.parametrize("given", ["systemone:m", "object"])
def test_a_decision_model_writes_no_query(shop: KnowledgeConfig, given: str) -> None:
    with decision_server() as server:
        config = configured(shop, server, query_rewrite="model")
        model: Any = Remembering() if given == "object" else None
        with pytest.raises(ConfigError, match=r"desk\.policy\.query_rewrite.*writes no text"):
            load_router(config, model=model)


def test_it_is_taken_as_an_object(shop: KnowledgeConfig) -> None:
    with decision_server() as server:
        router = load_router(configured(shop, server), model=Remembering())
        asked = router.route(LAMPS).signals.asked
    assert asked is not None
    assert asked.model == "remembering"
    assert server.asked == []


@pytest.mark.parametrize("model", ["systemone:m", "decisions:m", Remembering()])
def test_it_answers_no_task(shop: KnowledgeConfig, model: Any) -> None:
    with pytest.raises(ConfigError, match=r"decision model.*writes no text.*models\.router"):
        load_model(shop, model)
    with pytest.raises(ConfigError, match="writes no text"):
        load_answerer(shop, "desk", model=model)


def test_only_weak_decisions_are_put_to_it(shop: KnowledgeConfig) -> None:
    with decision_server() as server:
        router = load_router(configured(shop, server, ask_model_below=0.01))
        router.route(LAMPS)
        assert server.asked == []
        always = load_router(configured(shop, server))
        always.route(Task(LAMPS, citations=True))
        assert server.asked == []
        always.route("How long is the return window?")
        assert len(server.asked) == 1


def test_an_external_source_is_judged_by_its_description(shop: KnowledgeConfig) -> None:
    web = SourceConfig(external=True, description="the web at large")
    asked = Remembering()
    with decision_server() as server:
        config = configured(shop, server)
        desk = config.agents["desk"].model_copy(update={"sources": ("faq", "web")})
        config = config.model_copy(
            update={"sources": {**config.sources, "web": web}, "agents": {"desk": desk}}
        ).at(shop.folder)
        made = load_router(config, model=asked, retrievers={"web": Nothing()}).route(LAMPS)
    told = {source["name"]: source for source in asked.state["sources"]}
    assert told["web"] == {"name": "web", "description": "the web at large", "titles": []}
    assert made.signals.coverage["web"] == 0.5


class Nothing:
    """A retriever that finds nothing."""

    def retrieve(self, query: str, k: int) -> list[Any]:
        return []
