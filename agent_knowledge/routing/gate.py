"""When a fine-tuned endpoint may serve: the guide's second table, rule by rule.

Every rule is checked for every task, and each one that fails says what is missing. `ladder-tried`
and `stable-data` rest on the ledger (`proof`); without a trial that stands, only
`allow_unproven: true` lets an endpoint serve, and the decision says so. `no-new-facts` rests on the
decision that the router makes without the endpoint: what it would serve by examples needs no facts,
whatever the text alone suggests.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_knowledge.config import AgentProfile, EndpointConfig
from agent_knowledge.ledger import TrackRecord
from agent_knowledge.routing.proof import prove, unsettled
from agent_knowledge.routing.rules import MIN_TRAINING_EXAMPLES, OVERFIT_EXAMPLES
from agent_knowledge.types import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What the gate asks about a task.

    Attributes:
        set_matched: The example set that the task is an instance of, if any.
        needs_facts: Without the endpoint it is looked up, or a gap: it needs facts from outside.
        fresh: It is because its answer changes with time.
        cites: Sources are asked for.
    """

    set_matched: str | None
    needs_facts: bool
    fresh: bool
    cites: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate found: broken rules, in the guide's order, and notes on those that hold."""

    broken: tuple[Reason, ...]
    notes: tuple[Reason, ...] = ()

    @property
    def opens(self) -> bool:
        """Whether the endpoint may serve."""
        return not self.broken


CASES = {
    "style": "a specific style or voice",
    "domain_language": "domain-specific language",
    "pattern": "a specific task pattern",
    "latency": "latency",
}
"""The guide's four reasons to fine-tune."""


def check_gate(agent: AgentProfile, facts: TaskFacts, record: TrackRecord) -> Verdict:
    """Check every rule for the agent's endpoint and one task.

    Args:
        agent: One without an endpoint breaks `ladder-tried`.
        facts: What is known about the task.
        record: What was measured of the endpoint.
    """
    endpoint, name = agent.endpoint, agent.endpoint_name or ""
    if endpoint is None:
        text = "the agent has no fine-tuned endpoint"
        return Verdict(broken=(Reason(rule="ladder-tried", text=text),))
    missing, account = prove(agent, endpoint, record)
    checks = (
        ("ladder-tried", "" if endpoint.allow_unproven else missing),
        ("enough-data", _enough_data(name, endpoint)),
        ("stable-data", unsettled(name, endpoint, record)),
        ("no-citations", "sources are asked for, and fine-tuned models can't cite" * facts.cites),
        ("no-new-facts", _no_new_facts(facts)),
        ("fits-the-case", _fits_the_case(agent, endpoint, facts)),
    )
    broken = tuple(Reason(rule=rule, text=text) for rule, text in checks if text)
    proof = account if not missing else f"{missing}; allow_unproven: true lets {name} serve"
    reason = CASES[_reason(agent, endpoint)]
    notes = (
        Reason(rule="ladder-tried", text=proof),
        Reason(rule="fits-the-case", text=f"{name} serves {endpoint.serves}: {reason}"),
    )
    return Verdict(broken=broken, notes=notes)


def _enough_data(name: str, endpoint: EndpointConfig) -> str:
    count = endpoint.training.examples
    if count is None:
        return f"{name} does not say what it was trained on; set training.examples"
    if count < OVERFIT_EXAMPLES:
        return f"{name} was trained on {count} examples; below {OVERFIT_EXAMPLES} it overfits"
    if count < MIN_TRAINING_EXAMPLES:
        return (
            f"{name} was trained on {count} examples; at least {MIN_TRAINING_EXAMPLES} are needed"
        )
    return ""


def _no_new_facts(facts: TaskFacts) -> str:
    if facts.fresh:
        return "the answer changes with time, and an endpoint knows only its training data"
    return "the task needs facts from outside its text" if facts.needs_facts else ""


def _fits_the_case(agent: AgentProfile, endpoint: EndpointConfig, facts: TaskFacts) -> str:
    name = agent.endpoint_name
    if facts.set_matched != endpoint.serves:
        return f"{name} serves {endpoint.serves}, which this task is no instance of"
    if endpoint.reason == "latency" and agent.policy.latency_budget_ms is None:
        return f"{name} is there for latency, and the policy has no latency_budget_ms"
    return ""


def _reason(agent: AgentProfile, endpoint: EndpointConfig) -> str:
    """Which of the four it is: as configured, else what the set that it serves is."""
    served = agent.examples.get(endpoint.serves)
    return endpoint.reason or (served.kind if served else "pattern")
