"""Beside other middleware: what it takes out of a turn, and whose model answers in the end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    PIIMiddleware,
    SummarizationMiddleware,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from pydantic import BaseModel

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.errors import EndpointError
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.langchain.convert import task_from_messages
from agent_knowledge.ledger.decisions import DecisionLog, read_turns
from agent_knowledge.observing import add_observer
from agent_knowledge.prompts import read_passages
from tests.scripted import ScriptedModel, filled
from tests.small import NOTICE, Heard, small_router

ADDRESS = "ann.lee@example.org"
ASKED = f"I am {ADDRESS}. How long is the notice period for my flat?"
TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'
THREAD: Any = {"configurable": {"thread_id": "1"}}
MODES = ["sync", "async", "stream"]


def tenancy(heard: Heard) -> KnowledgeRouter:
    """A router whose every search asks the embedding."""
    return small_router(NOTICE, embedder=heard)


class Told(BaseCallbackHandler):
    """What callbacks are told of models, and of what a step of the agent came to."""

    def __init__(self) -> None:
        self.prompts: list[Any] = []
        self.outcomes: list[Any] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **_: Any) -> None:
        self.prompts.append(messages)

    def on_chain_end(self, outputs: Any, **_: Any) -> None:
        self.outcomes.append(outputs)


def run(agent: Any, text: str, mode: str, *callbacks: BaseCallbackHandler) -> list[Any]:
    """Ask; the events that a page would have had, if it streams."""
    given = {"messages": [HumanMessage(text)]}
    config: Any = {**THREAD, "callbacks": [*callbacks]}
    if mode == "stream":
        modes = ["updates", "messages", "custom"]
        return [*agent.stream(given, config, stream_mode=modes)]
    if mode == "async":
        asyncio.run(agent.ainvoke(given, config))
    else:
        agent.invoke(given, config)
    return []


def last(agent: Any) -> AIMessage:
    return agent.get_state(THREAD).values["messages"][-1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ["redacts first", "redacts last", "redacts between two"])
def test_what_another_middleware_redacts_stays_redacted(
    order: str, mode: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard, told = Heard(), Told()
    ours, redacts = KnowledgeMiddleware(tenancy(heard), details=True), PIIMiddleware("email")
    chain: list[Any] = [redacts, ours] if order == "redacts first" else [ours, redacts]
    if order == "redacts between two":
        chain.append(KnowledgeMiddleware(tenancy(heard), name="second", details=True))
    model = ScriptedModel(replies=["It is three months [1]."])
    agent: Any = create_agent(model, middleware=chain, checkpointer=InMemorySaver())
    events = run(agent, ASKED, mode, told)
    final = last(agent)
    assert "[REDACTED_EMAIL]. How long" in model.asked[0][-1].text
    assert NOTICE in [one.text for one in read_passages(model.asked[0][-1].text)]
    assert "three months" in final.text
    assert "[REDACTED_EMAIL]" in str(final.response_metadata["agent_knowledge"]["plan"])
    assert any("notice period" in text for text in heard.texts)
    kept = [one.values for one in agent.get_state_history(THREAD)]
    ours_in_state = [{k: v for k, v in one.items() if k != "messages"} for one in kept]
    for place in (model.asked, kept[0], ours_in_state, events, told.prompts, heard.texts):
        assert ADDRESS not in str(place)
    decided = [str(one) for one in told.outcomes if "'plan'" in str(one)]
    assert decided
    assert ADDRESS not in "".join(decided)
    assert ADDRESS not in caplog.text


class RedactsInTheCall(AgentMiddleware[Any, Any, Any]):
    """Leaves the state as it is, and takes the address out of what the model is asked."""

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        turn = request.messages[-1]
        changed = turn.model_copy(update={"content": turn.text.replace(ADDRESS, "somebody")})
        return handler(request.override(messages=[*request.messages[:-1], changed]))


def test_what_is_redacted_on_the_way_to_the_model_stays_redacted() -> None:
    heard, model = Heard(), ScriptedModel(replies=["It is three months [1]."])
    chain: list[Any] = [RedactsInTheCall(), KnowledgeMiddleware(tenancy(heard), details=True)]
    agent: Any = create_agent(model, middleware=chain, checkpointer=InMemorySaver())
    run(agent, ASKED, "sync")
    values = agent.get_state(THREAD).values
    own = [values["messages"][-1], {k: v for k, v in values.items() if k != "messages"}]
    assert NOTICE in model.asked[0][-1].text
    for place in (model.asked, heard.texts, own):
        assert ADDRESS not in str(place)


SAID = f"It is three months [1]. Write to {ADDRESS}, who knows."
BLOCKS = [
    {"type": "reasoning", "reasoning": "hm"},
    {"type": "text", "text": "It is three months [1]. "},
    {"type": "text", "text": f"Write to {ADDRESS}, who knows."},
]


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("order", ["redacts first", "redacts last"])
@pytest.mark.parametrize("said", [SAID, BLOCKS])
def test_what_is_redacted_in_an_answer_comes_back_in_no_later_turn(
    said: Any, order: str, mode: str
) -> None:
    redacts = PIIMiddleware("email", apply_to_output=True)
    chain: list[Any] = [redacts, KnowledgeMiddleware(tenancy(Heard()))]
    model = ScriptedModel(replies=[AIMessage(said), "Bye."])
    agent: Any = create_agent(
        model,
        middleware=chain if order == "redacts first" else chain[::-1],
        checkpointer=InMemorySaver(),
    )
    run(agent, ASKED, mode)
    first = last(agent)
    assert first.text == "It is three months [1]. Write to [REDACTED_EMAIL], who knows."
    assert first.content_blocks[-1].get("annotations")
    assert ADDRESS not in str(agent.get_state(THREAD).values)
    run(agent, "Thanks!", mode)
    (answer,) = (one for one in model.asked[1] if isinstance(one, AIMessage))
    assert answer.text == first.text
    assert "annotations" not in str(answer.content)
    assert ADDRESS not in str(model.asked[1])


class Rewords(AgentMiddleware[Any, Any, Any]):
    """Changes the user's words from the second model call on."""

    def before_model(self, state: Any, runtime: Any) -> dict[str, Any] | None:
        first = state["messages"][0]
        if not isinstance(state["messages"][-1], HumanMessage):
            return {"messages": [first.model_copy(update={"content": "How long is the notice?"})]}
        return None


def clock() -> str:
    """Tell the time."""
    return "noon"


@pytest.mark.parametrize("rewords", [False, True])
def test_a_turn_is_routed_once_and_anew_where_its_words_change(rewords: bool) -> None:
    heard = Heard()
    call = AIMessage("", tool_calls=[{"name": "clock", "args": {}, "id": "1"}])
    embedded: list[int] = []

    def calls(_: object) -> AIMessage:
        embedded.append(len(heard.texts))
        return call

    model = ScriptedModel(replies=[calls, "So it says [1]."])
    others: list[Any] = [Rewords()] if rewords else []
    middleware: list[Any] = [*others, KnowledgeMiddleware(tenancy(heard))]
    agent: Any = create_agent(model, [clock], middleware=middleware, checkpointer=InMemorySaver())
    run(agent, ASKED, "sync")
    turn = next(one for one in model.asked[1] if isinstance(one, HumanMessage))
    assert NOTICE in turn.text
    assert (ADDRESS in turn.text) is not rewords
    assert (len(heard.texts) > embedded[0]) is rewords
    prepared = str(agent.get_state(THREAD).values["agent_knowledge_prepared"])
    assert (ADDRESS in prepared) is not rewords


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_summary_of_the_conversation_is_no_turn_of_the_users(
    support: KnowledgeRouter, order: str
) -> None:
    sums_up: Any = SummarizationMiddleware(
        ScriptedModel(replies=["Hm."]), trigger=("messages", 4), keep=("messages", 2)
    )
    chain: list[Any] = [sums_up, KnowledgeMiddleware(support)]
    agent: Any = create_agent(
        ScriptedModel(replies=["You have 30 days from delivery [1]."]),
        middleware=chain if order == "before" else chain[::-1],
        checkpointer=InMemorySaver(),
    )
    for _ in range(3):
        run(agent, "How long is the return window?", "sync")
        assert last(agent).content_blocks[-1].get("annotations")
    first = agent.get_state(THREAD).values["messages"][0]
    assert "summary of the conversation" in first.text
    task = task_from_messages(agent.get_state(THREAD).values["messages"][:-1])
    assert task
    assert [turn.role for turn in task.history] == ["assistant"]


class AsksAnother(AgentMiddleware[Any, Any, Any]):
    """Overrides the model of every call, as LangChain's model router does."""

    def __init__(self, model: ScriptedModel) -> None:
        super().__init__()
        self.model = model

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(request.override(model=self.model))

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        return await handler(request.override(model=self.model))


OTHERS: dict[str, Callable[[ScriptedModel], Any]] = {
    "fallback": ModelFallbackMiddleware,
    "retry": lambda _: ModelRetryMiddleware(max_retries=1, initial_delay=0),
    "router": AsksAnother,
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("other", OTHERS)
def test_a_routed_or_fallen_back_model_is_not_called_the_endpoint(
    support: KnowledgeRouter, other: str, order: str, mode: str
) -> None:
    reply: Any = "endpoint" if other == "router" else RuntimeError("down")
    own, another = ScriptedModel(replies=["own"]), ScriptedModel(replies=["another"])
    ours = KnowledgeMiddleware(support, endpoint=ScriptedModel(replies=[reply]))
    chain = [OTHERS[other](another), ours]
    agent: Any = create_agent(
        own, middleware=chain if order == "before" else chain[::-1], checkpointer=InMemorySaver()
    )
    run(agent, TRIAGE, mode)
    final = last(agent)
    decision = final.response_metadata["agent_knowledge"]
    if (other, order) == ("router", "before"):  # it has chosen the model below the endpoint
        assert (final.text, decision["plan"]["endpoint"]) == ("endpoint", "triage-ft")
        return
    answered = another if other == "router" else own
    assert final.text == answered.replies[0]
    assert (decision["strategy"], decision["plan"]["endpoint"]) == ("few_shot", None)
    why = "answered in the place of" if other == "router" else "failed (RuntimeError)"
    assert any(why in reason["text"] for reason in decision["reasons"])
    examples = [m for m in answered.asked[-1] if m.name == "example_user"]
    assert len(examples) == 4


class AsksAPerson(AgentMiddleware[Any, Any, Any]):
    """Has a person consent before a model is called."""

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        of = "the agent's" if isinstance(request.model, ScriptedModel) else "the endpoint"
        assert interrupt(f"May {of} be asked?") == "yes"
        return handler(request)


def test_who_waits_for_a_person_has_not_failed(support: KnowledgeRouter, tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.jsonl")
    stop = add_observer(log)
    tuned, own = ScriptedModel(replies=["endpoint"]), ScriptedModel(replies=["own"])
    chain: list[Any] = [KnowledgeMiddleware(support, endpoint=tuned), AsksAPerson()]
    agent: Any = create_agent(own, middleware=chain, checkpointer=InMemorySaver())
    waits = agent.invoke({"messages": [HumanMessage(TRIAGE)]}, THREAD)
    assert [one.value for one in waits["__interrupt__"]] == ["May the endpoint be asked?"]
    final = agent.invoke(Command(resume="yes"), THREAD)["messages"][-1]
    told = final.response_metadata["agent_knowledge"]
    assert (final.text, told["plan"]["endpoint"]) == ("endpoint", "triage-ft")
    assert not own.asked
    stop()
    assert log.flush(30)
    assert {turn.error for turn in read_turns(log.file)} == {""}


@pytest.mark.filterwarnings("ignore:.* is in beta")
@pytest.mark.parametrize("order", ["before", "after"])
def test_the_model_router_of_langchain_is_not_called_the_endpoint(
    support: KnowledgeRouter, order: str
) -> None:
    routing: Any = pytest.importorskip("langchain.agents.middleware.model_router")
    decisions: Any = pytest.importorskip("langchain_core.decisions")
    chosen = {"choice": "a", "probabilities": {"a": 1.0}, "confidence": 1.0}
    answer = decisions.ChoiceAnswer(type="choice", **chosen)

    class Chooses(decisions.BaseDecisionModel):
        model: str = "chooses"
        _provider = "tests"

        def _classify(self, state: Any, questions: Any) -> Any:
            given = dict.fromkeys(questions, answer)
            return decisions.ClassifierResponse(model=self.model, answers=given)

    another = ScriptedModel(replies=["another"])
    choices = {"a": routing.ModelChoice(model=another, criteria="All.")}
    routes = routing.ModelRouterMiddleware(
        choices=choices, instructions="Which?", classifier=Chooses()
    )
    ours = KnowledgeMiddleware(support, endpoint=ScriptedModel(replies=["endpoint"]))
    chain = [routes, ours] if order == "before" else [ours, routes]
    agent: Any = create_agent(ScriptedModel(replies=["own"]), middleware=chain)
    final = agent.invoke({"messages": [HumanMessage(TRIAGE)]})["messages"][-1]
    endpoint = final.response_metadata["agent_knowledge"]["plan"]["endpoint"]
    known = {"before": ("endpoint", "triage-ft"), "after": ("another", None)}
    assert (final.text, endpoint) == known[order]


@pytest.mark.parametrize("other", OTHERS)
def test_on_failure_raise_raises_behind_others_too(shop: KnowledgeConfig, other: str) -> None:
    agent = shop.agents["support"]
    policy = agent.policy.model_copy(update={"on_failure": "raise"})
    agents = {"support": agent.model_copy(update={"policy": policy})}
    router = load_router(shop.model_copy(update={"agents": agents}).at(shop.folder))
    ours = KnowledgeMiddleware(router, endpoint=ScriptedModel(replies=[RuntimeError("down")]))
    chain: list[Any] = [ours, OTHERS[other](ScriptedModel(replies=["another"]))]
    with pytest.raises(EndpointError, match="triage-ft"):
        run(create_agent(ScriptedModel(replies=["own"]), middleware=chain), TRIAGE, "sync")


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_retry_that_succeeds_is_the_endpoints_answer(
    support: KnowledgeRouter, order: str
) -> None:
    tuned = ScriptedModel(replies=[RuntimeError("busy"), "endpoint"])
    chain: list[Any] = [OTHERS["retry"](tuned), KnowledgeMiddleware(support, endpoint=tuned)]
    agent: Any = create_agent(
        ScriptedModel(replies=["own"]),
        middleware=chain if order == "before" else chain[::-1],
        checkpointer=InMemorySaver(),
    )
    run(agent, TRIAGE, "sync")
    # Asked before, the middleware steps down by itself: what retries never hears of the failure.
    expected = ("own", None) if order == "before" else ("endpoint", "triage-ft")
    plan = last(agent).response_metadata["agent_knowledge"]["plan"]
    assert (last(agent).text, plan["endpoint"]) == expected


@pytest.mark.parametrize("mode", ["stream", "astream"])
def test_an_endpoint_still_streams(support: KnowledgeRouter, mode: str) -> None:
    tuned = GenericFakeChatModel(messages=iter([AIMessage("the billing queue")]))
    ours, told = KnowledgeMiddleware(support, endpoint=tuned), Told()
    agent: Any = create_agent(ScriptedModel(replies=["own"]), middleware=[ours])
    given, config = {"messages": [HumanMessage(TRIAGE)]}, {"callbacks": [told]}

    async def gathered() -> list[Any]:
        return [e async for e in agent.astream(given, config, stream_mode=["messages", "values"])]

    events = (
        asyncio.run(gathered())
        if mode == "astream"
        else [*agent.stream(given, config, stream_mode=["messages", "values"])]
    )
    pieces = [event[0].text for kind, event in events if kind == "messages"]
    assert [piece for piece in pieces if piece.strip()][:3] == ["the", "billing", "queue"]
    final = events[-1][1]["messages"][-1]
    assert final.text == "the billing queue"
    assert final.response_metadata["agent_knowledge"]["plan"]["endpoint"] == "triage-ft"
    assert len(told.prompts) == 1


def test_a_form_that_the_endpoint_fills_in_is_its_answer(support: KnowledgeRouter) -> None:
    class Ticket(BaseModel):
        queue: str

    tuned = ScriptedModel(replies=[filled("Ticket", queue="billing")])
    agent: Any = create_agent(
        ScriptedModel(replies=[filled("Ticket", queue="own")]),
        middleware=[KnowledgeMiddleware(support, endpoint=tuned)],
        response_format=ToolStrategy(Ticket),
    )
    result = agent.invoke({"messages": [HumanMessage(TRIAGE)]})
    assert result["structured_response"] == Ticket(queue="billing")
    answers = [one for one in result["messages"] if isinstance(one, AIMessage)]
    assert answers[-1].response_metadata["agent_knowledge"]["plan"]["endpoint"] == "triage-ft"
