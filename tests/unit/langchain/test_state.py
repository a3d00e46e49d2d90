"""What the middleware keeps in an agent's state, and what it leaves to the host."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NotRequired

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from agent_knowledge import KnowledgeRouter
from agent_knowledge.langchain import SOURCES_EVENT, KnowledgeMiddleware
from tests.scripted import ScriptedModel

RETURNS = "How long do I have to return something?"
SAID = "You have 30 days from delivery [1]."
THREAD: Any = {"configurable": {"thread_id": "1"}}


class HostState(AgentState[Any]):
    """A host's own keys, by names that the middleware used to take."""

    citations: NotRequired[str]
    knowledge: NotRequired[int]
    cited: NotRequired[str]
    shown: NotRequired[list[str]]


HOSTS_OWN = {"citations": "APA", "knowledge": 3, "cited": "by nobody", "shown": ["a"]}


def agent_of(router: KnowledgeRouter, replies: list[Any], **options: Any) -> Any:
    details = options.pop("details", False)
    return create_agent(
        ScriptedModel(replies=replies),
        middleware=[KnowledgeMiddleware(router, details=details)],
        checkpointer=InMemorySaver(),
        **options,
    )


def test_a_hosts_own_keys_are_left_alone(support: KnowledgeRouter) -> None:
    agent = agent_of(support, [SAID], state_schema=HostState)
    given = {"messages": [HumanMessage(RETURNS)], **HOSTS_OWN}
    events = list(agent.stream(given, THREAD, stream_mode="custom"))
    (told,) = (event for event in events if event["type"] == SOURCES_EVENT)
    assert told["citations"]
    state = agent.get_state(THREAD).values
    assert {key: state[key] for key in HOSTS_OWN} == HOSTS_OWN
    assert state["messages"][-1].content_blocks[-1]["annotations"] == told["citations"]
    again = agent.invoke({"messages": [HumanMessage("What does [1] say?")]}, THREAD)
    assert {key: again[key] for key in HOSTS_OWN} == HOSTS_OWN


def test_citations_are_public_where_the_host_has_none(support: KnowledgeRouter) -> None:
    agent = agent_of(support, [SAID])
    first = agent.invoke({"messages": [HumanMessage(RETURNS)]}, THREAD)
    assert first["citations"] == first["messages"][-1].content_blocks[-1]["annotations"]
    assert not [key for key in first if key.startswith("agent_knowledge")]
    second = agent.invoke({"messages": [HumanMessage(RETURNS)]}, THREAD)  # from a checkpoint
    assert second["citations"]
    assert agent.get_output_jsonschema()["properties"]["citations"]["type"] == "array"


def keys_of(value: object) -> Iterator[str]:
    """Every key of every mapping in a streamed value, messages included."""
    if hasattr(value, "model_dump"):
        value = value.model_dump()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(value, Mapping):
        for key, held in value.items():  # pyright: ignore[reportUnknownVariableType]
            yield str(key)  # pyright: ignore[reportUnknownArgumentType]
            yield from keys_of(held)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list | tuple):
        for held in value:  # pyright: ignore[reportUnknownVariableType]
            yield from keys_of(held)  # pyright: ignore[reportUnknownArgumentType]


@pytest.mark.parametrize("details", [False, True])
def test_streams_carry_the_whole_decision_only_when_asked(
    support: KnowledgeRouter, details: bool
) -> None:
    agent = agent_of(support, [SAID], details=details)
    given = {"messages": [HumanMessage(RETURNS)]}
    events = list(agent.stream(given, THREAD, stream_mode=["updates", "custom"]))
    whole = {"fresh", "agent_need", "evidence", "rejected"}
    for mode in ("updates", "custom"):
        keys = {key for kind, event in events if kind == mode for key in keys_of(event)}
        assert {"strategy", "confidence", "reasons"} <= keys
        if details:
            assert whole <= keys
    if not details:
        streamed = [value for _, event in events for value in decisions_of(event)]
        assert streamed
        assert not [one for one in streamed if one.get("rejected") or _measured(one)]


def decisions_of(value: object) -> Iterator[Mapping[str, Any]]:
    if hasattr(value, "model_dump"):
        value = value.model_dump()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(value, Mapping):
        known: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        if {"strategy", "plan"} <= known.keys():
            yield known
        for held in known.values():
            yield from decisions_of(held)
    elif isinstance(value, list | tuple):
        for held in value:  # pyright: ignore[reportUnknownVariableType]
            yield from decisions_of(held)  # pyright: ignore[reportUnknownArgumentType]


def _measured(decision: Mapping[str, Any]) -> bool:
    signals = decision.get("signals") or {}
    return bool(signals.get("need") or signals.get("evidence") or signals.get("coverage"))


def test_the_whole_decision_is_in_the_message_when_asked(support: KnowledgeRouter) -> None:
    told = {}
    for details in (False, True):
        agent = agent_of(support, [SAID], details=details)
        final = agent.invoke({"messages": [HumanMessage(RETURNS)]}, THREAD)["messages"][-1]
        told[details] = final.response_metadata["agent_knowledge"]
    assert {*told[True]} - {*told[False]} == {"signals", "rejected"}
    json.dumps(told)


class OldState(AgentState[Any]):
    """The keys of the first version."""

    citations: NotRequired[Annotated[list[dict[str, Any]], lambda old, new: new]]
    knowledge: NotRequired[Annotated[dict[str, Any], PrivateStateAttr, lambda old, new: new]]
    cited: NotRequired[Annotated[list[dict[str, Any]], PrivateStateAttr, lambda old, new: new]]
    shown: NotRequired[Annotated[int, PrivateStateAttr, lambda old, new: new]]


class OldMiddleware(AgentMiddleware[OldState, Any, Any]):
    """Writes a checkpoint as the first version did."""

    state_schema = OldState

    def before_agent(self, state: Any, runtime: Any) -> dict[str, Any]:
        turn = {"turn": "x", "passages": {}}
        knowledge = {"KnowledgeMiddleware": {"turn": "x", "knowledge": {"decision": {}}}}
        return {"citations": [{"type": "citation"}], "knowledge": knowledge, "cited": [turn]} | {
            "shown": 5
        }


def test_a_thread_of_the_first_version_goes_on(support: KnowledgeRouter) -> None:
    saver = InMemorySaver()
    old = create_agent(
        ScriptedModel(replies=["Hello."]), middleware=[OldMiddleware()], checkpointer=saver
    )
    old.invoke({"messages": [HumanMessage("Hello")]}, THREAD)
    new = create_agent(
        ScriptedModel(replies=[SAID]),
        middleware=[KnowledgeMiddleware(support)],
        checkpointer=saver,
    )
    result: Any = new.invoke({"messages": [HumanMessage(RETURNS)]}, THREAD)
    assert result["citations"] == result["messages"][-1].content_blocks[-1]["annotations"]
    assert result["citations"]


@pytest.mark.parametrize("said", ["", hashlib.sha256(RETURNS.encode()).hexdigest()])
def test_what_another_version_prepared_in_another_form_is_prepared_anew(
    support: KnowledgeRouter, said: str
) -> None:
    agent = agent_of(support, [SAID], interrupt_before=["model"])
    agent.invoke({"messages": [HumanMessage(RETURNS, id="q")]}, THREAD)
    strange = {"turn": "q", "said": said, "knowledge": {"decision": {"way": 1}}}
    agent.update_state(THREAD, {"agent_knowledge_prepared": {"KnowledgeMiddleware": strange}})
    final = agent.invoke(None, THREAD)["messages"][-1]
    assert final.content_blocks[-1]["annotations"]
