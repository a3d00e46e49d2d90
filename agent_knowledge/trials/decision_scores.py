"""How well decisions match what was expected of them: F1, accuracy and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.routing.rejections import STRATEGIES
from agent_knowledge.types import Decision, Signals, Strategy, Task

_BINS = 10
Codes = NDArray[np.intp]
"""Strategies by their place in `STRATEGIES`, shape (cases,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """A task as it was measured, and what is expected of its decision.

    Attributes:
        task: The task.
        signals: What was measured about it.
        expected: The strategies that are right, at least one. The first is the case's label: the
            one that it is counted under.
    """

    task: Task
    signals: Signals
    expected: tuple[Strategy, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How well decisions match what was expected. All numbers are 0..1.

    Attributes:
        macro_f1: Mean of `f1`: each strategy counts the same, however many cases it has.
        accuracy: Share of cases whose strategy is among the expected ones.
        calibration_error: Expected calibration error: how far the confidence is from the share
            that is right, in ten bins of equal width, weighted by their cases; lower is better.
        f1: Per strategy that is some case's label.
        recall: Per such strategy, the share of its cases that are decided rightly.
    """

    macro_f1: float
    accuracy: float
    calibration_error: float
    f1: Mapping[Strategy, float]
    recall: Mapping[Strategy, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """What is expected of cases, as arrays.

    Attributes:
        labels: The label of each case.
        accepted: Per case and strategy, whether it is right; shape (cases, strategies).
    """

    labels: Codes
    accepted: NDArray[np.bool_]

    @classmethod
    def of(cls, cases: Sequence[Labelled]) -> Truth:
        """What is expected of `cases`, in their order."""
        accepted = [[strategy in case.expected for strategy in STRATEGIES] for case in cases]
        return cls(labels=codes([case.expected[0] for case in cases]), accepted=np.array(accepted))

    def at(self, rows: NDArray[np.intp]) -> Truth:
        """What is expected of some of the cases."""
        return Truth(labels=self.labels[rows], accepted=self.accepted[rows])

    def right(self, made: Codes) -> NDArray[np.bool_]:
        """Whether each strategy is among those accepted for its case."""
        return self.accepted[np.arange(len(made)), made]

    def f1(self, made: Codes) -> dict[Strategy, float]:
        """F1 per label. A right strategy counts as the case's own, whichever of them it is."""
        right, size = self.right(made), len(STRATEGIES)
        hits = np.bincount(made[right], minlength=size)
        chosen = np.bincount(made, minlength=size)
        true = np.bincount(np.where(right, made, self.labels), minlength=size)
        return {
            STRATEGIES[code]: float(2 * hits[code] / max(chosen[code] + true[code], 1))
            for code in np.unique(self.labels)
        }

    def macro_f1(self, made: Codes) -> float:
        """Mean of `f1`."""
        f1 = self.f1(made)
        return sum(f1.values()) / len(f1)

    def score(self, decisions: Sequence[Decision]) -> Score:
        """Score one decision for each case, in their order."""
        made = codes([decision.strategy for decision in decisions])
        right = self.right(made)
        confidence = np.array([decision.confidence for decision in decisions])
        return Score(
            macro_f1=self.macro_f1(made),
            accuracy=float(right.mean()),
            calibration_error=calibration_error(confidence, right),
            f1=self.f1(made),
            recall={
                STRATEGIES[code]: float(right[self.labels == code].mean())
                for code in np.unique(self.labels)
            },
        )


def codes(strategies: Sequence[Strategy]) -> Codes:
    """The place of each strategy in `STRATEGIES`."""
    return np.array([STRATEGIES.index(strategy) for strategy in strategies], dtype=np.intp)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Expected calibration error; see `Score.calibration_error`.

    Args:
        confidence: Per case, 0..1.
        right: Whether it was.
    """
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    surplus = np.bincount(bins, weights=confidence - right, minlength=_BINS)
    return float(np.abs(surplus).sum() / len(confidence))
