"""Between LangChain's messages and our values; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage
from langchain_core.messages.content import Citation as CitationBlock
from langchain_core.messages.content import create_citation

from agent_knowledge.types import Citation, Message, Passage, Task


def task_from_messages(messages: Sequence[BaseMessage]) -> Task | None:
    """The last user turn as a task, with the turns before it as history.

    Returns:
        None when the last user turn has no text.
    """
    place = last_user_turn(messages)
    if place is None or not messages[place].text.strip():
        return None
    return Task(messages[place].text, history=_history(messages[:place]))


def last_user_turn(messages: Sequence[BaseMessage]) -> int | None:
    """Place of the last user turn, or None."""
    turns = [i for i, message in enumerate(messages) if isinstance(message, HumanMessage)]
    return turns[-1] if turns else None


def _history(messages: Iterable[BaseMessage]) -> tuple[Message, ...]:
    """What was said; tool calls and their results are no part of it."""
    turns: list[Message] = []
    for message in messages:
        if message.text and isinstance(message, HumanMessage):
            turns.append(Message("user", message.text))
        elif message.text and isinstance(message, AIMessage):
            turns.append(Message("assistant", message.text))
    return tuple(turns)


def replace_user_turn(messages: Sequence[AnyMessage], prompt: str) -> list[AnyMessage]:
    """The same messages with the last user turn's text replaced; images and files stay."""
    place = last_user_turn(messages)
    if place is None:
        return list(messages)
    turn = messages[place]
    content: str | list[Any] = prompt
    if isinstance(turn.content, list):
        others = [b for b in turn.content if not isinstance(b, str) and b.get("type") != "text"]
        content = [{"type": "text", "text": prompt}, *others]
    changed = turn.model_copy(update={"content": content})
    return [*messages[:place], changed, *messages[place + 1 :]]


def annotate(message: AIMessage, text: str, citations: Sequence[Citation]) -> AIMessage:
    """The message with its text replaced and its citations as LangChain annotations.

    The content becomes standard (v1) blocks, so that a provider strips from a later request what
    it does not know.
    """
    block = {"type": "text", "text": text, "annotations": [citation_block(c) for c in citations]}
    content = message.content if isinstance(message.content, list) else []
    others = [b for b in content if not isinstance(b, str) and b.get("type") != "text"]
    metadata = {**message.response_metadata, "output_version": "v1"}
    return message.model_copy(
        update={"content": [*others, block], "response_metadata": metadata},
    )


def citation_block(citation: Citation) -> CitationBlock:
    """A verified citation in LangChain's standard form; where it was found goes to its extras."""
    passage = citation.passage
    return create_citation(
        url=passage.uri or None,
        title=passage.title or None,
        start_index=citation.start,
        end_index=citation.end,
        cited_text=passage.text,
        number=citation.number,
        supported=citation.supported,
        score=citation.score,
        **_place(passage),
    )


def passage_block(number: int, passage: Passage) -> CitationBlock:
    """A passage as a citation that an answer may use: it has no place in an answer yet."""
    return create_citation(
        url=passage.uri or None,
        title=passage.title or None,
        cited_text=passage.text,
        number=number,
        **_place(passage),
    )


def _place(passage: Passage) -> dict[str, Any]:
    return {
        "source": passage.source,
        "document": passage.document,
        "start": passage.start,
        "end": passage.end,
        "date": passage.date,
    }
