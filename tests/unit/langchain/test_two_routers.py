"""Two routers in one agent: one answer, and both decisions told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.langchain import SOURCES_EVENT, KnowledgeMiddleware
from tests.scripted import ScriptedModel
from tests.small import NOTICE, QUESTION, SAID, small_router

TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'


@pytest.mark.parametrize("mode", ["sync", "async", "stream"])
@pytest.mark.parametrize("details", [False, True])
def test_two_routers_tell_both_decisions(details: bool, mode: str) -> None:
    homes = KnowledgeMiddleware(small_router(), name="homes", details=details)
    pets = KnowledgeMiddleware(
        small_router("Cats purr.", source="pets", citations="when_retrieved"), name="pets"
    )
    agent: Any = create_agent(ScriptedModel(replies=[SAID]), middleware=[pets, homes])
    given = {"messages": [HumanMessage(QUESTION)]}
    if mode == "stream":
        events = [*agent.stream(given, stream_mode="custom")]
        (told,) = (event["decision"] for event in events if event["type"] == SOURCES_EVENT)
    else:
        run = agent.invoke(given) if mode == "sync" else asyncio.run(agent.ainvoke(given))
        final = run["messages"][-1]
        told = final.response_metadata["agent_knowledge"]
        assert NOTICE in {note["cited_text"] for note in run["citations"]}
    assert set(told["routers"]) == {"homes", "pets"}
    assert told["routers"]["pets"]["plan"]["sources"] in ([], ["pets"])
    assert told["routers"]["homes"]["plan"]["sources"] == ["handbook"]
    leads = [name for name, one in told["routers"].items() if one["plan"] == told["plan"]]
    assert leads in (["homes"], ["pets"])
    assert ("signals" in told) == ("signals" in told["routers"]["homes"])


def test_the_leaders_own_decision_says_what_failed(shop: KnowledgeConfig) -> None:
    support = load_router(shop, "support")
    tuned = ScriptedModel(replies=[RuntimeError("down")])
    ours = KnowledgeMiddleware(support, name="support", endpoint=tuned)
    other = KnowledgeMiddleware(small_router(citations="when_retrieved"), name="other")
    agent: Any = create_agent(ScriptedModel(replies=["billing"]), middleware=[ours, other])
    final = agent.invoke({"messages": [HumanMessage(TRIAGE)]})["messages"][-1]
    told = final.response_metadata["agent_knowledge"]
    assert (told["strategy"], told["plan"]["endpoint"]) == ("few_shot", None)
    assert told["routers"]["support"] == {k: v for k, v in told.items() if k != "routers"}
    assert told["routers"]["other"]["strategy"] == "direct"


def test_one_router_tells_one_decision() -> None:
    agent: Any = create_agent(
        ScriptedModel(replies=[SAID]), middleware=[KnowledgeMiddleware(small_router())]
    )
    final = agent.invoke({"messages": [HumanMessage(QUESTION)]})["messages"][-1]
    assert "routers" not in final.response_metadata["agent_knowledge"]
