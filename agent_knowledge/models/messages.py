"""Knowledge as LangChain messages."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent_knowledge.config.json_schema import Checked
from agent_knowledge.errors import EndpointError
from agent_knowledge.prompts import EXAMPLE_ASSISTANT, EXAMPLE_USER, render_repair
from agent_knowledge.types import Example, Knowledge, Message
from agent_knowledge.types.forms import user_turn


def to_messages(knowledge: Knowledge, history: Sequence[Message] = ()) -> list[BaseMessage]:
    """The whole prompt: system, worked examples, earlier turns, then the task with its passages."""
    system = [SystemMessage(knowledge.system)] if knowledge.system else []
    turns = [
        HumanMessage(turn.content) if turn.role == "user" else AIMessage(turn.content)
        for turn in history
    ]
    return [*system, *example_messages(knowledge), *turns, HumanMessage(knowledge.prompt)]


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


def to_messages_again(
    knowledge: Knowledge, history: Sequence[Message], said: Checked
) -> list[BaseMessage]:
    """The whole prompt once more, after what was said to it broke its JSON schema."""
    return [*to_messages(knowledge, history), *repair_turns(said)]


def repair_turns(said: Checked) -> list[BaseMessage]:
    """What was said, and the turn that asks for it once more."""
    return [AIMessage(said.text), HumanMessage(render_repair(said.faults))]


def not_in_form(knowledge: Knowledge, faults: Sequence[str]) -> EndpointError:
    """The error for an answer that broke its JSON schema, twice."""
    plan = knowledge.decision.plan
    who = f"endpoint {plan.endpoint!r}" if plan.endpoint else "the model"
    msg = f"{who} gave nothing that satisfies examples.{plan.examples}.output_schema: {faults[0]}"
    return EndpointError(msg)


def in_order(examples: Sequence[Example], order: str) -> Sequence[Example]:
    """Examples as they are shown; given best first."""
    return examples if order == "best_first" else examples[::-1]
