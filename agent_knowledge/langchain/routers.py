"""Several routers in one agent: on its way to the model, a request takes along what each prepared.

Middleware is nested, the first of the list outermost. Each router of the turn adds its part, and
the last one knows them all, so that the turn can begin there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from langchain.agents.middleware import ModelRequest
from langgraph.errors import GraphBubbleUp

from agent_knowledge.config import AgentProfile
from agent_knowledge.langchain.combine import combine
from agent_knowledge.langchain.state import expected
from agent_knowledge.observing import CANCELLED
from agent_knowledge.routing.recall import recall
from agent_knowledge.types import Decision, Knowledge, Task
from agent_knowledge.types.stages import Stage

_PARTS = "agent_knowledge_parts"
"""Where the request holds them, in its view of the state; the state itself never does."""

_MOST_FAILED = 8
"""Calls of one middleware that are under way again at once: a limit of what is remembered."""

MiddlewareT = TypeVar("MiddlewareT")


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterPart(Generic[MiddlewareT]):
    """What one router has for a turn.

    Attributes:
        by: Its middleware.
        knowledge: What it prepared.
        fresh: What the state is to keep of it, as from `state.remember`; nothing where it does.
        key: Tells the turn, its words and its tenant from others.
    """

    by: MiddlewareT
    knowledge: Knowledge
    fresh: Mapping[str, Any] = field(default_factory=dict[str, Any])
    key: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LedTurn(Generic[MiddlewareT]):
    """A turn with everybody's part in it.

    Attributes:
        by: The middleware of the router whose decision leads it.
        knowledge: What all prepared, joined.
        parts: Everybody's part, by the name of the middleware.
        stage: The turn as observers see it.
    """

    by: MiddlewareT
    knowledge: Knowledge
    parts: Mapping[str, RouterPart[MiddlewareT]]
    stage: Stage

    @property
    def decisions(self) -> dict[str, Decision]:
        """What each router decided, by the name of its middleware."""
        return {name: part.knowledge.decision for name, part in self.parts.items()}

    @property
    def fresh(self) -> dict[str, Any]:
        """What the state is to keep of everybody's part."""
        return {name: row for part in self.parts.values() for name, row in part.fresh.items()}


class FailedCalls:
    """What a router prepared for calls of a model that failed.

    Who retries a call, or asks another model, comes back before the state has been written; it is
    the same call as long as the list of messages is.
    """

    def __init__(self) -> None:
        """Begin with none; the oldest are forgotten."""
        self._kept: deque[tuple[object, RouterPart[Any]]] = deque(maxlen=_MOST_FAILED)

    def keep(self, request: ModelRequest[Any], part: RouterPart[Any]) -> None:
        """Keep what was prepared for a call."""
        self._kept.append((request.state["messages"], part))

    def part_for(self, request: ModelRequest[Any], key: object) -> RouterPart[Any] | None:
        """What was prepared for another attempt at the same call, if the turn has the same key."""
        of = request.state["messages"]
        found = (part for messages, part in [*self._kept] if messages is of and part.key == key)
        return next(found, None)


@contextmanager
def attempt(request: ModelRequest[Any], led: LedTurn[Any]) -> Generator[None]:
    """One attempt at a call of a model: where it fails, everybody's part is kept for the next.

    Where the model calls tools the turn goes on, and those who watch are told of no decision that
    was answered.
    """
    try:
        yield
    except Exception as error:
        for part in led.parts.values():
            part.by.failed.keep(request, part)
        if isinstance(error, GraphBubbleUp):  # as who waits for a person: nothing has failed
            led.stage.decision, led.stage.error = None, CANCELLED
        raise
    if led.stage.answer is None:
        led.stage.decision = None


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
        parts=parts,
        stage=stage,
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
