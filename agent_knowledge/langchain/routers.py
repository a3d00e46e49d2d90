"""Several routers in one agent: on its way to the model, a request takes along what each prepared.

Middleware is nested, the first of the list outermost. Each router of the turn adds its part, and
the last one knows them all, so that the turn can begin there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from langchain.agents.middleware import ModelRequest

from agent_knowledge.config import AgentProfile
from agent_knowledge.langchain.combine import combine
from agent_knowledge.langchain.state import expected
from agent_knowledge.routing.recall import recall
from agent_knowledge.types import Decision, Knowledge, Task
from agent_knowledge.types.stages import Stage

_PARTS = "agent_knowledge_parts"
"""Where the request holds them, in its view of the state; the state itself never does."""

_HELD = "agent_knowledge_held"
"""Where the request holds what was prepared for it, in the same view."""

MiddlewareT = TypeVar("MiddlewareT")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPart(Generic[MiddlewareT]):
    """What one router has for a turn.

    Attributes:
        by: Its middleware.
        knowledge: What it prepared.
        fresh: What the state is to keep of it, as from `state.remember`; nothing where it does.
    """

    by: MiddlewareT
    knowledge: Knowledge
    fresh: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class LedTurn(Generic[MiddlewareT]):
    """A turn with everybody's part in it.

    Attributes:
        by: The middleware of the router whose decision leads it.
        knowledge: What all prepared, joined.
        fresh: What the state is to keep of everybody's part.
        stage: The turn as observers see it.
        decisions: What each router decided, by the name of its middleware.
    """

    by: MiddlewareT
    knowledge: Knowledge
    fresh: Mapping[str, Any]
    stage: Stage
    decisions: Mapping[str, Decision]


def held_parts(request: ModelRequest[Any]) -> dict[str, dict[Any, RouterPart[Any]]]:
    """What each router prepared in earlier attempts at the same call of a model.

    Who retries a model, or asks another one, comes back before the state has been written. Its view
    in the request lives as long as the call does, and all attempts share it.

    Returns:
        Per middleware, by its name, what it prepared last, by what tells the turn from others.
    """
    view = cast("dict[str, Any]", request.state)
    return view.setdefault(_HELD, {})


def knowledge_by_name(parts: Mapping[str, RouterPart[Any]]) -> dict[str, Knowledge]:
    """What each router prepared, by the name of its middleware."""
    return {name: part.knowledge for name, part in parts.items()}


def led_turn(
    by: MiddlewareT, agent: AgentProfile, task: Task, parts: Mapping[str, RouterPart[MiddlewareT]]
) -> LedTurn[MiddlewareT]:
    """A turn from its parts, outermost first.

    Args:
        by: The middleware of the router that leads it.
        agent: That router's.
        task: With what earlier turns cited, for where this one points back at it.
        parts: By the name of the middleware.
    """
    prepared = knowledge_by_name(parts)
    knowledge = recall(combine(prepared, task.text), task, agent.policy.context_tokens)
    stage = Stage(kind="answer", agent=agent.name, task=task, decision=knowledge.decision)
    stage.passages = knowledge.passages
    return LedTurn(
        by=by,
        knowledge=knowledge,
        fresh={name: row for part in parts.values() for name, row in part.fresh.items()},
        stage=stage,
        decisions={name: one.decision for name, one in prepared.items()},
    )


def parts_of(request: ModelRequest[Any]) -> dict[str, RouterPart[Any]]:
    """What the routers before this one prepared, outermost first."""
    return {**request.state.get(_PARTS, {})}


def with_parts(
    request: ModelRequest[Any], parts: Mapping[str, RouterPart[Any]]
) -> tuple[ModelRequest[Any], bool]:
    """The request for whoever comes next, and whether that is another router of the turn."""
    state: dict[str, Any] = {k: v for k, v in request.state.items() if k != _PARTS}
    goes_on = not parts.keys() >= {*expected(state, request.messages)}
    if goes_on:
        state[_PARTS] = parts
    return request.override(state=state), goes_on  # pyright: ignore[reportArgumentType]
