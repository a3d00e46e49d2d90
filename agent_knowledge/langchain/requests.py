"""What a model is asked in an agent: the host's request, with what a step of the turn adds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from langchain.agents.middleware import ModelRequest
from langchain_core.language_models import BaseChatModel

from agent_knowledge.langchain.allowed import allowed_tools
from agent_knowledge.langchain.convert import (
    extend_system,
    replace_user_turn,
    without_citations,
)
from agent_knowledge.langchain.numbering import shown_by_tools
from agent_knowledge.models.chat import example_messages
from agent_knowledge.turn import CallModel


def without_ours(request: ModelRequest[Any]) -> ModelRequest[Any]:
    """The same request with earlier answers as the model gave them."""
    return request.override(messages=without_citations(request.messages))


def request_of(
    request: ModelRequest[Any],
    step: CallModel,
    *,
    endpoint: BaseChatModel | None = None,
    allowed: Collection[str] | None = None,
) -> ModelRequest[Any]:
    """The request with what a step hands over.

    Args:
        request: The host's.
        step: What to ask next.
        endpoint: The fine-tuned model, where it is the one to ask. It is offered no tools: it was
            trained to answer, not to call.
        allowed: Names of the tools that go with passages; None for all.
    """
    knowledge = step.knowledge
    shown = knowledge.passages or shown_by_tools(request.messages)
    sent = request.override(
        system_message=extend_system(request.system_message, knowledge.system),
        messages=[
            *example_messages(knowledge),  # pyright: ignore[reportArgumentType]
            *replace_user_turn(request.messages, knowledge),
            *step.repair,  # pyright: ignore[reportArgumentType]
        ],
        tools=allowed_tools(request.tools, allowed if shown else None),
    )
    return sent.override(model=endpoint, tools=[]) if endpoint else sent
