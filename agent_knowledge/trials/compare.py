"""Two trials beside each other: what they rest on, and which rungs moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from agent_knowledge.errors import InputError, nearest
from agent_knowledge.ledger import Trial
from agent_knowledge.trials.scores import CaseScores
from agent_knowledge.trials.statistics import of_means
from agent_knowledge.types import RUNGS, Rung

_PLAIN = (
    *("agent", "metric", "cases", "example_set", "examples", "endpoint", "endpoint_model"),
    *("model", "tenant", "repeats"),
)
_MAPPED = ("versions", "documents", "conditions")
"""What a trial rests on, by its fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungMove:
    """How a rung did in a later trial beside an earlier one.

    Attributes:
        rung: Which.
        before: Its score in the earlier one.
        after: Its score in the later one.
        difference: `after` less `before`; over the shared cases where they are known.
        ci: 95 % paired interval of that over the shared cases; None where they are not known.
        n: Shared cases that both answered.
    """

    rung: Rung
    before: float
    after: float
    difference: float
    ci: tuple[float, float] | None = None
    n: int = 0

    @property
    def verdict(self) -> Literal["better", "worse", "no difference is proven", "not comparable"]:
        """What may be said."""
        if self.ci is None:
            return "not comparable"
        if self.ci[0] > 0:
            return "better"
        return "worse" if self.ci[1] < 0 else "no difference is proven"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two trials.

    Attributes:
        one: The earlier.
        other: The later.
        changed: What they rest on that is not the same: from, to.
        moves: The rungs that both measured, lowest first.
    """

    one: Trial
    other: Trial
    changed: Mapping[str, tuple[str, str]]
    moves: tuple[RungMove, ...]


_NOTHING: CaseScores = {}


def compare(
    one: Trial, other: Trial, was: CaseScores = _NOTHING, now: CaseScores = _NOTHING
) -> Comparison:
    """Compare two trials; by the same metric, their shared cases are paired.

    Args:
        one: The earlier.
        other: The later.
        was: What each case of the earlier scored, where that was kept.
        now: The same of the later.
    """
    if one.metric != other.metric or one.metric == "macro_f1":
        was = now = _NOTHING
    return Comparison(
        one=one,
        other=other,
        changed=dict(_changed(one, other)),
        moves=tuple(_moves(one, other, was, now)),
    )


def find_trial(trials: Sequence[Trial], wanted: str) -> Trial:
    """The trial that an id, its beginning, or a place from the end such as `-1` names.

    Raises:
        InputError: None does, or several do.
    """
    if wanted.lstrip("-").isdigit() and wanted.startswith("-") and int(wanted) >= -len(trials):
        return trials[int(wanted)]
    found = [trial for trial in trials if trial.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    ids = [trial.id for trial in trials]
    told = f"begins {len(found)} of them; write more of it" if found else nearest(wanted, ids)
    msg = f"no one trial is {wanted!r}: {told}; trials list shows all, -1 is the newest"
    raise InputError(msg)


def _changed(one: Trial, other: Trial) -> Iterator[tuple[str, tuple[str, str]]]:
    before, after = _ground(one), _ground(other)
    for name in dict.fromkeys((*before, *after)):
        if before.get(name) != after.get(name):
            yield name, (before.get(name) or "none", after.get(name) or "none")


def _ground(trial: Trial) -> dict[str, str]:
    """What a trial rests on, as texts by their names."""
    told = {name: str(getattr(trial, name) or "") for name in _PLAIN}
    for name in _MAPPED:
        held: Mapping[str, str] = getattr(trial, name)
        told |= {f"{name}.{key}": value for key, value in sorted(held.items())}
    return told


def _moves(one: Trial, other: Trial, was: CaseScores, now: CaseScores) -> Iterator[RungMove]:
    for rung in RUNGS:
        before, after = one.result(rung), other.result(rung)
        if before is None or after is None:
            continue
        shared = [
            (now[case][rung], was[case][rung])
            for case in sorted(was.keys() & now.keys())
            if rung in was[case] and rung in now[case]
        ]
        move = RungMove(
            rung=rung,
            before=before.score,
            after=after.score,
            difference=round(after.score - before.score, 6),
        )
        if shared:
            gap = of_means(np.array(shared, dtype=float)[:, ::-1]).gaps[1, 0]
            move = RungMove(
                rung=rung,
                before=before.score,
                after=after.score,
                difference=round(gap.difference, 6),
                ci=(round(gap.ci[0], 6), round(gap.ci[1], 6)),
                n=gap.n,
            )
        yield move
