"""The next rung down, when a fine-tuned endpoint does not answer."""

from __future__ import annotations

from dataclasses import replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.types import Decision, Knowledge, Reason, Rejection


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
