"""What an answer, or a piece of one, holds."""

from __future__ import annotations

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk


def tells(message: BaseMessage) -> bool:
    """Whether a message or a piece of one holds text or the call of a tool."""
    calls = isinstance(message, AIMessage) and (
        message.tool_calls or (isinstance(message, AIMessageChunk) and message.tool_call_chunks)
    )
    return bool(calls) or bool(message.text.strip())


def finishes(piece: ChatGenerationChunk) -> bool:
    """Whether a piece says that the answer is whole, by either of OpenAI's protocols."""
    told = {**piece.message.response_metadata, **(piece.generation_info or {})}
    return bool(told.get("finish_reason") or told.get("status"))


def is_bare(piece: ChatGenerationChunk) -> bool:
    """Whether a piece holds nothing at all, as servers send them while a model thinks."""
    message = piece.message
    usage = isinstance(message, AIMessage) and message.usage_metadata
    return not (message.content or message.additional_kwargs or usage or finishes(piece))


def length(message: BaseMessage) -> int:
    """Characters of the text, and of what is given to tools."""
    characters = len(message.text)
    if isinstance(message, AIMessageChunk):
        return characters + sum(len(call["args"] or "") for call in message.tool_call_chunks)
    if isinstance(message, AIMessage):
        return characters + sum(len(str(call["args"])) for call in message.tool_calls)
    return characters
