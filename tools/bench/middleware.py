"""What the middleware adds to a step of an agent, beside one that does nothing, in one run.

    python -m tools.bench.middleware

Four agents take turns with the same question and a model that answers at once:

- one with a middleware that has the same hooks and does nothing in them;
- ours, where the router hands over what it prepared once, and the answer is one that has been
  verified before: what is left is the middleware's own work;
- the same where each answer is new, so that checking its claim is part of it;
- ours as it is.

Wall-clock time is what a user waits; processor time says what it is without whatever else the
machine is doing. Needs no data: it asks the packaged sample.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from itertools import count, repeat
from statistics import median
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage

from agent_knowledge import KnowledgeRouter, index_sources, load_router, open_sample
from agent_knowledge.langchain import KnowledgeMiddleware

QUESTION = "How long is the return window?"
MOST_MS = 3.0
"""What the middleware may add at the median, without what its router takes to prepare."""
TURNS = 300
_WARM = 20
"""Turns that are run before any is timed."""


class DoesNothing(AgentMiddleware[Any, Any, Any]):
    """The hooks of ours, with nothing in them."""

    def before_agent(self, state: Any, runtime: Any) -> None:
        """Nothing."""

    def after_agent(self, state: Any, runtime: Any) -> None:
        """Nothing."""

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Only the call."""
        return handler(request)

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Only the call."""
        return handler(request)


def main() -> None:
    """Measure and print."""
    with open_sample() as config:
        index_sources(config)
        router = load_router(config, "support")
        still = _still(load_router(config, "support"), router)
        agents = {
            "a middleware that does nothing": _agent(DoesNothing(), _same()),
            "ours without its router, an answer seen before": _agent(_ours(still), _same()),
            "ours without its router, each answer new": _agent(_ours(still), _new()),
            "ours with its router, each answer new": _agent(_ours(router), _new()),
        }
        given = {"messages": [HumanMessage(QUESTION)]}
        turns = [[_ms(agent, given) for agent in agents.values()] for _ in range(_WARM + TURNS)]
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {TURNS} turns each")
    columns = list(zip(*turns[_WARM:], strict=True))
    nothing = [median(column) for column in zip(*columns[0], strict=True)]
    for name, column in zip(agents, columns, strict=True):
        wall, cpu = (median(times) for times in zip(*column, strict=True))
        print(
            f"{name}: p50 {wall:.2f} ms, {wall / nothing[0]:.1f} times, {wall - nothing[0]:+.2f} "
            f"ms; of processor time {cpu:.2f} ms, {cpu - nothing[1]:+.2f} ms"
        )
    print(f"at most {MOST_MS:+.2f} ms p50 wanted without its router")


def _still(router: KnowledgeRouter, other: KnowledgeRouter) -> KnowledgeRouter:
    """A router that hands over what another one prepared once."""
    kept = other.prepare(QUESTION)
    vars(router)["prepare"] = lambda _: kept
    return router


def _ours(router: KnowledgeRouter) -> KnowledgeMiddleware:
    return KnowledgeMiddleware(router)


def _same() -> Iterator[AIMessage]:
    return repeat(AIMessage("You have 30 days from delivery [1]."))


def _new() -> Iterator[AIMessage]:
    """The check of citations remembers what it has read: these it has not."""
    said = "You have 30 days from delivery, and may ask for {number} more [1]."
    return (AIMessage(said.format(number=number)) for number in count(1))


def _agent(middleware: AgentMiddleware[Any, Any, Any], replies: Iterator[AIMessage]) -> Any:
    return create_agent(GenericFakeChatModel(messages=replies), middleware=[middleware])


def _ms(agent: Any, given: Any) -> tuple[float, float]:
    """Of one turn: wall-clock time, and that of the processor in all threads."""
    wall, cpu = time.perf_counter(), time.process_time()
    agent.invoke(given)
    return (time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000


if __name__ == "__main__":
    main()
