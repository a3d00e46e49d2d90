"""Intervals hold the truth as often as they say, and too few cases prove nothing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score

from agent_knowledge.trials.statistics import macro_f1, of_macro_f1, of_means

_TRIALS = 100
_DRAWS = 1_000


def columns(*counts: tuple[int, list[float]]) -> np.ndarray:
    """Scores of several rungs: so many cases with these scores each."""
    return np.array([row for count, row in counts for _ in range(count)])


def pairs(random: np.random.Generator, n: int, low: float, high: float) -> np.ndarray:
    """Right or wrong on two rungs that find the same cases hard, half of the time."""
    one, other = random.random(n), random.random(n)
    second = np.where(random.random(n) < 0.5, one, other)
    return np.stack([one < low, second < high], axis=1).astype(float)


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.6), (0.95, 0.98)])
def test_intervals_hold_the_truth_in_95_of_100_trials(low: float, high: float) -> None:
    random = np.random.default_rng(3)
    held = np.zeros(3)
    for _ in range(_TRIALS):
        found = of_means(pairs(random, 60, low, high), _DRAWS)
        gap = found.gaps[1, 0].ci
        truth = [(found.ci[0], low), (found.ci[1], high), (gap, high - low)]
        held += [ci[0] <= value <= ci[1] for ci, value in truth]
    assert (held / _TRIALS >= 0.9).all()  # 0.95, less three standard errors of so few trials


def test_equal_rungs_have_a_winner_in_at_most_5_of_100_trials() -> None:
    random = np.random.default_rng(4)
    equal = [of_means(pairs(random, 60, 0.9, 0.9), _DRAWS) for _ in range(_TRIALS)]
    gaps = [found.gaps[1, 0] for found in equal]
    assert sum(gap.ci[0] > 0 or gap.ci[1] < 0 for gap in gaps) <= 0.05 * _TRIALS


def test_the_cases_that_would_do_would_do_in_about_80_of_100_trials() -> None:
    random = np.random.default_rng(5)
    seen = of_means(pairs(random, 4000, 0.7, 0.8), _DRAWS).gaps[1, 0]
    needed = seen.cases_needed
    assert needed is not None
    again = [of_means(pairs(random, needed, 0.7, 0.8), _DRAWS) for _ in range(_TRIALS)]
    assert 0.65 <= np.mean([found.gaps[1, 0].proven for found in again]) <= 0.95


def test_few_differing_cases_prove_nothing() -> None:
    both = columns((96, [1, 1]), (4, [0, 1]))
    assert not of_means(both).gaps[1, 0].proven
    both = columns((92, [1, 1]), (8, [0, 1]))
    assert of_means(both).gaps[1, 0].proven


def test_ten_right_answers_are_no_certainty() -> None:
    found = of_means(columns((10, [1])))
    assert found.scores == (1.0,)
    low, high = found.ci[0]
    assert 0.5 < low < 0.8
    assert high == 1


def test_what_is_hard_for_both_cancels_out() -> None:
    random = np.random.default_rng(6)
    hard = random.random(200)
    both = np.stack([hard * 0.9, hard * 0.9 + 0.05], axis=1)
    found = of_means(both)
    assert found.ci[0][1] > found.ci[1][0]  # the rungs' own intervals overlap
    assert found.gaps[1, 0].proven
    assert found.gaps[1, 0].difference == pytest.approx(0.05)


def test_the_same_cases_give_the_same_interval() -> None:
    scores = pairs(np.random.default_rng(1), 80, 0.4, 0.7)
    assert of_means(scores) == of_means(scores)


def test_without_a_difference_no_number_of_cases_would_do() -> None:
    found = of_means(columns((30, [1, 1]), (30, [0, 0])))
    assert found.gaps[1, 0].cases_needed is None


def test_macro_f1_is_that_of_the_expected_labels() -> None:
    random = np.random.default_rng(2)
    expected = [str(label) for label in random.integers(4, size=120)]
    answered = [right if random.random() < 0.6 else "other" for right in expected]
    answered[:20] = ["1"] * 20
    labels = sorted(set(expected))
    wanted = f1_score(expected, answered, labels=labels, average="macro", zero_division=0)
    assert macro_f1(expected, answered) == pytest.approx(wanted)
    found = of_macro_f1(expected, [answered, expected])
    assert found.scores == pytest.approx((wanted, 1.0))
    assert found.ci[0][0] < wanted < found.ci[0][1]
    assert found.gaps[1, 0].proven


def test_columns_are_compared_on_what_both_have_a_score_of() -> None:
    scores = columns((40, [1, 1]), (10, [np.nan, 1]), (10, [0, np.nan]), (20, [0, 0]))
    found = of_means(scores)
    assert found.scores == (40 / 70, 50 / 70)
    gap = found.gaps[1, 0]
    assert (gap.n, gap.difference) == (60, 0)
    expected = ["a"] * 30 + ["b"] * 30
    right: list[str | None] = list(expected)
    failing = [None if place % 3 == 0 else label for place, label in enumerate(expected)]
    labelled = of_macro_f1(expected, [right, failing])
    assert (labelled.scores, labelled.gaps[1, 0].n, labelled.gaps[1, 0].difference) == (
        (1, 1),
        40,
        0,
    )
