"""What would have changed a decision: the threshold that lies nearest to what was measured."""

from __future__ import annotations

from dataclasses import dataclass

from agent_knowledge.config import AgentProfile
from agent_knowledge.ledger import NOTHING_ON_RECORD, TrackRecord
from agent_knowledge.routing.policy import decide
from agent_knowledge.routing.standing import compared
from agent_knowledge.types import Decision, Strategy, Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """A threshold whose other side decides otherwise.

    Attributes:
        threshold: Its name in `policy.thresholds`.
        limit: Its value now.
        measured: What was measured against it.
        strategy: What would be chosen on its other side.
    """

    threshold: str
    limit: float
    measured: float
    strategy: Strategy

    @property
    def distance(self) -> float:
        """How far the measurement is from the threshold."""
        return abs(self.measured - self.limit)


def nearest_boundary(
    task: Task, decision: Decision, agent: AgentProfile, record: TrackRecord = NOTHING_ON_RECORD
) -> Boundary | None:
    """Find the nearest threshold whose other side would choose another strategy.

    Args:
        task: The task.
        decision: What was decided for it.
        agent: The agent that it was decided for.
        record: What was measured of the agent's fine-tuned endpoint.

    Returns:
        None when no single threshold changes the strategy, as when sources were asked for.
    """
    found: list[Boundary] = []
    held = {**compared(decision.signals, agent.policy.leaning), "confidence": decision.confidence}
    for name, measured in held.items():
        limit: float = getattr(agent.policy.thresholds, name)
        other = _moved(agent, name, measured if measured < limit else measured + 1e-9)
        query, signals = decision.plan.query, decision.signals
        strategy = decide(task, signals, query, other, record=record).strategy
        if strategy != decision.strategy:
            found.append(
                Boundary(threshold=name, limit=limit, measured=measured, strategy=strategy)
            )
    return min(found, key=lambda boundary: boundary.distance, default=None)


def _moved(agent: AgentProfile, name: str, limit: float) -> AgentProfile:
    """The same agent with one threshold moved to the other side of a measurement."""
    thresholds = agent.policy.thresholds.model_copy(update={name: limit})
    return agent.model_copy(
        update={"policy": agent.policy.model_copy(update={"thresholds": thresholds})}
    )
