from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_tests.unit_tests import ChatModelUnitTests

from agent_knowledge.models.extractive import NEEDS_A_MODEL, NOT_COVERED, ExtractiveChatModel
from agent_knowledge.models.minilm import MiniLM
from agent_knowledge.prompts import (
    EXAMPLE_ASSISTANT,
    EXAMPLE_USER,
    GAP_RULE,
    NO_CITE_RULE,
    look_up_rules,
    render_knowledge,
    render_look_up,
    render_passages,
    render_prompt,
    render_samples,
)
from agent_knowledge.types import Decision, Example, Knowledge, Passage, Plan, Signals, to_dict
from agent_knowledge.types.forms import Form


def passage(text: str) -> Passage:
    return Passage(source="s", document="d", title="", uri="", text=text, start=0, end=len(text))


PASSAGES = (passage("We sell shoes."), passage("Refunds take 30 days. Items on sale stay sold"))
PROMPT = render_prompt(PASSAGES, "How long do refunds take?")
EXAMPLES = [
    HumanMessage("I was charged twice", name=EXAMPLE_USER),
    AIMessage("billing", name=EXAMPLE_ASSISTANT),
    HumanMessage("The app crashes", name=EXAMPLE_USER),
    AIMessage("bug", name=EXAMPLE_ASSISTANT),
]
MODEL = ExtractiveChatModel()


def reply(*messages: BaseMessage) -> AIMessage:
    return MODEL.invoke(list(messages))


@tool
def knowledge(query: str) -> str:
    """Look something up."""
    return query


@tool
def weather(city: str, day: str) -> str:
    """Tell the weather."""
    return city + day


def test_it_quotes_the_passage_with_its_number():
    message = reply(SystemMessage("Be kind."), HumanMessage(PROMPT))
    assert message.text == "Refunds take 30 days. [2]"
    assert message.response_metadata["method"] == "quoted_passages"


def test_it_gives_no_numbers_where_citations_are_not_wanted():
    assert reply(SystemMessage(NO_CITE_RULE), HumanMessage(PROMPT)).text == "Refunds take 30 days."


def test_a_quote_without_a_full_stop_gets_one():
    prompt = render_prompt(PASSAGES, "Are items on sale sold?")
    assert reply(HumanMessage(prompt)).text == "Items on sale stay sold. [2]"


def test_it_says_when_the_passages_do_not_answer():
    assert reply(HumanMessage(render_prompt(PASSAGES, "Who won the cup?"))).text == NOT_COVERED


def test_it_takes_more_evidence_where_the_sources_may_lack_the_answer():
    given = (passage("Parcels leave the warehouse daily."), passage("We sell shoes."))
    asked = "Do parcels leave the warehouse on Sunday?"
    prompt = HumanMessage(render_prompt(given, asked))
    assert reply(prompt).text == "Parcels leave the warehouse daily. [1]"
    assert reply(SystemMessage(GAP_RULE), prompt).text == NOT_COVERED


def told(**data: Any) -> HumanMessage:
    """A turn whose text says nothing: what it was written from stands beside it."""
    row = {"rules": ["passages", "cite"], "task": "How long do refunds take?", "examples": []}
    shown = [
        {"number": n, "title": "", "uri": "", "text": one.text}
        for n, one in enumerate(PASSAGES, start=1)
    ]
    beside = {"agent_knowledge": row | {"passages": shown} | data}
    return HumanMessage("Worded otherwise.", additional_kwargs=beside)


def test_it_is_told_what_to_do_as_data():
    assert reply(told()).text == "Refunds take 30 days. [2]"
    assert reply(told(rules=["passages", "no_cite"])).text == "Refunds take 30 days."
    assert reply(SystemMessage(NO_CITE_RULE), told()).text == "Refunds take 30 days. [2]"
    shown = [{"input": "I was charged twice", "output": "billing"}]
    alone = told(rules=["examples"], task="charged twice", passages=[], examples=shown)
    assert reply(alone).text == "billing"
    voice = told(rules=["style"], task="charged twice", passages=[], examples=shown)
    assert reply(voice).text == NEEDS_A_MODEL


def test_data_in_no_form_of_ours_is_read_from_the_text_instead():
    given: list[Any] = [{"rules": 7}, "told", {"rules": [], "passages": [{}], "examples": []}]
    for strange in given:
        beside = {"agent_knowledge": strange}
        turn = HumanMessage(PROMPT, additional_kwargs=beside)
        assert reply(turn).text == "Refunds take 30 days. [2]"


def test_a_tools_artifact_says_what_its_message_does():
    gap = replace(decision(Plan(sources=("s",))), gap=True)
    found = Knowledge(decision=gap, passages=PASSAGES)
    rows = [{"number": n, **to_dict(one)} for n, one in enumerate(PASSAGES, start=1)]
    artifact = {
        "decision": to_dict(gap),
        "rules": [*look_up_rules(found)],
        "passages": rows,
        "examples": [],
    }
    for question in ("How long do refunds take?", "My card was charged twice"):
        call: Any = {"name": "knowledge", "args": {"query": question}, "id": "c"}
        result = ToolMessage("Worded otherwise.", tool_call_id="c", artifact=artifact)
        asked = [HumanMessage(question), AIMessage("", tool_calls=[call]), result]
        assert MODEL.invoke(asked).text == looked_up_text(question, found)


def looked_up_text(question: str, found: Knowledge) -> str:
    return result(question, render_look_up(found))


def test_code_is_quoted_whole_behind_its_sentence_and_marker():
    text = "To open the lamp, run this:\n\n```sh\nlamp open\nlamp status\n```"
    prompt = render_prompt((passage(text),), "How to open the lamp?")
    said = reply(HumanMessage(prompt)).text
    assert said == "To open the lamp, run this [1]:\n\n```\nlamp open\nlamp status\n```"


def test_a_short_follow_up_takes_the_turn_before_it_along():
    prompt = render_prompt(PASSAGES, "And refunds?")
    history = [HumanMessage("How many days does it take?"), AIMessage("For what?")]
    assert reply(*history, HumanMessage(prompt)).text == "Refunds take 30 days. [2]"


def test_it_gives_the_nearest_examples_output_and_says_so():
    message = reply(*EXAMPLES, HumanMessage("My card was charged twice"))
    assert message.text == "billing"  # and nothing else: it may be compared, or parsed
    assert message.response_metadata["method"] == "nearest_example"
    assert message.response_metadata["example"] == "I was charged twice"


def framed(text: str) -> str:
    return f"Into which queue does this go?\n\nTicket: {text}\n\nQueue:"


FRAMED = [
    message.model_copy(update={"content": framed(message.text)})
    if isinstance(message, HumanMessage)
    else message
    for message in EXAMPLES
]


def test_it_reads_tasks_and_examples_through_a_template():
    message = reply(*FRAMED, HumanMessage(framed("My card was charged twice")))
    assert message.text == "billing"
    assert message.response_metadata["example"] == "I was charged twice"
    prompt = render_prompt(PASSAGES, framed("How long do refunds take?"))
    assert reply(*FRAMED, HumanMessage(prompt)).text == "Refunds take 30 days. [2]"


def test_without_passages_or_examples_it_says_how_to_set_a_model():
    for messages in ([HumanMessage("Write a poem")], [SystemMessage("x")]):
        message = reply(*messages)
        assert message.text == NEEDS_A_MODEL
        assert "--model" in message.text
    samples = render_samples([Example(input="hello", output="Hi there, friend!")])
    assert reply(SystemMessage(samples), HumanMessage("Greet them")).text == NEEDS_A_MODEL


def test_it_asks_a_bound_tool_once_and_answers_from_it():
    bound = MODEL.bind_tools([weather, knowledge])
    turn: list[BaseMessage] = [HumanMessage("How long do refunds take?")]
    asked = bound.invoke(turn)
    (call,) = asked.tool_calls
    assert (call["name"], call["args"]) == ("knowledge", {"query": "How long do refunds take?"})
    content = render_passages(PASSAGES, "0123456789abcdef")
    turn += [asked, ToolMessage(content, tool_call_id=call["id"])]
    answered = bound.invoke(turn)
    assert answered.text == "Refunds take 30 days. [2]"
    assert not answered.tool_calls
    turn += [answered, HumanMessage("And what do we sell?")]
    assert bound.invoke(turn).tool_calls


def test_it_calls_no_tool_that_it_cannot_fill_or_may_not_use():
    turn = [HumanMessage("How long?")]
    assert not MODEL.bind_tools([weather]).invoke(turn).tool_calls
    assert not MODEL.bind_tools([knowledge], tool_choice="none").invoke(turn).tool_calls
    assert not MODEL.bind_tools([knowledge]).invoke([HumanMessage(PROMPT)]).tool_calls


def decision(plan: Plan) -> Decision:
    signals = Signals(need={"direct": 1, "retrieval": 0, "few_shot": 0})
    return Decision(strategy="direct", plan=plan, confidence=1.0, signals=signals)


def result(question: str, content: str, model: ExtractiveChatModel = MODEL) -> str:
    call: Any = {"name": "knowledge", "args": {"query": question}, "id": "c"}
    bound = model.bind_tools([knowledge])
    turn = [HumanMessage(question), AIMessage("", tool_calls=[call])]
    return bound.invoke([*turn, ToolMessage(content, tool_call_id="c")]).text


def test_it_uses_whatever_a_tool_result_holds():
    shown = (Example(input="I was charged twice", output="billing"),)
    labelled = render_knowledge(Knowledge(decision=decision(Plan()), examples=shown))
    assert result("charged twice", labelled) == "billing"
    voiced = Knowledge(decision=decision(Plan()), examples=shown, form=Form(kind="style"))
    assert result("charged twice", render_knowledge(voiced)) == NEEDS_A_MODEL
    asks = render_knowledge(Knowledge(decision=decision(Plan(clarify="Which order?"))))
    assert result("Where is it?", asks) == "Which order?"
    nothing = render_knowledge(Knowledge(decision=decision(Plan())))
    assert result("Write a poem", nothing) == NEEDS_A_MODEL
    assert result("How long do refunds take?", "Refunds take 9 days.") == "Refunds take 9 days."


def looked_up(*passages: Passage, examples: tuple[Example, ...], gap: bool = True) -> str:
    plan = Plan(sources=("s",) if passages else ())
    made = replace(decision(plan), gap=gap)
    return render_look_up(Knowledge(decision=made, passages=passages, examples=examples))


def test_where_a_look_up_found_no_answer_it_follows_the_examples_that_came_along():
    shown = (Example(input="I was charged twice", output="billing"),)
    found = looked_up(*PASSAGES, examples=shown)
    near = ExtractiveChatModel(embedder=MiniLM())
    surely = looked_up(*PASSAGES, examples=shown, gap=False)
    assert result("Do refunds take 30 days?", surely, near) == "Refunds take 30 days. [2]"
    assert result("My card was charged twice", found) == "billing"
    lacking = looked_up(*PASSAGES, examples=())
    assert result("My card was charged twice", lacking) == NOT_COVERED
    unlike = looked_up(examples=shown)
    assert result("Write a poem", unlike) == NEEDS_A_MODEL


def test_it_takes_more_evidence_where_a_look_up_says_that_the_sources_may_lack_it():
    given = (passage("Parcels leave the warehouse daily."), passage("We sell shoes."))
    asked = "Which parcels are insured by the warehouse against theft abroad?"
    assert result(asked, looked_up(*given, examples=())) == NOT_COVERED


def test_streaming_gives_the_same_words_and_calls():
    messages = [HumanMessage(PROMPT)]
    chunks = list(MODEL.stream(messages))
    assert len(chunks) > 3
    assert "".join(chunk.text for chunk in chunks) == MODEL.invoke(messages).text
    bound = MODEL.bind_tools([knowledge])
    whole = None
    for chunk in bound.stream([HumanMessage("How long?")]):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.tool_calls[0]["args"] == {"query": "How long?"}


def test_async_is_the_same():
    assert asyncio.run(MODEL.ainvoke([HumanMessage(PROMPT)])).text == "Refunds take 30 days. [2]"


def test_structured_output_is_refused_with_the_way_out():
    with pytest.raises(NotImplementedError, match="--model"):
        MODEL.with_structured_output({"title": "x", "type": "object"})


class TestLangChainStandard(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return ExtractiveChatModel

    @property
    def has_structured_output(self) -> bool:
        return False
