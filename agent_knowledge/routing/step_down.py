"""The next rung down, when a fine-tuned endpoint does not answer."""

from __future__ import annotations

from dataclasses import replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.types import Decision, Reason, Rejection


def step_down(decision: Decision, why: str, agent: AgentProfile) -> Decision:
    """Serve a task by the examples of the set that the endpoint was trained for.

    Args:
        decision: One whose strategy is `fine_tuned`.
        why: What went wrong, for the record.
        agent: Whose set it is, which says how many are shown.

    Returns:
        The same decision one rung lower; what happened stands among its reasons.
    """
    name, served = decision.plan.endpoint, decision.plan.examples
    reason = Reason(
        rule="pattern-wants-examples", text=f"{name} failed ({why}); examples are the next rung"
    )
    rejected = tuple(row for row in decision.rejected if row.strategy != "few_shot")
    failed = Rejection(strategy="fine_tuned", rule="ladder-tried", text=f"{name} failed ({why})")
    return replace(
        decision,
        strategy="few_shot",
        plan=replace(
            decision.plan, endpoint=None, k_examples=agent.examples[served].k if served else 0
        ),
        reasons=(*decision.reasons, reason),
        rejected=(*rejected, failed),
    )
