r"""How often a trial opens the gate of a model that is no better, and of one that is: simulated.

    python -m tools.bench.trials

Two rungs answer cases right or wrong: independently of one another half of the time, else the same
cases are hard for both. What a trial makes of the answers, and what the gate makes of the trials on
record, is the package's own code. Beside it stands the rule of before: what failed counts as wrong,
the newest trial alone is judged, by its 95 % interval. No data is read and no model is called.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.config import AgentProfile, EndpointConfig, ExampleSetConfig
from agent_knowledge.ledger import MIN_CASES, RungComparison, RungResult, TrackRecord, Trial
from agent_knowledge.routing.proof import prove
from agent_knowledge.trials.statistics import Estimates, of_macro_f1, of_means
from agent_knowledge.types import Rung

SEED = 20261126
DRAWS = 500
"""Resamples of a trial, instead of 10,000: an interval's ends are a little less sure."""
BELOW: tuple[Rung, ...] = ("prompt", "few_shot")
"""The gate asks for both; here they answer alike."""
TRIES = (1, 5, 10, 20)
Answers = NDArray[np.float64]
"""Per case and rung whether it is right, NaN where it failed; shape (cases, 2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is true of two rungs.

    Attributes:
        cases: Of a trial.
        below: The share of cases that the rung below gets right.
        lead: How much more the fine-tuned model gets right.
        failing: The share of calls of the rung below that fail.
        copies: How often each case stands in the file.
        labels: Above 0: macro-F1 over so many labels, instead of the share that is right.
    """

    cases: int = 100
    below: float = 0.8
    lead: float = 0.0
    failing: float = 0.0
    copies: int = 1
    labels: int = 0


def main() -> None:
    """Simulate, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="simulated histories a row (1000)")
    args = parser.parse_args()
    print("| simulated | before | now |\n|---|---|---|")
    for line in rows(args.runs):
        print(line, flush=True)


def rows(runs: int) -> Iterator[str]:
    """The table, row by row.

    Args:
        runs: Histories of each row, fewer of those that take longest; of a thousand, a share of
            2.5 % has a standard error of half a point.
    """
    for share in (0.02, 0.05, 0.1, 0.2):
        world = World(cases=200, failing=share)
        yield _row(f"no better; {share:.0%} of the calls below fail", world, runs)
    yield _row("no better; 12 cases, each five times", World(cases=12, copies=5), runs)
    yield from _tried("no better, 60 cases", World(cases=60), runs)
    yield from _tried("no better, 200 cases", World(cases=200), runs // 2)
    high = World(cases=200, below=0.97)
    yield _row("no better, 200 cases, both at 0.97; within 20 tries", high, runs // 4, 20)
    for labels, cases in ((6, 100), (30, 200)):
        named = f"no better, {cases} cases, macro-F1 of {labels} labels; within 10 tries"
        yield _row(named, World(cases=cases, labels=labels), runs // 10, 10)
    for lead in (0.05, 0.1, 0.15):
        for cases in (100, 200, 400):
            yield _power(World(cases=cases, below=0.7, lead=lead), runs)


def _row(what: str, world: World, runs: int, tries: int = 1) -> str:
    before, now = opened(world, runs, tries)
    return f"| {what} | {before[:, :tries].any(axis=1).mean():.1%} | {_share(now, tries)} |"


def _tried(what: str, world: World, runs: int) -> Iterator[str]:
    before, now = opened(world, runs, max(TRIES))
    for tries in TRIES:
        yield (
            f"| {what}; within {tries} {'tries' if tries > 1 else 'try'} | {_share(before, tries)}"
            f" | {_share(now, tries)} |"
        )


def _power(world: World, runs: int) -> str:
    """How often a better model is let in, by how often it was tried."""
    random, at = np.random.default_rng(SEED), (1, 2, 5, 20)
    before, now = 0, dict.fromkeys(at, 0)
    for _ in range(runs):
        found = _found(world, _answers(world, random))
        before += found.ci[0] > 0
        for tries in at:
            now[tries] += found.at_least(tries) > 0
    shares = ", ".join(f"{now[tries] / runs:.0%}" for tries in at)
    told = f"better by {world.lead:g}, {world.cases} cases; at try 1, 2, 5, 20"
    return f"| {told} | {before / runs:.0%} | {shares} |"


def _share(opened: NDArray[np.bool_], tries: int) -> str:
    return f"{opened[:, :tries].any(axis=1).mean():.1%}"


def opened(world: World, runs: int, tries: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the gate opens at each try of each history, by the rule of before and by today's.

    Args:
        world: What is true.
        runs: Histories.
        tries: Trials of each, on fresh cases.

    Returns:
        Two of shape (runs, tries).
    """
    random = np.random.default_rng(SEED)
    before, now = (np.zeros((runs, tries), dtype=bool) for _ in range(2))
    for run in range(runs):
        record: list[Trial] = []
        for nth in range(tries):
            answers = _answers(world, random)
            found = _found(world, answers)
            record.append(_trial(answers, found, nth))
            if world.failing or world.copies > 1:
                counted = np.repeat(np.nan_to_num(answers), world.copies, axis=0)
                found = _found(world, counted)
            before[run, nth] = len(answers) * world.copies >= MIN_CASES and found.ci[0] > 0
            now[run, nth] = not prove(AGENT, ENDPOINT, TrackRecord(trials=tuple(record)))[0]
    return before, now


def _answers(world: World, random: np.random.Generator) -> Answers:
    """Draw a trial's answers."""
    shared, own = random.random(world.cases), random.random((world.cases, 2))
    same = random.random(world.cases) < 0.5
    luck = np.where(same[:, None], shared[:, None], own)
    right = (luck < np.array([world.below, world.below + world.lead])).astype(float)
    right[random.random(world.cases) < world.failing, 0] = np.nan
    return right


def _estimated(world: World, answers: Answers) -> Estimates:
    if not world.labels:
        return of_means(answers, DRAWS)
    expected = [f"{place % world.labels}" for place in range(len(answers))]
    missed = [f"{(place * 7 + 1) % world.labels}" for place in range(len(answers))]
    said = [
        [w if right else m for w, m, right in zip(expected, missed, column, strict=True)]
        for column in answers.T.tolist()
    ]
    return of_macro_f1(expected, said, DRAWS)


def _found(world: World, answers: Answers) -> RungComparison:
    gap = _estimated(world, answers).gaps[1, 0]
    return RungComparison(
        rung="fine_tuned", against="prompt", difference=gap.difference, ci=gap.ci, n=gap.n
    )


def _trial(answers: Answers, found: RungComparison, nth: int) -> Trial:
    """A trial on record, as `evaluate` writes it."""
    below, tuned = (int(n) for n in (~np.isnan(answers)).sum(axis=0))
    answered: list[tuple[Rung, int]] = [*((rung, below) for rung in BELOW), ("fine_tuned", tuned)]
    results = [
        RungResult(
            rung=rung,
            model="m",
            n=n,
            score=0.0,
            ci=(0.0, 1.0),
            latency_p50_ms=1,
            latency_p95_ms=1,
            tokens_in=1,
            tokens_out=1,
            errors=len(answers) - n,
        )
        for rung, n in answered
    ]
    return Trial(
        id=str(nth),
        at="2026-11-26T00:00:00+00:00",
        agent=AGENT.name,
        metric="normalised",
        cases=str(nth),
        n=len(answers),
        model="m",
        rungs=tuple(results),
        comparisons=tuple(replace(found, against=rung) for rung in BELOW),
        example_set="triage",
        endpoint="tuned",
        endpoint_model=ENDPOINT.model,
        versions=AGENT.versions_for("triage"),
    )


ENDPOINT = EndpointConfig(model="ft", serves="triage")
AGENT = AgentProfile(
    examples={"triage": ExampleSetConfig(file="t")}, endpoint_name="tuned", endpoint=ENDPOINT
)

if __name__ == "__main__":
    main()
