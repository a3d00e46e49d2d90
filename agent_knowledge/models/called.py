"""What is called, for how long, what a piece of its answer holds, and what is said of a failure.

How much is taken from a model is in `agent_knowledge.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk

from agent_knowledge.models.breaker import BreakerOpenError
from agent_knowledge.models.faults import CallFailure

GRACE_S = 1.0
"""Seconds after a budget when a taker gives up on work that cannot be stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a task may take.

    Attributes:
        timeout_s: Seconds for one call, its whole answer included.
        budget_s: Seconds for all calls together, waiting between them included.
        retries: Calls after the first.
    """

    timeout_s: float
    budget_s: float
    retries: int


def has_content(message: BaseMessage) -> bool:
    """Whether a message or a piece of one holds text or the call of a tool."""
    calls = isinstance(message, AIMessage) and (
        message.tool_calls or (isinstance(message, AIMessageChunk) and message.tool_call_chunks)
    )
    return bool(calls) or bool(message.text.strip())


def finishes(piece: ChatGenerationChunk) -> bool:
    """Whether a piece says that the answer is whole, by either of OpenAI's protocols."""
    metadata = {**piece.message.response_metadata, **(piece.generation_info or {})}
    return bool(metadata.get("finish_reason") or metadata.get("status"))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """An endpoint or a model, as messages name it.

    Attributes:
        kind: Which of the two.
        name: Its name in the configuration; of a model the string that it was opened by.
        key: Where it stands there, such as `endpoints.triage-ft` or `models.default`.
    """

    kind: Literal["endpoint", "model"]
    name: str
    key: str

    def left_alone(self, error: BreakerOpenError) -> str:
        """Why it is not called at all."""
        when = f"in {ceil(error.wait_s)} s" if error.wait_s else "under way, with another task"
        return (
            f"{self.kind} {self.name!r} is left alone after {error.failures} failed tasks in a"
            f" row; the next try is {when} ({self.key}.breaker)"
        )

    def failed(
        self, fault: CallFailure, limits: Limits, *, calls: int = 1, partial: bool = False
    ) -> str:
        """Why a task failed, and what to look at.

        Args:
            fault: How the last call failed.
            limits: What the task was allowed.
            calls: How many were made.
            partial: Part of the answer was passed on.
        """
        what = f"{fault.what}, {calls} calls" if calls > 1 else fault.what
        after = ", after part of its answer" if partial else ""
        return f"{self.kind} {self.name!r} failed ({what}){after}; {self._advice(fault, limits)}"

    def _advice(self, fault: CallFailure, limits: Limits) -> str:
        own = self.kind == "endpoint"
        if fault.timed_out:
            where = self.key if own else "models"
            return (
                f"a call may take {limits.timeout_s:g} s and a task {limits.budget_s:g} s:"
                f" {where}.timeout_s and .budget_s"
            )
        if fault.wait_s:
            return f"it asks to be left alone for {fault.wait_s:.6g} s"
        if fault.status in {401, 403}:
            return f"check {self.key}.api_key" if own else "check the provider's key"
        if fault.status == 404:
            return f"check {self.key}.model and .base_url" if own else f"check {self.key}"
        return "check its URL, key and limits"
