"""Fitting the policy's thresholds to labelled tasks, and telling honestly whether it helps.

The fit starts at the configured thresholds and moves one at a time, always the one that gains most
macro-F1, until no move gains enough: a point, and what one case is worth. Among equally good moves
the one that stays nearest to what is configured wins, and at last each threshold goes as far back
there as costs nothing. Candidates are tenths, quantiles of what was measured, the defaults and
what is configured. Nothing is drawn by chance: the same cases give the same thresholds.

What a fit is worth is measured by stratified cross-validation: each case is decided by thresholds
that were fitted without its fold.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.config import AgentProfile, Thresholds
from agent_knowledge.decision.evidence import compared
from agent_knowledge.decision.policy import decide
from agent_knowledge.decision.scoring import Codes, Labelled, Score, Truth, codes
from agent_knowledge.errors import InputError
from agent_knowledge.ledger import NOTHING_ON_RECORD, TrackRecord
from agent_knowledge.types import Decision, Signals, Strategy

FOLDS = 5
MIN_CASES = 40
"""Fewer say nothing about cases that were held out."""
MIN_PER_STRATEGY = 8
"""Fewer leave a fold with one case of a strategy, or none."""
MIN_GAIN = 0.01
"""A threshold moves only for a gain in macro-F1 of at least this, and of one case's share."""

_COMPARED = ("retrieval", "gap", "fresh", "coverage", "pattern", "clear_pattern")
_TUNED = (*_COMPARED, "confidence")
"""The thresholds that a strategy can hang on; any other one stays as configured."""
_TENTHS = tuple(n / 10 for n in range(1, 10))
_QUANTILES = tuple(n / 20 for n in range(1, 20))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What fitting came to.

    Attributes:
        counts: How many cases have each strategy as their label.
        present: The thresholds as configured.
        fitted: The thresholds fitted on all cases.
        before: How all cases fare by the present thresholds.
        after: How they fare by thresholds fitted without them.
        mended: How many cases only the latter decide rightly.
        spoilt: How many cases only the former decide rightly.
    """

    counts: Mapping[Strategy, int]
    present: Thresholds
    fitted: Thresholds
    before: Score
    after: Score
    mended: int
    spoilt: int

    @property
    def better(self) -> bool:
        """Whether fitting helps cases that it has not seen."""
        return self.after.macro_f1 > self.before.macro_f1 + 1e-9

    @property
    def recommended(self) -> Thresholds:
        """The fitted thresholds when they are better, else the present ones."""
        return self.fitted if self.better else self.present

    @property
    def changed(self) -> tuple[str, ...]:
        """The thresholds that are recommended to change."""
        return differing(self.present, self.recommended)


def differing(one: Thresholds, other: Thresholds) -> tuple[str, ...]:
    """Names of the thresholds whose values differ, in the order of the schema."""
    return tuple(name for name in Thresholds.model_fields if _gap(one, other, name))


def require_enough(expected: Sequence[tuple[Strategy, ...]]) -> dict[Strategy, int]:
    """Count the labels of cases, and refuse too few of them.

    Args:
        expected: The strategies that are right for each case; the first is its label.

    Returns:
        How many cases have each strategy as their label, most frequent first.

    Raises:
        InputError: There are fewer than `MIN_CASES` cases, or fewer than `MIN_PER_STRATEGY` of a
            strategy, or only one strategy; it says of each how many there are and are needed.
    """
    counts: Counter[Strategy] = Counter(first for first, *_ in expected)
    faults: list[str] = []
    if len(expected) < MIN_CASES:
        faults.append(f"{len(expected)} cases; at least {MIN_CASES} are needed")
    faults += [
        f"{count} that expect {strategy}; at least {MIN_PER_STRATEGY} are needed"
        for strategy, count in counts.items()
        if count < MIN_PER_STRATEGY
    ]
    if len(counts) == 1:
        faults.append(f"all expect {next(iter(counts))}; at least 2 strategies are needed")
    if faults:
        msg = f"too few labelled tasks to fit thresholds on: {'; '.join(faults)}; label more"
        raise InputError(msg)
    return dict(counts.most_common())


def tune(
    cases: Sequence[Labelled], agent: AgentProfile, record: TrackRecord = NOTHING_ON_RECORD
) -> Tuning:
    """Fit an agent's thresholds to labelled tasks.

    Args:
        cases: The tasks as the agent's router measured them, and what is expected.
        agent: What the agent has at hand, and its policy with the present thresholds.
        record: What was measured of the agent's fine-tuned endpoint.

    Raises:
        InputError: There are too few cases, see `require_enough`.
    """
    counts = require_enough([case.expected for case in cases])
    present = agent.policy.thresholds
    board, truth = _Board(cases, agent, record), Truth.of(cases)
    before = [board.decide(row, present) for row in range(len(cases))]
    after = list(before)
    folds = _folds(truth.labels)
    for fold in range(FOLDS):
        fitted = _fit(board, truth, np.flatnonzero(folds != fold))
        for row in np.flatnonzero(folds == fold).tolist():
            after[row] = board.decide(row, fitted)
    was, now = (truth.right(codes([d.strategy for d in made])) for made in (before, after))
    return Tuning(
        counts=counts,
        present=present,
        fitted=_fit(board, truth, np.arange(len(cases))),
        before=truth.score(before),
        after=truth.score(after),
        mended=int((now & ~was).sum()),
        spoilt=int((was & ~now).sum()),
    )


def _folds(labels: Codes) -> NDArray[np.intp]:
    """The fold of each case: the cases of each label are dealt out in turn, all labels in a row."""
    order = np.argsort(labels, kind="stable")
    folds = np.empty_like(labels)
    folds[order] = np.arange(len(labels)) % FOLDS
    return folds


class _Board:
    """What each case comes to under any thresholds; each distinct outcome is decided once.

    A threshold acts on a decision only by how it compares with what was measured, so cases have
    few distinct outcomes among all thresholds that a search tries.
    """

    def __init__(self, cases: Sequence[Labelled], agent: AgentProfile, record: TrackRecord) -> None:
        self._cases = cases
        self._agent = agent
        self._record = record
        self.present = agent.policy.thresholds
        self.measured = np.array([_measured(case.signals) for case in cases])
        self.confidence = np.array(
            [self.decide(row, self.present).confidence for row in range(len(cases))]
        )
        self._bits = 1 << np.arange(len(_COMPARED))
        self._known: dict[tuple[int, int], tuple[Decision, Decision]] = {}

    def strategies(self, thresholds: Thresholds, rows: NDArray[np.intp]) -> Codes:
        """What the cases of `rows` are decided to."""
        limits = np.array([getattr(thresholds, name) for name in _COMPARED])
        reached = (self.measured[rows] >= limits) @ self._bits
        made: list[Strategy] = []
        for row, outcome in zip(rows.tolist(), reached.tolist(), strict=True):
            if (row, outcome) not in self._known:
                self._known[row, outcome] = self._both(row, thresholds)
            sure, unsure = self._known[row, outcome]
            doubtful = sure.confidence < thresholds.confidence
            made.append(unsure.strategy if doubtful else sure.strategy)
        return codes(made)

    def decide(self, row: int, thresholds: Thresholds) -> Decision:
        """Decide one case by thresholds."""
        policy = self._agent.policy.model_copy(update={"thresholds": thresholds})
        agent, case = self._agent.model_copy(update={"policy": policy}), self._cases[row]
        return decide(case.task, case.signals, "", agent, record=self._record)

    def _both(self, row: int, thresholds: Thresholds) -> tuple[Decision, Decision]:
        """The decision when its confidence suffices, and when it doesn't."""
        sure, unsure = (
            self.decide(row, _moved(thresholds, "confidence", limit)) for limit in (0.0, 1.0)
        )
        return sure, unsure

    def candidates(self, name: str, rows: NDArray[np.intp]) -> list[float]:
        """Values to try for a threshold; none where nothing was measured against it."""
        column = self.confidence if name == "confidence" else self._column(name)
        values = column[rows]
        values = values[~np.isnan(values)]
        if not len(values):
            return []
        tried = {
            *_TENTHS,
            *np.quantile(values, _QUANTILES).round(2).tolist(),
            getattr(Thresholds(), name),
            getattr(self.present, name),
        }
        return sorted(tried)

    def _column(self, name: str) -> NDArray[np.float64]:
        return self.measured[:, _COMPARED.index(name)]


def _measured(signals: Signals) -> list[float]:
    """What is compared with each threshold of `_COMPARED`; NaN where the agent has nothing."""
    held = compared(signals)
    return [held.get(name, np.nan) for name in _COMPARED]


def _fit(board: _Board, truth: Truth, rows: NDArray[np.intp]) -> Thresholds:
    """The thresholds that suit the cases of `rows`, no further from the present than it pays."""
    wanted, present = truth.at(rows), board.present
    tried = {name: board.candidates(name, rows) for name in _TUNED}

    def f1(thresholds: Thresholds) -> float:
        return round(wanted.macro_f1(board.strategies(thresholds, rows)), 9)

    def nearness(thresholds: Thresholds) -> float:
        return -sum(_gap(present, thresholds, name) for name in _TUNED)

    def moves(names: Sequence[str]) -> list[Thresholds]:
        return [_shifted(best, name, value) for name in names for value in tried[name]]

    best = present
    while True:
        move = max(moves(_TUNED), key=lambda move: (f1(move), nearness(move)))
        if f1(move) < f1(best) + max(MIN_GAIN, 1 / len(rows)):
            break
        best = move
    for name in differing(present, best):
        as_good = [move for move in moves([name]) if f1(move) >= f1(best)]
        best = max(as_good, key=nearness)
    return best


def _shifted(thresholds: Thresholds, name: str, value: float) -> Thresholds:
    """Move a threshold. A clear match stays a match: of those two, one takes the other along."""
    moved = _moved(thresholds, name, value)
    if name == "clear_pattern" and value < moved.pattern:
        return _moved(moved, "pattern", value)
    if name == "pattern" and value > moved.clear_pattern:
        return _moved(moved, "clear_pattern", value)
    return moved


def _gap(one: Thresholds, other: Thresholds, name: str) -> float:
    return abs(getattr(one, name) - getattr(other, name))


def _moved(thresholds: Thresholds, name: str, value: float) -> Thresholds:
    return thresholds.model_copy(update={name: value})
