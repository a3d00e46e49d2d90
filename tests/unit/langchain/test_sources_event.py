"""What a stream and the result of a run carry at the end of a turn."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.build import load_model
from agent_knowledge.langchain import SOURCES_EVENT, KnowledgeMiddleware, KnowledgeTool
from tests.scripted import ScriptedModel, filled
from tests.unit.langchain.test_numbering import SHIPPING, calls

RETURNS = "How long do I have to return something?"
SAID = "You have 30 days from delivery [1]. So says the moon [77]."
MODES = ["messages", "updates", "custom"]


def stream(agent: Any, text: Any, mode: str, thread: Any = None) -> list[tuple[str, Any]]:
    given = {"messages": [HumanMessage(text)]}

    async def gather() -> list[tuple[str, Any]]:
        return [event async for event in agent.astream(given, thread, stream_mode=MODES)]

    if mode == "async":
        return asyncio.run(gather())
    return list(agent.stream(given, thread, stream_mode=MODES))


def told(events: list[tuple[str, Any]]) -> dict[str, Any]:
    """The one event that ends a turn."""
    custom = [event for mode, event in events if mode == "custom"]
    assert [event["type"] for event in custom] == [SOURCES_EVENT]
    json.dumps(custom[0])
    return custom[0]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_stream_ends_with_its_sources(
    shop: KnowledgeConfig, support: KnowledgeRouter, mode: str
) -> None:
    agent = create_agent(load_model(shop).model, middleware=[KnowledgeMiddleware(support)])
    events = stream(agent, RETURNS, mode)
    pieces = [event[0] for kind, event in events if kind == "messages"]
    assert "30 days" in "".join(piece.text for piece in pieces)
    assert len(pieces) > 5
    assert not any("annotations" in str(piece.content) for piece in pieces)
    event = told(events)
    assert event["decision"]["strategy"] == "retrieval"
    assert event["citations"]
    for citation in event["citations"]:
        assert event["text"][citation["start_index"] : citation["end_index"]].strip()
    finals = [e["model"]["messages"][-1] for k, e in events if k == "updates" and "model" in e]
    assert finals[-1].text == event["text"]
    assert finals[-1].content_blocks[-1]["annotations"] == event["citations"]
    after = [place for place, (kind, _) in enumerate(events) if kind == "messages"]
    assert [kind for kind, _ in events].index("custom") > after[-1]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_the_event_has_the_verified_text(support: KnowledgeRouter, mode: str) -> None:
    agent = create_agent(ScriptedModel(replies=[SAID]), middleware=[KnowledgeMiddleware(support)])
    event = told(stream(agent, RETURNS, mode))
    assert event["text"] == SAID.replace(" [77]", "")
    assert event["decision"]["fabricated"] == ["77"]


def test_an_agent_with_tools_tells_once(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[calls(SHIPPING), SAID])
    agent = create_agent(model, [KnowledgeTool(support)], middleware=[KnowledgeMiddleware(support)])
    assert len(told(stream(agent, RETURNS, "sync"))["citations"]) == 1


def test_two_routers_tell_once(shop: KnowledgeConfig) -> None:
    desk = load_router(shop, "desk")
    middleware = [KnowledgeMiddleware(desk), KnowledgeMiddleware(desk, name="second")]
    agent = create_agent(ScriptedModel(replies=["Thirty [6]."]), middleware=middleware)
    event = told(stream(agent, RETURNS, "sync"))
    assert [citation["extras"]["number"] for citation in event["citations"]] == [6]


def test_a_structured_response_is_told(support: KnowledgeRouter) -> None:
    class Window(BaseModel):
        why: str

    agent = create_agent(
        ScriptedModel(replies=[filled("Window", why=SAID)]),
        middleware=[KnowledgeMiddleware(support)],
        response_format=ToolStrategy(Window),
    )
    event = told(stream(agent, RETURNS, "sync"))
    assert event["structured_response"] == {"why": SAID.replace(" [77]", "")}
    assert event["citations"][0]["extras"]["field"] == "why"


def test_a_result_has_this_turns_citations_only(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[SAID, "Rain.", SAID, "A cat."])
    agent = create_agent(
        model, middleware=[KnowledgeMiddleware(support)], checkpointer=InMemorySaver()
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    result = agent.invoke({"messages": [HumanMessage(RETURNS)]}, thread)
    assert sorted(result) == ["citations", "messages"]
    assert json.loads(json.dumps(result["citations"])) == result["citations"]
    assert result["citations"] == result["messages"][-1].content_blocks[-1]["annotations"]
    later = agent.invoke({"messages": [HumanMessage("Write a haiku about rain.")]}, thread)
    assert later["citations"] == []
    agent.invoke({"messages": [HumanMessage(RETURNS)]}, thread)
    image = [{"type": "image", "url": "https://shop.example/cat.png"}]
    assert agent.invoke({"messages": [HumanMessage(image)]}, thread)["citations"] == []  # pyright: ignore[reportArgumentType]


def test_an_answer_without_sources_tells_so(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[AIMessage("Rain [1, 2].")])
    agent = create_agent(model, middleware=[KnowledgeMiddleware(support)])
    event = told(stream(agent, "Write a haiku about rain.", "sync"))
    assert (event["text"], event["citations"]) == ("Rain [1, 2].", [])
