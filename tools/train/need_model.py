"""Fitting the need heads, and measuring any classifier of needs on families it has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

from agent_knowledge.signals.need import NeedHeads
from agent_knowledge.types import NEEDS
from tools.train.need_data import NONE, OWN, Tasks

Mask = NDArray[np.bool_]
Table = NDArray[np.float64]
Predict = Callable[[Tasks, Mask, Mask], Table]
"""Given tasks, rows to train on and rows to judge: a score per judged row and need."""

NEED_C = 0.6
"""Inverse regularisation. From 0.3 to 4 the macro-F1 on unseen families moves by 0.015 only; above
1 the probabilities become too sure."""
THEME_WEIGHT = 0.3
"""A prompt written by theme counts this much for the needs: there are three times as many as of all
others together, and at full weight unseen families lose 0.02 of macro-F1."""
FRESH_C = 1.0
MULTI_HOP_C = 1.0
TURN_C = 2.0
SECOND_WEIGHT = 0.25
"""A row with a second defensible label counts for both, this much for the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How well needs were told; all within 0..1.

    Attributes:
        accuracy: The first label was named.
        with_second: The first or the second was.
        macro_f1: Mean F1 of the three needs.
        ece: Expected calibration error, ten bins; NaN for scores that are no probabilities.
    """

    accuracy: float
    with_second: float
    macro_f1: float
    ece: float


def fit_heads(tasks: Tasks, rows: Mask) -> NeedHeads:
    """Fit all heads to some of the tasks."""
    facts = rows & (tasks.need == NEEDS.index("retrieval"))
    models = [
        _fit_need(tasks, rows),
        _fit_binary(tasks.inputs[rows], tasks.fresh[rows], FRESH_C),
        # Among tasks that need facts: elsewhere the question does not arise.
        _fit_binary(tasks.inputs[facts], tasks.multi_hop[facts], MULTI_HOP_C),
        _fit_binary(tasks.turn_inputs, tasks.turn_asks, TURN_C),
    ]
    weights = np.vstack([cast("Table", model.coef_) for model in models])
    bias = np.concatenate([cast("Table", model.intercept_) for model in models])
    return NeedHeads(five_digits(weights), five_digits(bias))


def five_digits(values: Table) -> NDArray[np.float32]:
    """Round to five significant digits, which is what the artefact holds."""
    return np.array([float(f"{v:.5g}") for v in values.ravel()], np.float32).reshape(values.shape)


def ours(tasks: Tasks, train: Mask, judged: Mask) -> Table:
    """The product's own heads as a `Predict`."""
    return fit_heads(tasks, train).probabilities(tasks.inputs[judged])[:, : len(NEEDS)]


def ours_without_own(tasks: Tasks, train: Mask, judged: Mask) -> Table:
    """The same heads, trained on shared rows alone."""
    return ours(tasks, train & (tasks.family != OWN), judged)


def unseen_families(tasks: Tasks, predict: Predict) -> Table:
    """Judge each family of the shared data by a model that saw no row of it."""
    scores = np.zeros((len(tasks.texts), len(NEEDS)))
    for family in sorted(set(tasks.family.tolist()) - {OWN}):
        judged = tasks.family == family
        scores[judged] = predict(tasks, tasks.trainable & ~judged, judged)
    return scores


def figures(tasks: Tasks, scores: Table, rows: Mask) -> Figures:
    """Compare scores with the labels of some rows; `scores` has a row per task."""
    scores, truth, second = scores[rows], tasks.need[rows], tasks.second[rows]
    named = scores.argmax(axis=1)
    return Figures(
        accuracy=float(np.mean(named == truth)),
        with_second=float(np.mean((named == truth) | (named == second))),
        macro_f1=float(cast("float", f1_score(truth, named, average="macro"))),
        ece=calibration_error(scores.max(axis=1), named == truth),
    )


def calibration_error(confidence: Table, correct: Mask, bins: int = 10) -> float:
    """Expected calibration error over equally wide bins; NaN when these are no probabilities."""
    if confidence.max() > 1 or confidence.min() < 0:
        return float("nan")
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(correct[bin_of == b].mean() - confidence[bin_of == b].mean()) * np.mean(bin_of == b)
        for b in np.unique(bin_of)
    ]
    return float(np.sum(gaps))


def auc(truth: Mask, scores: Table) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(truth, scores))


def _fit_need(tasks: Tasks, rows: Mask) -> Any:
    """Multinomial regression in which each need has the same total weight."""
    inputs, first, second = tasks.inputs[rows], tasks.need[rows], tasks.second[rows]
    both = second != NONE
    labels = np.concatenate([first, second[both]])
    weight = np.where(tasks.themes[rows], THEME_WEIGHT, 1.0)
    first_weight = np.where(both, 1 - SECOND_WEIGHT, 1.0) * weight
    weights = np.concatenate([first_weight, SECOND_WEIGHT * weight[both]])
    totals = np.bincount(labels, weights, minlength=len(NEEDS))
    weights *= (weights.sum() / len(NEEDS) / totals)[labels]
    model: Any = LogisticRegression(C=NEED_C, max_iter=1_000)
    return model.fit(np.vstack([inputs, inputs[both]]), labels, sample_weight=weights)


def _fit_binary(inputs: NDArray[np.float32], labels: Mask, inverse_strength: float) -> Any:
    model: Any = LogisticRegression(C=inverse_strength, class_weight="balanced", max_iter=1_000)
    return model.fit(inputs, labels)
