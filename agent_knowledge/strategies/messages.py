"""Knowledge as LangChain messages."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from agent_knowledge.context import EXAMPLE_ASSISTANT, EXAMPLE_USER
from agent_knowledge.types import Example, Knowledge, Message


def to_messages(knowledge: Knowledge, history: Sequence[Message] = ()) -> list[BaseMessage]:
    """The whole prompt: system, worked examples, earlier turns, then the task with its passages."""
    system = [SystemMessage(knowledge.system)] if knowledge.system else []
    turns = [
        HumanMessage(turn.content) if turn.role == "user" else AIMessage(turn.content)
        for turn in history
    ]
    return [
        *system,
        *example_messages(knowledge.examples),
        *turns,
        HumanMessage(knowledge.prompt),
    ]


def example_messages(examples: Sequence[Example]) -> list[BaseMessage]:
    """Worked examples as pairs of turns, the best last, where a model heeds it most.

    The turns bear names, so that a model can tell them from what was really said.
    """
    pairs = (
        (
            HumanMessage(example.input, name=EXAMPLE_USER),
            AIMessage(example.output, name=EXAMPLE_ASSISTANT),
        )
        for example in reversed(examples)
    )
    return [message for pair in pairs for message in pair]
