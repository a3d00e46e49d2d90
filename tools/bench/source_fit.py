"""What `agent-knowledge tune --source` gains: coverage fitted to 50 questions, judged on others.

    python -m tools.bench.source_fit
    python -m tools.bench.source_fit --agents climbhall hotel --draws 5

Each source of our own agents (`tools/train/agents`), in the default store and in those of
`tools.bench.agents_stores`. Its questions are the agent's tasks without a history; covered are
those that it has a relevant document for. The packaged fits have not seen the agent. As often as
`--draws` says, 50 questions are drawn, and the fit to them is judged on the others.

log loss: mean over draws and sources; lower is better. better: share of the draws in which `tune`
would have recommended the fit. After the table, how log loss moves with the spreads of the prior.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from agent_knowledge.errors import InputError
from agent_knowledge.routing.need import LogisticFit
from agent_knowledge.trials import source_fit
from agent_knowledge.trials.source_fit import QUESTIONS, fit_source
from tools.bench.agents import left_out
from tools.bench.agents_stores import routers_of
from tools.data.agent_folders import indexed
from tools.data.agents import read_agents
from tools.train.decision_data import covers_of
from tools.train.folds import OWN_AGENTS

_LEAST_LEFT = 10
"""Questions that a fit is judged on at least: a limit."""
_TIMES = (0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnQuestions:
    """The questions of one source in one store, some of them to fit to."""

    measured: Sequence[dict[str, float]]
    covered: Sequence[bool]
    packaged: LogisticFit
    drawn: Sequence[int]
    left: Sequence[int]

    def tuned(self) -> source_fit.SourceTuning:
        """What fitting to those that were drawn comes to.

        Raises:
            InputError: Too few of them are covered, or are not.
        """
        return fit_source(
            [self.measured[place] for place in self.drawn],
            [self.covered[place] for place in self.drawn],
            self.packaged,
        )

    def loss(self, fit: LogisticFit) -> float:
        """Log loss of a fit on the others."""
        given = [fit.probability(self.measured[place]) for place in self.left]
        truth = [self.covered[place] for place in self.left]
        right = np.where(truth, given, 1 - np.array(given))
        return float(-np.log(np.clip(right, 1e-3, 1)).mean())


def main() -> None:
    """Print a row for each store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", nargs="+", metavar="NAME", help="only these of our own")
    parser.add_argument("--draws", type=int, default=10)
    args = parser.parse_args()
    agents = [one for one in read_agents(OWN_AGENTS) if one.name in (args.agents or {one.name})]
    weights_for = left_out()
    draws: dict[str, list[DrawnQuestions]] = {}
    with threadpool_limits(1, user_api="blas"):
        for agent in agents:
            encoder, weights = weights_for(agent.name)
            tasks = [task for task in agent.tasks if not task.task.history]
            with indexed(agent, encoder) as here:
                for store, router in routers_of(here, encoder, weights).items():
                    found = list(router.reader.measure([task.task for task in tasks]))
                    for source in router.reader.sources:
                        scale = found[0].results[source].scale
                        draws.setdefault(store, []).extend(
                            _drawn(
                                [dict(one.sources[source] or {}) for one in found],
                                [covers_of(here, task)[source] for task in tasks],
                                router.reader.fits.coverage_for(source, scale),
                                args.draws,
                            )
                        )
            print(agent.name, flush=True)
    print(f"{'':24} draws  packaged  fitted  better")
    for store, held in draws.items():
        print(_row(store, held))
    for name in ("_SPREAD", "_BIAS_SPREAD"):
        usual = getattr(source_fit, name)
        for store, held in draws.items():
            moved: list[float] = []
            for times in _TIMES:
                setattr(source_fit, name, usual * times)
                moved.append(float(np.mean([one.loss(one.tuned().fitted) for one in held])))
            setattr(source_fit, name, usual)
            told = ", ".join(
                f"x{times}: {loss:.4f}" for times, loss in zip(_TIMES, moved, strict=True)
            )
            print(f"{store:24} {name}: {told}")


def _row(store: str, held: Sequence[DrawnQuestions]) -> str:
    tunings = [one.tuned() for one in held]
    before = np.mean([one.loss(one.packaged) for one in held])
    after = np.mean([one.loss(made.fitted) for one, made in zip(held, tunings, strict=True)])
    better = np.mean([made.better for made in tunings])
    return f"{store:24} {len(held):5}  {before:8.4f}  {after:6.4f}  {better:6.2f}"


def _drawn(
    measured: Sequence[dict[str, float]],
    covered: Sequence[bool],
    packaged: LogisticFit,
    draws: int,
) -> list[DrawnQuestions]:
    """Draw questions, again and again; none of a source that has too few."""
    made: list[DrawnQuestions] = []
    if len(measured) < QUESTIONS + _LEAST_LEFT:
        return made
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(len(measured)).tolist()
        one = DrawnQuestions(
            measured=measured,
            covered=covered,
            packaged=packaged,
            drawn=order[:QUESTIONS],
            left=order[QUESTIONS:],
        )
        try:
            source_fit.require_questions([covered[place] for place in one.drawn])
        except InputError:
            continue
        made.append(one)
    return made


if __name__ == "__main__":
    main()
