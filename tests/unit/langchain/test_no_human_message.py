"""A run without a user's turn, or with one that has no text, is left to the agent's own model."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeTool
from tests.scripted import ScriptedModel
from tests.small import small_router

IMAGE = [{"type": "image", "url": "https://shop.example/cat.png"}]


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    "messages", [[], [AIMessage("Hm.")], [SystemMessage("Be kind.")], [HumanMessage(IMAGE)]]
)
def test_without_a_users_words_the_model_is_asked_as_it_would_be(
    messages: list[Any], mode: str
) -> None:
    router, model = small_router(), ScriptedModel(replies=["Rain [1]."])
    ours = [KnowledgeMiddleware(router), KnowledgeMiddleware(router, name="second")]
    agent: Any = create_agent(model, [KnowledgeTool(router)], middleware=ours)
    given = {"messages": messages}
    result = agent.invoke(given) if mode == "sync" else asyncio.run(agent.ainvoke(given))
    assert result["messages"][-1].content == "Rain [1]."
    assert "agent_knowledge" not in result["messages"][-1].response_metadata
    assert [m.content for m in model.asked[0]] == [m.content for m in messages]
    assert result["citations"] == []
