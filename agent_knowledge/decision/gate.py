"""When a fine-tuned endpoint may serve: the guide's second table, rule by rule.

Every rule is checked for every task, and each one that fails says what is missing. `ladder-tried`
needs measured trials; until an endpoint has them, only `allow_unproven: true` lets it serve, and
the decision says so.
"""

from __future__ import annotations

from dataclasses import dataclass

from agent_knowledge.config import AgentProfile, EndpointConfig
from agent_knowledge.decision.rules import MIN_TRAINING_EXAMPLES, OVERFIT_EXAMPLES
from agent_knowledge.types import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFacts:
    """What the gate asks about a task.

    Attributes:
        set_matched: The example set that the task is an instance of, if any.
        needs_facts: It needs facts from outside its own text.
        fresh: Its answer changes with time.
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


def check_gate(agent: AgentProfile, facts: TaskFacts) -> Verdict:
    """Check every rule for the agent's endpoint and one task.

    Args:
        agent: One without an endpoint breaks `ladder-tried`.
        facts: What is known about the task.
    """
    endpoint, name = agent.endpoint, agent.endpoint_name or ""
    if endpoint is None:
        text = "the agent has no fine-tuned endpoint"
        return Verdict(broken=(Reason(rule="ladder-tried", text=text),))
    checks = (
        ("ladder-tried", _ladder_tried(name, endpoint)),
        ("enough-data", _enough_data(name, endpoint)),
        ("stable-data", _stable_data(name, endpoint)),
        ("no-citations", "sources are asked for, and fine-tuned models can't cite" * facts.cites),
        ("no-new-facts", _no_new_facts(facts)),
        ("fits-the-case", _fits_the_case(name, endpoint, facts)),
    )
    broken = tuple(Reason(rule=rule, text=text) for rule, text in checks if text)
    return Verdict(broken=broken, notes=_notes(name, endpoint, agent))


def _ladder_tried(name: str, endpoint: EndpointConfig) -> str:
    if endpoint.allow_unproven:
        return ""
    return (
        f"no trial of {name} on {endpoint.serves} is on record;"
        " measure it first, or set allow_unproven: true"
    )


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


def _stable_data(name: str, endpoint: EndpointConfig) -> str:
    if endpoint.training.data_as_of is None:
        return f"{name} does not say how old its data is; set training.data_as_of"
    return ""


def _no_new_facts(facts: TaskFacts) -> str:
    if facts.fresh:
        return "the answer changes with time, and an endpoint knows only its training data"
    return "the task needs facts from outside its text" if facts.needs_facts else ""


def _fits_the_case(name: str, endpoint: EndpointConfig, facts: TaskFacts) -> str:
    if facts.set_matched == endpoint.serves:
        return ""
    return f"{name} serves {endpoint.serves}, which this task is no instance of"


def _notes(name: str, endpoint: EndpointConfig, agent: AgentProfile) -> tuple[Reason, ...]:
    kind = agent.examples[endpoint.serves].kind if endpoint.serves in agent.examples else "pattern"
    case = "a specific style or voice" if kind == "style" else "a specific task pattern"
    text = f"{name} serves {endpoint.serves}: {case}"
    notes = [Reason(rule="fits-the-case", text=text)]
    if endpoint.allow_unproven:
        text = f"{name} is unproven: no trial is on record, and allow_unproven: true lets it serve"
        notes.insert(0, Reason(rule="ladder-tried", text=text))
    return tuple(notes)
