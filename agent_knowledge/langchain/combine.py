"""Several routers in one agent: what each prepared for a turn, as one knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agent_knowledge.prompts import written
from agent_knowledge.types import Knowledge

_OF_EXAMPLES = ("examples", "style", "instance")


def leader(prepared: Mapping[str, Knowledge]) -> str:
    """Whose decision leads a turn: who retrieves, else asks back, else shows examples or serves.

    Args:
        prepared: What each router prepared, by the name of its middleware, outermost first.
    """
    return max(prepared, key=lambda name: _weight(prepared[name]))  # the first of equals


def _weight(knowledge: Knowledge) -> int:
    plan = knowledge.decision.plan
    if knowledge.passages:
        return 3
    if plan.clarify:
        return 2
    return 1 if knowledge.examples or plan.endpoint else 0


def combine(prepared: Mapping[str, Knowledge], task: str) -> Knowledge:
    """One knowledge of all: the leader's decision, everybody's passages, numbered through.

    Examples and an endpoint are the leader's alone: two patterns at once are none.

    Args:
        prepared: As for `leader`.
        task: The user's turn.
    """
    led = prepared[leader(prepared)]
    passages = tuple(passage for knowledge in prepared.values() for passage in knowledge.passages)
    if passages == led.passages:
        return led
    joined = [led, *(k for k in prepared.values() if k.passages and k is not led)]
    own = dict.fromkeys(k.instructions for k in prepared.values() if k.passages and k.instructions)
    named = dict.fromkeys(name for k in joined for name in k.rules)
    rules = tuple(name for name in named if name in led.rules or name not in _OF_EXAMPLES)
    knowledge = replace(
        led,
        passages=passages,
        instructions="\n\n".join(own),
        rules=rules,
        left_out=tuple(line for knowledge in prepared.values() for line in knowledge.left_out),
    )
    return written(knowledge, task)
