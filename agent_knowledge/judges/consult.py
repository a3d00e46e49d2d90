"""Asking chat models on the way to a decision.

Whatever a model does, the task goes on: what it failed at becomes a line in the decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from agent_knowledge.judges import WAIT_S, Outcome, ask, one_line
from agent_knowledge.ports import NeedJudge, QueryWriter
from agent_knowledge.types import NEEDS, NeedVerdict, Rewriting, Task

QUERY_CHARACTERS = 500


def verdicts(
    judge: NeedJudge, tasks: Sequence[Task], wait_s: float = WAIT_S
) -> tuple[NeedVerdict, ...]:
    """Ask what tasks need.

    Args:
        judge: Who is asked.
        tasks: About which tasks.
        wait_s: Seconds that each answer is waited for.

    Returns:
        One verdict per task, in their order; one without a need where the judge failed.
    """
    outcomes = ask([partial(judge.judge, task) for task in tasks], wait_s)
    return tuple(_verdict(judge.name, outcome) for outcome in outcomes)


def rewritings(
    writer: QueryWriter, tasks: Sequence[Task], wait_s: float = WAIT_S
) -> tuple[Rewriting | None, ...]:
    """Ask for what tasks search for; only about those that have a history.

    Args:
        writer: Who is asked.
        tasks: About which tasks.
        wait_s: Seconds that each answer is waited for.

    Returns:
        One per task, in their order: None without a history, one without a query where the writer
        failed.
    """
    turns = [task for task in tasks if task.history]
    outcomes = iter(ask([partial(writer.rewrite, task) for task in turns], wait_s))
    return tuple(
        _rewriting(writer.name, next(outcomes)) if task.history else None for task in tasks
    )


def _verdict(model: str, outcome: Outcome[NeedVerdict]) -> NeedVerdict:
    given, failure = outcome.value, outcome.failure
    if not failure and (not isinstance(given, NeedVerdict) or given.need not in NEEDS):
        failure = "it named no need that there is"
    if failure or given is None:
        return NeedVerdict(model=model, need=None, reason=failure)
    return NeedVerdict(model=model, need=given.need, reason=one_line(given.reason))


def _rewriting(model: str, outcome: Outcome[str]) -> Rewriting:
    query = one_line(outcome.value, QUERY_CHARACTERS)
    failure = "" if query else outcome.failure or "it wrote nothing"
    return Rewriting(model=model, query=query, failure=failure)
