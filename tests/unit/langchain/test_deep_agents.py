"""Inside agents of others: sub-agents as tools, and Deep Agents."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

from agent_knowledge import KnowledgeRouter
from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeTool
from tests.scripted import ScriptedModel
from tests.small import NOTICE, QUESTION, SAID, small_router

CATS = "Write something friendly about cats."


@pytest.fixture(scope="module")
def router() -> KnowledgeRouter:
    return small_router(citations="when_retrieved")


def calls(name: str, **given: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": given, "id": f"call-{name}"}])


def run(agent: Any, text: str, mode: str) -> Any:
    given = {"messages": [HumanMessage(text)]}
    return agent.invoke(given) if mode == "sync" else asyncio.run(agent.ainvoke(given))


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_sub_agent_cites_and_its_caller_hands_its_answer_on(
    router: KnowledgeRouter, mode: str
) -> None:
    below: Any = create_agent(
        ScriptedModel(replies=[SAID]), middleware=[KnowledgeMiddleware(router)]
    )
    heard: list[Any] = []

    @tool
    def ask_the_desk(question: str) -> str:
        """Ask the desk."""
        result = below.invoke({"messages": [HumanMessage(question)]})
        heard.append(result)
        return result["messages"][-1].text

    above: Any = create_agent(
        ScriptedModel(replies=[calls("ask_the_desk", question=QUESTION), "Three months."]),
        [ask_the_desk],
        middleware=[KnowledgeMiddleware(router)],
    )
    result = run(above, CATS, mode)
    assert [note["cited_text"] for note in heard[0]["citations"]] == [NOTICE]
    told = heard[0]["messages"][-1].response_metadata["agent_knowledge"]
    assert told["strategy"] == "retrieval"
    own = result["messages"][-1].response_metadata["agent_knowledge"]
    assert own["strategy"] == "direct"
    assert result["citations"] == []


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_deep_agent_is_routed_and_cites(router: KnowledgeRouter, mode: str) -> None:
    deep: Any = pytest.importorskip("deepagents")
    model = ScriptedModel(replies=[calls("knowledge", query=QUESTION), SAID])
    agent = deep.create_deep_agent(
        model=model, tools=[KnowledgeTool(router)], middleware=[KnowledgeMiddleware(router)]
    )
    result = run(agent, QUESTION, mode)
    final = result["messages"][-1]
    assert NOTICE in {note["cited_text"] for note in result["citations"]}
    assert final.response_metadata["agent_knowledge"]["strategy"] == "retrieval"
    assert NOTICE not in result["messages"][0].text


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_sub_agent_of_a_deep_agent_has_a_router_of_its_own(
    router: KnowledgeRouter, mode: str
) -> None:
    deep: Any = pytest.importorskip("deepagents")
    asked = calls("task", description=QUESTION, subagent_type="desk")
    below = ScriptedModel(replies=[SAID])
    agent = deep.create_deep_agent(
        model=ScriptedModel(replies=[asked, "Three months."]),
        subagents=[
            {
                "name": "desk",
                "description": "Knows the handbook.",
                "system_prompt": "Answer.",
                "model": below,
                "tools": [],
                "middleware": [KnowledgeMiddleware(router)],
            }
        ],
    )
    result = run(agent, CATS, mode)
    (report,) = (one for one in result["messages"] if isinstance(one, ToolMessage))
    assert report.text == SAID
    assert NOTICE in below.asked[0][-1].text
    assert result["messages"][-1].text == "Three months."
