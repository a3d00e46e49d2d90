"""Whether to fine-tune: the guide's ladder walked with what is known about one agent.

Broken rules end it. Then comes the lowest rung that nobody measured, then what nobody knows; only
where nothing is left does fine-tuning come into question, and what it costs stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from agent_knowledge.config.sections import PriceConfig
from agent_knowledge.ledger import Trial
from agent_knowledge.routing.ladder import RUNG_RULES
from agent_knowledge.routing.rules import ORDER, RULES
from agent_knowledge.text import count_tokens
from agent_knowledge.trials.costs import (
    Load,
    Money,
    Range,
    Terms,
    about_range,
    no_saving,
    price_of,
)
from agent_knowledge.trials.ground import Ground, rung_below
from agent_knowledge.trials.questions import ChecklistAnswer, answer_all, evaluate_command, untried
from agent_knowledge.trials.recommend import percent
from agent_knowledge.types import Reason, Rung

Verdict = Literal["dont", "try_first", "unknown", "may_pay"]

_ALTERNATIVES = {
    "ladder-tried": "prompt-first",
    "enough-data": "pattern-wants-examples",
    "stable-data": "iteration-cost",
    "no-citations": "citations-need-retrieval",
    "no-new-facts": "facts-need-retrieval",
    "fits-the-case": "retrieval-first-for-agents",
    "expertise-cost": "prompt-first",
}
"""What the guide offers instead, by the rule that stands against fine-tuning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What was told about money; None where the configuration or the history is to say.

    Attributes:
        prices: By model, as configured.
        model: What answers the rungs below.
        tuned_model: Name under `prices` of the fine-tuned model, instead of the endpoint's.
        usd_per_run: Of one training run; None for the guide's range.
        runs_per_year: Training runs in the first year.
        hosting_usd_per_month: Of the fine-tuned model's host.
        volume_per_month: Tasks a month.
    """

    prices: Mapping[str, PriceConfig]
    model: str
    tuned_model: str | None = None
    usd_per_run: float | None = None
    runs_per_year: float | None = None
    hosting_usd_per_month: float | None = None
    volume_per_month: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """Whether to fine-tune.

    Attributes:
        agent: Whose.
        example_set: Whose tasks the fine-tuned model would serve.
        verdict: `dont`: a rule stands against it; `try_first`: a rung below was not measured, or
            not well enough; `unknown`: nobody told what a rule asks for; `may_pay`: nothing is
            left that speaks against it.
        headline: The verdict in words.
        why: One reason each, with its rule.
        instead: What the guide offers instead, or first.
        command: What to run next; empty where there is nothing to run.
        findings: Every question with its answer.
        money: What it costs and saves; None where there is nothing to reckon with.
    """

    agent: str
    example_set: str | None
    verdict: Verdict
    headline: str
    why: tuple[Reason, ...]
    instead: tuple[Reason, ...]
    command: str
    findings: tuple[ChecklistAnswer, ...]
    money: Money | None


def advise(ground: Ground, costs: Costs) -> Advice:
    """Say whether to fine-tune.

    Args:
        ground: What the guide's questions are answered from.
        costs: What is known about money.
    """
    findings = answer_all(ground)
    verdict, why = _judge(findings)
    load = load_of(ground)
    reckoned = Money(load=load, terms=terms_of(ground, costs)) if load else None
    lowest = next(iter(untried(ground)), None)
    return Advice(
        agent=ground.agent.name,
        example_set=ground.example_set,
        verdict=verdict,
        headline=_headline(verdict, why, lowest, reckoned),
        why=why,
        instead=_instead(verdict, why, lowest),
        command=evaluate_command(ground) if verdict == "try_first" or lowest else "",
        findings=findings,
        money=reckoned,
    )


def load_of(ground: Ground) -> Load | None:
    """What a task takes on the rung below and on a fine-tuned model.

    As measured where a trial stands. Otherwise an estimate: the set's examples, as many as are
    shown, or without a set the passages that `context_tokens` allows. Beside a set passages don't
    count: a task that needs them is not for a fine-tuned model.

    Returns:
        None where the agent has neither, so that there is nothing to save.
    """
    trial = ground.trial
    if trial and (load := _measured(trial)):
        return load
    budget = ground.agent.policy.context_tokens
    system = count_tokens(ground.agent.system_prompt)
    if ground.example_set is not None and ground.examples:
        name = ground.example_set
        task = fmean(count_tokens(example.input) for example in ground.examples)
        answer = fmean(count_tokens(example.output) for example in ground.examples)
        k = ground.agent.examples[name].k
        shown = min(k * (task + answer), budget)
        return Load(
            rung="few_shot",
            below_in=system + task + shown,
            below_out=answer,
            tuned_in=system + task,
            tuned_out=answer,
            origin=f"estimate: {k} examples of {name} at four characters a token",
            estimated=True,
        )
    if not ground.agent.sources:
        return None
    return Load(
        rung="retrieval",
        below_in=system + budget,
        below_out=0,
        tuned_in=system,
        tuned_out=0,
        origin=f"estimate: passages up to context_tokens ({budget:,}); tasks and answers left out",
        estimated=True,
    )


def terms_of(ground: Ground, costs: Costs) -> Terms:
    """What is known of prices, training and hosting."""
    endpoint, name = ground.endpoint, ground.agent.endpoint_name or ""
    hosting = costs.hosting_usd_per_month
    if hosting is None and endpoint is not None:
        hosting = endpoint.hosting_usd_per_month
    names = [costs.tuned_model] if costs.tuned_model else []
    names += [endpoint.model, name] if endpoint else []
    tuned = price_of(costs.prices, *names) if names else None
    runs, per_year = costs.runs_per_year, ground.set_frequency().per_year
    if runs is None and per_year is not None:
        runs = 1 + per_year
    told, gate = costs.usd_per_run, ground.trial.open_gate if ground.trial else None
    span: Range = Terms().usd_per_run if told is None else (told, told)
    return Terms(
        price=price_of(costs.prices, ground.trial.model if ground.trial else costs.model),
        tuned_price=tuned,
        usd_per_run=span,
        runs_per_year=runs,
        hosting_usd_per_month=hosting,
        volume_per_month=costs.volume_per_month,
        share=gate.share if gate else None,
    )


def _judge(findings: tuple[ChecklistAnswer, ...]) -> tuple[Verdict, tuple[Reason, ...]]:
    """The ladder: broken rules, then rungs that nobody measured, then what nobody knows."""
    ladder = next(row for row in findings if row.key == "ladder")
    unknown = [row for row in findings if row.stand == "unknown" and row.key != "documents"]
    if against := [row for row in findings if row.stand == "against"]:
        return "dont", _reasons(against)
    if ladder.stand == "unknown":
        return "try_first", _reasons([ladder])
    if unknown:
        return "unknown", _reasons(unknown)
    return "may_pay", _reasons([row for row in findings if row.stand == "for"])


def _reasons(findings: list[ChecklistAnswer]) -> tuple[Reason, ...]:
    rows = sorted(findings, key=lambda row: ORDER[row.rule])
    return tuple(
        Reason(rule=row.rule, text=f"{row.text} ({row.question} {row.answer})") for row in rows
    )


def _headline(
    verdict: Verdict, why: tuple[Reason, ...], lowest: Rung | None, reckoned: Money | None
) -> str:
    rules = ", ".join(dict.fromkeys(reason.rule for reason in why))
    if verdict == "dont":
        return f"Don't fine-tune: {rules}"
    if verdict == "try_first":
        return f"Try first: {lowest or 'measure again, as the trial leaves it open'}"
    if verdict == "unknown":
        return f"Unknown: {rules}"
    return f"Fine-tuning may pay: {pays(reckoned)}"


def pays(reckoned: Money | None) -> str:
    """From which volume on the money comes back, in words."""
    if reckoned is None:
        return "for what it does, as there are no examples or passages to save"
    even, volume = reckoned.break_even_per_month, reckoned.terms.volume_per_month
    if reckoned.outcome == "unknown":
        return "the break-even is unknown, as the price of the model below is"
    if even is None:
        return f"for what it does, never by its tokens: {no_saving(reckoned)}"
    least, most = even
    bound = "no less than " * reckoned.lower_bound
    text = f"it breaks even at {bound}{about_range(even)} tasks a month"
    if reckoned.terms.share is not None:
        text += f", of which it would serve {percent(reckoned.share)}"
    if volume is None:
        return text
    side = "above" if volume >= most else "below" if volume < least else "within"
    return f"{text}; {volume:,.0f} are {side} that"


def _instead(verdict: Verdict, why: tuple[Reason, ...], lowest: Rung | None) -> tuple[Reason, ...]:
    """The guide's alternatives that fit."""
    rules: list[str] = []
    if verdict == "dont":
        rules = [_ALTERNATIVES[reason.rule] for reason in why if reason.rule in _ALTERNATIVES]
    if lowest is not None and verdict in {"dont", "try_first"}:
        rules.append("ladder-tried" if lowest == "retrieval+few_shot" else RUNG_RULES[lowest])
    return tuple(Reason(rule=rule, text=RULES[rule].text) for rule in dict.fromkeys(rules))


def _measured(trial: Trial) -> Load | None:
    """As measured; without a fine-tuned rung, that would read what the bare prompt reads."""
    below, tuned = rung_below(trial), trial.result("fine_tuned")
    read = tuned or trial.result("prompt")
    if below is None or read is None:
        return None
    what = "" if tuned else "; the fine-tuned prompt taken to be the bare one"
    return Load(
        rung=below.rung,
        below_in=below.tokens_in,
        below_out=below.tokens_out,
        tuned_in=read.tokens_in,
        tuned_out=tuned.tokens_out if tuned else below.tokens_out,
        origin=f"trial {trial.id} of {trial.at[:10]}{what}",
        estimated=tuned is None,
    )
