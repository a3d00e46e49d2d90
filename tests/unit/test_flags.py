"""What is told of an answer under every policy: it cites nothing, or it answers a gap."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from agent_knowledge import Answerer
from agent_knowledge.citations.flags import texts_of_json
from agent_knowledge.cli.answering import answer_row
from agent_knowledge.cli.show import answer as shown
from agent_knowledge.cli.show import footnotes
from agent_knowledge.config import Policy
from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeTool
from agent_knowledge.models.chat import Chat
from agent_knowledge.types import CitationPolicy
from agent_knowledge.types.answers import FLAGS, Answer, Flag
from tests.scripted import ScriptedModel, filled
from tests.small import NOTICE, QUESTION, SAID, small_router

POLICIES = get_args(CitationPolicy)
GAP = "What does the works council of Zanzibar say about thread counts?"
FACT = "The thread count is 100 by default."
ADMITS = "The sources do not say anything about thread counts. Shall I look further?"


def answered(said: str, task: str, **policy: Any) -> Answer:
    chat = Chat(model=ScriptedModel(replies=[said]), name="scripted")
    return Answerer(small_router(**policy), chat).answer(task)


def in_an_agent(said: Any, task: str, tools: Any = (), form: Any = None, **policy: Any) -> Any:
    """The metadata of the answer that the middleware passes on."""
    replies = said if isinstance(said, list) else [said]
    ours = KnowledgeMiddleware(small_router(**policy))
    agent: Any = create_agent(
        ScriptedModel(replies=replies), [*tools], middleware=[ours], response_format=form
    )
    messages = agent.invoke({"messages": [HumanMessage(task)]})["messages"]
    told = [m.response_metadata.get("agent_knowledge") for m in messages]
    return [one for one in told if one][-1]


@pytest.mark.parametrize("citations", POLICIES)
@pytest.mark.parametrize("unsupported", get_args(Policy.model_fields["unsupported"].annotation))
def test_an_answer_without_any_citation_is_flagged_under_every_policy(
    citations: str, unsupported: str
) -> None:
    policy = {"citations": citations, "unsupported": unsupported}
    bare, empty = NOTICE, "Hello! How can I help you?"
    for said, expected in ((bare, ("no_citation",)), (empty, ())):
        answer = answered(said, QUESTION, **policy)
        assert answer.knowledge.passages
        assert answer.flags == expected
        assert in_an_agent(said, QUESTION, **policy).get("flags", []) == [*expected]
    if citations != "never":
        assert answered(SAID, QUESTION, **policy).flags == ()
        assert "flags" not in in_an_agent(SAID, QUESTION, **policy)


@pytest.mark.parametrize("citations", POLICIES)
@pytest.mark.parametrize("marker", ["", " [1]"])
def test_an_answer_to_a_gap_that_states_facts_is_flagged(citations: str, marker: str) -> None:
    said = f"The thread count is 100 by default{marker}."
    answer = answered(said, GAP, citations=citations)
    assert answer.decision.gap
    assert "states_in_gap" in answer.flags
    assert in_an_agent(said, GAP, citations=citations)["flags"] == [*answer.flags]
    assert answered(ADMITS, GAP, citations=citations).flags == ()
    assert "flags" not in in_an_agent(ADMITS, GAP, citations=citations)


def test_what_is_withheld_or_asked_back_is_not_flagged() -> None:
    made_up = "The notice period is nine years [1]."
    assert "Not found" in (refused := answered(made_up, QUESTION, unsupported="refuse")).text
    assert refused.flags == ()
    only_unknown = answered("The notice period is three months [9].", QUESTION)
    assert (only_unknown.fabricated, only_unknown.flags) == (("9",), ("no_citation",))


def test_a_structured_answer_is_read_by_its_fields() -> None:
    class Reply(BaseModel):
        topic: str
        text: str

    for text, expected in ((NOTICE, ["no_citation"]), (SAID, []), ("none", [])):
        reply = filled("Reply", topic="notice period for a flat", text=text)
        told = in_an_agent(reply, QUESTION, form=ToolStrategy(Reply))
        assert told.get("flags", []) == expected
    assert [*texts_of_json('{"a": ["x", {"b": "y"}], "c": 3}')] == ["y", "x"]
    assert [*texts_of_json("no JSON")] == ["no JSON"]


def test_passages_of_a_tool_count_in_the_turn_that_called_it() -> None:
    call = AIMessage("", tool_calls=[{"name": "look", "args": {"query": QUESTION}, "id": "1"}])
    agent: Any = create_agent(
        ScriptedModel(replies=[call, NOTICE, "Cats sleep for most of the day."]),
        [KnowledgeTool(small_router(), name="look")],
        middleware=[KnowledgeMiddleware(small_router(citations="when_retrieved"))],
    )
    cats = "Write something friendly about cats."
    first = agent.invoke({"messages": [HumanMessage(cats)]})["messages"]
    later = agent.invoke({"messages": [*first, HumanMessage(cats)]})["messages"]
    assert first[-1].response_metadata["agent_knowledge"]["flags"] == ["no_citation"]
    assert "flags" not in later[-1].response_metadata["agent_knowledge"]


@pytest.mark.parametrize("show", [shown, footnotes])
def test_flags_are_told_as_text_and_as_json(show: Any) -> None:
    answer = answered(FACT, GAP)
    assert answer_row(answer)["flags"] == get_args(Flag)
    assert all(FLAGS[flag] in show(answer).plain for flag in get_args(Flag))
    said_nothing = answered(ADMITS, GAP)
    assert answer_row(said_nothing)["flags"] == ()
    assert not any(line in show(said_nothing).plain for line in FLAGS.values())
