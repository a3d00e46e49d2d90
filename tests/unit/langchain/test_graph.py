"""A node and edges for a graph of one's own."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.message import add_messages
from pydantic import BaseModel

from agent_knowledge import KnowledgeRouter
from agent_knowledge.errors import InputError, TenantMissingError
from agent_knowledge.langchain import (
    by_strategy,
    cite_answer,
    knowledge_of,
    prompt_messages,
    route_node,
)
from tests.scripted import ScriptedModel
from tests.small import NOTICE, QUESTION, SAID, small_router
from tests.unit.langchain.test_tenants import ALWAYS
from tests.unit.scoped_index import RENT, agent, made

CATS = "Write something friendly about cats."


class AsDict(MessagesState):
    knowledge: dict[str, Any]


@dataclass
class AsDataclass:
    messages: Annotated[list[Any], add_messages] = field(default_factory=list[Any])
    knowledge: dict[str, Any] | None = None


class AsModel(BaseModel):
    messages: Annotated[list[Any], add_messages] = []
    knowledge: dict[str, Any] | None = None


@pytest.fixture(scope="module")
def router() -> KnowledgeRouter:
    return small_router(citations="when_retrieved")


def graph_of(router: KnowledgeRouter, state: Any, model: ScriptedModel, **options: Any) -> Any:
    """Routes, and then answers from passages or chats."""

    def cite(state: Any) -> dict[str, Any]:
        knowledge = knowledge_of(state)
        said = state["messages"] if isinstance(state, dict) else state.messages
        answer = cite_answer(model.invoke(prompt_messages(knowledge, said)), knowledge, router)
        return {"messages": [answer]}

    graph = StateGraph(state)
    graph.add_node("route", route_node(router))
    graph.add_node("cite", cite)
    graph.add_node("chat", lambda _: {"messages": [AIMessage("chat")]})
    graph.add_edge(START, "route")
    graph.add_conditional_edges(
        "route", by_strategy({"retrieval": "cite"}, otherwise="chat"), ["cite", "chat"]
    )
    graph.add_edge("cite", END)
    graph.add_edge("chat", END)
    return graph.compile(**options)


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("state", [AsDict, AsDataclass, AsModel])
def test_a_graph_branches_by_strategy(router: KnowledgeRouter, state: Any, mode: str) -> None:
    model = ScriptedModel(replies=[SAID])
    saver = InMemorySaver()
    graph = graph_of(router, state, model, checkpointer=saver)
    config: Any = {"configurable": {"thread_id": "1"}}

    def asked(text: str) -> Any:
        given = {"messages": [HumanMessage(text)]}
        if mode == "sync":
            return graph.invoke(given, config)
        return asyncio.run(graph.ainvoke(given, config))

    first, second = asked(QUESTION), asked(CATS)
    (note,) = first["messages"][-1].content_blocks[-1]["annotations"]
    assert note["cited_text"] == NOTICE
    assert [one.text for one in second["messages"]] == [QUESTION, SAID, CATS, "chat"]
    kept = second["knowledge"]
    assert kept == json.loads(json.dumps(kept))
    assert knowledge_of(second).decision.strategy == "direct"
    assert [one.plan.query for one in (knowledge_of(first).decision,)] == [QUESTION]
    assert len(model.asked) == 1


def test_a_state_may_keep_messages_alone_and_be_read_by_other_keys(
    router: KnowledgeRouter,
) -> None:
    class Two(TypedDict):
        messages: list[Any]
        one: Any
        other: Any

    graph = StateGraph(Two)
    graph.add_node("one", route_node(router, key="one"))
    graph.add_node("other", route_node(small_router("Cats purr."), key="other"))
    graph.add_edge(START, "one")
    graph.add_edge(START, "other")
    result: Any = graph.compile().invoke({"messages": [("user", QUESTION)]})  # pyright: ignore[reportArgumentType]
    assert NOTICE in {passage.text for passage in knowledge_of(result, "one").passages}
    assert [passage.text for passage in knowledge_of(result, "other").passages] == ["Cats purr."]
    with pytest.raises(InputError, match=r"route_node\(router, key='third'\)"):
        knowledge_of(result, "third")


@pytest.mark.parametrize("messages", [[], [AIMessage("Hm.")], [HumanMessage("  ")]])
def test_without_a_users_turn_the_other_way_is_taken(
    router: KnowledgeRouter, messages: list[Any]
) -> None:
    result = graph_of(router, AsDict, ScriptedModel(replies=[SAID])).invoke({"messages": messages})
    assert result["messages"][-1].text == "chat"
    assert result["knowledge"] is None


def test_an_unknown_strategy_is_told_when_the_graph_is_built() -> None:
    with pytest.raises(InputError, match="did you mean 'retrieval'"):
        by_strategy({"retreival": "cite"}, otherwise="chat")  # pyright: ignore[reportArgumentType]


def test_a_question_back_takes_the_other_way() -> None:
    thresholds = {"confidence": 1.0, "retrieval": 0.01}
    asks = small_router(when_unsure="ask", citations="when_retrieved", thresholds=thresholds)
    graph = graph_of(asks, AsDict, ScriptedModel(replies=[SAID]))
    result = graph.invoke({"messages": [HumanMessage("What about the thing?")]})
    assert knowledge_of(result).decision.plan.clarify
    assert result["messages"][-1].text == "chat"


def test_a_node_sees_the_tenant_of_its_run() -> None:
    graph = StateGraph(AsDict)
    graph.add_node("route", route_node(made(agent(**ALWAYS))))
    graph.add_edge(START, "route")
    compiled: Any = graph.compile()
    given = {"messages": [HumanMessage(RENT)]}
    found = knowledge_of(compiled.invoke(given, context={"customer": "acme"})).passages
    assert found
    assert all("acme" in passage.text for passage in found)
    with pytest.raises(TenantMissingError):
        compiled.invoke(given, context={})
