from __future__ import annotations

from dataclasses import replace

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from agent_knowledge.config import AgentProfile, ExampleSetConfig, Policy
from agent_knowledge.config.templates import Template
from agent_knowledge.models.chat import to_messages
from agent_knowledge.prompts import (
    CITE_RULE,
    EXAMPLE_ASSISTANT,
    EXAMPLE_USER,
    EXAMPLES_RULE,
    GAP_RULE,
    JSON_RULE,
    NO_CITE_RULE,
    PASSAGE_RULE,
    STYLE_RULE,
    read_passages,
    render_schema,
    split_prompt,
)
from agent_knowledge.routing.few_shot import ExampleChooser
from agent_knowledge.routing.gathering import gather
from agent_knowledge.routing.resources import Shelf, form_of
from agent_knowledge.types import (
    Decision,
    Knowledge,
    Message,
    Plan,
    Signals,
    Strategy,
    Task,
)
from agent_knowledge.types.forms import user_turn
from agent_knowledge.types.search import MeasuredTask, Query
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
    task: str = "How long?",
) -> Knowledge:
    decision = Decision(strategy=strategy, plan=plan, confidence=1, signals=SIGNALS, gap=gap)
    reading = MeasuredTask(
        task=Task(task),
        signals=SIGNALS,
        query=Query(text="How long?", vector=unit(1, 0)),
        standalone="How long?",
        views=(unit(1, 0),),
        results={"handbook": index.result_of("handbook")},
    )
    external = {"web": web} if web else {}
    shelf = Shelf(
        embedder=CountingEmbedder(),
        index=index,
        external=external,
        examples={name: ExampleChooser.of(held) for name, held in SETS.items()},
        forms={name: form_of(agent, name, SETS[name]) for name in agent.examples},
    )
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
        ("few_shot", Plan(examples="triage", k_examples=2), False, [EXAMPLES_RULE]),
        ("direct", Plan(examples="triage"), False, []),
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


def test_as_many_examples_are_shown_as_the_plan_says():
    for k in (0, 1, 2):
        plan = Plan(examples="triage", k_examples=k)
        assert len(gathered("few_shot", plan).examples) == k


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
    knowledge = gathered("few_shot", Plan(examples="triage", k_examples=2))
    history = (Message("user", "Hello"), Message("assistant", "Hi"))
    messages = to_messages(knowledge, history)
    told = [
        SystemMessage(knowledge.system),
        HumanMessage("Where is my parcel?", name=EXAMPLE_USER),
        AIMessage("It is shipping, for a parcel is missing.", name=EXAMPLE_ASSISTANT),
        HumanMessage("I was charged twice", name=EXAMPLE_USER),
        AIMessage("It is billing, for money was taken.", name=EXAMPLE_ASSISTANT),
        HumanMessage("Hello"),
        AIMessage("Hi"),
        HumanMessage("How long?"),
    ]
    assert [(turn.type, turn.name, turn.text) for turn in messages] == [
        (turn.type, turn.name, turn.text) for turn in told
    ]
    assert [e.input for e in knowledge.examples] == ["I was charged twice", "Where is my parcel?"]


def test_a_set_may_have_its_best_example_first():
    first = ExampleSetConfig(file="t", k=2, order="best_first")
    agent = AGENT.model_copy(update={"examples": {"triage": first}})
    messages = to_messages(gathered("few_shot", TWO, agent=agent))
    shown = [message.text for message in messages if message.name == EXAMPLE_USER]
    assert shown == ["I was charged twice", "Where is my parcel?"]


TWO = Plan(examples="triage", k_examples=2)
VOICE = Plan(sources=("handbook",), k=5, examples="voice", k_examples=1)


def test_a_style_is_shown_as_samples_below_the_rules_and_never_as_turns():
    knowledge = gathered("retrieval", VOICE)
    rules, samples = knowledge.system.split(f"{STYLE_RULE}\n\nSamples. Fence ")
    assert rules == f"Be brief.\n\n{PASSAGE_RULE}\n\n{CITE_RULE}\n\n"
    fence = samples[:16]
    assert samples[16:] == (
        f":\n<sample-{fence}>\nI was charged twice\n<output-{fence}>\n"
        f"It is billing, for money was taken.\n</sample-{fence}>\n"
    )
    assert [message.type for message in to_messages(knowledge)] == ["system", "human"]


TEMPLATE = Template(
    instructions="Sort tickets for {{shop}}.", turn="Ticket: {{input}}\nQueue in JSON:"
)
SCHEMA = '{"enum": ["billing", "shipping"]}'
FORMED = AGENT.model_copy(
    update={
        "variables": {"shop": "Lumen"},
        "templates": {"triage": TEMPLATE},
        "schemas": {"triage": SCHEMA},
    }
)
FRAMED = "Ticket: How long?\nQueue in JSON:"


def test_a_template_frames_the_task_and_each_example_alike():
    system, *turns = to_messages(gathered("few_shot", TWO, agent=FORMED))
    rule = render_schema(SCHEMA)
    assert system.text == f"Be brief.\n\nSort tickets for Lumen.\n\n{EXAMPLES_RULE}\n\n{rule}"
    assert [turn.text for turn in turns[::2]] == [
        "Ticket: Where is my parcel?\nQueue in JSON:",
        "Ticket: I was charged twice\nQueue in JSON:",
        FRAMED,
    ]


def test_an_endpoint_and_the_prompt_alone_are_given_the_same_form():
    tuned = gathered("fine_tuned", Plan(examples="triage", endpoint="ft"), agent=FORMED)
    plain = gathered("direct", Plan(examples="triage"), agent=FORMED)
    for knowledge in (tuned, plain):
        form = form_of(FORMED, "triage", SETS["triage"])
        assert knowledge.prompt == user_turn(form, "How long?") == FRAMED
        assert knowledge.system.startswith(f"Be brief.\n\n{form.instructions}")
        assert SCHEMA in knowledge.system
        assert knowledge.form.schema == SCHEMA


def test_where_passages_are_cited_the_task_is_framed_and_no_json_is_asked_for():
    plan = replace(VOICE, examples="triage", k_examples=2)
    knowledge = gathered("retrieval", plan, agent=FORMED)
    assert split_prompt(knowledge.prompt)[1] == FRAMED
    assert JSON_RULE not in knowledge.system
    assert not knowledge.form.schema


def test_the_frame_of_each_example_counts_against_the_budget():
    long = Template(turn="word " * 200 + "{{input}}")
    agent = FORMED.model_copy(
        update={"templates": {"triage": long}, "policy": Policy(context_tokens=280)}
    )
    knowledge = gathered("few_shot", TWO, agent=agent)
    assert len(knowledge.examples) == 1
    assert knowledge.left_out == ("1 example did not fit context_tokens",)


def test_an_example_that_is_the_task_is_not_shown():
    shown = gathered("few_shot", TWO, task="where is my PARCEL").examples
    assert [example.input for example in shown] == ["I was charged twice"]
