"""What a model is asked in an agent, and who answered.

The host's request with what a step of the turn adds; and what came of it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from langchain.agents.middleware import ModelRequest, ModelResponse
from langchain_core.language_models import BaseChatModel
from langgraph.errors import GraphBubbleUp

from agent_knowledge.errors import EndpointError
from agent_knowledge.langchain.allowed import allowed_tools
from agent_knowledge.langchain.convert import (
    extend_system,
    replace_user_turn,
    without_citations,
)
from agent_knowledge.langchain.numbering import shown_by_tools
from agent_knowledge.langchain.responses import answering
from agent_knowledge.langchain.tracked import TrackedModel
from agent_knowledge.models.chat import example_messages, explained
from agent_knowledge.turn import CallModel, Failed, Said, Turn


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
    messages = [*request.state["messages"], *request.messages]
    shown = knowledge.passages or shown_by_tools(messages)
    sent = request.override(
        system_message=extend_system(request.system_message, knowledge.system),
        messages=[
            *example_messages(knowledge),  # pyright: ignore[reportArgumentType]
            *replace_user_turn(request.messages, knowledge),
            *step.repair,  # pyright: ignore[reportArgumentType]
        ],
        tools=allowed_tools(request.tools, allowed if shown else None),
    )
    return sent if endpoint is None else sent.override(model=endpoint, tools=[])


def said_by(
    response: ModelResponse[Any], step: CallModel, asked: BaseChatModel
) -> Said | Failed | None:
    """What came of a step; None where it is a call of tools.

    Args:
        response: Whatever the middleware after this one passed on.
        step: What was asked.
        asked: The model that the request named.
    """
    if step.endpoint and isinstance(asked, TrackedModel) and not asked.gave(response.result):
        cause = asked.failure
        instead = f"another middleware answered in the place of endpoint {step.endpoint!r}"
        return Failed(error=explained(cause, step.endpoint) if cause else EndpointError(instead))
    place = answering(response)
    if place is None:
        return None
    return Said(
        text=response.result[place].text,
        model=step.endpoint or "",
        structured=response.structured_response is not None,
    )


def goes_on(turn: Turn, step: CallModel, error: Exception) -> bool:
    """Tell the turn of a failure; whether anybody is asked after it.

    What the agent's own model raises is its host's, who may know its kind.
    """
    if step.endpoint is None or isinstance(error, GraphBubbleUp):  # who interrupts has not failed
        return False
    turn.feed(Failed(error=explained(error, step.endpoint)))
    return turn.asks is not None
