"""The tool, called directly and by real agents."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage

from agent_knowledge import KnowledgeRouter, load_router
from agent_knowledge.build import load_model
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.langchain import KnowledgeTool
from agent_knowledge.langchain.convert import task_from_messages
from agent_knowledge.prompts import STYLE_RULE

REFUND = "How long do I have to return something?"


def test_a_direct_call_gives_the_passages(support: KnowledgeRouter) -> None:
    content = KnowledgeTool(support).invoke({"query": REFUND})
    assert "<passage-" in content
    assert asyncio.run(KnowledgeTool(support).ainvoke({"query": REFUND}))


def test_a_tool_call_has_the_artifact(support: KnowledgeRouter) -> None:
    call = {"name": "knowledge", "args": {"query": REFUND}, "id": "1", "type": "tool_call"}
    message = KnowledgeTool(support).invoke(call)
    assert isinstance(message, ToolMessage)
    assert message.artifact["decision"]["strategy"] == "retrieval"
    assert message.artifact["passages"][0]["text"]
    assert message.artifact["citations"][0]["type"] == "citation"
    assert message.artifact["citations"][0]["extras"]["number"] == 1
    json.dumps(message.artifact)


def test_its_description_tells_a_model_what_is_there(support: KnowledgeRouter) -> None:
    description = KnowledgeTool(support).description
    assert "handbook" in description
    assert "ticket-triage" in description
    assert KnowledgeTool(support, name="shop").name == "shop"


def test_the_offline_model_calls_it_once_and_answers_with_a_source(
    shop: KnowledgeConfig, support: KnowledgeRouter
) -> None:
    agent = create_agent(load_model(shop).model, [KnowledgeTool(support)])
    messages = agent.invoke({"messages": [HumanMessage(REFUND)]})["messages"]
    assert [type(m).__name__ for m in messages] == [
        "HumanMessage",
        "AIMessage",
        "ToolMessage",
        "AIMessage",
    ]
    assert messages[1].tool_calls[0]["args"] == {"query": REFUND}
    assert "30 days" in messages[-1].text
    assert "[1]" in messages[-1].text or "[2]" in messages[-1].text


def test_an_empty_query_is_told_to_the_model(support: KnowledgeRouter) -> None:
    call = {"name": "knowledge", "args": {"query": " "}, "id": "1", "type": "tool_call"}
    message = KnowledgeTool(support).invoke(call)
    assert message.status == "error"
    assert "empty" in message.text


def test_what_is_wrong_with_an_index_is_told_to_the_host_alone(
    shop: KnowledgeConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = shop.store.model_copy(update={"path": str(tmp_path / "nowhere")})
    router = load_router(shop.model_copy(update={"store": store}).at(shop.folder), "support")
    call = {"name": "knowledge", "args": {"query": REFUND}, "id": "1", "type": "tool_call"}
    message = KnowledgeTool(router).invoke(call)
    assert message.status == "error"
    assert "cannot be searched" in message.text
    assert str(tmp_path) not in message.text
    assert str(tmp_path) in caplog.text


def test_no_user_turn_is_no_task() -> None:
    assert task_from_messages([]) is None
    assert task_from_messages([HumanMessage("")]) is None


def test_a_style_comes_with_the_rule_for_a_voice(shop: KnowledgeConfig) -> None:
    tool = KnowledgeTool(load_router(shop, "writer"))
    content = tool.invoke({"query": "Your parcel is late by two days."})
    assert content.startswith(STYLE_RULE)
    assert "<sample-" in content
