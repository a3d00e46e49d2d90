"""Several routers in one agent: on its way to the model, a request takes along what each prepared.

Middleware is nested, the first of the list outermost. Each router of the turn adds its part, and
the last one knows them all, so that the turn can begin there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from langchain.agents.middleware import ModelRequest

from agent_knowledge.langchain.state import expected
from agent_knowledge.types import Knowledge

_PARTS = "agent_knowledge_parts"
"""Where the request holds them, in its view of the state; the state itself never does."""

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
