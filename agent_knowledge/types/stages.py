"""One stage of the work on a task while it is under way, as observers see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from agent_knowledge.types import Decision, Passage, Task
    from agent_knowledge.types.answers import Answer

StageKind = Literal["route", "retrieve", "answer", "verify"]


@dataclass(slots=True, kw_only=True)
class Stage:
    """One stage; what is known only at its end is filled in by whoever does the work.

    Attributes:
        kind: `route` weighs a task, `retrieve` searches its sources, `answer` is the whole turn of
            a chat model, `verify` checks what it wrote.
        agent: Whose task it is.
        task: The task; None where only a query is at hand.
        sources: The sources that are searched.
        query: What is searched for.
        k: How many passages are asked for.
        decision: What the router decided.
        passages: What was found.
        answer: The verified answer.
        error: What went wrong, in a line; empty while nothing did.
    """

    kind: StageKind
    agent: str
    task: Task | None = None
    sources: Sequence[str] = ()
    query: str = ""
    k: int = 0
    decision: Decision | None = None
    passages: Sequence[Passage] = ()
    answer: Answer | None = None
    error: str = ""
