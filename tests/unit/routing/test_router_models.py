"""The router with a chat model beside it: asked where the policy says so, and nowhere else."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage

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
from agent_knowledge.config import AgentProfile, Policy
from agent_knowledge.errors import ConfigError
from agent_knowledge.routing.standing import likely_of
from agent_knowledge.types import to_dict
from tests.loopback import loopback
from tests.scripted import ScriptedModel, filled

REFUND = "How long is the return window?"
HAIKU = "Write a haiku about rain."
FOLLOW_UP = Task(
    "And what does it cost?",
    history=(
        Message("user", "Do you repair lamps that are out of warranty?"),
        Message("assistant", "Yes, our workshop does."),
    ),
)
ASKS_FOR_FACTS = filled("NeedOfTask", need="retrieval", reason="asks for the shop's terms")


def with_policy(shop: KnowledgeConfig, **policy: Any) -> KnowledgeConfig:
    agent = shop.agents["desk"]
    changed = agent.model_copy(update={"policy": Policy.model_validate(policy)})
    return shop.model_copy(update={"agents": {"desk": changed}}).at(shop.folder)


def advised(shop: KnowledgeConfig, *replies: Any, **policy: Any) -> tuple[KnowledgeRouter, Any]:
    model = ScriptedModel(replies=list(replies))
    return load_router(with_policy(shop, **policy), model=model), model


def says(need: str) -> AIMessage:
    return filled("NeedOfTask", need=need, reason="as it seems")


def last(decision: Decision) -> str:
    return decision.reasons[-1].text


# Nobody is asked unless the policy says so.


def test_without_the_keys_no_model_is_ever_called(shop: KnowledgeConfig) -> None:
    router, model = advised(shop, RuntimeError("called"))
    decisions = router.route_many([REFUND, HAIKU, FOLLOW_UP, "Hm."])
    router.prepare(FOLLOW_UP)
    router.retrieve(FOLLOW_UP)
    assert model.asked == []
    assert all(made.signals.asked is None for made in decisions)
    assert all(made.plan.rewritten_by is None for made in decisions)


def test_a_model_that_is_not_needed_is_not_opened(shop: KnowledgeConfig) -> None:
    models = shop.models.model_copy(update={"router": "nowhere:at-all"})
    config = shop.model_copy(update={"models": models}).at(shop.folder)
    assert load_router(config, "desk").route(HAIKU).strategy == "direct"


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        ({"ask_model_below": 0.6}, r"agents\.desk\.policy\.ask_model_below: 0\.6"),
        ({"query_rewrite": "model"}, r"agents\.desk\.policy\.query_rewrite: model"),
    ],
)
def test_the_extractive_model_is_no_adviser(
    shop: KnowledgeConfig, policy: dict[str, Any], key: str
) -> None:
    config = with_policy(shop, **policy)
    for given in (None, "extractive", load_model(shop).model):
        with pytest.raises(ConfigError, match=rf"{key}.*'extractive'.*models\.router"):
            load_router(config, model=given)


@pytest.mark.parametrize(
    ("policy", "missing"),
    [({"ask_model_below": 0.6}, "judge"), ({"query_rewrite": "model"}, "writer")],
)
def test_a_router_of_ones_own_needs_who_is_asked(policy: dict[str, Any], missing: str) -> None:
    profile = AgentProfile(policy=Policy.model_validate(policy))
    with pytest.raises(ConfigError, match=f"give a {missing}"):
        KnowledgeRouter(profile, embedder=packaged_embedder())


def test_the_key_of_a_router_model_that_is_not_accepted_is_named(shop: KnowledgeConfig) -> None:
    config = with_policy(shop, ask_model_below=0.6)
    models = shop.models.model_copy(update={"router": "nowhere:at-all"})
    with pytest.raises(ConfigError, match=r"models\.router: 'nowhere:at-all'"):
        load_router(config.model_copy(update={"models": models}).at(shop.folder))


def test_an_answerers_model_is_the_routers_too(shop: KnowledgeConfig) -> None:
    model = ScriptedModel(replies=[says("direct"), "Rain again."])
    answerer = load_answerer(with_policy(shop, ask_model_below=1), model=model)
    answer = answerer.answer(HAIKU)
    assert answer.decision.signals.asked is not None
    assert answer.text == "Rain again."


# `ask_model_below`.


def test_only_weak_decisions_are_asked_about(shop: KnowledgeConfig) -> None:
    sure, _ = advised(shop)
    confidence = sure.route(HAIKU).confidence
    router, model = advised(shop, says("direct"), ask_model_below=confidence - 0.01)
    assert router.route(HAIKU).signals.asked is None
    assert model.asked == []
    router, model = advised(shop, says("direct"), ask_model_below=confidence + 0.001)
    assert router.route(HAIKU).signals.asked is not None
    assert len(model.asked) == 1


def test_what_it_says_is_evidence_and_stands_in_the_decision(shop: KnowledgeConfig) -> None:
    before = load_router(with_policy(shop)).route(HAIKU)
    router, _ = advised(shop, ASKS_FOR_FACTS, ask_model_below=1)
    decision = router.route(HAIKU)
    odds = {n: p / (1 - p) for n, p in decision.signals.need.items()}
    earlier = before.signals.need["retrieval"]
    assert odds["retrieval"] == pytest.approx(10 * earlier / (1 - earlier))
    assert sum(decision.signals.need.values()) == pytest.approx(1)
    assert "ScriptedModel" in last(decision)
    assert "says retrieval: asks for the shop's terms" in last(decision)
    asked = json.loads(json.dumps(to_dict(decision)))["signals"]["asked"]
    assert asked == {
        "model": "ScriptedModel",
        "need": "retrieval",
        "reason": "asks for the shop's terms",
        "probabilities": {},
        "holds": {},
        "fresh": None,
    }


def test_what_it_says_can_turn_a_weak_decision(shop: KnowledgeConfig) -> None:
    task = "Tell me about lamps"
    evidence = [
        likely_of(advised(shop, says(n), ask_model_below=1)[0].route(task).signals)["retrieval"]
        for n in ("direct", "retrieval")
    ]
    assert evidence[0] < evidence[1]
    others = dict.fromkeys(("fresh", "pattern"), 1.0)
    thresholds = {**others, "retrieval": sum(evidence) / 2, "confidence": 0.0}
    policy = {"ask_model_below": 1, "thresholds": thresholds}
    decided = [advised(shop, says(n), **policy)[0].route(task) for n in ("direct", "retrieval")]
    assert [made.strategy for made in decided] == ["direct", "retrieval"]


@pytest.mark.parametrize(
    ("reply", "says_so"),
    [
        (RuntimeError("sk-secret"), "RuntimeError"),
        ("It needs retrieval, I think.", "did not fill in"),
        (filled("NeedOfTask", need="magic", reason="x"), "did not fill in"),
    ],
)
def test_a_model_that_fails_leaves_the_decision_as_it_was(
    shop: KnowledgeConfig, reply: Any, says_so: str
) -> None:
    plain = load_router(with_policy(shop)).route(HAIKU)
    router, _ = advised(shop, reply, ask_model_below=1)
    decision = router.route(HAIKU)
    assert (decision.strategy, decision.confidence) == (plain.strategy, plain.confidence)
    assert decision.signals.need == plain.signals.need
    assert decision.reasons[: len(plain.reasons)] == plain.reasons
    assert "settles nothing" in last(decision)
    assert says_so in last(decision)
    assert "sk-secret" not in str(decision)


@pytest.mark.parametrize("key", ["ask_model_below", "query_rewrite"])
def test_a_router_model_that_hangs_is_waited_for_no_longer_than_its_budget(
    shop: KnowledgeConfig, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    policy = {"ask_model_below": 1} if key == "ask_model_below" else {"query_rewrite": "model"}
    limits = {"router": "openai:m", "timeout_s": 0.2, "budget_s": 0.3}
    models = shop.models.model_copy(update=limits)
    with loopback([30.0]) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
        config = with_policy(shop, **policy).model_copy(update={"models": models})
        router = load_router(config.at(shop.folder))
        router.route(REFUND)  # weights are loaded once
        began = time.monotonic()
        decision = router.route(FOLLOW_UP)
        assert time.monotonic() - began < 5
    assert server.asked
    assert decision.strategy == load_router(with_policy(shop)).route(FOLLOW_UP).strategy
    assert "time-out" in last(decision)
    assert "models.timeout_s" in last(decision)


def test_the_callers_boundaries_are_not_put_to_a_model(shop: KnowledgeConfig) -> None:
    router, model = advised(shop, says("direct"), ask_model_below=1)
    cited = router.route(Task(HAIKU, citations=True))
    wished = router.route(Task(HAIKU, strategy="retrieval"))
    assert (cited.strategy, wished.strategy) == ("retrieval", "retrieval")
    assert model.asked == []
    refused = router.route(Task(HAIKU, strategy="fine_tuned"))
    assert refused.signals.asked is not None


def test_a_batch_asks_at_once_and_keeps_its_order(shop: KnowledgeConfig) -> None:
    together = Barrier(3, timeout=30)

    def reply(messages: list[BaseMessage]) -> AIMessage:
        together.wait()
        found = next(word for word in ("rain", "snow", "wind") if word in messages[-1].text)
        return filled("NeedOfTask", need="direct", reason=f"a haiku about {found}")

    router, _ = advised(shop, reply, ask_model_below=1)
    tasks = [f"Write a haiku about {word}." for word in ("wind", "rain", "snow")]
    decisions = router.route_many([tasks[0], Task(REFUND, citations=True), *tasks[1:]])
    asked = [made.signals.asked and made.signals.asked.reason for made in decisions]
    assert asked == ["a haiku about wind", None, "a haiku about rain", "a haiku about snow"]


def test_what_is_prepared_heeds_the_model_too(shop: KnowledgeConfig) -> None:
    router, _ = advised(shop, says("retrieval"), ask_model_below=1)
    assert router.prepare("Tell me about lamps").passages


# `query_rewrite: model`.


REWRITTEN = "What does it cost to repair a lamp that is out of warranty?"
WRITES = filled("StandaloneQuery", query=f"{REWRITTEN}\n")


def test_a_turn_with_a_history_is_searched_for_as_the_model_wrote_it(
    shop: KnowledgeConfig,
) -> None:
    router, model = advised(shop, WRITES, query_rewrite="model")
    decision = router.route(FOLLOW_UP)
    assert decision.strategy == "retrieval"
    assert decision.plan.query == REWRITTEN
    assert decision.plan.rewritten_by == "ScriptedModel"
    assert f"ScriptedModel wrote what is searched for: {REWRITTEN!r}" in last(decision)
    alone = load_router(with_policy(shop)).route(REWRITTEN)
    assert decision.signals.coverage == pytest.approx(alone.signals.coverage, abs=0.01)
    assert len(model.asked) == 1
    assert to_dict(decision)["plan"]["rewritten_by"] == "ScriptedModel"


def test_the_task_itself_reaches_the_model_as_the_user_wrote_it(shop: KnowledgeConfig) -> None:
    router, _ = advised(shop, WRITES, query_rewrite="model")
    knowledge = router.prepare(FOLLOW_UP)
    assert any("repair" in passage.document for passage in knowledge.passages)
    assert knowledge.prompt.endswith(FOLLOW_UP.text)
    assert any("repair" in p.document for p in router.retrieve(FOLLOW_UP, k=3))


def test_a_task_without_a_history_is_not_rewritten(shop: KnowledgeConfig) -> None:
    router, model = advised(shop, RuntimeError("called"), query_rewrite="model")
    decision = router.route(REFUND)
    assert (model.asked, decision.plan.query) == ([], REFUND)
    assert decision.plan.rewritten_by is None


@pytest.mark.parametrize(
    ("reply", "says_so"),
    [
        (RuntimeError("sk-secret"), "RuntimeError"),
        (filled("StandaloneQuery", query="  \n"), "wrote nothing"),
        ("What does a repair cost?", "did not fill in"),
    ],
)
def test_a_writer_that_fails_leaves_the_routers_own_query(
    shop: KnowledgeConfig, reply: Any, says_so: str
) -> None:
    plain = load_router(with_policy(shop)).route(FOLLOW_UP)
    router, _ = advised(shop, reply, query_rewrite="model")
    decision = router.route(FOLLOW_UP)
    assert decision.plan == plain.plan
    assert decision.signals == plain.signals
    assert says_so in last(decision)
    assert "as they are" in last(decision)
    assert "sk-secret" not in str(decision)


def test_a_question_of_several_look_ups_is_cut_where_the_model_wrote_it(
    shop: KnowledgeConfig,
) -> None:
    written = "Which lamp has the longer warranty, the Rowan desk lamp or the Alder floor lamp?"
    thresholds = {"multi_hop": 0, "pattern": 1}
    policy = {"query_rewrite": "model", "thresholds": thresholds}
    router, _ = advised(shop, filled("StandaloneQuery", query=written), **policy)
    parts = router.route(FOLLOW_UP).plan.sub_queries
    assert parts
    assert all(part in written for part in parts)


def by_form(judged: AIMessage, written: AIMessage) -> Callable[[list[BaseMessage]], AIMessage]:
    """A reply that suits the question: the judge's words tell of needs, the writer's don't."""
    return lambda messages: judged if "few_shot: " in messages[0].text else written


def test_both_may_be_asked_about_one_task(shop: KnowledgeConfig) -> None:
    router, model = advised(
        shop, by_form(ASKS_FOR_FACTS, WRITES), query_rewrite="model", ask_model_below=1
    )
    decision = router.route(FOLLOW_UP)
    assert len(model.asked) == 2
    assert decision.plan.rewritten_by == "ScriptedModel"
    assert decision.signals.asked is not None
    assert "wrote what" in decision.reasons[-2].text
    assert "says retrieval" in last(decision)
