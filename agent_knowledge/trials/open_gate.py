"""What a fine-tuned endpoint would serve of a trial's cases, once the trial lets it.

A trial says how well a rung answers, whatever the router would choose. What an endpoint is worth
depends besides on how many tasks its gate lets it serve. So the cases are routed as they would be
with the trial on record and `ladder-tried` taken to hold. Nothing is written, and no model judges.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from agent_knowledge.config import AgentProfile
from agent_knowledge.ledger import OpenGate, Trial
from agent_knowledge.routing.policy import decide
from agent_knowledge.trials.cases import TrialCase
from agent_knowledge.types import Decision

if TYPE_CHECKING:
    from agent_knowledge.routing.router import KnowledgeRouter


def open_gate(router: KnowledgeRouter, cases: Sequence[TrialCase], trial: Trial) -> OpenGate | None:
    """Route a trial's cases as if it had opened the gate.

    Args:
        router: Of the agent that was measured.
        cases: The trial's, at least one.
        trial: What was measured.

    Returns:
        What the endpoint would serve; None where the agent has none for the set that was tried.

    Raises:
        SourceError: A source is not indexed, or its index cannot serve.
    """
    endpoint = router.agent.endpoint
    if endpoint is None or endpoint.serves != trial.example_set:
        return None
    decisions = list(_decided(router, cases, trial))
    refused = Counter(_refusal(made) for made in decisions if made.strategy != "fine_tuned")
    return OpenGate(
        endpoint=router.agent.endpoint_name or "",
        served=len(decisions) - refused.total(),
        refused=dict(refused.most_common()),
    )


def served_line(gate: OpenGate) -> str:
    """What the endpoint would serve, in a line, and why not the rest, rule by rule."""
    text = f"with its gate open {gate.endpoint} would serve {gate.served:,} of {gate.n:,} cases"
    text += f" ({percent(gate.share)})"
    rules = ", ".join(f"{rule} {count:,}" for rule, count in gate.refused.items())
    return f"{text}; the rest: {rules}" if rules else text


def percent(share: float) -> str:
    """A share as people write it: 97.5 %."""
    return f"{share * 100:.3g} %"


def _decided(
    router: KnowledgeRouter, cases: Sequence[TrialCase], trial: Trial
) -> Iterator[Decision]:
    agent, record = _let_in(router.agent), router.record
    record = replace(record, trials=(*record.trials, trial))
    for reading in router.read([case.task for case in cases]):
        query = reading.standalone
        yield decide(reading.task, reading.signals, query, agent, reading.rewriting, record)


def _let_in(agent: AgentProfile) -> AgentProfile:
    """The same agent, whose endpoint need not have been proven."""
    endpoint = agent.endpoint and agent.endpoint.model_copy(update={"allow_unproven": True})
    return agent.model_copy(update={"endpoint": endpoint})


def _refusal(decision: Decision) -> str:
    """The first rule that refuses the endpoint; each strategy that was not chosen has one."""
    return next(row.rule for row in decision.rejected if row.strategy == "fine_tuned")
