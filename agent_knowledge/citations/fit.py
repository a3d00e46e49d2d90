"""The fitted weights of the citation check, and the probabilities that they give."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

FILE = "support.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """A logistic function of measurements, fitted by `tools/train/support.py`.

    Attributes:
        weights: Per measurement.
        bias: The log-odds when every measurement is 0.
    """

    weights: Mapping[str, float]
    bias: float

    def parts(self, measured: Mapping[str, float]) -> dict[str, float]:
        """Per measurement, its part in the log-odds."""
        return {name: weight * measured[name] for name, weight in self.weights.items()}

    def probability(self, measured: Mapping[str, float]) -> float:
        """The probability, 0..1."""
        score = self.bias + sum(self.parts(measured).values())
        return float(1 / (1 + np.exp(-np.clip(score, -30.0, 30.0))))


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportFit:
    """What decides on a sentence.

    Attributes:
        copied: Gives the probability that a passage says a sentence that has most of its words in
            the passage's order, or all that say something from one sentence of it.
        reworded: The same of any other sentence.
        copied_from: Share of words in the same order, `order`, from which it counts as copied.
        denied: Gives the probability that a passage which does not say it says otherwise.
        contradicted: From so much of both together, 0..1, it counts as contradicted.
        sure: Probabilities of support below and above which an embedder is not asked.
    """

    copied: Logistic
    reworded: Logistic
    copied_from: float
    denied: Logistic
    contradicted: float
    sure: tuple[float, float]

    def supported(self, measured: Mapping[str, float]) -> Logistic:
        """What gives the probability that a passage says a sentence."""
        rearranged = measured["run"] == 0 and measured["win_n"] == 1
        ordered = measured["order"] >= self.copied_from
        return self.copied if ordered or rearranged else self.reworded


@cache
def load_fit(name: str) -> SupportFit:
    """A packaged fit: `words`, or that of an embedder whose vectors it reads as well."""
    fit = _fits()[name]
    low, high = fit["sure"]
    return SupportFit(
        copied=Logistic(**fit["copied"]),
        reworded=Logistic(**fit["reworded"]),
        copied_from=fit["copied_from"],
        denied=Logistic(**fit["denied"]),
        contradicted=fit["contradicted"],
        sure=(low, high),
    )


def has_fit(name: str) -> bool:
    """Whether a fit is packaged for the vectors of an embedder."""
    return name in _fits()


@cache
def _fits() -> dict[str, Any]:
    file = resources.files("agent_knowledge.data") / FILE
    return json.loads(file.read_text(encoding="utf-8"))["fits"]
