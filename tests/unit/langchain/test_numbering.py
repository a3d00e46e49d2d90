"""One number, one passage: tools in real agents, and what their messages hold."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeTool
from agent_knowledge.langchain.numbering import shown_by_tools
from agent_knowledge.prompts import read_passages
from tests.scripted import ScriptedModel

RETURNS = "How long do I have to return something?"
SHIPPING = "What does shipping cost?"
WARRANTY = "How long is the warranty?"


def calls(*asked: str, tool: str = "knowledge", first_id: int = 1) -> AIMessage:
    """A model's message that calls the tool, once for each question."""
    made = [
        {"name": tool, "args": {"query": query}, "id": f"call-{number}"}
        for number, query in enumerate(asked, start=first_id)
    ]
    return AIMessage("", tool_calls=made)  # pyright: ignore[reportArgumentType]


def run(agent: Any, *, mode: str = "sync", text: str = "Tell me all.") -> list[BaseMessage]:
    given = {"messages": [HumanMessage(text)]}
    if mode == "async":
        return asyncio.run(agent.ainvoke(given))["messages"]
    return agent.invoke(given)["messages"]


def numbers(messages: list[BaseMessage]) -> list[list[int]]:
    """Of each tool message, the numbers of its passages."""
    return [
        [row["number"] for row in message.artifact["passages"]]
        for message in messages
        if isinstance(message, ToolMessage)
    ]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_second_call_goes_on_counting(support: KnowledgeRouter, mode: str) -> None:
    model = ScriptedModel(replies=[calls(RETURNS), calls(SHIPPING, first_id=2), "done"])
    messages = run(create_agent(model, [KnowledgeTool(support)]), mode=mode)
    assert numbers(messages) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    read = [read_passages(m.text) for m in messages if isinstance(m, ToolMessage)]
    assert [[p.number for p in shown] for shown in read] == numbers(messages)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_calls_at_once_share_no_number(support: KnowledgeRouter, mode: str) -> None:
    first, last = calls(RETURNS, SHIPPING), calls(WARRANTY, first_id=3)
    model = ScriptedModel(replies=[first, last, "done"])
    found = numbers(run(create_agent(model, [KnowledgeTool(support)]), mode=mode))
    assert found == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 13, 14, 15]]


def test_two_tools_share_no_number(shop: KnowledgeConfig, support: KnowledgeRouter) -> None:
    desk = KnowledgeTool(load_router(shop, "desk"), name="desk")
    both = calls(RETURNS).tool_calls + calls(SHIPPING, tool="desk", first_id=2).tool_calls
    model = ScriptedModel(replies=[AIMessage("", tool_calls=both), "done"])
    messages = run(create_agent(model, [KnowledgeTool(support), desk]))
    flat = [number for found in numbers(messages) for number in found]
    assert len(flat) > 5
    assert len(flat) == len(set(flat))


def test_a_tool_counts_on_from_the_passages_of_the_middleware(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[calls(SHIPPING), "Shipping is free from 60 euros [6]. No [99]."])
    agent = create_agent(model, [KnowledgeTool(support)], middleware=[KnowledgeMiddleware(support)])
    result = agent.invoke({"messages": [HumanMessage(RETURNS)]})
    assert numbers(result["messages"])[0][0] == 6
    final = result["messages"][-1]
    assert final.text == "Shipping is free from 60 euros [6]. No."
    annotation = final.content_blocks[-1]["annotations"][0]
    shown = next(m for m in result["messages"] if isinstance(m, ToolMessage)).artifact["passages"]
    assert annotation["cited_text"] in shown[0]["text"]


def test_the_numbers_go_on_in_a_later_turn(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[calls(RETURNS), "done", calls(SHIPPING, first_id=2), "done"])
    agent = create_agent(model, [KnowledgeTool(support)])
    first = run(agent)
    messages = agent.invoke({"messages": [*first, HumanMessage("And shipping?")]})["messages"]
    assert numbers(messages) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_a_model_cannot_forge_what_the_agent_gives(support: KnowledgeRouter) -> None:
    args = {"query": RETURNS, "runtime": "evil"}
    forged = AIMessage("", tool_calls=[{"name": "knowledge", "args": args, "id": "1"}])
    tool = KnowledgeTool(support)
    assert "runtime" not in tool.tool_call_schema.model_json_schema()["properties"]
    model = ScriptedModel(replies=[forged, "done"])
    assert numbers(run(create_agent(model, [tool])))[0][0] == 1
    alone = tool.invoke({"name": "knowledge", "args": args, "id": "1", "type": "tool_call"})
    assert alone.artifact["passages"][0]["number"] == 1


def test_a_graph_of_ones_own_counts_too(support: KnowledgeRouter) -> None:
    graph = StateGraph(MessagesState).add_node("tools", ToolNode([KnowledgeTool(support)]))
    node = graph.add_edge(START, "tools").compile()
    first = node.invoke({"messages": [calls(RETURNS)]})["messages"]
    both = node.invoke({"messages": [*first, calls(SHIPPING, first_id=2)]})["messages"]
    assert numbers(both) == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_an_artifact_has_all_that_a_citation_needs(support: KnowledgeRouter) -> None:
    call = {"name": "knowledge", "args": {"query": RETURNS}, "id": "1", "type": "tool_call"}
    message = KnowledgeTool(support).invoke(call)
    message.artifact = json.loads(json.dumps(message.artifact))  # as a checkpointer may keep it
    assert shown_by_tools([message])["1"] == support.look_up(RETURNS).passages[0]


def test_outside_an_agent_the_later_message_has_the_number(support: KnowledgeRouter) -> None:
    tool = KnowledgeTool(support)
    asked = [
        {"name": "knowledge", "args": {"query": query}, "id": query, "type": "tool_call"}
        for query in (RETURNS, SHIPPING)
    ]
    later = [tool.invoke(call) for call in asked]
    assert shown_by_tools(later)["1"] == support.look_up(SHIPPING).passages[0]


def test_other_tools_messages_hold_no_passages() -> None:
    others: list[Any] = [None, "text", {"passages": "none"}, {"passages": [{"page": 1}]}, [1]]
    messages = [ToolMessage("x", artifact=artifact, tool_call_id="1") for artifact in others]
    assert shown_by_tools(messages) == {}
