"""What an earlier answer cited, in later turns of real agents."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, load_router
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.langchain.convert import task_from_messages
from agent_knowledge.langchain.state import CITED, cited_before, cited_turn, keep_turns
from agent_knowledge.prompts import CITE_RULE, GAP_RULE, WrittenPassage, read_passages, split_prompt
from agent_knowledge.routing import recall as recalling
from agent_knowledge.types import Decision, Example, Knowledge, Plan, Signals
from tests.scripted import ScriptedModel
from tests.unit.fakes import passage

RETURNS = "How long do I have to return something?"
SHIPPING = "What does shipping to Switzerland cost?"
THREAD: Any = {"configurable": {"thread_id": "1"}}


def agent_of(router: KnowledgeRouter, model: ScriptedModel, saver: Any = None) -> Any:
    middleware = [KnowledgeMiddleware(router)]
    return create_agent(model, middleware=middleware, checkpointer=saver or InMemorySaver())


def say(agent: Any, text: str, mode: str = "sync") -> Any:
    given = {"messages": [HumanMessage(text)]}
    if mode == "async":
        return asyncio.run(agent.ainvoke(given, THREAD))
    return agent.invoke(given, THREAD)


def shown(model: ScriptedModel) -> tuple[WrittenPassage, ...]:
    """The passages of the newest prompt."""
    return read_passages(model.asked[-1][-1].text)


def document(result: Any, number: int) -> str:
    """The document that a number of the answer names."""
    found = (c["extras"] for c in result["citations"] if c["extras"]["number"] == number)
    return next(found)["document"]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_number_means_the_passage_of_the_earlier_answer(
    support: KnowledgeRouter, mode: str
) -> None:
    model = ScriptedModel(replies=["It depends [2].", "As it says [1]."])
    agent = agent_of(support, model)
    first = say(agent, RETURNS, mode)
    meant = shown(model)[1]
    second = say(agent, "What does [2] say?", mode)
    assert shown(model)[0].text == meant.text
    assert "[2] means passage 1" in model.asked[-1][0].text
    assert split_prompt(model.asked[-1][-1].text)[1] == "What does [2] say?"
    assert document(second, 1) == document(first, 2)
    reasons = second["messages"][-1].response_metadata["agent_knowledge"]["reasons"]
    assert "[2]" in reasons[-1]["text"]


def test_who_wrote_that_is_about_what_was_cited(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=["It depends [2].", "It does not say [1]."])
    agent = agent_of(support, model)
    say(agent, RETURNS)
    meant = shown(model)[1]
    say(agent, "and who wrote that?")
    assert shown(model)[0].text == meant.text


def test_a_turn_without_retrieval_keeps_what_it_points_at(support: KnowledgeRouter) -> None:
    long = "You have 30 days from delivery to send it back, and nothing to pay [1]."
    model = ScriptedModel(replies=[long, "Thirty [1]. So [9]."])
    agent = agent_of(support, model)
    first = say(agent, RETURNS)
    second = say(agent, "make it shorter")
    assert len(shown(model)) == 1
    assert document(second, 1) == document(first, 1)
    assert second["messages"][-1].text == "Thirty [1]. So."
    assert second["messages"][-1].response_metadata["agent_knowledge"]["strategy"] == "direct"


def test_the_newest_answer_with_the_number_is_meant(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=["A [1][2].", "B [1].", "C [1][2]."])
    agent = agent_of(support, model)
    say(agent, RETURNS)
    returns = shown(model)
    say(agent, SHIPPING)
    shipping = shown(model)
    say(agent, "Compare [1] with [2], please.")
    assert [p.text for p in shown(model)[:2]] == [shipping[0].text, returns[1].text]


def test_it_survives_a_restart(shop: KnowledgeConfig, support: KnowledgeRouter) -> None:
    saver = InMemorySaver()
    first = ScriptedModel(replies=["It depends [3]."])
    agent = agent_of(support, first, saver)
    say(agent, RETURNS)
    state = {k: v for k, v in agent.get_state(THREAD).values.items() if k != "messages"}
    assert json.loads(json.dumps(state)) == state
    again = ScriptedModel(replies=["So it says [1]."])
    say(agent_of(load_router(shop, "support"), again, saver), "What does [3] say?")
    assert shown(again)[0].text == shown(first)[2].text


def test_another_topic_is_left_alone(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=["30 days [1].", "Rain."])
    agent = agent_of(support, model)
    say(agent, RETURNS)
    second = say(agent, "Write a haiku about rain.")
    assert not shown(model)
    assert second["citations"] == []


def test_what_was_said_long_ago_is_not_it(support: KnowledgeRouter) -> None:
    model = ScriptedModel(replies=["30 days [1].", "Rain."])
    agent = agent_of(support, model)
    say(agent, RETURNS)
    for _ in range(3):
        say(agent, "Write a haiku about rain.")
    say(agent, "make it shorter")
    assert not shown(model)
    say(agent, "What does [1] say?")
    assert len(shown(model)) == 1


def test_a_router_that_asks_back_answers_what_it_can_see(shop: KnowledgeConfig) -> None:
    agent = shop.agents["support"]
    thresholds = agent.policy.thresholds.model_copy(update={"confidence": 1.0})
    policy = agent.policy.model_copy(update={"when_unsure": "ask", "thresholds": thresholds})
    changed = {"support": agent.model_copy(update={"policy": policy})}
    asking = load_router(shop.model_copy(update={"agents": changed}).at(shop.folder))
    model, saver = ScriptedModel(replies=["30 days [1].", "So it says [1]."]), InMemorySaver()
    say(agent_of(load_router(shop, "support"), model, saver), RETURNS)
    assert say(agent_of(asking, model, saver), "What does [1] say?")["citations"]


DECISION = Decision(strategy="direct", plan=Plan(), confidence=1.0, signals=Signals(need={}))
BARE = Knowledge(decision=DECISION, prompt="x")
OLD = passage("Thirty days. " * 40)


def talk(text: str) -> list[Any]:
    return [HumanMessage("q", id="1"), AIMessage("a [1]."), HumanMessage(text, id="2")]


def recall(
    knowledge: Knowledge, messages: list[Any], cited: list[dict[str, Any]], tokens: int
) -> Knowledge:
    """As the middleware does, with what its state has."""
    task = task_from_messages(messages)
    assert task
    task = replace(task, cited=cited_before({CITED: cited}, messages))
    return recalling.recall(knowledge, task, tokens)


def test_the_budget_is_kept() -> None:
    fresh = tuple(passage("Shipping. " * 40, start=1000 * n) for n in range(1, 4))
    knowledge = replace(BARE, passages=fresh)
    cited = cited_turn("1", {"1": OLD})
    found = recall(knowledge, talk("What does [1] say?"), cited, 300)
    assert found.passages == (OLD, fresh[0])
    assert found.left_out == ("2 passages did not fit context_tokens",)
    same = recall(knowledge, talk("Does it hold for a used lamp?"), cited, 300)
    assert same is knowledge


def test_what_is_named_stands_alone_where_the_sources_lack_the_rest() -> None:
    found_nothing = replace(
        BARE,
        decision=replace(DECISION, gap=True),
        passages=(passage("Shipping.", start=900),),
        instructions="Be brief.",
        rules=("cite", "gap"),
    )
    cited = cited_turn("1", {"1": OLD})
    found = recall(found_nothing, talk("What does [1] say?"), cited, 2000)
    assert found.passages == (OLD,)
    assert not found.decision.gap
    assert GAP_RULE not in found.system
    assert found.system.startswith(f"Be brief.\n\n{CITE_RULE}")
    in_words = recall(found_nothing, talk("And who wrote that?"), cited, 2000)
    assert [p.start for p in in_words.passages] == [0, 900]
    assert GAP_RULE in in_words.system


def test_what_a_turn_that_speaks_for_itself_points_at_comes_last() -> None:
    fresh = replace(BARE, passages=(passage("Lamps.", start=900),))
    cited = cited_turn("1", {"1": OLD})
    found = recall(fresh, talk("Does it hold for a used lamp?"), cited, 2000)
    assert [p.start for p in found.passages] == [900, 0]


def test_a_passage_is_handed_over_once() -> None:
    knowledge = replace(BARE, passages=(passage("Shipping.", start=900), OLD))
    found = recall(knowledge, talk("What does [1] say?"), cited_turn("1", {"1": OLD}), 2000)
    assert [p.start for p in found.passages] == [0, 900]


@pytest.mark.parametrize(
    "knowledge",
    [
        replace(BARE, decision=replace(DECISION, plan=Plan(endpoint="ft"))),
        replace(BARE, decision=replace(DECISION, plan=Plan(citations="never"))),
        replace(BARE, examples=(Example(input="a", output="b"),)),
        replace(BARE, form=replace(BARE.form, schema="{}")),
    ],
)
def test_where_no_passage_fits_in_nothing_is_added(knowledge: Knowledge) -> None:
    cited = cited_turn("1", {"1": OLD})
    assert recall(knowledge, talk("What does [1] say?"), cited, 2000) is knowledge


def test_a_number_that_no_answer_had_is_no_marker() -> None:
    cited = cited_turn("1", {"1": OLD})
    assert recall(BARE, talk("Sort row [7]."), cited, 2000) is BARE
    assert recall(BARE, talk("Sort row [1]."), [], 2000) is BARE


def test_the_state_keeps_the_last_turns_only() -> None:
    held: list[dict[str, Any]] = []
    for turn in range(50):
        held = keep_turns(held, cited_turn(str(turn), {"1": OLD}))
    held = keep_turns(held, cited_turn("49", {"2": OLD}))
    assert [one["turn"] for one in held] == [str(turn) for turn in range(30, 50)]
    assert list(held[-1]["passages"]) == ["2"]
