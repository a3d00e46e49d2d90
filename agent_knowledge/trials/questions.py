"""The guide's questions about fine-tuning: a checklist, answered from what is known or not at all.

An answer says which rule it bears on and where it came from. Nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeVar

from agent_knowledge.ledger import MARGIN, MIN_CASES, Trial
from agent_knowledge.routing.gate import CASES
from agent_knowledge.routing.ladder import rungs_of, unnamed_labels
from agent_knowledge.routing.proof import shortfall
from agent_knowledge.routing.rules import MIN_TRAINING_EXAMPLES, OVERFIT_EXAMPLES
from agent_knowledge.trials.ground import Ground, rung_below, times
from agent_knowledge.trials.recommend import percent
from agent_knowledge.types import Rung

Stand = Literal["for", "against", "neutral", "unknown"]
"""Which way an answer speaks about fine-tuning."""
T = TypeVar("T")

OFTEN_PER_YEAR = 12
"""stable-data: from here on data changes often. Ours; the guide gives no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistAnswer:
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


class _Answer(NamedTuple):
    """The fields of a `ChecklistAnswer` that depend on what is known."""

    answer: str
    stand: Stand
    text: str
    origin: str = ""
    tell: str = ""


class _Question(NamedTuple):
    """A line of the checklist; `tell` is what would tell an answer that is unknown."""

    key: str
    question: str
    rule: str
    answered: Callable[[Ground], _Answer]
    tell: str = ""


def answer_all(ground: Ground) -> tuple[ChecklistAnswer, ...]:
    """Every question of the guide, answered; of documents only where there are sources."""
    asked = [row for row in CHECKLIST if ground.agent.sources or row.key != "documents"]
    return tuple(_finding(row, row.answered(ground)) for row in asked)


def _finding(row: _Question, told: _Answer) -> ChecklistAnswer:
    return ChecklistAnswer(
        key=row.key,
        question=row.question,
        answer=told.answer,
        stand=told.stand,
        rule=row.rule,
        text=told.text,
        origin=told.origin,
        tell=told.tell or (row.tell if told.stand == "unknown" else ""),
    )


def untried(ground: Ground) -> tuple[Rung, ...]:
    """The rungs below fine-tuning that the agent has and no trial that stands has measured."""
    done: set[Rung] = {row.rung for row in ground.trial.rungs} if ground.trial else set()
    there = rungs_of(ground.agent, ground.example_set)
    return tuple(rung for rung in there if rung != "fine_tuned" and rung not in done)


def evaluate_command(ground: Ground) -> str:
    """What measures the rungs."""
    chosen = f" --set {ground.example_set}" if ground.example_set else ""
    command = f"agent-knowledge evaluate --agent {ground.agent.name}{chosen}"
    return f"{command} --cases FILE --target SCORE"


def _ladder(ground: Ground) -> _Answer:
    trial = ground.trial
    if trial is None:
        of = f" on {ground.example_set}" if ground.example_set else ""
        end = f"since {ground.fallen}" if ground.fallen else "is on record"
        found = _unknown(f"no trial of {ground.agent.name}{of} {end}")
    elif missing := untried(ground):
        found = _unknown(f"{', '.join(missing)} not measured")
    elif trial.n < MIN_CASES:
        found = _unknown(f"{trial.n} cases were measured; {MIN_CASES} are needed")
    elif trial.refused:
        found = _unknown(trial.refused)
    else:
        found = _climbed(ground, trial)
    name = ground.example_set
    hardly = unnamed_labels(ground.agent, name, ground.examples) if name else ""
    return found._replace(
        text=f"{found.text}; {hardly}" if hardly else found.text,
        origin=_named(trial) if trial else "",
        tell=evaluate_command(ground) if found.stand == "unknown" else "",
    )


def _climbed(ground: Ground, trial: Trial) -> _Answer:
    """Of a trial of every rung below: whether they fell short."""
    tuned, target = trial.result("fine_tuned"), trial.target
    if (target is not None or tuned) and trial.recommended not in {None, "fine_tuned"}:
        return _Answer("no", "against", f"{trial.recommended} serves: {trial.why}")
    if ground.endpoint is not None and tuned:
        if missing := shortfall(ground.agent, trial, ground.tries):
            return _Answer("no", "against", missing)
        return _Answer("yes", "for", f"{ground.agent.endpoint_name} beat every rung below")
    scores = ", ".join(f"{row.rung} {row.score:.3f}" for row in trial.rungs)
    if target is None:
        return _unknown(f"nobody said what would be enough: {scores}; give --target")
    if all(row.ci[1] < target for row in trial.rungs):
        return _Answer("yes", "for", f"all fell short of {target:g}: {scores}")
    return _unknown(f"more cases are needed to tell what reaches {target:g}")


def _examples(ground: Ground) -> _Answer:
    trained = ground.endpoint.training.examples if ground.endpoint else None
    count, origin = _first(
        (ground.told.training_examples, "--training-examples"),
        (trained, f"endpoints.{ground.agent.endpoint_name}.training.examples"),
        (
            len(ground.examples) if ground.example_set else None,
            f"examples.{ground.example_set}.file",
        ),
    )
    if count is None:
        return _unknown("nobody knows how many examples there are to train on")
    if count >= MIN_TRAINING_EXAMPLES:
        return _Answer(f"{count:,}", "for", "enough to train on", origin)
    text = f"at least {MIN_TRAINING_EXAMPLES} are needed"
    if count < OVERFIT_EXAMPLES:
        text = f"below {OVERFIT_EXAMPLES} a model overfits"
    if origin.startswith("examples."):
        text += "; --training-examples N, if there are more elsewhere"
    return _Answer(f"{count:,}", "against", text, origin)


def _changes(ground: Ground) -> _Answer:
    found = ground.set_frequency()
    often = (found.per_year or 0) >= OFTEN_PER_YEAR
    stand: Stand = "unknown" if found.per_year is None else "against" if often else "for"
    text = "too often: " * often + "each change means a training run"
    text = "; ".join(filter(None, (text, found.note)))
    return _Answer(times(found.per_year), stand, text, found.origin)


def _documents(ground: Ground) -> _Answer:
    """They stay with retrieval, whatever becomes of the set."""
    found = {name: ground.source_frequency(name) for name in ground.agent.sources}
    known = {name: f for name, f in found.items() if f.per_year is not None}
    notes = [f"{name}: {f.note}" for name, f in found.items() if f.note]
    return _Answer(
        "; ".join(f"{name}: {times(f.per_year)}" for name, f in found.items()),
        "neutral" if known else "unknown",
        "; ".join(["facts in them are for retrieval, where an update is free", *notes]),
        "; ".join(dict.fromkeys(f.origin for f in known.values())),
        ", ".join(f"sources.{name}.changes" for name in found if name not in known),
    )


def _citations(ground: Ground) -> _Answer:
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
    return _Answer(*told[policy], f"agents.{ground.agent.name}.policy.citations: {policy}")


def _facts(ground: Ground) -> _Answer:
    needed, origin = ground.told.facts, "--facts" if ground.told.facts else "--no-facts"
    if needed is None and ground.agent.sources and ground.trial:
        needed, origin = _measured_facts(ground.trial)
    texts = {
        True: "fine-tuning is bad at facts: they come from retrieval",
        False: "the tasks hold all that they need",
        None: "nobody knows whether the tasks need facts from the sources",
    }
    return _yes_or_no(texts, origin, known=needed, wanted=False)


def _measured_facts(trial: Trial) -> tuple[bool | None, str]:
    """Whether retrieval helped: yes where it surely did, no where it hardly can."""
    pairs: tuple[tuple[Rung, Rung], ...] = (
        ("retrieval+few_shot", "few_shot"),
        ("retrieval", "prompt"),
    )
    for rung, against in pairs:
        found = trial.compared(rung, against)
        if found and found.n >= MIN_CASES and (found.ci[0] > 0 or found.ci[1] <= MARGIN):
            gain = f"{found.difference:+.3f} ({found.ci[0]:+.3f} to {found.ci[1]:+.3f})"
            return found.ci[0] > 0, f"{_named(trial)}: {rung} beside {against} {gain}"
    return None, ""


def _case(ground: Ground) -> _Answer:
    agent, name, endpoint = ground.agent, ground.example_set, ground.endpoint
    case, origin = _first(
        (ground.told.reason, "--reason"),
        (endpoint.reason if endpoint else None, f"endpoints.{agent.endpoint_name}.reason"),
        (agent.examples[name].kind if name else None, f"examples.{name}.kind"),
    )
    if case is None:
        return _unknown("nobody knows what the fine-tuned model would be for")
    if case == "latency" and agent.policy.latency_budget_ms is None:
        text = "latency is the reason, and the policy has no latency_budget_ms"
        return _Answer(case, "against", text, origin)
    return _Answer(case, "for", f"{CASES[case]} is one of the guide's four reasons", origin)


def _latency(ground: Ground) -> _Answer:
    budget, trial = ground.agent.policy.latency_budget_ms, ground.trial
    origin = f"agents.{ground.agent.name}.policy.latency_budget_ms: {budget or 'not set'}"
    if budget is None:
        return _Answer("no budget", "neutral", "latency is no reason here", origin)
    if trial is None:
        found = _unknown(f"no rung was timed against the budget of {budget:,} ms")
        return found._replace(origin=origin, tell=evaluate_command(ground))
    below = [row for row in trial.rungs if row.rung != "fine_tuned"]
    late = [row for row in below if row.latency_p95_ms > budget]
    took = ", ".join(f"{row.rung} {row.latency_p95_ms:,.0f} ms" for row in trial.rungs)
    origin = f"{origin}; {_named(trial)}"
    if not late:
        return _Answer("yes", "neutral", f"all do (p95: {took}): latency is no reason", origin)
    which = "none does" if len(late) == len(below) else "not all do"
    text = f"{which} (p95: {took}; budget {budget:,} ms){_gain(trial)}"
    return _Answer("no", "for", text, origin)


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


def _expertise(ground: Ground) -> _Answer:
    there = ground.told.expertise
    texts = {
        True: "somebody can train, check and run the model",
        False: "fine-tuning needs machine-learning expertise; retrieval and examples don't",
        None: "no configuration can tell",
    }
    origin = "--expertise" if there else "--no-expertise"
    return _yes_or_no(texts, origin, known=there, wanted=True)


def _unknown(text: str) -> _Answer:
    return _Answer("unknown", "unknown", text)


def _yes_or_no(
    texts: Mapping[bool | None, str], origin: str, *, known: bool | None, wanted: bool
) -> _Answer:
    if known is None:
        return _unknown(texts[None])
    stand = "for" if known is wanted else "against"
    return _Answer("yes" if known else "no", stand, texts[known], origin)


def _first(*told: tuple[T | None, str]) -> tuple[T | None, str]:
    """The first that anybody knows, and who says so."""
    return next((pair for pair in told if pair[0] is not None), (None, ""))


def _named(trial: Trial) -> str:
    return f"trial {trial.id} of {trial.at[:10]}"


CHECKLIST = (
    _Question(
        "ladder",
        "Were prompting, retrieval and few-shot measured, and did they fall short?",
        "ladder-tried",
        _ladder,
    ),
    _Question(
        "examples",
        "How many examples are there to train on?",
        "enough-data",
        _examples,
        "--training-examples N",
    ),
    _Question(
        "changes",
        "How often do the examples change?",
        "stable-data",
        _changes,
        "--changes-per-year N",
    ),
    _Question(
        "documents", "How often do the documents change?", "fresh-needs-retrieval", _documents
    ),
    _Question("citations", "Are citations needed?", "no-citations", _citations),
    _Question(
        "facts",
        "Do the tasks need facts from outside their own text?",
        "no-new-facts",
        _facts,
        "--facts or --no-facts",
    ),
    _Question(
        "case",
        "Is it style, a task pattern, domain language or latency?",
        "fits-the-case",
        _case,
        "--reason style|pattern|domain_language|latency",
    ),
    _Question("latency", "Do the rungs below answer in time?", "fits-the-case", _latency),
    _Question(
        "expertise",
        "Is there somebody who can train and run a model?",
        "expertise-cost",
        _expertise,
        "--expertise or --no-expertise",
    ),
)
"""The checklist, in the order in which it is gone through."""
