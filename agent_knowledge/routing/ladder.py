"""The guide's ladder, rung by rung: what a task is given on each, whatever the router would choose.

1 a better prompt, 2 retrieval for facts or few-shot for patterns and style, 3 both together, 4 a
fine-tuned model. `evaluate` measures a task set on each of them; when an endpoint fails, a task
goes to the next rung down.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.config.templates import placeholders
from agent_knowledge.errors import InputError, nearest
from agent_knowledge.retrieval.labels import are_labels
from agent_knowledge.routing.queries import sub_queries
from agent_knowledge.types import (
    RUNGS,
    Decision,
    Example,
    Knowledge,
    Plan,
    Reason,
    Rejection,
    Rung,
    Signals,
    Strategy,
    Task,
)

_WORDS = re.compile(r"[^\W_]+")
_STRATEGIES: dict[Rung, Strategy] = {
    "prompt": "direct",
    "few_shot": "few_shot",
    "retrieval": "retrieval",
    "retrieval+few_shot": "retrieval",
    "fine_tuned": "fine_tuned",
}
RUNG_RULES: dict[Rung, str] = {
    "prompt": "prompt-first",
    "few_shot": "pattern-wants-examples",
    "retrieval": "facts-need-retrieval",
    "retrieval+few_shot": "facts-need-retrieval",
    "fine_tuned": "ladder-tried",
}


def next_rung(decision: Decision, agent: AgentProfile) -> Decision:
    """Decide to serve a task by the examples of the set that the endpoint was trained for.

    Args:
        decision: One whose strategy is `fine_tuned`.
        agent: Whose set it is, which says how many are shown.

    Returns:
        The same decision one rung lower; that the endpoint failed is not said yet.
    """
    served = decision.plan.examples
    shown = agent.examples[served].k if served else 0
    return replace(
        decision,
        strategy="few_shot",
        plan=replace(decision.plan, endpoint=None, k_examples=shown),
        rejected=tuple(row for row in decision.rejected if row.strategy != "few_shot"),
    )


def after_failure(knowledge: Knowledge, why: str) -> Knowledge:
    """What was prepared for the next rung; what happened stands in its decision.

    Args:
        knowledge: What was prepared for the endpoint, with its `fallback`.
        why: What went wrong, for the record.
    """
    lower = knowledge.fallback or knowledge
    name, decision = knowledge.decision.plan.endpoint, lower.decision
    reason = Reason(
        rule="pattern-wants-examples", text=f"{name} failed ({why}); examples are the next rung"
    )
    failed = Rejection(strategy="fine_tuned", rule="ladder-tried", text=f"{name} failed ({why})")
    return replace(
        lower,
        decision=replace(
            decision,
            reasons=(*decision.reasons, reason),
            rejected=(*decision.rejected, failed),
        ),
    )


def rungs_of(agent: AgentProfile, example_set: str | None) -> tuple[Rung, ...]:
    """The rungs that an agent has for tasks of one kind, lowest first.

    Args:
        agent: What it has at hand.
        example_set: The set that the tasks are instances of, if any.
    """
    has: dict[Rung, bool] = {
        "prompt": True,
        "few_shot": example_set is not None,
        "retrieval": bool(agent.sources),
        "retrieval+few_shot": bool(agent.sources) and example_set is not None,
        "fine_tuned": agent.endpoint is not None,
    }
    return tuple(rung for rung in RUNGS if has[rung])


def unnamed_labels(agent: AgentProfile, example_set: str, examples: Sequence[Example]) -> str:
    """Say where the prompt of a set of labels leaves labels out: then prompting was hardly tried.

    Args:
        agent: Whose prompt.
        example_set: One of its sets.
        examples: That set's.

    Returns:
        A sentence; empty where outputs are no labels, or the prompt names them all.
    """
    labels = {example.output for example in examples}
    template = agent.templates.get(example_set)
    parts = [template.instructions, template.turn] if template else []
    if not are_labels([example.output for example in examples]) or any(
        name == "labels" for part in parts for _, name in placeholders(part)
    ):
        return ""
    text = _plain(" ".join([agent.system_prompt, agent.schemas.get(example_set, ""), *parts]))
    named = sum(f" {_plain(label)} " in f" {text} " for label in labels)
    if named == len(labels):
        return ""
    return (
        f"the prompt names {named} of the {len(labels)} labels of {example_set}: prompting was not"
        " really tried; put {{labels}} into the set's template"
    )


def _plain(text: str) -> str:
    """Words alone, so that a label is found however it is written: `card_arrival`, Card arrival."""
    return " ".join(_WORDS.findall(text.casefold()))


def at_rung(
    rung: Rung,
    task: Task,
    signals: Signals,
    query: str,
    agent: AgentProfile,
    example_set: str | None,
) -> Decision:
    """Decide for one rung, so that it can be measured.

    Args:
        rung: Which.
        task: The task.
        signals: What was measured about it.
        query: The standalone text that sources are asked with.
        agent: What the agent has at hand.
        example_set: The set that the task is an instance of; its template and output form apply on
            every rung, its examples on those that show some.

    Raises:
        InputError: The agent lacks what the rung takes, or the set.
    """
    if example_set is not None and example_set not in agent.examples:
        msg = f"example set {example_set!r}: agent {agent.name!r} has none of that name; "
        raise InputError(msg + nearest(example_set, agent.examples))
    if rung not in (known := rungs_of(agent, example_set)):
        msg = f"rung {rung!r}: agent {agent.name!r} has only {', '.join(known)}"
        raise InputError(msg)
    retrieves = rung in {"retrieval", "retrieval+few_shot"}
    shows = rung in {"few_shot", "retrieval+few_shot"} and example_set is not None
    multi_hop = retrieves and signals.multi_hop >= agent.policy.thresholds.multi_hop
    plan = Plan(
        sources=tuple(agent.sources) if retrieves else (),
        query=query if retrieves else "",
        sub_queries=sub_queries(task.text) if multi_hop else (),
        multi_hop=multi_hop,
        k=agent.policy.k if retrieves else 0,
        examples=example_set,
        k_examples=agent.examples[example_set].k if shows and example_set else 0,
        versions=agent.versions_for(example_set),
        endpoint=agent.endpoint_name if rung == "fine_tuned" else None,
        citations=agent.policy.citations,
    )
    return Decision(
        strategy=_STRATEGIES[rung],
        plan=plan,
        confidence=1.0,
        signals=signals,
        reasons=(Reason(rule=RUNG_RULES[rung], text=f"the rung {rung} is measured"),),
        agent=agent.name,
    )
