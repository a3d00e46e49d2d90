"""Turning measurements into probabilities by logistic functions fitted by `tools/train`.

A cosine means something else in each embedding space. Two fits are packaged for each signal: one
for MiniLM's cosines, and one on measurements that have no scale of their own, for any other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A logistic function of named measurements.

    Attributes:
        weights: Per measurement; one that is not named here does not count.
        bias: The log-odds when every measurement is 0.
    """

    weights: Mapping[str, float]
    bias: float

    def probability(self, measured: Mapping[str, float]) -> float:
        """The probability, 0..1, of what was measured."""
        score = self.bias + sum(w * measured[name] for name, w in self.weights.items())
        return 1 / (1 + math.exp(-min(max(score, -30.0), 30.0)))


def load_calibration(signal: Literal["coverage", "pattern"], embedding: str) -> Calibration:
    """The packaged fit of a signal for an embedding space.

    Args:
        signal: Which signal.
        embedding: Name of the embedding that the index was built with.
    """
    fits = _fits()["fits"][signal]
    fit = fits.get(embedding, fits["any"])
    return Calibration(weights=fit["weights"], bias=fit["bias"])


@cache
def _fits() -> dict[str, Any]:
    file = resources.files("agent_knowledge.data") / "calibration.json"
    return json.loads(file.read_text(encoding="utf-8"))
