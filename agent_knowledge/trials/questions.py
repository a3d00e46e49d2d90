"""The guide's questions about fine-tuning, each answered from what is known, or not at all.

An answer says which rule it bears on and where it came from. Nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agent_knowledge.ledger import MARGIN, MIN_CASES, Trial
from agent_knowledge.routing.ladder import rungs_of
from agent_knowledge.routing.proof import shortfall
from agent_knowledge.routing.rules import MIN_TRAINING_EXAMPLES, OVERFIT_EXAMPLES
from agent_knowledge.trials.ground import Ground, rung_below, times
from agent_knowledge.trials.open_gate import percent
from agent_knowledge.types import Rung

Stand = Literal["for", "against", "neutral", "unknown"]
"""Which way an answer speaks about fine-tuning."""

OFTEN_PER_YEAR = 12
"""stable-data: from here on data changes often. Ours; the guide gives no number."""
_CASES: dict[str, str] = {
    "style": "a specific style or voice",
    "domain_language": "domain-specific language",
    "pattern": "a specific task pattern",
    "latency": "latency",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One question and its answer.

    Attributes:
        key: The question's short name.
        question: In words.
        answer: `yes`, `no`, a value, or `unknown`.
        stand: Which way it speaks.
        rule: The rule of the guide that it bears on.
        text: What follows from the answer.
        origin: Where the answer came from; empty when it is unknown.
        tell: What would tell it: an option, or a command; empty when it is known.
    """

    key: str
    question: str
    answer: str
    stand: Stand
    rule: str
    text: str
    origin: str = ""
    tell: str = ""


def answer_all(ground: Ground) -> tuple[Finding, ...]:
    """Every question of the guide, answered."""
    return (
        ladder(ground),
        enough_examples(ground),
        stable_examples(ground),
        *([changing_documents(ground)] if ground.agent.sources else []),
        citations(ground),
        new_facts(ground),
        fitting_case(ground),
        latency(ground),
        expertise(ground),
    )


def untried(ground: Ground) -> tuple[Rung, ...]:
    """The rungs below fine-tuning that the agent has and no trial that stands has measured."""
    trial = ground.trial
    there = rungs_of(ground.agent, ground.example_set)
    done: set[Rung] = {row.rung for row in trial.rungs} if trial else set()
    return tuple(rung for rung in there if rung != "fine_tuned" and rung not in done)


def evaluate_command(ground: Ground) -> str:
    """What measures the rungs."""
    chosen = f" --set {ground.example_set}" if ground.example_set else ""
    command = f"agent-knowledge evaluate --agent {ground.agent.name}{chosen}"
    return f"{command} --cases FILE --target SCORE"


def ladder(ground: Ground) -> Finding:
    """Were the rungs below measured, and did they fall short?"""
    answer, stand, text = _climbed(ground)
    trial = ground.trial
    known = stand != "unknown"
    return Finding(
        key="ladder",
        question="Were prompting, retrieval and few-shot measured, and did they fall short?",
        answer=answer,
        stand=stand,
        rule="ladder-tried",
        text=text,
        origin=_named(trial) if trial else "",
        tell="" if known else evaluate_command(ground),
    )


def enough_examples(ground: Ground) -> Finding:
    """Are there enough examples to train on?"""
    count, origin = _count(ground)
    text, stand = "nobody knows how many examples there are to train on", "unknown"
    if count is not None:
        text, stand = _judged(count)
        elsewhere = stand == "against" and origin.startswith("examples.")
        text += "; --training-examples N, if there are more elsewhere" * elsewhere
    return Finding(
        key="examples",
        question="How many examples are there to train on?",
        answer="unknown" if count is None else f"{count:,}",
        stand=stand,
        rule="enough-data",
        text=text,
        origin=origin,
        tell="--training-examples N" if count is None else "",
    )


def stable_examples(ground: Ground) -> Finding:
    """How often do the examples change?"""
    found = ground.set_frequency()
    known = found.per_year is not None
    often = (found.per_year or 0) >= OFTEN_PER_YEAR
    text = "too often: " * often + "each change means a training run"
    return Finding(
        key="changes",
        question="How often do the examples change?",
        answer=times(found.per_year),
        stand="unknown" if not known else "against" if often else "for",
        rule="stable-data",
        text="; ".join(filter(None, (text, found.note))),
        origin=found.origin,
        tell="" if known else "--changes-per-year N",
    )


def changing_documents(ground: Ground) -> Finding:
    """How often do the documents change? They stay with retrieval, whatever becomes of the set."""
    found = {name: ground.source_frequency(name) for name in ground.agent.sources}
    known = {name: f for name, f in found.items() if f.per_year is not None}
    missing = [f"sources.{name}.changes" for name in found if name not in known]
    notes = [f"{name}: {f.note}" for name, f in found.items() if f.note]
    text = "facts in them are for retrieval, where an update is free"
    return Finding(
        key="documents",
        question="How often do the documents change?",
        answer="; ".join(f"{name}: {times(f.per_year)}" for name, f in found.items()),
        stand="neutral" if known else "unknown",
        rule="fresh-needs-retrieval",
        text="; ".join([text, *notes]),
        origin="; ".join(dict.fromkeys(f.origin for f in known.values())),
        tell=", ".join(missing),
    )


def citations(ground: Ground) -> Finding:
    """Are citations needed?"""
    policy = ground.agent.policy.citations
    told: dict[str, tuple[str, Stand, str]] = {
        "always": ("yes", "against", "every answer must cite, and fine-tuned models can't"),
        "when_retrieved": (
            "where facts are retrieved",
            "neutral",
            "a task that asks for sources stays with retrieval",
        ),
        "never": ("no", "for", "no answer cites"),
    }
    answer, stand, text = told[policy]
    return Finding(
        key="citations",
        question="Are citations needed?",
        answer=answer,
        stand=stand,
        rule="no-citations",
        text=text,
        origin=f"agents.{ground.agent.name}.policy.citations: {policy}",
    )


def new_facts(ground: Ground) -> Finding:
    """Do the tasks need facts from outside their text?"""
    needed, origin = _facts(ground)
    texts = {
        True: "fine-tuning is bad at facts: they come from retrieval",
        False: "the tasks hold all that they need",
        None: "nobody knows whether the tasks need facts from the sources",
    }
    return Finding(
        key="facts",
        question="Do the tasks need facts from outside their own text?",
        answer="unknown" if needed is None else "yes" if needed else "no",
        stand="unknown" if needed is None else "against" if needed else "for",
        rule="no-new-facts",
        text=texts[needed],
        origin=origin,
        tell="--facts or --no-facts" if needed is None else "",
    )


def fitting_case(ground: Ground) -> Finding:
    """Is it one of the guide's four cases?"""
    case, origin = _case(ground)
    budget = ground.agent.policy.latency_budget_ms
    stand: Stand = "unknown" if case is None else "for"
    text = "nobody knows what the fine-tuned model would be for"
    if case is not None:
        text = f"{_CASES[case]} is one of the guide's four reasons"
    if case == "latency" and budget is None:
        stand, text = "against", "latency is the reason, and the policy has no latency_budget_ms"
    return Finding(
        key="case",
        question="Is it style, a task pattern, domain language or latency?",
        answer=case or "unknown",
        stand=stand,
        rule="fits-the-case",
        text=text,
        origin=origin,
        tell="" if case else "--reason style|pattern|domain_language|latency",
    )


def latency(ground: Ground) -> Finding:
    """Is any rung below in time?"""
    budget, trial = ground.agent.policy.latency_budget_ms, ground.trial
    answer, stand, text, origin, tell = "no budget", "neutral", "latency is no reason here", "", ""
    if budget is not None:
        key = f"agents.{ground.agent.name}.policy.latency_budget_ms: {budget}"
        if trial is None:
            answer, stand, tell = "unknown", "unknown", evaluate_command(ground)
            text, origin = f"no rung was timed against the budget of {budget:,} ms", key
        else:
            answer, stand, text = _timed(trial, budget)
            origin = f"{key}; {_named(trial)}"
    else:
        origin = f"agents.{ground.agent.name}.policy.latency_budget_ms: not set"
    return Finding(
        key="latency",
        question="Do the rungs below answer in time?",
        answer=answer,
        stand=stand,
        rule="fits-the-case",
        text=text,
        origin=origin,
        tell=tell,
    )


def expertise(ground: Ground) -> Finding:
    """Is there somebody who can train and run a model?"""
    there = ground.told.expertise
    texts = {
        True: "somebody can train, check and run the model",
        False: "fine-tuning needs machine-learning expertise; retrieval and examples don't",
        None: "no configuration can tell",
    }
    return Finding(
        key="expertise",
        question="Is there somebody who can train and run a model?",
        answer="unknown" if there is None else "yes" if there else "no",
        stand="unknown" if there is None else "for" if there else "against",
        rule="expertise-cost",
        text=texts[there],
        origin="" if there is None else "--expertise" if there else "--no-expertise",
        tell="--expertise or --no-expertise" if there is None else "",
    )


def _climbed(ground: Ground) -> tuple[str, Stand, str]:
    """Whether the ladder was climbed: answer, which way it speaks, and why."""
    trial = ground.trial
    if trial is None:
        return "unknown", "unknown", _no_trial(ground)
    if missing := untried(ground):
        return "unknown", "unknown", f"{', '.join(missing)} not measured"
    if trial.n < MIN_CASES:
        return "unknown", "unknown", f"{trial.n} cases were measured; {MIN_CASES} are needed"
    judged = trial.target is not None or trial.result("fine_tuned") is not None
    if judged and trial.recommended not in {None, "fine_tuned"}:
        return "no", "against", f"{trial.recommended} serves: {trial.why}"
    return _beaten(ground, trial)


def _beaten(ground: Ground, trial: Trial) -> tuple[str, Stand, str]:
    """Of a trial that no rung below came out of as the answer."""
    if ground.endpoint is not None and trial.result("fine_tuned"):
        missing = shortfall(ground.agent, trial)
        beat = f"{ground.agent.endpoint_name} beat every rung below"
        return ("no", "against", missing) if missing else ("yes", "for", beat)
    scores = ", ".join(f"{row.rung} {row.score:.3f}" for row in trial.rungs)
    if trial.target is None:
        return "unknown", "unknown", f"nobody said what would be enough: {scores}; give --target"
    if all(row.ci[1] < trial.target for row in trial.rungs):
        return "yes", "for", f"all fell short of {trial.target:g}: {scores}"
    return "unknown", "unknown", f"more cases are needed to tell what reaches {trial.target:g}"


def _no_trial(ground: Ground) -> str:
    of = f" on {ground.example_set}" if ground.example_set else ""
    if ground.fallen:
        return f"no trial of {ground.agent.name}{of} since {ground.fallen}"
    return f"no trial of {ground.agent.name}{of} is on record"


def _count(ground: Ground) -> tuple[int | None, str]:
    """How many examples there are to train on, and who says so."""
    if ground.told.training_examples is not None:
        return ground.told.training_examples, "--training-examples"
    trained = ground.endpoint.training.examples if ground.endpoint else None
    if trained is not None:
        return trained, f"endpoints.{ground.agent.endpoint_name}.training.examples"
    if ground.example_set is not None:
        return len(ground.examples), f"examples.{ground.example_set}.file"
    return None, ""


def _judged(count: int) -> tuple[str, Stand]:
    """What a number of training examples is good for."""
    if count < OVERFIT_EXAMPLES:
        return f"below {OVERFIT_EXAMPLES} a model overfits", "against"
    if count < MIN_TRAINING_EXAMPLES:
        return f"at least {MIN_TRAINING_EXAMPLES} are needed", "against"
    return "enough to train on", "for"


def _facts(ground: Ground) -> tuple[bool | None, str]:
    """Whether facts are needed, and who says so."""
    if ground.told.facts is not None:
        return ground.told.facts, "--facts" if ground.told.facts else "--no-facts"
    if not ground.agent.sources:
        return None, ""
    pairs: tuple[tuple[Rung, Rung], ...] = (
        ("retrieval+few_shot", "few_shot"),
        ("retrieval", "prompt"),
    )
    for rung, against in pairs:
        found = ground.trial.compared(rung, against) if ground.trial else None
        if ground.trial and found and found.n >= MIN_CASES:
            gain = f"{found.difference:+.3f} ({found.ci[0]:+.3f} to {found.ci[1]:+.3f})"
            origin = f"{_named(ground.trial)}: {rung} beside {against} {gain}"
            if found.ci[0] > 0 or found.ci[1] <= MARGIN:
                return found.ci[0] > 0, origin
    return None, ""


def _case(ground: Ground) -> tuple[str | None, str]:
    """Which of the four cases it is, and who says so."""
    agent, name = ground.agent, ground.example_set
    if ground.told.reason is not None:
        return ground.told.reason, "--reason"
    if ground.endpoint is not None and ground.endpoint.reason is not None:
        return ground.endpoint.reason, f"endpoints.{agent.endpoint_name}.reason"
    if name is not None:
        return agent.examples[name].kind, f"examples.{name}.kind"
    return None, ""


def _timed(trial: Trial, budget: int) -> tuple[str, Stand, str]:
    """Which rungs of a trial are in time, by the time that 95 % of answers stay below."""
    below = [row for row in trial.rungs if row.rung != "fine_tuned"]
    late = [row for row in below if row.latency_p95_ms > budget]
    took = ", ".join(f"{row.rung} {row.latency_p95_ms:,.0f} ms" for row in trial.rungs)
    if not late:
        return "yes", "neutral", f"all do (p95: {took}): latency is no reason"
    which = "none does" if len(late) == len(below) else "not all do"
    return "no", "for", f"{which} (p95: {took}; budget {budget:,} ms){_gain(trial)}"


def _gain(trial: Trial) -> str:
    """How much sooner a task is answered with the fine-tuned model there; empty where it is not."""
    tuned, below, gate = trial.result("fine_tuned"), rung_below(trial), trial.open_gate
    saved_ms = below.latency_p50_ms - tuned.latency_p50_ms if below and tuned else 0.0
    if below is None or saved_ms <= 0:
        return ""
    told = f"; fine_tuned is {saved_ms:,.0f} ms sooner than {below.rung} (medians)"
    if gate is None:
        return f"{told}, on a share of the tasks that is unknown and counted as all"
    average_ms = saved_ms * gate.share
    return f"{told}, on the {percent(gate.share)} that it would serve: {average_ms:,.0f} ms a task"


def _named(trial: Trial) -> str:
    return f"trial {trial.id} of {trial.at[:10]}"
