"""Every stream mode of LangGraph tells the verified answer, and none holds up the pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from agent_knowledge import KnowledgeRouter
from agent_knowledge.langchain import SOURCES_EVENT, KnowledgeMiddleware
from tests.small import NOTICE, QUESTION, SAID, small_router

GIVEN: Any = {"messages": [HumanMessage(QUESTION)]}
THREAD: Any = {"configurable": {"thread_id": "1"}}


@pytest.fixture(scope="module")
def router() -> KnowledgeRouter:
    return small_router()


def agent_of(router: KnowledgeRouter) -> Any:
    """An agent whose model speaks in pieces, and makes a marker up."""
    model = GenericFakeChatModel(messages=iter([AIMessage(f"{SAID} [9]")]))
    ours = KnowledgeMiddleware(router)
    return create_agent(model, middleware=[ours], checkpointer=InMemorySaver())


def streamed(agent: Any, mode: str, *modes: str) -> list[tuple[str, Any]]:
    async def gathered() -> list[Any]:
        return [event async for event in agent.astream(GIVEN, THREAD, stream_mode=[*modes])]

    if mode == "async":
        return asyncio.run(gathered())
    return [*agent.stream(GIVEN, THREAD, stream_mode=[*modes])]


def of_update(events: list[Any]) -> Any:
    return next(one["model"] for one in events if "model" in one)["messages"][-1]


def of_debug(events: list[Any]) -> Any:
    return of_tasks([one["payload"] for one in events if one["type"] == "task_result"])


def of_tasks(events: list[Any]) -> Any:
    results = [one["result"] for one in events if one["name"] == "model" and "result" in one]
    return dict(results[-1])["messages"][-1]


TOLD: dict[str, Callable[[list[Any]], Any]] = {
    "values": lambda events: events[-1]["messages"][-1],
    "updates": of_update,
    "tasks": of_tasks,
    "checkpoints": lambda events: events[-1]["values"]["messages"][-1],
    "debug": of_debug,
}


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("kind", TOLD)
def test_every_stream_mode_tells_the_verified_answer(
    router: KnowledgeRouter, kind: str, mode: str
) -> None:
    events = [event for _, event in streamed(agent_of(router), mode, kind)]
    final = TOLD[kind](events)
    assert final.text == SAID
    (note,) = final.content_blocks[-1]["annotations"]
    assert note["cited_text"] == NOTICE
    assert "evidence" not in str(final.response_metadata)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_pieces_come_first_and_the_verified_answer_last(router: KnowledgeRouter, mode: str) -> None:
    events = streamed(agent_of(router), mode, "messages", "custom")
    pieces = [event[0].text for kind, event in events if kind == "messages"]
    assert "".join(pieces) == f"{SAID} [9]"
    assert len(pieces) > 5
    kind, event = events[-1]
    assert (kind, event["type"], event["text"]) == ("custom", SOURCES_EVENT, SAID)
    assert [note["cited_text"] for note in event["citations"]] == [NOTICE]


def test_events_have_the_search_and_the_verified_answer(router: KnowledgeRouter) -> None:
    async def gathered() -> list[Any]:
        found: AsyncIterator[Any] = agent_of(router).astream_events(GIVEN, THREAD, version="v2")
        return [event async for event in found]

    events = asyncio.run(gathered())
    kinds = [event["event"] for event in events]
    assert kinds.index("on_retriever_end") < kinds.index("on_chat_model_stream")
    search = events[kinds.index("on_retriever_end")]
    assert NOTICE in {document.page_content for document in search["data"]["output"]}
    assert events[-1]["data"]["output"]["messages"][-1].text == SAID
