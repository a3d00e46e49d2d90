"""Coverage fitted to a source's own questions: taken where it helps, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent_knowledge import KnowledgeConfig, load_router
from agent_knowledge.errors import ConfigError, InputError
from agent_knowledge.routing.need import LogisticFit
from agent_knowledge.testing import HashEmbedder
from agent_knowledge.trials.source_fit import fit_source, keep, require_questions, tune_source

PACKAGED = LogisticFit(
    weights={"lead": 0.6, "known": 2.0, "absent": 1.0},
    centers={"lead": -0.8, "known": 0.6, "absent": 0.5},
    bias=-0.2,
)
Labelled = tuple[list[dict[str, float]], list[bool]]


def drawn(weights: dict[str, float], count: int, seed: int) -> Labelled:
    """Questions of a source whose coverage goes by these weights."""
    chance = np.random.default_rng(seed)
    rows = [{"lead": float(chance.normal()), "known": float(chance.random())} for _ in range(count)]
    odds = [sum(weights[name] * row[name] for name in row) + weights["bias"] for row in rows]
    return rows, [bool(chance.random() < 1 / (1 + np.exp(-one))) for one in odds]


def test_a_source_whose_scores_mean_something_else_gains() -> None:
    weights = {"lead": 3.0, "known": 0.0, "bias": 2.0}
    rows, covered = drawn(weights, 80, seed=1)
    tuning = fit_source(rows, covered, PACKAGED)
    assert tuning.better
    assert tuning.after.log_loss < tuning.before.log_loss
    others, truth = drawn(weights, 2000, seed=2)

    def loss(fit: LogisticFit) -> float:
        given = np.array([fit.probability(row) for row in others])
        return float(-np.log(np.where(truth, given, 1 - given)).mean())

    assert loss(tuning.fitted) < loss(PACKAGED)
    assert tuning.fitted.weights["absent"] == PACKAGED.weights["absent"]


def test_a_source_that_the_packaged_fit_suits_keeps_it() -> None:
    weights = {"lead": 0.6, "known": 2.0, "bias": -0.9}
    better = [fit_source(*drawn(weights, 60, seed=seed), PACKAGED).better for seed in range(20)]
    assert sum(better) <= 2


@pytest.mark.parametrize(
    ("covered", "uncovered", "said"),
    [
        (20, 20, "40 questions; at least 50 are needed"),
        (55, 5, "5 that are not covered; at least 10 are needed"),
        (5, 55, "5 that are covered; at least 10 are needed"),
    ],
)
def test_too_few_questions_are_refused(covered: int, uncovered: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        require_questions([True] * covered + [False] * uncovered)


def test_what_was_fitted_is_what_the_router_weighs_with(tmp_path: Path) -> None:
    texts = [f"The refund of order{n} takes {n} days." for n in range(60)]
    config = KnowledgeConfig.parse(
        f"store: {{path: {tmp_path}}}\nsources: {{orders: {{external: true}}}}\n"
        "agents: {x: {sources: [orders]}}"
    )

    def search(query: str, k: int) -> list[str]:
        return sorted(texts, key=lambda text: -len({*text.split()} & {*query.split()}))[:k]

    def opened():
        return load_router(config, embedding=HashEmbedder(64), retrievers={"orders": search})

    held = [(f"When is the refund of order{n} due?", True) for n in range(30)]
    gaps = [(f"How do whales{n} sing in an ocean?", False) for n in range(30)]
    tuning = tune_source(opened(), "orders", held + gaps)
    assert tuning.better
    keep(tuning, tmp_path / "fits" / "orders.json")
    fitted = opened().route(held[0][0]).signals.coverage["orders"]
    (tmp_path / "fits" / "orders.json").unlink()
    packaged = opened().route(held[0][0]).signals.coverage["orders"]
    assert fitted is not None
    assert packaged is not None
    assert fitted > packaged
    with pytest.raises(ConfigError, match="did you mean 'orders'"):
        tune_source(opened(), "order", held + gaps)
