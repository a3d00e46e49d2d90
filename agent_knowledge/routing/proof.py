"""Whether the evidence for a fine-tuned endpoint stands: the two rules that rest on the ledger.

A trial counts while what it was measured on is what is served: the same examples, the same model
behind the endpoint at the same address, trained on data of the same age, the same prompt and room
for knowledge in it, and below it the same model on the other rungs. Of those that count the newest
decides, by a level that falls with each try.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from agent_knowledge.config import AgentProfile, EndpointConfig, expand, label
from agent_knowledge.errors import ConfigError
from agent_knowledge.ledger import (
    MARGIN,
    MIN_CASES,
    RungComparison,
    TrackRecord,
    Trial,
    tries_of,
)
from agent_knowledge.ledger.records import digest
from agent_knowledge.routing.ladder import rungs_of
from agent_knowledge.types import Rung

_ASKED: tuple[Rung, ...] = ("prompt", "few_shot", "retrieval")
"""What the guide wants tried first, where the agent has it; whatever else was tried counts too."""
_DIGITS = 12
"""Of a hash that stands for an address: a plain length."""


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
    tries = tries_of(trial, record.trials)
    return shortfall(agent, trial, tries), _account(name, served, trial)


def conditions_of(agent: AgentProfile, endpoint: EndpointConfig | None) -> dict[str, str]:
    """What a trial's figures hold under, beside examples, prompt and the model below.

    Args:
        agent: The agent.
        endpoint: Its endpoint, where that is measured.

    Returns:
        By name, what it is now. An address is told by a hash, since it may hold a key, and so is
        what the variables hold that a model's name is made of.
    """
    found = {"context_tokens": str(agent.policy.context_tokens)}
    if endpoint is None:
        return found
    url = endpoint.base_url.get_secret_value() if endpoint.base_url else ""
    try:
        model, url = label(endpoint.model, "model"), expand(url, "base_url")
    except ConfigError:  # a variable that is not set fails what calls the endpoint
        model = endpoint.model
    as_of = endpoint.training.data_as_of
    return {
        **found,
        "model": model,
        "base_url": digest(url)[:_DIGITS],
        "training.data_as_of": as_of.isoformat() if as_of else "unknown",
    }


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
    return (
        _other_conditions(conditions_of(agent, endpoint), trial)
        or _other_prompt(agent, trial)
        or _other_base(record, trial)
    )


def _other_conditions(here: Mapping[str, str], trial: Trial) -> str:
    for what, now in here.items():
        if (then := trial.conditions.get(what, now)) != now:
            hashed = what == "base_url"
            return f"its {what} changed" if hashed else f"{what} became {now} (measured: {then})"
    return ""


def _other_prompt(agent: AgentProfile, trial: Trial) -> str:
    versions = agent.versions_for(trial.example_set)
    for what in sorted(versions.keys() | trial.versions.keys()):
        if versions.get(what) != trial.versions.get(what):
            part = what.replace("_", " ") if what == "system_prompt" else f"form of {what}"
            return f"the {part} changed (measured on {_day(trial.at)})"
    return ""


def _other_base(record: TrackRecord, trial: Trial) -> str:
    base = trial.conditions.get("base_model", record.base_model)
    if record.base_model and base != record.base_model:
        return f"{record.base_model} answers the other rungs (measured: {base})"
    if record.model and trial.model != record.model:
        return f"{record.model} answers the other rungs (measured: {trial.model})"
    return ""


def shortfall(agent: AgentProfile, trial: Trial, tries: int = 1) -> str:
    """What a trial that stands lacks for `ladder-tried`: rungs, cases, or a result good enough.

    Args:
        agent: Whose.
        trial: Which.
        tries: How often the endpoint's model was tried, this time included.

    Returns:
        What is missing; empty when the endpoint earned its place.
    """
    name, served = agent.endpoint_name or "", trial.example_set or ""
    there = rungs_of(agent, trial.example_set)
    if missing := [rung for rung in _ASKED if rung in there and trial.result(rung) is None]:
        return f"{', '.join(missing)} not tried on {served} on the same cases as {name}"
    if trial.n < MIN_CASES:
        return f"the trial of {name} on {served} has {trial.n} cases; {MIN_CASES} are needed"
    if trial.refused:
        return f"the trial of {name} on {served} tells nothing: {trial.refused}"
    for row in trial.rungs:
        if row.rung == "fine_tuned":
            continue
        found = trial.compared("fine_tuned", row.rung)
        if found is None:
            return f"{name} was not compared with {row.rung} on {served}"
        least = _least_lead(agent, trial, row.rung)
        if found.n < MIN_CASES or found.at_least(tries) <= least:
            return _not_enough(name, served, found, tries, least)
    return ""


def _least_lead(agent: AgentProfile, trial: Trial, against: Rung) -> float:
    """What a lead must be more than: nothing, or less where the endpoint alone is in time."""
    budget = agent.policy.latency_budget_ms
    own, other = trial.result("fine_tuned"), trial.result(against)
    if budget is None or own is None or other is None:
        return 0.0
    return -MARGIN if own.latency_p95_ms <= budget < other.latency_p95_ms else 0.0


def _not_enough(name: str, served: str, found: RungComparison, tries: int, least: float) -> str:
    low, high = found.ci
    told = f"{found.difference:+.3f}, 95 % {low:+.3f} to {high:+.3f}, {found.n} cases"
    if low > least:
        told += f"; at the level left for try {tries} it may be {found.at_least(tries):+.3f}"
    return f"{name} did not beat {found.against} on {served} ({told})"


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
