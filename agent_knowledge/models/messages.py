"""Knowledge as LangChain messages."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent_knowledge.config.json_schema import Checked
from agent_knowledge.errors import EndpointError
from agent_knowledge.models.given import DATA, to_data
from agent_knowledge.prompts import EXAMPLE_ASSISTANT, EXAMPLE_USER, in_order, render_repair
from agent_knowledge.types import Knowledge, Message
from agent_knowledge.types.forms import user_turn


def to_messages(knowledge: Knowledge, history: Sequence[Message] = ()) -> list[BaseMessage]:
    """The whole prompt: system, worked examples, earlier turns, then the task with its passages.

    What the last turn was written from goes beside its text, for a model of ours; a provider is
    sent the text alone.
    """
    system = [SystemMessage(knowledge.system)] if knowledge.system else []
    turns = [
        HumanMessage(turn.content) if turn.role == "user" else AIMessage(turn.content)
        for turn in history
    ]
    beside = {DATA: to_data(knowledge)} if knowledge.rules else {}
    task = HumanMessage(knowledge.prompt, additional_kwargs=beside)
    return [*system, *example_messages(knowledge), *turns, task]


def example_messages(knowledge: Knowledge) -> list[BaseMessage]:
    """The examples of a pattern as pairs of turns; a style has its place in the system prompt.

    The turns bear names, so that a model can tell them from what was really said.
    """
    form = knowledge.form
    if form.kind == "style":
        return []
    pairs = (
        (
            HumanMessage(user_turn(form, example.input), name=EXAMPLE_USER),
            AIMessage(example.output, name=EXAMPLE_ASSISTANT),
        )
        for example in in_order(knowledge.examples, form.order)
    )
    return [message for pair in pairs for message in pair]


def repair_turns(said: Checked) -> list[BaseMessage]:
    """What was said, and the turn that asks for it once more."""
    return [AIMessage(said.text), HumanMessage(render_repair(said.faults))]


def not_in_form(knowledge: Knowledge, faults: Sequence[str]) -> EndpointError:
    """The error for an answer that broke its JSON schema, twice."""
    plan = knowledge.decision.plan
    who = f"endpoint {plan.endpoint!r}" if plan.endpoint else "the model"
    msg = f"{who} gave nothing that satisfies examples.{plan.examples}.output_schema: {faults[0]}"
    return EndpointError(msg)
