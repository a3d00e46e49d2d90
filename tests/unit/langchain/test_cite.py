"""Citations for agents that have the tool and no middleware."""

from __future__ import annotations

from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from agent_knowledge import KnowledgeConfig, KnowledgeRouter
from agent_knowledge.build import load_model
from agent_knowledge.citations.finish import REFUSAL
from agent_knowledge.langchain import KnowledgeMiddleware, KnowledgeTool, cite_sources
from tests.scripted import ScriptedModel
from tests.unit.langchain.test_numbering import RETURNS, calls, run

FREE_SHIPPING = "From what amount is shipping free?"

ANSWER = (
    "You have 30 days from delivery [1]. Shipping is free from 60 euros in Zone 1 [6]. No [99]."
)


def asked_twice(support: KnowledgeRouter, answer: str = ANSWER) -> list[AIMessage]:
    model = ScriptedModel(replies=[calls(RETURNS, FREE_SHIPPING), answer])
    return run(create_agent(model, [KnowledgeTool(support)]))  # pyright: ignore[reportReturnType]


def test_the_answer_cites_the_passages_of_both_calls(support: KnowledgeRouter) -> None:
    messages = asked_twice(support)
    final = cite_sources(messages)[-1]
    assert final.text == ANSWER.replace(" [99]", "")
    first, second = final.content_blocks[-1]["annotations"]
    assert final.text[first["start_index"] : first["end_index"]].endswith("delivery [1].")
    assert first["extras"]["document"] == "return-window"
    assert "Shipping is free from 60 euros" in second["cited_text"]
    assert second["extras"]["supported"]
    assert messages[-1].text == ANSWER  # what was given is left alone


def test_citing_twice_changes_nothing(support: KnowledgeRouter) -> None:
    once = cite_sources(asked_twice(support))
    assert cite_sources(once) == once


def test_the_policy_is_heeded(support: KnowledgeRouter) -> None:
    messages = asked_twice(support, "You have 90 years [1].")
    assert cite_sources(messages, "strip")[-1].text == "You have 90 years."
    assert cite_sources(messages, "refuse")[-1].text.startswith(REFUSAL)


def test_numbers_may_have_gaps(support: KnowledgeRouter) -> None:
    nothing_found = calls("Write a haiku about rain.", RETURNS)
    said = "You have 30 days from delivery [6]. There is nothing behind this [3]."
    model = ScriptedModel(replies=[nothing_found, said])
    agent = create_agent(model, [KnowledgeTool(support, mode="route")])
    final = cite_sources(run(agent))[-1]
    assert final.text == "You have 30 days from delivery [6]. There is nothing behind this."
    (annotation,) = final.content_blocks[-1]["annotations"]
    assert annotation["extras"]["document"] == "return-window"


def test_a_claim_is_repaired_across_calls(support: KnowledgeRouter) -> None:
    messages = asked_twice(support, "You have 30 days from delivery, unused [6].")
    assert (
        cite_sources(messages, "repair")[-1].text == "You have 30 days from delivery, unused [1]."
    )


def test_nothing_to_cite_is_left_as_it_is() -> None:
    assert cite_sources([]) == []
    plain = [HumanMessage("Sort [3, 1]."), AIMessage("[1, 3]")]
    assert cite_sources(plain) == plain


def test_the_packaged_model_is_cited(shop: KnowledgeConfig, support: KnowledgeRouter) -> None:
    agent = create_agent(load_model(shop).model, [KnowledgeTool(support)])
    final = cite_sources(run(agent, text=RETURNS))[-1]
    assert all(note["extras"]["supported"] for note in final.content_blocks[-1]["annotations"])


def test_an_earlier_turns_number_still_means_its_passage(support: KnowledgeRouter) -> None:
    model = ScriptedModel(
        replies=[calls(RETURNS), "30 days [1].", "As I said, 30 days from delivery [1]."]
    )
    agent = create_agent(model, [KnowledgeTool(support)], checkpointer=InMemorySaver())
    thread = {"configurable": {"thread_id": "1"}}
    for text in (RETURNS, "What does [1] say?"):
        result = agent.invoke({"messages": [HumanMessage(text)]}, thread)  # pyright: ignore[reportArgumentType]
    final = cite_sources(result["messages"])[-1]
    assert final.content_blocks[-1]["annotations"][0]["extras"]["document"] == "return-window"


def test_after_the_middleware_nothing_is_left_to_do(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=[calls(FREE_SHIPPING), ANSWER])
    agent = create_agent(model, [KnowledgeTool(support)], middleware=[KnowledgeMiddleware(support)])
    messages = run(agent, text=RETURNS)
    assert cite_sources(messages) == messages
