from __future__ import annotations

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from agent_knowledge.config import AgentProfile, ExampleSetConfig, Policy
from agent_knowledge.context import (
    CITE_RULE,
    EXAMPLE_ASSISTANT,
    EXAMPLE_USER,
    EXAMPLES_RULE,
    GAP_RULE,
    NO_CITE_RULE,
    PASSAGE_RULE,
    STYLE_RULE,
    read_passages,
)
from agent_knowledge.search import Query, Reading
from agent_knowledge.strategies.gather import gather
from agent_knowledge.strategies.messages import to_messages
from agent_knowledge.strategies.shelf import Shelf
from agent_knowledge.types import (
    Decision,
    Knowledge,
    Message,
    Plan,
    Signals,
    Strategy,
    Task,
)
from tests.unit.fakes import CountingEmbedder, Examples, Index, WebSearch, passage, unit

INDEX = Index([passage("Refunds take 30 days."), passage("Returns are free.")])
LONG = Index([passage("Refunds take 30 days. " * 9), passage("Returns are free.")])
SETS = {
    name: Examples.of(
        ("I was charged twice", "It is billing, for money was taken.", unit(1, 0.1)),
        ("Where is my parcel?", "It is shipping, for a parcel is missing.", unit(1, 0.9)),
    )
    for name in ("triage", "voice")
}
AGENT = AgentProfile(
    examples={
        "triage": ExampleSetConfig(file="t", k=2),
        "voice": ExampleSetConfig(file="v", kind="style", k=1),
    },
    system_prompt="Be brief.",
)
SIGNALS = Signals(need={"direct": 1, "retrieval": 0, "few_shot": 0})


def gathered(
    strategy: Strategy,
    plan: Plan,
    *,
    gap: bool = False,
    agent: AgentProfile = AGENT,
    web: WebSearch | None = None,
    index: Index = INDEX,
) -> Knowledge:
    decision = Decision(strategy=strategy, plan=plan, confidence=1, signals=SIGNALS, gap=gap)
    reading = Reading(
        task=Task("How long?"),
        signals=SIGNALS,
        query=Query(text="How long?", vector=unit(1, 0)),
        standalone="How long?",
        views=(unit(1, 0),),
        probes={"handbook": index.probe_of("handbook")},
    )
    external = {"web": web} if web else {}
    shelf = Shelf(embedder=CountingEmbedder(), index=index, external=external, examples=SETS)
    return gather(decision, reading, agent, shelf)


FROM_HANDBOOK = Plan(sources=("handbook",), query="How long?", k=5)


@pytest.mark.parametrize(
    ("strategy", "plan", "gap", "rules"),
    [
        ("direct", Plan(), False, []),
        ("direct", Plan(), True, [GAP_RULE]),
        ("retrieval", FROM_HANDBOOK, False, [PASSAGE_RULE, CITE_RULE]),
        ("retrieval", FROM_HANDBOOK, True, [PASSAGE_RULE, CITE_RULE, GAP_RULE]),
        (
            "retrieval",
            Plan(sources=("handbook",), k=5, citations="never"),
            False,
            [PASSAGE_RULE, NO_CITE_RULE],
        ),
        (
            "retrieval",
            Plan(sources=("handbook",), k=5, examples="voice"),
            False,
            [PASSAGE_RULE, CITE_RULE, STYLE_RULE],
        ),
        ("few_shot", Plan(examples="triage"), False, [EXAMPLES_RULE]),
        ("few_shot", Plan(examples="voice"), False, [STYLE_RULE]),
        ("fine_tuned", Plan(examples="triage", endpoint="ft"), False, []),
    ],
)
def test_the_system_prompt_holds_the_agents_own_and_the_rules_for_what_is_given(
    strategy: Strategy, plan: Plan, gap: bool, rules: list[str]
):
    knowledge = gathered(strategy, plan, gap=gap)
    assert knowledge.system == "\n\n".join(["Be brief.", *rules])


def test_an_endpoint_gets_the_task_alone():
    knowledge = gathered("fine_tuned", Plan(examples="triage", endpoint="ft"))
    assert (knowledge.passages, knowledge.examples, knowledge.prompt) == ((), (), "How long?")


def test_passages_stand_in_the_users_turn_in_their_order():
    knowledge = gathered("retrieval", FROM_HANDBOOK)
    written = [found.text for found in read_passages(knowledge.prompt)]
    assert written == [found.text for found in knowledge.passages]
    assert written == ["Refunds take 30 days.", "Returns are free."]
    assert knowledge.prompt.endswith("How long?")


def test_each_set_shows_as_many_examples_as_it_says():
    assert len(gathered("few_shot", Plan(examples="triage")).examples) == 2
    assert len(gathered("few_shot", Plan(examples="voice")).examples) == 1


def test_sources_that_turn_out_to_hold_nothing_must_be_admitted():
    plan = Plan(sources=("web",), query="q", k=3)
    assert gathered("retrieval", plan, web=WebSearch()).system == f"Be brief.\n\n{GAP_RULE}"


def test_what_failed_and_what_did_not_fit_is_left_out_by_name():
    agent = AGENT.model_copy(update={"policy": Policy(context_tokens=64)})
    plan = Plan(sources=("handbook", "web"), query="q", k=5)
    web = WebSearch(fails_with=OSError("refused"))
    knowledge = gathered("retrieval", plan, agent=agent, web=web, index=LONG)
    assert knowledge.left_out == (
        "source 'web' failed (OSError: refused)",
        "the end of the first passage did not fit context_tokens",
        "1 passage did not fit context_tokens",
    )


def test_an_agent_without_prompt_or_rules_has_no_system_message():
    agent = AGENT.model_copy(update={"system_prompt": ""})
    assert to_messages(gathered("direct", Plan(), agent=agent)) == [HumanMessage("How long?")]


def test_messages_put_the_best_example_last_and_the_history_before_the_task():
    knowledge = gathered("few_shot", Plan(examples="triage"))
    history = (Message("user", "Hello"), Message("assistant", "Hi"))
    messages = to_messages(knowledge, history)
    assert messages == [
        SystemMessage(knowledge.system),
        HumanMessage("Where is my parcel?", name=EXAMPLE_USER),
        AIMessage("It is shipping, for a parcel is missing.", name=EXAMPLE_ASSISTANT),
        HumanMessage("I was charged twice", name=EXAMPLE_USER),
        AIMessage("It is billing, for money was taken.", name=EXAMPLE_ASSISTANT),
        HumanMessage("Hello"),
        AIMessage("Hi"),
        HumanMessage("How long?"),
    ]
    assert [e.input for e in knowledge.examples] == ["I was charged twice", "Where is my parcel?"]
