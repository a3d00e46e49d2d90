"""Whether a task is one more instance of an agent's own example set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent_knowledge.examples.labels import Classes
from agent_knowledge.ports import ExampleSet
from agent_knowledge.signals.calibration import Calibration
from agent_knowledge.types import Matrix, Vector

_SAMPLE = 512
"""Examples looked at to learn how near a set's own members are to each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMatcher:
    """Matches tasks against one set.

    Attributes:
        examples: The set.
        classes: Its classes.
        near: Mean cosine of an example with its nearest neighbour in the set.
        spread: Standard deviation of that cosine.
        calibration: Turns what is measured into a probability.
    """

    examples: ExampleSet
    classes: Classes
    near: float
    spread: float
    calibration: Calibration

    @classmethod
    def of(cls, examples: ExampleSet, calibration: Calibration) -> PatternMatcher:
        """Measure how near the members of a set are to each other, once."""
        near, spread = _neighbourhood(examples.vectors)
        return cls(
            examples=examples,
            classes=Classes.of(examples),
            near=near,
            spread=spread,
            calibration=calibration,
        )

    def measure(self, vectors: Sequence[Vector]) -> dict[str, float]:
        """How near a task comes to the set.

        Args:
            vectors: The task as a whole and, where it has parts, its parts (a message to classify
                often follows an instruction); the nearest counts.

        Returns:
            `cosine` with the nearest example, -1..1; `relative`: the same in standard deviations
            of what the set's own members have with theirs; `fit`: how far the cosine with the
            centroid of the class that it fits best is below what is usual there; 0 or less, for
            nearer than usual is no more a member (a small set is just wide).
        """
        found = [(self.examples.vectors @ vector, vector) for vector in vectors]
        cosines, vector = max(found, key=lambda one: float(one[0].max()))
        scores, fits = self.classes.fits(cosines, vector)
        cosine = float(cosines.max())
        return {
            "cosine": cosine,
            "relative": (cosine - self.near) / self.spread,
            "fit": min(float(fits[scores.argmax()]), 0.0),
        }

    def match(self, vectors: Sequence[Vector]) -> float:
        """Probability that a task is an instance of the set; see `measure`."""
        return self.calibration.probability(self.measure(vectors))


def _neighbourhood(vectors: Matrix) -> tuple[float, float]:
    """Mean and standard deviation of an example's cosine with its nearest neighbour."""
    if len(vectors) < 2:
        return 0.7, 0.15
    step = max(1, len(vectors) // _SAMPLE)
    sample = np.arange(0, len(vectors), step)
    cosines = vectors[sample] @ vectors.T
    cosines[np.arange(len(sample)), sample] = -1.0
    nearest = cosines.max(axis=1)
    return float(nearest.mean()), max(float(nearest.std()), 0.02)
