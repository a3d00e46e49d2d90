"""Which passage a number means: the model is shown numbers, and one must never mean two passages.

A tool's passages go on from the highest number that the conversation has shown; the artifacts of
its messages hold them, so a number can be looked up from the messages alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from pydantic import TypeAdapter

from agent_knowledge.types import Passage

_PASSAGE: TypeAdapter[Passage] = TypeAdapter(Passage)


def numbered(passages: Sequence[Passage], first: int = 1) -> dict[str, Passage]:
    """Passages by the number that a model is shown."""
    return {str(number): passage for number, passage in enumerate(passages, start=first)}


def to_json(passages: Mapping[str, Passage]) -> dict[str, dict[str, Any]]:
    """Passages by number, as plain JSON for a state or an artifact."""
    return {n: _PASSAGE.dump_python(passage, mode="json") for n, passage in passages.items()}


def from_json(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Passage]:
    """What `to_json` wrote."""
    return {number: _PASSAGE.validate_python(row) for number, row in rows.items()}


def shown_by_tools(messages: Sequence[BaseMessage]) -> dict[str, Passage]:
    """The passages that knowledge tools handed to a model, by their numbers.

    A number that two messages use, as in a loop of one's own that calls the tool outside
    LangGraph, means what the later one says.
    """
    shown: dict[str, Passage] = {}
    for message in messages:
        shown |= {str(row["number"]): _PASSAGE.validate_python(row) for row in _rows(message)}
    return shown


def next_number(
    messages: Sequence[BaseMessage], call_id: str | None, reserved: Mapping[str, int], taken: int
) -> int:
    """The number that a tool's first passage gets.

    Calls that a model makes at once run side by side and cannot know what each other finds, so
    each leaves room for as many passages as the tools called before it may hand over.

    Args:
        messages: The conversation; the message that called the tool is its last of the model.
        call_id: Of this call.
        reserved: Per knowledge tool, by name, how many passages it hands over at most.
        taken: Numbers from 1 that the user's turn itself uses.
    """
    used = [int(row["number"]) for message in messages for row in _rows(message)]
    calling = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    before = 0
    for call in calling.tool_calls if calling else ():
        if call["id"] == call_id:
            break
        before += reserved.get(call["name"], 0)
    return max([taken, *used]) + before + 1


def _rows(message: BaseMessage) -> Iterator[dict[str, Any]]:
    """The passages in a tool message's artifact, if it is one of ours."""
    artifact: object = message.artifact if isinstance(message, ToolMessage) else None
    rows = cast("dict[str, object]", artifact).get("passages") if isinstance(artifact, dict) else ()
    for row in cast("list[object]", rows) if isinstance(rows, list) else ():
        if isinstance(row, dict) and {"number", "document", "text"} <= row.keys():
            yield cast("dict[str, Any]", row)
