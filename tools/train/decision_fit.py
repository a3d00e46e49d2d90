"""Fitting coverage, match and decision, and judging a fit on agents that it has not seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from agent_knowledge.routing import need as weighing
from agent_knowledge.routing.measuring import signals_of
from agent_knowledge.routing.need import DecisionFit, Fits, LogisticFit
from agent_knowledge.types import NEEDS, Signals
from tools.train.decision_data import NO_DECISION, MeasuredTask

Rows = Sequence[Mapping[str, float]]
Table = NDArray[np.float64]

STRENGTH = 0.1
"""Inverse regularisation on measurements in standard deviations. Between 0.01 and 1 the left-out
macro-F1 moves by less than 0.01."""
INNER = 4
"""Parts that coverage and match are fitted without, for the decision to be fitted to."""
WITHOUT_SCALE = {"coverage": ("cosine",), "pattern": ("cosine", "described", "fit")}
"""Measurements that mean something else in another embedding space."""
_ROUNDING = 1e-9
"""A measurement that varies by less than this is the same everywhere."""
_ALSO = 0.25
"""What a label that a careful person would accept as well counts beside the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """All fits: for MiniLM's space, and for any other."""

    minilm: Fits
    any_space: Fits


def fit_all(tasks: Sequence[MeasuredTask], background: Mapping[str, float]) -> Fitted:
    """LogisticFit everything to some agents' tasks.

    The decision is fitted to what coverage and match say of agents that they were not fitted to,
    for so it will be with a user's.
    """
    names = sorted({task.agent for task in tasks})
    crossed: list[tuple[MeasuredTask, Signals]] = []
    for part in range(INNER):
        held = set(names[part::INNER])
        first = _first_fits([t for t in tasks if t.agent not in held], background)
        crossed += [(t, signals_of(t.measured, first)) for t in tasks if t.agent in held]
    decision = _fit_decision(crossed)
    whole = _first_fits(tasks, background)
    minilm = Fits(
        coverage=whole.coverage, pattern=whole.pattern, decision=decision, background=background
    )
    anywhere = _first_fits(tasks, background, scaled=False)
    other = Fits(
        coverage=anywhere.coverage,
        pattern=anywhere.pattern,
        decision=decision,
        background=background,
    )
    return Fitted(minilm=minilm, any_space=other)


def _first_fits(
    tasks: Sequence[MeasuredTask], background: Mapping[str, float], *, scaled: bool = True
) -> Fits:
    """Coverage and match."""
    sources = [
        (row, task.covers[name])
        for task in tasks
        # Whether a source covers an input, or thanks, is no question.
        if task.labelled.expected != "few_shot" and not task.added
        for name, row in task.measured.sources.items()
        if row is not None
    ]
    sets = [
        (row, task.labelled.example_set == name)
        for task in tasks
        for name, row in task.measured.sets.items()
    ]
    left = WITHOUT_SCALE if not scaled else dict.fromkeys(WITHOUT_SCALE, ())
    return Fits(
        coverage=_fit_binary(sources, left["coverage"]),
        pattern=_fit_binary(sets, left["pattern"]),
        decision=NO_DECISION,
        background=background,
    )


def _fit_binary(
    rows: Sequence[tuple[Mapping[str, float], bool]], without: Sequence[str]
) -> LogisticFit:
    names = [n for n in dict.fromkeys(n for row, _ in rows for n in row) if n not in without]
    table, centers, scales = _standardised([row for row, _ in rows], names)
    model: Any = LogisticRegression(C=STRENGTH, max_iter=2_000)
    model.fit(table, [truth for _, truth in rows])
    return _unscaled(names, model.coef_[0], float(model.intercept_[0]), centers, scales)


def _fit_decision(tasks: Sequence[tuple[MeasuredTask, Signals]]) -> DecisionFit:
    rows = [weighing.measure(signals) for _, signals in tasks]
    names = list(dict.fromkeys(name for row in rows for name in row))
    table, centers, scales = _standardised(rows, names)
    counts = Counter(task.agent for task, _ in tasks)
    inputs: list[Table] = []
    labels: list[int] = []
    weights: list[float] = []
    for (task, _), row in zip(tasks, table, strict=True):
        also = [s for s in task.labelled.also if s in NEEDS and s != task.labelled.expected]
        shares = {task.labelled.expected: 1 - _ALSO * bool(also)}
        shares |= {name: _ALSO / len(also) for name in also}
        for name, share in shares.items():
            inputs.append(row)
            labels.append(NEEDS.index(name))  # pyright: ignore[reportArgumentType]
            weights.append(100 * share / counts[task.agent])  # an agent counts as an agent
    model: Any = LogisticRegression(C=STRENGTH, max_iter=5_000)
    model.fit(np.array(inputs), labels, sample_weight=weights)
    place = {int(label): row for row, label in enumerate(model.classes_)}
    direct = place[NEEDS.index("direct")]

    def against_direct(need: str) -> LogisticFit:
        own = place[NEEDS.index(need)]  # pyright: ignore[reportArgumentType]
        coefficients = model.coef_[own] - model.coef_[direct]
        bias = float(model.intercept_[own] - model.intercept_[direct])
        return _unscaled(names, coefficients, bias, centers, scales)

    return DecisionFit(retrieval=against_direct("retrieval"), few_shot=against_direct("few_shot"))


def _standardised(rows: Rows, names: Sequence[str]) -> tuple[Table, Table, Table]:
    """Rows in standard deviations from the mean; what is missing is as usual."""
    table = np.array([[row.get(name, np.nan) for name in names] for row in rows])
    centers, scales = np.nanmean(table, axis=0), np.nanstd(table, axis=0)
    scales = np.where(scales > _ROUNDING, scales, 1.0)
    return np.nan_to_num((table - centers) / scales), centers, scales


def _unscaled(
    names: Sequence[str], weights: Table, bias: float, centers: Table, scales: Table
) -> LogisticFit:
    return LogisticFit(
        weights={n: _digits(w / s) for n, w, s in zip(names, weights, scales, strict=True)},
        centers={n: _digits(c) for n, c in zip(names, centers, strict=True)},
        bias=_digits(bias),
    )


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
