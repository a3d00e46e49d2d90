"""A model that calls the tool has decided to look: what it gets, whatever the router would say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from covered_questions import COVERED
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import create_retriever_tool

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.build import load_model
from agent_knowledge.langchain import KnowledgeRetriever, KnowledgeTool
from agent_knowledge.prompts import (
    INSTANCE_RULE,
    LOOK_UP_GAP_RULE,
    NO_SOURCE_RULE,
    NOTHING_RULE,
    read_passages,
)
from tests.scripted import ScriptedModel

NOT_HELD = "Write a haiku about rain."
TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'


def call(tool: Any, query: str) -> ToolMessage:
    return tool.invoke(
        {"name": tool.name, "args": {"query": query}, "id": "1", "type": "tool_call"}
    )


def with_policy(shop: KnowledgeConfig, agent: str, **changes: Any) -> KnowledgeRouter:
    held = shop.agents[agent]
    policy = held.policy.model_copy(update=changes)
    changed = held.model_copy(update={"policy": policy})
    return load_router(shop.model_copy(update={"agents": {agent: changed}}).at(shop.folder), agent)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_model_that_asks_fifty_covered_questions_gets_passages_fifty_times(
    support: KnowledgeRouter, mode: str
) -> None:
    asked = [
        AIMessage("", tool_calls=[{"name": "knowledge", "args": {"query": query}, "id": f"{n}"}])
        for n, (query, _) in enumerate(COVERED)
    ]
    agent = create_agent(ScriptedModel(replies=[*asked, "done"]), [KnowledgeTool(support)])
    given_ = {"messages": [HumanMessage("Tell me all about the shop.")]}
    limit: Any = {"recursion_limit": 150}
    if mode == "async":
        messages = asyncio.run(agent.ainvoke(given_, limit))["messages"]
    else:
        messages = agent.invoke(given_, limit)["messages"]
    results = [message for message in messages if isinstance(message, ToolMessage)]
    assert len(results) == 50
    assert all(read_passages(result.text) for result in results)
    assert not any(NOTHING_RULE in result.text for result in results)
    numbers = [row["number"] for result in results for row in result.artifact["passages"]]
    assert numbers == list(range(1, len(numbers) + 1))
    found = [
        any(row["document"] == document for row in result.artifact["passages"])
        for result, (_, document) in zip(results, COVERED, strict=True)
    ]
    assert sum(found) >= 45


WORDS = [
    *("refund", "shipping", "lamp", "candle", "ticket", "queue", "voice", "price", "warranty"),
    *("write", "haiku", "how", "long", "does", "the", "and", "Fjord", "Pinecones", "Zone", "4"),
    *("?", ".", "\n", "€", "退款", "zurück"),
]
QUERIES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join) | st.text()


@pytest.mark.parametrize(
    ("agent", "policy"),
    [
        ("support", {}),
        ("support", {"k": 9, "context_tokens": 64}),
        ("desk", {"k": 1, "when_unsure": "ask", "citations": "never"}),
    ],
)
def test_it_never_brings_less_than_a_retriever_tool(
    shop: KnowledgeConfig, agent: str, policy: dict[str, Any]
) -> None:
    router = with_policy(shop, agent, **policy)
    tool = KnowledgeTool(router)
    retriever = create_retriever_tool(
        KnowledgeRetriever(router=router),
        "search",
        "Search.",
        response_format="content_and_artifact",
    )

    @settings(max_examples=25, deadline=None)
    @given(QUERIES.filter(str.strip))
    def compare(query: str) -> None:
        theirs: list[Document] = call(retriever, query).artifact
        message = call(tool, query)
        ours = message.artifact["passages"]
        assert len(theirs) == router.agent.policy.k
        assert [place(row) for row in ours] == [place(found.metadata) for found in theirs]
        texts = [document.page_content for document in theirs]
        assert [row["text"] for row in ours] == texts
        assert [passage.text for passage in read_passages(message.text)] == texts

    compare()


def place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["source"], row["document"], row["start"], row["end"]


def test_what_no_source_covers_is_told_beside_the_nearest_passages(
    support: KnowledgeRouter,
) -> None:
    assert support.route(NOT_HELD).strategy == "direct"
    message = call(KnowledgeTool(support), NOT_HELD)
    assert LOOK_UP_GAP_RULE in message.text
    assert NOTHING_RULE not in message.text
    decision = message.artifact["decision"]
    assert (decision["strategy"], decision["gap"]) == ("retrieval", True)
    assert decision["reasons"][0]["rule"] == "retrieval-first-for-agents"
    assert any("gap: no source seems to hold it" in r["text"] for r in decision["reasons"])
    assert len(message.artifact["passages"]) == 5


def test_a_set_that_clearly_matches_comes_on_top_where_no_source_covers(
    support: KnowledgeRouter,
) -> None:
    assert support.route(TRIAGE).strategy == "fine_tuned"
    message = call(KnowledgeTool(support), TRIAGE)
    decision = message.artifact["decision"]
    assert decision["plan"]["endpoint"] is None
    assert message.artifact["examples"][0]["output"] == "billing"
    assert len(message.artifact["passages"]) == 5
    assert message.text.index(INSTANCE_RULE) < message.text.index(LOOK_UP_GAP_RULE)
    rejected = {row["strategy"]: row["text"] for row in decision["rejected"]}
    assert rejected.keys() == {"direct", "few_shot", "fine_tuned"}
    assert "ticket-triage is shown on top" in rejected["few_shot"]


def test_the_offline_model_follows_those_examples(shop: KnowledgeConfig) -> None:
    agent = create_agent(load_model(shop).model, [KnowledgeTool(load_router(shop, "desk"))])
    assert agent.invoke({"messages": [HumanMessage(TRIAGE)]})["messages"][-1].text == "billing"


def test_an_agent_without_sources_gets_the_nearest_examples(shop: KnowledgeConfig) -> None:
    tool = KnowledgeTool(load_router(shop, "writer"))
    fits, not_ = call(tool, "Your parcel is late by two days."), call(tool, NOT_HELD)
    for message in (fits, not_):
        assert len(message.artifact["examples"]) == 4
        assert message.artifact["decision"]["strategy"] == "few_shot"
    assert not fits.artifact["decision"]["gap"]
    assert not_.artifact["decision"]["gap"]
    assert not_.text.startswith(NO_SOURCE_RULE)


def test_an_agent_with_nothing_is_told_so() -> None:
    tool = KnowledgeTool(load_router(KnowledgeConfig.parse("agents: {x: {}}")))
    message = call(tool, "How long do refunds take?")
    assert message.text == NO_SOURCE_RULE
    assert message.artifact["decision"]["gap"]


def test_an_external_source_that_finds_nothing_is_a_gap() -> None:
    class Web:
        def invoke(self, query: str) -> list[Document]:
            return []

    config = KnowledgeConfig.parse(
        "sources: {web: {external: true}}\nagents: {x: {sources: [web]}}"
    )
    message = call(KnowledgeTool(load_router(config, retrievers={"web": Web()})), "Who won?")
    assert message.text == LOOK_UP_GAP_RULE
    assert message.artifact["decision"]["gap"]


def test_in_mode_route_the_router_decides(support: KnowledgeRouter) -> None:
    tool = KnowledgeTool(support, mode="route")
    for query in (NOT_HELD, TRIAGE):
        message = call(tool, query)
        assert message.text == NOTHING_RULE
        assert message.artifact["passages"] == []
        strategy = message.artifact["decision"]["strategy"]
        assert strategy == support.route(query).strategy
    assert call(tool, "How long do refunds take?").artifact["passages"]


def test_its_description_says_what_a_call_brings(shop: KnowledgeConfig) -> None:
    support = KnowledgeTool(load_router(shop, "support")).description
    assert "Every call brings the passages nearest to it" in support
    assert "do not seem to hold the answer" in support
    writer = KnowledgeTool(load_router(shop, "writer")).description
    assert "passages" not in writer
    assert "Every call brings the worked examples" in writer


def test_a_mode_that_is_none_is_refused(support: KnowledgeRouter) -> None:
    with pytest.raises(ValueError, match="'look_up' or 'route'"):
        KnowledgeTool(support, mode="retrieve")
