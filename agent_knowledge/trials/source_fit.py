"""Fitting the coverage of one source to questions of its own, and telling whether that helps.

The packaged fit of coverage was made for the packaged embedding, or for any scores. Of one source
its weights are fitted anew to questions that are known to be covered or not: those that make the
labels most likely, under a Gaussian prior around the packaged weights. So a few questions move them
a little, and many as far as they say.

What a fit is worth is measured by stratified cross-validation: each question is judged by weights
that were fitted without its fold. It is recommended when its log loss there is lower, by more than
chance alone would have it (a permutation test of the paired differences).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.errors import ConfigError, InputError, nearest
from agent_knowledge.routing.need import LogisticFit
from agent_knowledge.trials.decision_scores import calibration_error
from agent_knowledge.types import Task

if TYPE_CHECKING:
    from agent_knowledge.routing.router import KnowledgeRouter

QUESTIONS = 50
"""Fewer hardly ever show that a fit is better."""
QUESTIONS_PER_LABEL = 10
"""Two for each fold."""
LEVEL = 0.05
"""Of labels that say nothing at most one set in twenty is recommended."""
_FOLDS = 5
"""As many as `leaning.FOLDS`."""
_SPREAD = 0.125
"""Standard deviation of the prior of what a measurement adds per standard deviation of its own, in
log-odds. Doubled, log loss on other questions rises by 0.003 to 0.005, by store; halved it moves by
less than 0.001 (`tools.bench.source_fit`, 14 of our agents)."""
_BIAS_SPREAD = 1.0
"""The same of the bias. Halved, log loss rises by 0.001 to 0.004; doubled, by less than 0.001."""
_FLIPS = 10_000
"""Permutations drawn: a p of 0.05 is then known to 0.002."""
_STEPS = 50
_CLOSE = 1e-6
"""Newton's method takes five to ten steps to come so close: limits."""
_LEAST = 1e-3
"""A probability counts as no surer than this, so that one question never decides alone."""
_DIGITS = 4
"""A ten-thousandth of a log-odds moves no probability by more than 0.00003."""
Measured = Mapping[str, float]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageScore:
    """How well probabilities tell covered questions from others.

    Attributes:
        log_loss: Mean of -log of what was given to the truth; lower is better.
        auc: Share of pairs of a covered question and another that are in the right order.
        calibration_error: Expected calibration error, 0..1; lower is better.
    """

    log_loss: float
    auc: float
    calibration_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTuning:
    """What fitting a source's coverage came to.

    Attributes:
        questions: How many there are.
        covered: How many of them are covered.
        before: How all fare by the packaged fit.
        after: How they fare by fits that have not seen them.
        p_value: How likely chance alone lowers the log loss as much, 0..1.
        fitted: The fit to all of them.
    """

    questions: int
    covered: int
    before: CoverageScore
    after: CoverageScore
    p_value: float
    fitted: LogisticFit

    @property
    def doubt(self) -> str:
        """Why the fit is not recommended; empty when it is."""
        if self.after.log_loss >= self.before.log_loss:
            return (
                f"on questions that it has not seen its log loss is no lower "
                f"({self.before.log_loss:.3f} -> {self.after.log_loss:.3f})"
            )
        if self.p_value > LEVEL:
            return f"chance alone would lower the log loss as much (p = {self.p_value:.2g})"
        return ""

    @property
    def better(self) -> bool:
        """Whether fitting helps on questions that it has not seen."""
        return not self.doubt


def require_questions(covered: Sequence[bool]) -> None:
    """Refuse too few questions.

    Raises:
        InputError: Says how many of which there are and are needed.
    """
    yes = sum(covered)
    faults = [
        f"{count} {what}; at least {least} are needed"
        for count, what, least in (
            (len(covered), "questions", QUESTIONS),
            (yes, "that are covered", QUESTIONS_PER_LABEL),
            (len(covered) - yes, "that are not covered", QUESTIONS_PER_LABEL),
        )
        if count < least
    ]
    if faults:
        msg = f"too few questions to fit a source to: {'; '.join(faults)}; add more"
        raise InputError(msg)


def tune_source(
    router: KnowledgeRouter, source: str, questions: Sequence[tuple[str, bool]]
) -> SourceTuning:
    """Search a source for questions, and fit its coverage to them.

    Args:
        router: Of an agent that searches the source.
        source: Its name.
        questions: Each with whether the source holds what it asks.

    Raises:
        InputError: There are too few questions.
        ConfigError: The agent does not search the source.
        SourceError: It cannot serve.
    """
    require_questions([covered for _, covered in questions])
    reader = router.reader
    if source not in reader.sources:
        msg = (
            f"source {source!r} is not searched by agent {router.agent.name!r} for every task, so "
            f"its coverage is not measured; {nearest(source, reader.sources)}"
        )
        raise ConfigError(msg)
    found = list(reader.measure([Task(question) for question, _ in questions]))
    scale = next((one.results[source].scale for one in found if one.sources[source]), "")
    return fit_source(
        [one.sources[source] or {} for one in found],
        [covered for _, covered in questions],
        replace(reader.fits, by_source={}).coverage_for(source, scale),
    )


def keep(tuning: SourceTuning, file: Path) -> None:
    """Write a fit where `load_router` looks for it.

    Args:
        tuning: What fitting came to.
        file: `fits/NAME.json` in the store's folder.

    Raises:
        ConfigError: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        following = file.with_suffix(".next")
        following.write_text(json.dumps(asdict(tuning.fitted)), encoding="utf-8")
        following.replace(file)
    except OSError as error:
        msg = f"store.path: {str(file)!r} cannot be written ({error}); give a folder that can"
        raise ConfigError(msg) from error


def fit_source(
    measured: Sequence[Measured], covered: Sequence[bool], packaged: LogisticFit
) -> SourceTuning:
    """Fit a source's coverage to its own questions.

    Args:
        measured: What a search showed of each question; see `routing.coverage.measure`.
        covered: Whether the source holds what it asks.
        packaged: The fit to begin from; what it does not weigh is not weighed.

    Raises:
        InputError: There are too few questions.
    """
    require_questions(covered)
    truth = np.array(covered, dtype=bool)
    rows = _rows(measured, packaged)
    folds = _folds(truth)
    before = _probabilities(rows, packaged)
    after = np.empty_like(before)
    for fold in range(_FOLDS):
        seen = folds != fold
        after[~seen] = _probabilities(rows[~seen], _fitted(rows[seen], truth[seen], packaged))
    return SourceTuning(
        questions=len(truth),
        covered=int(truth.sum()),
        before=_score(before, truth),
        after=_score(after, truth),
        p_value=_p_value(_losses(before, truth) - _losses(after, truth)),
        fitted=_fitted(rows, truth, packaged),
    )


def _rows(measured: Sequence[Measured], fit: LogisticFit) -> Numbers:
    """How far each measurement is from what is usual; what is missing is usual."""
    return np.array(
        [
            [one.get(name, fit.centers[name]) - fit.centers[name] for name in fit.weights]
            for one in measured
        ]
    )


def _fitted(rows: Numbers, truth: NDArray[np.bool_], packaged: LogisticFit) -> LogisticFit:
    """The weights that are most likely a posteriori, by Newton's method."""
    # In units of what a measurement varies by, so that one spread of the prior suits all.
    unit = rows.std(axis=0)
    unit[unit < _CLOSE] = 1.0  # it is the same for all
    design = np.hstack([rows / unit, np.ones((len(rows), 1))])
    start = np.array([*(np.array([*packaged.weights.values()]) * unit), packaged.bias])
    tightness = np.diag([1 / _SPREAD**2] * len(unit) + [1 / _BIAS_SPREAD**2])
    best = start.copy()
    for _ in range(_STEPS):
        p = _logistic(design @ best)
        slope = design.T @ (truth - p) - tightness @ (best - start)
        bend = (design.T * (p * (1 - p))) @ design + tightness
        step = cast("Numbers", np.linalg.solve(bend, slope))
        best = best + step
        if np.abs(step).max() < _CLOSE:
            break
    weights: list[float] = (best[:-1] / unit).tolist()
    return LogisticFit(
        weights={
            name: round(weight, _DIGITS)
            for name, weight in zip(packaged.weights, weights, strict=True)
        },
        centers=dict(packaged.centers),
        bias=round(float(best[-1]), _DIGITS),
    )


def _probabilities(rows: Numbers, fit: LogisticFit) -> Numbers:
    return _logistic(rows @ np.array([*fit.weights.values()]) + fit.bias)


def _logistic(log_odds: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))


def _losses(probabilities: Numbers, truth: NDArray[np.bool_]) -> Numbers:
    given = np.where(truth, probabilities, 1 - probabilities)
    return -np.log(np.clip(given, _LEAST, 1))


def _score(probabilities: Numbers, truth: NDArray[np.bool_]) -> CoverageScore:
    above: Numbers = probabilities[truth][:, np.newaxis] - probabilities[~truth][np.newaxis]
    in_order: Numbers = (above > 0) + (above == 0) / 2
    return CoverageScore(
        log_loss=float(_losses(probabilities, truth).mean()),
        auc=float(in_order.mean()),
        calibration_error=calibration_error(
            np.maximum(probabilities, 1 - probabilities), (probabilities >= 0.5) == truth
        ),
    )


def _p_value(falls: Numbers) -> float:
    """How often the mean of what falls is as high when each could as well be what rises."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(_FLIPS, len(falls)))
    as_high = (signs @ falls >= falls.sum() - 1e-12).sum()
    return float((as_high + 1) / (_FLIPS + 1))


def _folds(truth: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The fold of each question: those of each label are dealt out in turn."""
    folds = np.empty(len(truth), dtype=np.intp)
    folds[np.argsort(truth, kind="stable")] = np.arange(len(truth)) % _FOLDS
    return folds
