"""A search shows as a retriever run below its agent, and its stages to whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain.agents import create_agent
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import START, StateGraph

from agent_knowledge.langchain import (
    KnowledgeMiddleware,
    KnowledgeTool,
    knowledge_runnable,
    route_node,
)
from agent_knowledge.ledger.decisions import DecisionLog, read_turns
from agent_knowledge.observing import observed_by
from agent_knowledge.types.stages import Stage
from tests.scripted import ScriptedModel
from tests.small import NOTICE, QUESTION, SAID, small_router
from tests.unit.langchain.test_graph import AsDict

CALL = AIMessage("", tool_calls=[{"name": "knowledge", "args": {"query": QUESTION}, "id": "1"}])


class Runs(BaseCallbackHandler):
    """The runs that a tracer would draw: each with its name, and the one it stands under."""

    def __init__(self) -> None:
        self.names: dict[UUID, str] = {}
        self.above: dict[UUID, UUID | None] = {}
        self.found: list[tuple[UUID, str, list[str]]] = []

    def _begin(self, kind: str, run_id: UUID, parent_run_id: UUID | None, **more: Any) -> None:
        self.names[run_id] = f"{kind} {more.get('name') or ''}".strip()
        self.above[run_id] = parent_run_id

    def on_chain_start(self, serialized: Any, inputs: Any, **run: Any) -> None:
        self._begin("chain", **run)

    def on_tool_start(self, serialized: Any, input_str: str, **run: Any) -> None:
        self._begin("tool", **{**run, "name": serialized["name"]})

    def on_retriever_start(self, serialized: Any, query: str, **run: Any) -> None:
        self._begin("retriever", **run)
        self.found.append((run["run_id"], query, []))

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **_: Any) -> None:
        next(f for i, _, f in self.found if i == run_id).extend(d.page_content for d in documents)

    def path(self, run_id: UUID | None) -> list[str]:
        return [*self.path(self.above[run_id]), self.names[run_id]] if run_id else []


def run(runnable: Any, given: Any, mode: str) -> Runs:
    runs = Runs()
    config: Any = {"callbacks": [runs]}
    if mode == "sync":
        runnable.invoke(given, config)
    else:
        asyncio.run(runnable.ainvoke(given, config))
    return runs


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_search_is_a_retriever_run_of_its_agent(mode: str) -> None:
    router = small_router()
    agent = create_agent(
        ScriptedModel(replies=[CALL, SAID]),
        [KnowledgeTool(router)],
        middleware=[KnowledgeMiddleware(router)],
        name="desk",
    )
    runs = run(agent, {"messages": [HumanMessage(QUESTION)]}, mode)
    paths = [runs.path(run_id) for run_id, _, _ in runs.found]
    assert [path[0] for path in paths] == ["chain desk"] * 2
    assert "chain model" in paths[0]
    assert paths[1][-2:] == ["tool knowledge", "retriever handbook"]
    assert all(query == QUESTION and NOTICE in found for _, query, found in runs.found)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_search_of_a_chain_and_of_a_node_is_a_run_too(mode: str) -> None:
    router = small_router()
    (found,) = run(knowledge_runnable(router), QUESTION, mode).found
    assert NOTICE in found[2]
    graph = StateGraph(AsDict)
    graph.add_node("route", route_node(router))
    graph.add_edge(START, "route")
    runs = run(graph.compile(), {"messages": [HumanMessage(QUESTION)]}, mode)
    ((place, _, _),) = runs.found
    assert runs.path(place)[-2:] == ["chain route", "retriever handbook"]


class Seen:
    """Each stage, as it was when it ended."""

    def __init__(self) -> None:
        self.ended: list[Stage] = []

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        yield
        self.ended.append(stage)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_turn_of_an_agent_is_seen_stage_by_stage(mode: str) -> None:
    agent: Any = create_agent(
        ScriptedModel(replies=[SAID]), middleware=[KnowledgeMiddleware(small_router())]
    )
    seen, given = Seen(), {"messages": [HumanMessage(QUESTION)]}
    with observed_by(seen):
        _ = agent.invoke(given) if mode == "sync" else asyncio.run(agent.ainvoke(given))
    route, retrieve, verify, answer = seen.ended
    kinds = [stage.kind for stage in seen.ended]
    assert kinds == ["route", "retrieve", "verify", "answer"]
    assert route.decision == answer.decision
    assert NOTICE in {passage.text for passage in retrieve.passages}
    assert verify.answer == answer.answer
    assert answer.answer
    assert answer.answer.text == SAID
    assert [citation.number for citation in answer.answer.citations] == [1]
    assert answer.task
    assert answer.task.text == QUESTION


def test_a_step_that_calls_tools_has_no_answer_yet() -> None:
    router = small_router()
    agent: Any = create_agent(
        ScriptedModel(replies=[CALL, SAID]),
        [KnowledgeTool(router)],
        middleware=[KnowledgeMiddleware(router)],
    )
    seen = Seen()
    with observed_by(seen):
        agent.invoke({"messages": [HumanMessage(QUESTION)]})
    steps = [stage.answer is not None for stage in seen.ended if stage.kind == "answer"]
    assert steps == [False, True]


@pytest.mark.parametrize("name", ["called", "plain"])
def test_a_turn_is_logged_once_with_what_was_measured(tmp_path: Path, name: str) -> None:
    log, router = DecisionLog(tmp_path / "log.jsonl"), small_router()
    router.observers = (log,)
    replies = [CALL, SAID] if name == "called" else [SAID]
    agent: Any = create_agent(
        ScriptedModel(replies=replies),
        [KnowledgeTool(small_router())],
        middleware=[KnowledgeMiddleware(router)],
    )
    agent.invoke({"messages": [HumanMessage(QUESTION)]})
    assert log.flush(30)
    (turn,) = read_turns(log.file)
    assert (turn.strategy, turn.claims, turn.unsupported) == ("retrieval", 1, 0)
    assert turn.answered_ms
    assert turn.coverage.keys() == {"handbook"}
