"""What a task's signals come to, and what an agent's leaning and a chat model's word add."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from agent_knowledge.config import Leaning
from agent_knowledge.types import Need, NeedVerdict, Signals

_JUDGE_ODDS = 10.0
"""What the word of a chat model that was asked counts for: ten to one, which a judge has earned who
is right in five cases of six."""


def likely_of(signals: Signals) -> Mapping[Need, float]:
    """Per need, its probability by all evidence; by the text alone where nothing was weighed."""
    return signals.likely or signals.need


def leaned(likely: Mapping[Need, float], leaning: Leaning) -> Mapping[Need, float]:
    """Add what an agent's own tasks lean to.

    Args:
        likely: Per need, its probability; they sum to 1.
        leaning: Log-odds against `direct`.

    Returns:
        The same, summing to 1; a need that has probability 0 keeps it.
    """
    odds: dict[Need, float] = {
        "retrieval": math.exp(leaning.retrieval),
        "few_shot": math.exp(leaning.few_shot),
    }
    return likely if leaning == Leaning() else _raised(likely, odds)


def best_source(signals: Signals) -> tuple[str, float] | None:
    """The searched source with the highest coverage, and that coverage."""
    covered = {name: p for name, p in signals.coverage.items() if p is not None}
    return max(covered.items(), key=lambda item: item[1], default=None)


def best_set(signals: Signals) -> tuple[str, float] | None:
    """The example set with the highest match, and that match."""
    return max(signals.pattern.items(), key=lambda item: item[1], default=None)


def compared(signals: Signals, leaning: Leaning) -> dict[str, float]:
    """What is held against each threshold of the same name; absent where the agent has nothing."""
    likely = leaned(likely_of(signals), leaning)
    values = {"retrieval": likely["retrieval"], "fresh": signals.fresh}
    if covered := best_source(signals):
        values["coverage"] = covered[1]
    if signals.pattern:
        values["pattern"] = likely["few_shot"]
    return values


def with_verdict(signals: Signals, verdict: NeedVerdict) -> Signals:
    """Pool what a chat model said of the need with all other evidence.

    The need that it names gains ten to one. A verdict without a need changes no probability.

    Returns:
        The same signals with `asked`; `need` and `likely` sum to 1 again.
    """
    if verdict.need is None:
        return replace(signals, asked=verdict)
    return replace(
        signals,
        need=_raised(signals.need, {verdict.need: _JUDGE_ODDS}),
        likely=_raised(signals.likely, {verdict.need: _JUDGE_ODDS}),
        asked=verdict,
    )


def _raised(shares: Mapping[Need, float], odds: Mapping[Need, float]) -> dict[Need, float]:
    weights: dict[Need, float] = {need: p * odds.get(need, 1.0) for need, p in shares.items()}
    total = sum(weights.values()) or 1.0
    return {need: weight / total for need, weight in weights.items()}
