"""Beside every middleware that LangChain brings, in either order: cited, told, and routed once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import langchain.agents.middleware as built_in
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from agent_knowledge import KnowledgeRouter
from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeTool
from agent_knowledge.observing import observed_by
from agent_knowledge.types.stages import Stage
from tests.scripted import ScriptedModel
from tests.small import NOTICE, QUESTION, SAID, small_router

THREAD: Any = {"configurable": {"thread_id": "1"}}
DOWN = RuntimeError("down")


def calls(name: str, **given: Any) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": name, "args": given, "id": f"call-{name}"}])


class Flaky:
    """A tool that fails the first time it is called."""

    def __init__(self) -> None:
        self.called = 0

    def clock(self) -> str:
        """Tell the time."""
        self.called += 1
        if self.called == 1:
            msg = "no time"
            raise RuntimeError(msg)
        return "noon"


class Picks(ScriptedModel):
    """Fills in the selector's form."""

    def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
        return RunnableLambda(lambda _: {"tools": ["clock"]})


def routes_models() -> Any:
    routing: Any = pytest.importorskip("langchain.agents.middleware.model_router")
    decisions: Any = pytest.importorskip("langchain_core.decisions")
    chosen = {"choice": "a", "probabilities": {"a": 1.0}, "confidence": 1.0}
    answer = decisions.ChoiceAnswer(type="choice", **chosen)

    class ChoosesA(decisions.BaseDecisionModel):
        model: str = "chooses"
        _provider = "tests"

        def _classify(self, state: Any, questions: Any) -> Any:
            given = dict.fromkeys(questions, answer)
            return decisions.ClassifierResponse(model=self.model, answers=given)

    choices = {"a": routing.ModelChoice(model=ScriptedModel(replies=[SAID]), criteria="All.")}
    return routing.ModelRouterMiddleware(
        choices=choices, instructions="Which?", classifier=ChoosesA()
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    """What makes a middleware do its work, and how one sees that it has."""

    make: Callable[[], Any]
    did: Callable[[list[Any], ScriptedModel], object]
    replies: Sequence[Any] = (SAID,)
    turns: int = 1
    asked: str = QUESTION
    resume: Any = None
    tools: Callable[[KnowledgeRouter], list[Any]] = field(default=lambda _: [Flaky().clock])


def named(name: str, *given: Any, **options: Any) -> Callable[[], Any]:
    """Makes a middleware of that name anew for each case."""
    return lambda: getattr(built_in, name)(*given, **options)


def tool_results(messages: list[Any]) -> list[str]:
    return [str(one.content) for one in messages if isinstance(one, ToolMessage)]


def cleared(messages: list[Any], model: ScriptedModel) -> bool:
    return "[cleared]" in tool_results(model.asked[-1]) and NOTICE in str(tool_results(messages))


CASES = {
    "ModelRouter": Case(make=routes_models, replies=[DOWN], did=lambda _, model: not model.asked),
    "ModelFallback": Case(
        make=named("ModelFallbackMiddleware", ScriptedModel(replies=[SAID])),
        replies=[DOWN],
        did=lambda _, model: len(model.asked) == 1,
    ),
    "ModelRetry": Case(
        make=named("ModelRetryMiddleware", initial_delay=0),
        replies=[DOWN, SAID],
        did=lambda _, model: len(model.asked) == 2,
    ),
    "ToolRetry": Case(
        make=named("ToolRetryMiddleware", initial_delay=0),
        replies=[calls("clock"), SAID],
        did=lambda messages, _: tool_results(messages) == ["noon"],
    ),
    "Summarization": Case(
        make=named(
            "SummarizationMiddleware",
            ScriptedModel(replies=["Hm."]),
            trigger=("messages", 4),
            keep=("messages", 2),
        ),
        turns=3,
        did=lambda messages, _: "summary of the conversation" in messages[0].text,
    ),
    "PII": Case(
        make=named("PIIMiddleware", "email"),
        asked=f"I am ann@example.org. {QUESTION}",
        did=lambda messages, _: messages[0].text.startswith("I am [REDACTED_EMAIL]"),
    ),
    "HumanInTheLoop": Case(
        make=named("HumanInTheLoopMiddleware", interrupt_on={"notes": True}),
        replies=[calls("notes"), SAID],
        tools=lambda _: [notes],
        resume={"decisions": [{"type": "approve"}]},
        did=lambda messages, _: tool_results(messages) == ["none"],
    ),
    "ContextEditing": Case(
        make=lambda: built_in.ContextEditingMiddleware(
            edits=[built_in.ClearToolUsesEdit(trigger=1, keep=0)]
        ),
        replies=[calls("knowledge", query=QUESTION), SAID.replace("[1]", "[3]")],
        tools=lambda router: [KnowledgeTool(router)],
        did=cleared,
    ),
    "LLMToolSelector": Case(
        make=named("LLMToolSelectorMiddleware", model=Picks(replies=[])),
        replies=[calls("clock"), SAID],
        tools=lambda _: [clock, notes],
        did=lambda messages, _: tool_results(messages) == ["noon"],
    ),
    "TodoList": Case(
        make=named("TodoListMiddleware"),
        replies=[calls("write_todos", todos=[{"content": "look", "status": "pending"}]), SAID],
        did=lambda messages, _: "look" in str(tool_results(messages)),
    ),
}


def clock() -> str:
    """Tell the time."""
    return "noon"


def notes() -> str:
    """Read the notes."""
    return "none"


class Counts:
    """Counts what the router decides."""

    def __init__(self) -> None:
        self.routed = 0

    @contextmanager
    def watch(self, stage: Stage) -> Generator[None]:
        self.routed += stage.kind == "route"
        yield


@pytest.fixture(scope="module")
def router() -> KnowledgeRouter:
    return small_router()


@pytest.mark.filterwarnings("ignore:.* is in beta")
@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", CASES)
def test_beside_each_the_answer_is_cited_and_routed_once(
    router: KnowledgeRouter, name: str, order: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "true")
    case, counts = CASES[name], Counts()
    model = ScriptedModel(replies=[*case.replies])
    chain = [case.make(), KnowledgeMiddleware(router)]
    agent: Any = create_agent(
        model,
        case.tools(router),
        middleware=chain if order == "before" else chain[::-1],
        checkpointer=InMemorySaver(),
    )

    def run(given: Any) -> Any:
        if mode == "sync":
            return agent.invoke(given, THREAD)
        return asyncio.run(agent.ainvoke(given, THREAD))

    with observed_by(counts):
        for _ in range(case.turns):
            run({"messages": [HumanMessage(case.asked)]})
        if case.resume:
            assert agent.get_state(THREAD).interrupts
            run(Command(resume=case.resume))
    values = agent.get_state(THREAD).values
    messages = values["messages"]
    final = messages[-1]
    (note,) = final.content_blocks[-1]["annotations"]
    assert note["cited_text"] == NOTICE
    assert note["extras"]["supported"]
    assert final.response_metadata["agent_knowledge"]["strategy"] == "retrieval"
    assert values["citations"] == [note]
    assert counts.routed == case.turns
    assert case.did(messages, model)
    said = [m.text for m in messages if not isinstance(m, ToolMessage)]
    assert NOTICE not in "".join(said)
    ours = {key: values[key] for key in values if key.startswith("agent_knowledge")}
    assert ours == json.loads(json.dumps(ours))


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_two_routers_are_asked_once_each_however_often_a_model_is(mode: str) -> None:
    one, other, counts = small_router(), small_router("Cats purr.", source="pets"), Counts()
    model = ScriptedModel(replies=[DOWN, DOWN, SAID])
    retries = CASES["ModelRetry"].make()
    chain = [retries, KnowledgeMiddleware(one), KnowledgeMiddleware(other, name="second")]
    agent: Any = create_agent(model, middleware=chain)
    given = {"messages": [HumanMessage(QUESTION)]}
    with observed_by(counts):
        result = agent.invoke(given) if mode == "sync" else asyncio.run(agent.ainvoke(given))
    assert len(model.asked) == 3
    assert counts.routed == 2
    assert result["citations"]
    assert all(NOTICE in asked[-1].text and "Cats purr." in asked[-1].text for asked in model.asked)
    with observed_by(counts):  # the same words once more are another turn
        model.asked.clear()
        _ = agent.invoke(given) if mode == "sync" else asyncio.run(agent.ainvoke(given))
    assert counts.routed == 4
