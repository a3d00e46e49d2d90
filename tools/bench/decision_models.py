"""What a decision model beside the router changes, by how often it is right, and how far it counts.

    python -m tools.bench.decision_models

No decision model runs here, so it is a made one: it names the right strategy as often as is said,
else another one at random, and gives what it names the probability in the column `says`. Of each
source it says as often whether that holds a relevant document. Its errors are independent of ours,
which those of a real one are not: hard tasks are hard for both. So this shows what the bound on
its word (`routing.standing.JUDGE_ODDS`) does, and not how good any model is.

The agents are ours, each routed by weights that have not seen it (see `tools.bench.agents`). Every
decision is put to it (`ask_model_below: 1`), or those below 0.6.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from agent_knowledge import KnowledgeRouter
from agent_knowledge.config import AgentProfile
from agent_knowledge.routing import consulting, standing
from agent_knowledge.routing.need import DecisionFit
from agent_knowledge.routing.policy import decide
from agent_knowledge.types import NEEDS, Decision, Need, NeedVerdict
from agent_knowledge.types.search import MeasuredTask
from tools.ablate import OWN
from tools.bench.agents import left_out
from tools.bench.agents_table import Judged, figures
from tools.data.agent_folders import IndexedAgent, indexed
from tools.data.agents import LabelledTask, read_agents
from tools.train.folds import OWN_AGENTS

ACCURACIES, SAYS = (0.6, 0.7, 0.83, 0.9, 0.95), (None, 0.99)
"""How often it is right, and the probability that it gives: None for just that often."""
BOUNDS = (5.0, standing.JUDGE_ODDS, 20.0, 1000.0)
_WEAK = 0.6
_NEAREST = 50
_DRAWS = 5
"""Made models of each kind, whose figures are averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task as it was measured, and what it needs.

    Attributes:
        labelled: The task.
        reading: What was measured.
        agent: Whose it is.
        fit: What weighs it.
        holds: Per source, whether it holds a document that answers it.
        alone: What the router decides by itself.
    """

    labelled: LabelledTask
    reading: MeasuredTask
    agent: AgentProfile
    fit: DecisionFit
    holds: dict[str, bool]
    alone: Decision


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=OWN_AGENTS)
    parser.add_argument("--agents", nargs="+", default=list(OWN))
    args = parser.parse_args()
    started = time.perf_counter()
    with threadpool_limits(1, user_api="blas"):
        cases = measured(args.folder, args.agents)
    print(f"{len(cases)} tasks of {len(args.agents)} agents, each left out of what routes it")
    print(f"the router alone: {accuracy([case.alone for case in cases], cases):.3f}")
    heads = " ".join(f"{bound:>7g}" for bound in BOUNDS)
    print(f"\n{'asked of':>10} {'right':>6} {'says':>6} | {heads}   (to one, at most)")
    for below in (1.0, _WEAK):
        for right in ACCURACIES:
            for says in SAYS:
                row = [with_judge(cases, right, says or right, below, bound) for bound in BOUNDS]
                asked = "all" if below == 1 else f"< {below:g}"
                shown = " ".join(f"{share:7.3f}" for share in row)
                print(f"{asked:>10} {right:6.2f} {says or right:6.2f} | {shown}", flush=True)
    print(f"{time.perf_counter() - started:.0f} s in all")


def measured(folder: Path, names: Sequence[str]) -> list[Case]:
    """Measure the tasks of some agents, by weights that have not seen them."""
    weights_for = left_out()
    cases: list[Case] = []
    for agent in (one for one in read_agents(folder) if one.name in names):
        encoder, weights = weights_for(agent.name)
        with indexed(agent, encoder) as here, here.router(weights) as router:
            fit = router.reader.fits.decision
            for task, reading in zip(
                agent.tasks, router.read([task.task for task in agent.tasks]), strict=True
            ):
                case = Case(
                    labelled=task,
                    reading=replace(reading, results={}),
                    agent=router.agent,
                    fit=fit,
                    holds=held(here, task, router),
                    alone=router.decide(reading),
                )
                cases.append(case)
    return cases


def held(here: IndexedAgent, task: LabelledTask, router: KnowledgeRouter) -> dict[str, bool]:
    """Per source, whether a document that answers the task is among the nearest of it."""
    passages = router.retrieve(task.task, k=_NEAREST) if task.relevant else ()
    found = {passage.source for passage in passages if here.finds(task, [passage])}
    return {name: name in found for name in router.agent.sources}


def with_judge(
    cases: Sequence[Case], right: float, says: float, below: float, bound: float
) -> float:
    """Accuracy with a made model of so many right answers beside the router."""
    shares: list[float] = []
    with bounded(bound):
        for draw in range(_DRAWS):
            chance = random.Random(draw)
            decisions = [asked(case, right, says, below, chance) for case in cases]
            shares.append(accuracy(decisions, cases))
    return sum(shares) / len(shares)


def asked(case: Case, right: float, says: float, below: float, chance: random.Random) -> Decision:
    """Decide a case with what the made model says of it."""
    verdict = made_verdict(case, right, says, chance)  # drawn for all, so that bounds compare
    if case.alone.confidence >= below:
        return case.alone
    reading = case.reading
    signals = consulting.with_answers(reading.signals, verdict, case.fit)
    return decide(reading.task, signals, reading.standalone, case.agent)


def made_verdict(case: Case, right: float, says: float, chance: random.Random) -> NeedVerdict:
    """What the made model says."""
    offered: list[Need] = [n for n in NEEDS if n != "few_shot" or case.agent.examples]
    expected = case.labelled.expected
    truth: Need = "few_shot" if expected == "fine_tuned" else expected
    others: list[Need] = [need for need in offered if need != truth]
    named = truth if chance.random() < right else chance.choice(others)
    rest = (1 - says) / (len(offered) - 1)
    holds = {
        name: says if holds == (chance.random() < right) else 1 - says
        for name, holds in case.holds.items()
    }
    return NeedVerdict(
        model="made",
        need=named,
        reason="",
        probabilities={need: says if need == named else rest for need in offered},
        holds=holds,
    )


def accuracy(decisions: Sequence[Decision], cases: Sequence[Case]) -> float:
    """Share of the tasks that are routed rightly."""
    judged = Judged(
        tasks=tuple(case.labelled for case in cases),
        named=tuple(made.strategy for made in decisions),
        confidence=tuple(made.confidence for made in decisions),
    )
    return figures(judged).accuracy


@contextmanager
def bounded(odds: float) -> Generator[None]:
    """Have a judge's word count for so much at most."""
    before = standing.JUDGE_ODDS
    try:
        standing.JUDGE_ODDS = consulting.JUDGE_ODDS = odds  # pyright: ignore[reportConstantRedefinition]
        yield
    finally:
        standing.JUDGE_ODDS = consulting.JUDGE_ODDS = before  # pyright: ignore[reportConstantRedefinition]


if __name__ == "__main__":
    main()
