"""The middleware in real agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from agent_knowledge import CitationVerifier, KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.prompts import read_passages
from agent_knowledge.types.answers import Opinion
from tests.scripted import ScriptedModel

REFUND = "My order was delivered on 2 December. Until when can I send it back?"
TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'
ANSWER = "You have thirty days [1]. The moon is made of cheese [77]."


def user(text: str) -> dict[str, Any]:
    return {"messages": [HumanMessage(text)]}


def run(agent: Any, given: dict[str, Any], mode: str) -> list[Any]:
    if mode == "async":
        return asyncio.run(agent.ainvoke(given))["messages"]
    return agent.invoke(given)["messages"]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_answer_carries_citations_and_no_false_marker(
    support: KnowledgeRouter, mode: str
) -> None:
    model = ScriptedModel(replies=[ANSWER])
    agent = create_agent(model, middleware=[KnowledgeMiddleware(support)])
    final = run(agent, user(REFUND), mode)[-1]
    assert "[77]" not in final.text
    citations = final.content_blocks[-1]["annotations"]
    assert citations
    for citation in citations:
        assert citation["type"] == "citation"
        assert final.text[citation["start_index"] : citation["end_index"]].strip()
        assert citation["extras"]["source"] in {"handbook", "faq"}
    assert final.response_metadata["agent_knowledge"]["strategy"] == "retrieval"
    json.dumps(final.response_metadata["agent_knowledge"])


def with_policy(shop: KnowledgeConfig, **changed: Any) -> KnowledgeRouter:
    agent = shop.agents["support"]
    policy = agent.policy.model_copy(update=changed)
    agents = {"support": agent.model_copy(update={"policy": policy})}
    return load_router(shop.model_copy(update={"agents": agents}).at(shop.folder))


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_policy_repairs_by_a_fresh_search(shop: KnowledgeConfig, mode: str) -> None:
    said = "Shipping is free from 60 euros in Zone 1 [1]."
    middleware = [KnowledgeMiddleware(with_policy(shop, unsupported="repair"))]
    agent = create_agent(ScriptedModel(replies=[said]), middleware=middleware)
    final = run(agent, user(REFUND), mode)[-1]
    (citation,) = final.content_blocks[-1]["annotations"]
    assert citation["extras"]["supported"]
    assert f"[{citation['extras']['number']}]" in final.text
    assert citation["extras"]["number"] > 5


def test_a_statement_without_a_marker_is_told_where_all_need_one(shop: KnowledgeConfig) -> None:
    said = "You have 30 days from delivery [1]. Shipping costs 4.90 euros."
    middleware = [KnowledgeMiddleware(with_policy(shop, citations="always"))]
    agent = create_agent(ScriptedModel(replies=[said]), middleware=middleware)
    final = agent.invoke(user(REFUND))["messages"][-1]
    ((start, end),) = final.response_metadata["agent_knowledge"]["uncited"]
    assert final.text[start:end] == "Shipping costs 4.90 euros."


class Doubter:
    """A second judge that supports nothing."""

    name = "doubter"

    def judge(self, claim: str, passages: Sequence[str]) -> Opinion:
        return Opinion(judge=self.name, supported=False, reason=f"{len(passages)} read")


def test_a_second_opinion_is_told(support: KnowledgeRouter) -> None:
    middleware = KnowledgeMiddleware(support, verifier=CitationVerifier(judge=Doubter()))
    said = "You have 30 days from delivery [1]."
    agent = create_agent(ScriptedModel(replies=[said]), middleware=[middleware])
    final = agent.invoke(user(REFUND))["messages"][-1]
    (opinion,) = final.response_metadata["agent_knowledge"]["opinions"]
    assert opinion == {
        "start": 0, "end": len(said), "judge": "doubter", "supported": False, "reason": "1 read",
        "contradicted": False, "score": None,
    }  # fmt: skip


def test_the_model_sees_the_prompt_rules_and_passages(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[ANSWER])
    agent = create_agent(
        model, system_prompt="Be brief.", middleware=[KnowledgeMiddleware(support)]
    )
    agent.invoke(user(REFUND))
    system, *_, turn = model.asked[0]
    assert isinstance(system, SystemMessage)
    assert system.text.startswith("Be brief.")
    assert support.agent.system_prompt in system.text
    assert REFUND in turn.text
    assert "<passage-" in turn.text


def test_the_conversation_itself_is_left_as_it_was(support: KnowledgeRouter) -> None:
    agent = create_agent(ScriptedModel(replies=[ANSWER]), middleware=[KnowledgeMiddleware(support)])
    assert agent.invoke(user(REFUND))["messages"][0].text == REFUND


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_endpoint_takes_over_the_call(support: KnowledgeRouter, mode: str) -> None:
    own, tuned = ScriptedModel(replies=["own"]), ScriptedModel(replies=["billing"])
    middleware = KnowledgeMiddleware(support, endpoint=tuned)
    final = run(create_agent(own, middleware=[middleware]), user(TRIAGE), mode)[-1]
    assert final.text == "billing"
    assert not own.asked
    assert final.response_metadata["agent_knowledge"]["plan"]["endpoint"] == "triage-ft"


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_failing_endpoint_leads_to_the_examples(support: KnowledgeRouter, mode: str) -> None:
    own = ScriptedModel(replies=["billing"])
    tuned = ScriptedModel(replies=[RuntimeError("down")])
    middleware = KnowledgeMiddleware(support, endpoint=tuned)
    final = run(create_agent(own, middleware=[middleware]), user(TRIAGE), mode)[-1]
    decision = final.response_metadata["agent_knowledge"]
    assert final.text == "billing"
    assert decision["strategy"] == "few_shot"
    assert any("failed" in reason["text"] for reason in decision["reasons"])
    assert [m.name for m in own.asked[0] if m.name].count("example_user") == 4


def test_on_failure_raise_raises(shop: KnowledgeConfig) -> None:
    router = with_policy(shop, on_failure="raise")
    middleware = KnowledgeMiddleware(router, endpoint=ScriptedModel(replies=[RuntimeError("down")]))
    with pytest.raises(RuntimeError, match="down"):
        create_agent(ScriptedModel(replies=["own"]), middleware=[middleware]).invoke(user(TRIAGE))


def test_calls_of_tools_pass_and_the_last_answer_is_verified(support: KnowledgeRouter) -> None:
    @tool
    def clock() -> str:
        """Tell the time."""
        return "noon"

    call = AIMessage("", tool_calls=[{"name": "clock", "args": {}, "id": "1"}])
    model = ScriptedModel(replies=[call, ANSWER])
    agent = create_agent(model, [clock], middleware=[KnowledgeMiddleware(support)])
    messages = agent.invoke(user(REFUND))["messages"]
    assert messages[1].tool_calls
    assert "[77]" not in messages[-1].text
    asked = [m for m in model.asked[1] if isinstance(m, HumanMessage) and not m.name]
    assert "<passage-" in asked[-1].text


def test_each_turn_is_routed_anew_and_survives_a_checkpointer(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[ANSWER, "five pads"])
    agent = create_agent(
        model, middleware=[KnowledgeMiddleware(support)], checkpointer=InMemorySaver()
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    agent.invoke(user(REFUND), thread)
    second = agent.invoke(user("Write a haiku about rain."), thread)["messages"][-1]
    assert second.response_metadata["agent_knowledge"]["strategy"] == "direct"
    assert second.text == "five pads"


def test_two_routers_in_one_agent_join_their_passages(shop: KnowledgeConfig) -> None:
    handbook, faq = (
        load_router(shop.model_copy(update={"agents": {"x": agent}}).at(shop.folder), "x")
        for agent in (
            shop.agents["desk"].model_copy(update={"sources": ("handbook",), "examples": ()}),
            shop.agents["desk"].model_copy(update={"sources": ("faq",), "examples": ()}),
        )
    )
    model = ScriptedModel(replies=["Thirty days [1][6][99]."])
    middlewares = [KnowledgeMiddleware(handbook), KnowledgeMiddleware(faq, name="second")]
    final = create_agent(model, middleware=middlewares).invoke(user(REFUND))["messages"][-1]
    read = read_passages(model.asked[0][-1].text)
    assert [passage.number for passage in read] == list(range(1, len(read) + 1))
    cited = {c["extras"]["source"] for c in final.content_blocks[-1]["annotations"]}
    assert cited == {"handbook", "faq"}
    assert "[99]" not in final.text


def test_blocks_of_the_conversation_keep_their_place(support: KnowledgeRouter) -> None:
    said = AIMessage(
        [
            {"type": "reasoning", "reasoning": "hm"},
            {"type": "text", "text": "Thirty days [1]."},
            {"type": "image", "url": "https://shop.example/i.png"},
        ]
    )
    model = ScriptedModel(replies=[said])
    cached = {"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}
    agent = create_agent(
        model, system_prompt=SystemMessage([cached]), middleware=[KnowledgeMiddleware(support)]
    )
    asked = HumanMessage(
        [
            {"type": "text", "text": "How long is"},
            {"type": "image", "url": "https://shop.example/u.png"},
            {"type": "text", "text": "the return window?"},
        ]
    )
    final = agent.invoke({"messages": [asked]})["messages"][-1]
    assert [block["type"] for block in final.content] == ["reasoning", "text", "image"]
    assert model.asked[0][0].content[0] == cached
    turn = model.asked[0][-1]
    assert [block["type"] for block in turn.content] == ["text", "image"]
    assert turn.content[0]["text"].endswith("How long is\nthe return window?")


def test_an_unsure_agent_that_asks_calls_no_model(shop: KnowledgeConfig) -> None:
    thresholds = shop.agents["support"].policy.thresholds.model_copy(update={"confidence": 1.0})
    router = with_policy(shop, when_unsure="ask", thresholds=thresholds)
    model = ScriptedModel(replies=["never said"])
    final = create_agent(model, middleware=[KnowledgeMiddleware(router)]).invoke(user("Hm."))
    assert not model.asked
    assert "handbook" in final["messages"][-1].text
