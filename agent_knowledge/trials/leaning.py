"""Fitting what an agent's own tasks lean to, and telling honestly whether it helps.

The model that weighs a task's evidence was fitted to other agents. Of a new agent two of its terms
are fitted anew, the log-odds of retrieval and of few_shot against direct (`policy.leaning`): those
that make the labels of the agent's tasks most likely, under a Gaussian prior around no leaning. So
a few tasks move it a little, and many as far as they say.

What a fit is worth is measured by stratified cross-validation: each case is decided by a leaning
that was fitted without its fold. It is recommended when chance alone would hardly mend as many of
the cases that are mended or spoilt (the exact sign test), and neither macro-F1 nor the recall of
cases for examples falls.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from agent_knowledge.config import AgentProfile, Leaning
from agent_knowledge.config.sections import LEANING_MOST
from agent_knowledge.errors import InputError
from agent_knowledge.ledger import NOTHING_ON_RECORD, TrackRecord
from agent_knowledge.routing.policy import decide
from agent_knowledge.routing.standing import PolicyCase, likely_of
from agent_knowledge.trials.decision_scores import Codes, Labelled, Score, Truth, codes
from agent_knowledge.types import NEEDS, Decision, Strategy

FOLDS = 5
MIN_CASES = 30
"""Fewer hardly ever mend the five cases that the sign test takes at the least."""
MIN_PER_STRATEGY = 5
"""One for each fold."""
SPREAD = 0.7
"""Standard deviation of the prior, in log-odds: that of the leanings that suit agents which the
packaged fits have not seen, as `tools.train.decision` prints it."""
LEVEL = 0.05
"""The sign test's level: of labels that say nothing at most one set in twenty is recommended."""
BY_EXAMPLES: tuple[Strategy, ...] = ("few_shot", "fine_tuned")
"""What serves an instance of an example set: the set, or an endpoint that was trained on it."""

_DIGITS = 2
"""A hundredth of a log-odds moves no probability by more than 0.0025."""
_CLOSE = 1e-4
_STEPS = 100
Shares = NDArray[np.float64]
"""Per case, the probability of each need by all evidence; shape (cases, needs)."""
Accepted = NDArray[np.bool_]
"""Per case, whether each need is right; shape (cases, needs)."""
Offsets = NDArray[np.float64]
"""Log-odds of retrieval and of few_shot against direct; shape (2,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """What fitting came to.

    Attributes:
        counts: How many cases have each strategy as their label.
        present: The leaning as configured.
        fitted: The leaning fitted on all cases.
        before: How all cases fare by the present leaning.
        after: How they fare by leanings fitted without them.
        mended: How many cases only the latter decide rightly.
        spoilt: How many cases only the former decide rightly.
    """

    counts: Mapping[Strategy, int]
    present: Leaning
    fitted: Leaning
    before: Score
    after: Score
    mended: int
    spoilt: int

    @property
    def p_value(self) -> float:
        """How likely chance alone mends at least so many of the mended and spoilt cases, 0..1."""
        told = self.mended + self.spoilt
        return sum(math.comb(told, n) for n in range(self.mended, told + 1)) / 2**told

    @property
    def doubt(self) -> str:
        """Why the fitted leaning is not recommended; empty when it is."""
        if not self.mended:
            return "it mends no case"
        if self.p_value > LEVEL:
            return f"chance alone would mend as many of those that change (p = {self.p_value:.2g})"
        if self.after.macro_f1 < self.before.macro_f1 - 1e-9:
            return f"macro-F1 falls ({self.before.macro_f1:.3f} -> {self.after.macro_f1:.3f})"
        for strategy in BY_EXAMPLES:
            was, now = (s.recall.get(strategy, 0.0) for s in (self.before, self.after))
            if now < was - 1e-9:
                return f"the recall of {strategy} falls ({was:.3f} -> {now:.3f})"
        return ""

    @property
    def better(self) -> bool:
        """Whether fitting helps cases that it has not seen."""
        return not self.doubt

    @property
    def recommended(self) -> Leaning:
        """The fitted leaning when it is better, else the present one."""
        return self.fitted if self.better else self.present

    @property
    def changed(self) -> tuple[str, ...]:
        """The keys of `policy.leaning` that are recommended to change."""
        return differing(self.present, self.recommended)


def differing(one: Leaning, other: Leaning) -> tuple[str, ...]:
    """Names of the needs that two leanings treat differently, in the order of the schema."""
    return tuple(n for n in Leaning.model_fields if getattr(one, n) != getattr(other, n))


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
        msg = f"too few labelled tasks to fit a leaning to: {'; '.join(faults)}; label more"
        raise InputError(msg)
    return dict(counts.most_common())


def tune(
    cases: Sequence[Labelled], agent: AgentProfile, record: TrackRecord = NOTHING_ON_RECORD
) -> Tuning:
    """Fit an agent's leaning to labelled tasks.

    Args:
        cases: The tasks as the agent's router measured them, and what is expected.
        agent: What the agent has at hand, and its policy with the present leaning.
        record: What was measured of the agent's fine-tuned endpoint.

    Raises:
        InputError: There are too few cases, see `require_enough`.
    """
    counts = require_enough([case.expected for case in cases])
    truth = Truth.of(cases)
    folds = _folds(truth.labels)
    shares, accepted = _told(cases, agent)
    before = [_decide(case, agent, record) for case in cases]
    after = list(before)
    for fold in range(FOLDS):
        seen = folds != fold
        leaning = fit_leaning(shares[seen], accepted[seen])
        other = _leaning_to(agent, leaning)
        for row in np.flatnonzero(~seen).tolist():
            after[row] = _decide(cases[row], other, record)
    was, now = (truth.right(codes([d.strategy for d in made])) for made in (before, after))
    return Tuning(
        counts=counts,
        present=agent.policy.leaning,
        fitted=fit_leaning(shares, accepted),
        before=truth.score(before),
        after=truth.score(after),
        mended=int((now & ~was).sum()),
        spoilt=int((was & ~now).sum()),
    )


def fit_leaning(shares: Shares, accepted: Accepted, spread: float = SPREAD) -> Leaning:
    """The leaning that is most likely a posteriori.

    Newton's method on the two log-odds, with the curvature that a case would have if the right one
    of its needs were known (expectation-maximisation): no step of it goes down, once short enough.

    Args:
        shares: What the evidence says, each row summing to 1.
        accepted: What is right; a row that accepts every need tells nothing.
        spread: Standard deviation of the prior, in log-odds, above 0.

    Returns:
        Log-odds to two digits, within what a configuration accepts.
    """
    tightness = 1 / spread**2

    def worth(offsets: Offsets) -> float:
        raised = shares * np.exp([0.0, *offsets])
        right = (raised * accepted).sum(axis=1) / raised.sum(axis=1)
        return float(np.log(right).sum() - tightness * (offsets**2).sum() / 2)

    best = np.zeros(2)
    for _ in range(_STEPS):
        raised = shares * np.exp([0.0, *best])
        likely = raised / raised.sum(axis=1, keepdims=True)
        among = likely * accepted
        among /= among.sum(axis=1, keepdims=True)
        slope = (among - likely).sum(axis=0)[1:] - tightness * best
        bend = np.diag(likely.sum(axis=0)) - likely.T @ likely
        step = cast("Offsets", np.linalg.solve(bend[1:, 1:] + tightness * np.eye(2), slope))
        while worth(_bounded(best + step)) < worth(best):
            step = step / 2
        before, best = best, _bounded(best + step)
        if np.abs(best - before).max() < _CLOSE:
            break
    retrieval, few_shot = (round(value, _DIGITS) + 0.0 for value in best.tolist())  # no -0.0
    return Leaning(retrieval=retrieval, few_shot=few_shot)


def _bounded(offsets: Offsets) -> Offsets:
    return np.clip(offsets, -LEANING_MOST, LEANING_MOST)


def _told(cases: Sequence[Labelled], agent: AgentProfile) -> tuple[Shares, Accepted]:
    """What the evidence says of each case, and which needs are right.

    A case tells nothing of the leaning, and so accepts all, where no evidence decides: sources or a
    strategy are asked for, or the agent has nothing at hand for what is expected.
    """
    likely = [likely_of(case.signals) for case in cases]
    shares = np.array([[row[need] for need in NEEDS] for row in likely])
    right = [
        {"few_shot" if strategy in BY_EXAMPLES else strategy for strategy in case.expected}
        for case in cases
    ]
    accepted = np.array([[need in row for need in NEEDS] for row in right])
    asked = [
        bool(
            PolicyCase(task=case.task, signals=case.signals, agent=agent).asked
            or case.task.strategy
        )
        for case in cases
    ]
    accepted[np.array(asked) | ((shares * accepted).sum(axis=1) == 0)] = True
    return shares, accepted


def _folds(labels: Codes) -> NDArray[np.intp]:
    """The fold of each case: the cases of each label are dealt out in turn, all labels in a row."""
    order = np.argsort(labels, kind="stable")
    folds = np.empty_like(labels)
    folds[order] = np.arange(len(labels)) % FOLDS
    return folds


def _decide(case: Labelled, agent: AgentProfile, record: TrackRecord) -> Decision:
    return decide(case.task, case.signals, "", agent, record=record)


def _leaning_to(agent: AgentProfile, leaning: Leaning) -> AgentProfile:
    policy = agent.policy.model_copy(update={"leaning": leaning})
    return agent.model_copy(update={"policy": policy})
