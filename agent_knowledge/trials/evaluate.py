"""Measuring an agent's rungs on one's own cases, and putting what was found on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import numpy as np

from agent_knowledge.build import ConfigLike
from agent_knowledge.errors import ConfigError
from agent_knowledge.ledger import (
    MIN_CASES,
    Ledger,
    PromptResult,
    RungComparison,
    RungResult,
    Trial,
    tenant_hash,
    tries_of,
)
from agent_knowledge.ledger.history import History
from agent_knowledge.models.chat import served_name
from agent_knowledge.routing.proof import conditions_of
from agent_knowledge.trials.asking import Arm, ArmReply
from agent_knowledge.trials.cases import CaseSet, read_cases
from agent_knowledge.trials.costs import PACKAGED, cost_usd, price_of, prices_of
from agent_knowledge.trials.pages import CaseOutcome, TrialResult, write_report
from agent_knowledge.trials.pool import Watch
from agent_knowledge.trials.recommend import CasesNeeded, open_gate, recommend
from agent_knowledge.trials.scores import keep_scores
from agent_knowledge.trials.scoring import Scorer
from agent_knowledge.trials.setup import Setup, TrialSettings, set_up
from agent_knowledge.trials.slicing import confusion_of, slices_of
from agent_knowledge.trials.statistics import Estimates, Interval
from agent_knowledge.trials.variants import joined
from agent_knowledge.types import Rung

REPORTS = "reports"
_DIGITS = 6
"""Of a figure on record: a limit."""


def evaluate(
    config: ConfigLike,
    cases: CaseSet | str | Path,
    agent: str | None = None,
    settings: TrialSettings | None = None,
    *,
    on_record: bool = True,
    report: Path | None = None,
) -> Trial:
    """Measure an agent's rungs, and put the trial on record.

    Args:
        config: A configuration, or the path of one.
        cases: The cases, or the path of a file of them; see `cases.read_cases`.
        agent: Name of the agent; None for the only one.
        settings: How to measure.
        on_record: Write the trial to the store's ledger, which `route` reads.
        report: Where to write the report; None for none.

    Raises:
        ConfigError: The configuration, or what it names, is wrong.
        InputError: The cases or the settings are wrong.
        EndpointError: A model fails again and again, or the judge did; what was answered is kept.
    """
    read = cases if isinstance(cases, CaseSet) else read_cases(cases)
    setup = set_up(config, read, agent, settings)
    measured = measure(setup)
    if on_record:
        put_on_record(setup, measured)
    if report:
        write_report(measured, report)
    return measured.trial


def measure(setup: Setup, watch: Watch | None = None) -> TrialResult:
    """Ask every rung every case, and say what follows; nothing but the answers is written.

    Args:
        setup: From `setup.set_up`.
        watch: Told how far it has come.

    Raises:
        EndpointError: See `evaluate`.
        Interrupted: Ctrl-C came; what was answered is kept.
    """
    arms, cases = setup.arms, setup.cases.cases
    asked = setup.asker.ask_all(setup.every_arm, cases, setup.workers, watch)
    replies = joined(asked, (*arms, *setup.prompts), setup.settings.repeats)
    columns = [replies[arm.name] for arm in arms]
    estimates = setup.scorer.estimate(columns)
    rungs, needed = _rungs(setup), _needed(_rungs(setup), estimates)
    trial = replace(
        _ground(setup),
        rungs=tuple(
            result_of(arm, replies[arm.name], setup, score, ci)
            for arm, score, ci in zip(arms, estimates.scores, estimates.ci, strict=True)
        ),
        comparisons=_comparisons(rungs, estimates),
        prompts=tuple(_prompts(setup, replies)),
    )
    record = setup.arms[0].router.record
    tries = tries_of(trial, record.trials)
    found = recommend(trial, setup.agent, needed, tries)
    gate = open_gate(arms[0].router, cases, trial)
    return TrialResult(
        trial=replace(trial, recommended=found.rung, why=found.why, open_gate=gate),
        outcomes=tuple(outcomes_of(columns, arms, setup.scorer)),
        met=found.met,
        needed=needed,
        notes=(*setup.notes, *_notes(setup, columns), *_tried(trial, tries)),
    )


def _prompts(setup: Setup, replies: Mapping[str, Sequence[ArmReply]]) -> Iterator[PromptResult]:
    """How each other system prompt did beside the configured one, on the same cases."""
    for arm in setup.prompts:  # of which there are none without the rung `prompt`
        found = setup.scorer.estimate([replies["prompt"], replies[arm.name]])
        gap = found.gaps[1, 0]
        yield PromptResult(
            prompt=arm.name,
            result=result_of(arm, replies[arm.name], setup, found.scores[1], found.ci[1]),
            difference=round(gap.difference, _DIGITS),
            ci=(round(gap.ci[0], _DIGITS), round(gap.ci[1], _DIGITS)),
            n=gap.n,
        )


def put_on_record(setup: Setup, measured: TrialResult) -> Path:
    """Append a trial to the store's ledger.

    Returns:
        The ledger's file.

    Raises:
        ConfigError: The store cannot be written.
    """
    ledger = Ledger(setup.config.store_path)
    try:
        ledger.append(measured.trial)
        keep_scores(setup.config.store_path, measured)
    except OSError as error:
        msg = f"store.path: cannot write {str(ledger.file)!r} ({error.strerror}); give another"
        raise ConfigError(msg) from error
    return ledger.file


def result_of(
    arm: Arm, replies: Sequence[ArmReply], setup: Setup, score: float, ci: Interval
) -> RungResult:
    """The figures of one arm."""
    answered = [one.entry for reply in replies if reply.entry for one in reply.all if one.entry]
    latencies = [entry.latency_ms for entry in answered] or [0.0]
    tokens_in = _mean([entry.tokens_in for entry in answered])
    tokens_out = _mean([entry.tokens_out for entry in answered])
    cached = _mean([entry.tokens_cached for entry in answered])
    price = price_of(prices_of(setup.config), *model_names(arm))
    told = [reply for reply in replies if reply.entry]
    return RungResult(
        rung=arm.rung,
        model=arm.chat.name,
        n=len(told),
        score=round(score, _DIGITS),
        ci=(round(ci[0], _DIGITS), round(ci[1], _DIGITS)),
        latency_p50_ms=round(float(np.percentile(latencies, 50)), 3),
        latency_p95_ms=round(float(np.percentile(latencies, 95)), 3),
        tokens_in=round(tokens_in, 1),
        tokens_out=round(tokens_out, 1),
        cost_usd_per_1k=round(1000 * cost_usd(price, tokens_in, tokens_out, cached), _DIGITS)
        if price
        else None,
        errors=len(replies) - len(told),
        unusable=sum(any(one.finished is None for one in reply.all) for reply in told),
        metrics=setup.scorer.extras(replies),
        tokens_cached=round(cached, 1),
        slices=slices_of(replies, setup.scorer),
        confusion=confusion_of(replies) if setup.scorer.labels else {},
    )


def model_names(arm: Arm) -> tuple[str, ...]:
    """What an arm's model may be called in the table of prices."""
    endpoint = arm.router.agent.endpoint
    behind = (endpoint.model,) if arm.rung == "fine_tuned" and endpoint else ()
    return (arm.chat.name, *behind)


def outcomes_of(
    columns: Sequence[Sequence[ArmReply]], arms: Sequence[Arm], scorer: Scorer
) -> list[CaseOutcome]:
    """What became of each case, over all rungs."""
    outcomes: list[CaseOutcome] = []
    for row in zip(*columns, strict=True):
        by_rung: list[tuple[Rung, ArmReply]] = [
            (arm.rung, reply) for arm, reply in zip(arms, row, strict=True)
        ]
        case = row[0].case
        outcomes.append(
            CaseOutcome(
                case=case.id,
                digest=case.digest,
                tags=case.tags,
                task=case.task.text,
                expected=case.expected,
                answers={rung: r.finished.text for rung, r in by_rung if r.finished},
                scores={rung: round(scorer.score(r), _DIGITS) for rung, r in by_rung if r.entry},
                errors={rung: r.error for rung, r in by_rung if r.error},
            )
        )
    return outcomes


def _ground(setup: Setup) -> Trial:
    """What the trial rests on, without results."""
    agent, config, at = setup.agent, setup.config, datetime.now(UTC)
    history = History(config.store_path)
    states = {name: history.of("source", name) for name in agent.sources}
    tuned = next((arm for arm in setup.arms if arm.rung == "fine_tuned"), None)
    others = [arm for arm in setup.arms if arm.rung != "fine_tuned"]
    below = {"base_model": served_name(others[0].chat.model)} if others else {}
    return Trial(
        id=f"{at:%Y%m%d-%H%M%S}-{uuid4().hex[:6]}",
        at=at.isoformat(timespec="seconds"),
        agent=agent.name,
        metric=setup.scorer.metric,
        cases=setup.cases.digest,
        n=len(setup.cases.cases),
        example_set=setup.example_set,
        examples=setup.examples.digest if setup.examples else "",
        endpoint=agent.endpoint_name if tuned else None,
        endpoint_model=agent.endpoint.model if tuned and agent.endpoint else "",
        model=others[0].chat.name if others else "",
        versions=agent.versions_for(setup.example_set),
        documents={name: rows[-1].digest for name, rows in states.items() if rows},
        tenant=tenant_hash(setup.settings.tenant) if agent.tenanted else "",
        conditions=conditions_of(agent, agent.endpoint if tuned else None) | below,
        excluded=setup.excluded,
        rungs=(),
        target=setup.settings.target,
        repeats=setup.settings.repeats,
        latency_budget_ms=agent.policy.latency_budget_ms,
    )


def _comparisons(rungs: Sequence[Rung], estimates: Estimates) -> tuple[RungComparison, ...]:
    return tuple(
        RungComparison(
            rung=rungs[higher],
            against=rungs[lower],
            difference=round(gap.difference, _DIGITS),
            ci=(round(gap.ci[0], _DIGITS), round(gap.ci[1], _DIGITS)),
            n=gap.n,
        )
        for (higher, lower), gap in estimates.gaps.items()
    )


def _needed(rungs: Sequence[Rung], estimates: Estimates) -> CasesNeeded:
    return {
        (rungs[a], rungs[b]): _enough(gap.cases_needed) for (a, b), gap in estimates.gaps.items()
    }


def _enough(cases: int | None) -> int | None:
    return None if cases is None else max(cases, MIN_CASES)


def _notes(setup: Setup, columns: Sequence[Sequence[ArmReply]]) -> list[str]:
    prices = prices_of(setup.config)
    unpriced = dict.fromkeys(
        arm.chat.name for arm in setup.arms if price_of(prices, *model_names(arm)) is None
    )
    every = [one for column in columns for reply in column for one in reply.all]
    entries = [one.entry for one in every if one.entry]
    notes = [f"no price for {name}: add prices: {{{name}: {{input, output}}}}" for name in unpriced]
    if kept := sum(one.kept for one in every):
        notes.append(
            f"{kept} answers are from earlier runs, with their latencies; --fresh asks anew"
        )
    if any(arm.chat.name == PACKAGED for arm in setup.arms):
        notes.append(
            "the packaged extractive model quotes and labels by example: what it scores says little"
            " of a chat model; --model names one"
        )
    if any(entry.estimated for entry in entries):
        notes.append("tokens are estimates where the model does not tell them")
    endpoint, policy = setup.agent.endpoint, setup.agent.policy
    if endpoint and endpoint.serves != setup.example_set and "fine_tuned" in _rungs(setup):
        name = setup.agent.endpoint_name
        notes.append(f"{name} serves {endpoint.serves}: this trial is no evidence for it")
    if endpoint and endpoint.serves == setup.example_set and policy.ask_model_below is not None:
        notes.append("ask_model_below: what an open gate would serve is told without asking")
    if policy.query_rewrite == "model":
        notes.append("query_rewrite: model asks in each run anew, and its cost is not counted")
    return notes


def _tried(trial: Trial, tries: int) -> list[str]:
    if tries == 1 or not trial.result("fine_tuned"):
        return []
    told = f"try {tries} of {trial.endpoint} on {trial.example_set}"
    return [f"{told}: its lead is judged more strictly than at the first one"]


def _rungs(setup: Setup) -> list[Rung]:
    return [arm.rung for arm in setup.arms]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
