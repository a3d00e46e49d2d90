"""Whether a task is one more instance of an agent's own example set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent_knowledge.ports import ExampleSet
from agent_knowledge.signals.calibration import Calibration
from agent_knowledge.types import Vector

_SAMPLE = 512
"""Examples looked at to learn how near a set's own members are to each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMatcher:
    """Matches tasks against one set.

    Attributes:
        examples: The set.
        near: Mean cosine of an example with its nearest neighbour in the set.
        spread: Standard deviation of that cosine.
        calibration: Turns what is measured into a probability.
    """

    examples: ExampleSet
    near: float
    spread: float
    calibration: Calibration

    @classmethod
    def of(cls, examples: ExampleSet, calibration: Calibration) -> PatternMatcher:
        """Measure how near the members of a set are to each other, once."""
        vectors = examples.vectors
        if len(vectors) < 2:
            return cls(examples=examples, near=0.7, spread=0.15, calibration=calibration)
        step = max(1, len(vectors) // _SAMPLE)
        sample = np.arange(0, len(vectors), step)
        cosines = vectors[sample] @ vectors.T
        cosines[np.arange(len(sample)), sample] = -1.0
        nearest = cosines.max(axis=1)
        return cls(
            examples=examples,
            near=float(nearest.mean()),
            spread=max(float(nearest.std()), 0.02),
            calibration=calibration,
        )

    def measure(self, vectors: Sequence[Vector]) -> dict[str, float]:
        """How near a task comes to the set.

        Args:
            vectors: The task as a whole and, where it has parts, its parts (a message to classify
                often follows an instruction); the nearest counts.

        Returns:
            `cosine` with the nearest example, -1..1; `relative`: the same in standard deviations
            of what the set's own members have with theirs.
        """
        cosine = max(float((self.examples.vectors @ vector).max()) for vector in vectors)
        return {"cosine": cosine, "relative": (cosine - self.near) / self.spread}

    def match(self, vectors: Sequence[Vector]) -> float:
        """Probability that a task is an instance of the set; see `measure`."""
        return self.calibration.probability(self.measure(vectors))
