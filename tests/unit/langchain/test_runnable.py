"""The router in a chain of one's own, and the names that the LangChain face offers."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda

import agent_knowledge.langchain as face
from agent_knowledge import KnowledgeRouter, Task
from agent_knowledge.errors import InputError
from agent_knowledge.langchain import (
    cite_answer,
    decision_runnable,
    knowledge_runnable,
    prompt_messages,
)
from agent_knowledge.prompts import read_passages
from tests.scripted import ScriptedModel
from tests.small import NOTICE, QUESTION, SAID, Heard, small_router

CATS = "Write something friendly about cats."
EARLIER = [HumanMessage("Hello!"), AIMessage("Good morning.")]
PROMPT = ChatPromptTemplate.from_messages([("human", "{asked}")])


@pytest.fixture(scope="module")
def router() -> KnowledgeRouter:
    return small_router(citations="when_retrieved")


@pytest.mark.parametrize(
    "given",
    [
        QUESTION,
        Task(QUESTION),
        HumanMessage(QUESTION),
        [*EARLIER, HumanMessage(QUESTION)],
        [("user", QUESTION)],
        {"messages": [{"role": "user", "content": QUESTION}]},
        {"task": QUESTION, "history": EARLIER},
        PROMPT.invoke({"asked": QUESTION}),
    ],
    ids=lambda given: type(given).__name__,
)
def test_a_request_is_taken_in_every_form(router: KnowledgeRouter, given: Any) -> None:
    decision = decision_runnable(router).invoke(given)
    assert (decision.strategy, decision.plan.query) == ("retrieval", QUESTION)
    knowledge = asyncio.run(knowledge_runnable(router).ainvoke(given))
    assert NOTICE in {passage.text for passage in knowledge.passages}


@pytest.mark.parametrize(
    "given", [3, None, [], {"messages": []}, {"question": QUESTION}, [AIMessage("Hm.")], ["a", 3]]
)
def test_anything_else_is_told_with_what_is_accepted(router: KnowledgeRouter, given: Any) -> None:
    with pytest.raises(InputError, match="give a text, a Task, a prompt, messages, or a mapping"):
        decision_runnable(router).invoke(given)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_batch_is_embedded_together(mode: str) -> None:
    heard = Heard()
    runnable = decision_runnable(small_router(citations="when_retrieved", embedder=heard))

    def batch(given: list[Any], **options: Any) -> list[Any]:
        if mode == "sync":
            return runnable.batch(given, **options)
        return asyncio.run(runnable.abatch(given, **options))

    found = batch([QUESTION, CATS, [HumanMessage(QUESTION)]])
    assert [one.strategy for one in found] == ["retrieval", "direct", "retrieval"]
    assert heard.calls == [[QUESTION, CATS]]  # each text once
    mixed = batch([QUESTION, 3, CATS], return_exceptions=True)
    assert [type(one).__name__ for one in mixed] == ["Decision", "InputError", "Decision"]
    with pytest.raises(InputError):
        batch([QUESTION, 3])
    assert batch([]) == []


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_chain_answers_with_verified_citations(router: KnowledgeRouter, mode: str) -> None:
    model = ScriptedModel(replies=["The notice period for a flat is three months [1][9]."])
    chain = knowledge_runnable(router) | RunnableLambda(
        lambda knowledge: cite_answer(model.invoke(prompt_messages(knowledge)), knowledge, router)
    )
    final = asyncio.run(chain.ainvoke(QUESTION)) if mode == "async" else chain.invoke(QUESTION)
    assert final.text == SAID
    (note,) = final.content_blocks[-1]["annotations"]
    assert note["cited_text"] == NOTICE
    assert note["extras"]["supported"]
    told = final.response_metadata["agent_knowledge"]
    assert (told["strategy"], told["fabricated"]) == ("retrieval", ["9"])


def test_a_model_stands_behind_the_prompt_in_a_chain(router: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[SAID])
    chain = knowledge_runnable(router) | prompt_messages | model
    assert chain.invoke(QUESTION).text == SAID
    assert NOTICE in {one.text for one in read_passages(model.asked[0][-1].text)}


def test_a_prompt_keeps_the_conversation_and_its_own_system_message(
    router: KnowledgeRouter,
) -> None:
    knowledge = knowledge_runnable(router).invoke(QUESTION)
    cited = cite_answer(AIMessage(SAID), knowledge, router)
    said = [SystemMessage("Be kind."), HumanMessage("Hello!"), cited, HumanMessage(QUESTION)]
    system, first, earlier, last = prompt_messages(knowledge, said)
    assert system.text.startswith("Be kind.")
    assert knowledge.system in system.text
    assert (first.text, earlier.content) == ("Hello!", SAID)
    assert NOTICE in {one.text for one in read_passages(last.text)}
    assert said[-1].content == QUESTION
    calls = AIMessage("", tool_calls=[{"name": "now", "args": {}, "id": "1"}])
    assert cite_answer(calls, knowledge, router) is calls


def test_every_public_name_is_there_and_imported_when_first_used() -> None:
    assert len(face.__all__) == len(set(face.__all__))
    assert all(getattr(face, name).__doc__ for name in face.__all__ if name != "SOURCES_EVENT")
    with pytest.raises(AttributeError, match="no attribute 'route_nodes'"):
        _ = face.route_nodes  # pyright: ignore[reportAttributeAccessIssue]
    code = "import sys, agent_knowledge.langchain; sys.exit('langchain.agents' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
