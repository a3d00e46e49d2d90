"""When a fine-tuned endpoint may serve: the guide's second table, rule by rule.

Every rule is checked for every task, and each one that fails says what is missing. `ladder-tried`
and `stable-data` rest on the ledger; without a trial that stands, only `allow_unproven: true` lets
an endpoint serve, and the decision says so. A trial counts while what it was measured on is what is
served: the same examples, the same model behind the endpoint, the same prompt, and below it the
same model on the other rungs. Of those that count the newest decides. `no-new-facts` rests on the
decision that the router makes without the endpoint: what it would serve by examples needs no facts,
whatever the text alone suggests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from agent_knowledge.config import AgentProfile, EndpointConfig
from agent_knowledge.ledger import MARGIN, MIN_CASES, RungComparison, TrackRecord, Trial
from agent_knowledge.routing.ladder import rungs_of
from agent_knowledge.routing.rules import MIN_TRAINING_EXAMPLES, OVERFIT_EXAMPLES
from agent_knowledge.types import Reason, Rung

_ASKED: tuple[Rung, ...] = ("prompt", "few_shot", "retrieval")
"""What the guide wants tried first, where the agent has it; whatever else was tried counts too."""


def prove(agent: AgentProfile, endpoint: EndpointConfig, record: TrackRecord) -> tuple[str, str]:
    """Check `ladder-tried`.

    Args:
        agent: The agent.
        endpoint: Its endpoint.
        record: What is on record about it.

    Returns:
        What is missing, or nothing and then what was measured.
    """
    name, served = agent.endpoint_name or "", endpoint.serves
    tried = [trial for trial in record.trials if trial.result("fine_tuned")]
    if not tried:
        command = f"agent-knowledge evaluate --agent {agent.name} --set {served} --cases FILE"
        return f"no trial of {name} on {served} is on record; measure it: {command}", ""
    standing = [trial for trial in tried if not fallen(agent, endpoint, record, trial)]
    if not standing:
        why = fallen(agent, endpoint, record, tried[-1])
        return f"no trial of {name} on {served} since {why}", ""
    trial = standing[-1]
    return shortfall(agent, trial), _account(name, served, trial)


def unsettled(name: str, endpoint: EndpointConfig, record: TrackRecord) -> str:
    """Check `stable-data`.

    The set that the endpoint serves must be the one that a trial recorded. Where nothing was
    measured, its training data must be no older than the set's last change.

    Returns:
        What is wrong, or nothing.
    """
    known = {trial.examples for trial in record.trials if trial.examples}
    if record.examples and record.examples in known:
        return ""
    changed, as_of = record.examples_changed, endpoint.training.data_as_of
    if known and record.examples:
        return f"the examples of {endpoint.serves} changed{_on(changed)}, after {name} was measured"
    if as_of is None:
        return f"{name} does not say how old its data is; set training.data_as_of"
    if changed and datetime.fromisoformat(changed).date() > as_of:
        day = _day(as_of.isoformat())
        return f"the examples of {endpoint.serves} changed{_on(changed)}; {name} has data of {day}"
    return ""


def fallen(
    agent: AgentProfile, endpoint: EndpointConfig | None, record: TrackRecord, trial: Trial
) -> str:
    """What changed since a trial, so that it proves nothing any more; empty when nothing did."""
    if record.examples and trial.examples != record.examples:
        return f"its examples changed{_on(record.examples_changed)}"
    if endpoint is not None and trial.endpoint_model != endpoint.model:
        return f"its model became {endpoint.model!r} (measured: {trial.endpoint_model!r})"
    versions = agent.versions_for(trial.example_set)
    for what in sorted(versions.keys() | trial.versions.keys()):
        if versions.get(what) != trial.versions.get(what):
            part = what.replace("_", " ") if what == "system_prompt" else f"form of {what}"
            return f"the {part} changed (measured on {_day(trial.at)})"
    if record.model and trial.model != record.model:
        return f"{record.model} answers the other rungs (measured: {trial.model})"
    return ""


def shortfall(agent: AgentProfile, trial: Trial) -> str:
    """What a trial that stands lacks for `ladder-tried`: rungs, cases, or a result good enough.

    Returns:
        What is missing; empty when the endpoint earned its place.
    """
    name, served = agent.endpoint_name or "", trial.example_set or ""
    there = rungs_of(agent, trial.example_set)
    if missing := [rung for rung in _ASKED if rung in there and trial.result(rung) is None]:
        return f"{', '.join(missing)} not tried on {served} on the same cases as {name}"
    if trial.n < MIN_CASES:
        return f"the trial of {name} on {served} has {trial.n} cases; {MIN_CASES} are needed"
    for row in trial.rungs:
        if row.rung == "fine_tuned":
            continue
        found = trial.compared("fine_tuned", row.rung)
        if found is None or not (_beats(found) or _as_good_and_faster(agent, trial, row.rung)):
            return _not_enough(name, served, row.rung, found)
    return ""


def _beats(found: RungComparison) -> bool:
    return found.n >= MIN_CASES and found.ci[0] > 0


def _as_good_and_faster(agent: AgentProfile, trial: Trial, against: Rung) -> bool:
    """Within the margin, and in time where the other rung is late."""
    budget = agent.policy.latency_budget_ms
    found = trial.compared("fine_tuned", against)
    own, other = trial.result("fine_tuned"), trial.result(against)
    if budget is None or found is None or own is None or other is None or found.n < MIN_CASES:
        return False
    in_time = own.latency_p95_ms <= budget < other.latency_p95_ms
    return in_time and found.ci[0] >= -MARGIN


def _not_enough(name: str, served: str, against: Rung, found: RungComparison | None) -> str:
    if found is None:
        return f"{name} was not compared with {against} on {served}"
    low, high = found.ci
    return (
        f"{name} did not beat {against} on {served}"
        f" ({found.difference:+.3f}, 95 % {low:+.3f} to {high:+.3f}, {found.n} cases)"
    )


def _account(name: str, served: str, trial: Trial) -> str:
    """What was measured, in a sentence."""
    beside = [
        f"{found.against} {found.difference:+.3f}"
        for row in trial.rungs
        if (found := trial.compared("fine_tuned", row.rung))
    ]
    return f"{name} on {served}, {trial.n} cases of {_day(trial.at)}: beside {', '.join(beside)}"


def _on(at: str | None) -> str:
    return f" on {_day(at)}" if at else ""


def _day(at: str) -> str:
    """A day as people write it: 3 May 2026."""
    day = datetime.fromisoformat(at)
    return f"{day.day} {day:%B %Y}"


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


_CASES = {
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
    reason = _CASES[_reason(agent, endpoint)]
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
