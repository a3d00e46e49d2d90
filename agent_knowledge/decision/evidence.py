"""Weighing what a task's text suggests against what the agent's own knowledge says of it.

The text gives a probability per need; each source's coverage and each example set's match are
further evidence. They are pooled as odds (naive Bayes: evidence multiplies odds), so a task that
the text leaves open is settled by what the agent holds, and no single number can settle it alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent_knowledge.types import Need, NeedVerdict, Signals

_MOST_ODDS = 10.0
"""No single piece of evidence counts for more than ten to one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What all signals together say.

    Attributes:
        need: Per need, all evidence pooled, summing to 1.
        best_source: The probed source with the highest coverage, and that coverage.
        best_set: The example set with the highest match, and that match.
    """

    need: dict[Need, float]
    best_source: tuple[str, float] | None
    best_set: tuple[str, float] | None


def weigh(signals: Signals) -> Evidence:
    """Pool a task's signals."""
    probed = {name: p for name, p in signals.coverage.items() if p is not None}
    best_source = max(probed.items(), key=lambda item: item[1], default=None)
    best_set = max(signals.pattern.items(), key=lambda item: item[1], default=None)
    weights: dict[Need, float] = {
        "direct": signals.need["direct"],
        "retrieval": signals.need["retrieval"] * _odds(best_source),
        "few_shot": signals.need["few_shot"] * _odds(best_set),
    }
    total = sum(weights.values()) or 1.0
    pooled: dict[Need, float] = {need: weight / total for need, weight in weights.items()}
    return Evidence(need=pooled, best_source=best_source, best_set=best_set)


def compared(signals: Signals) -> dict[str, float]:
    """What is held against each threshold of the same name; absent where the agent has nothing."""
    evidence = weigh(signals)
    values = {
        "retrieval": evidence.need["retrieval"],
        "gap": signals.need["retrieval"],
        "fresh": signals.fresh,
    }
    if evidence.best_source:
        values["coverage"] = evidence.best_source[1]
    if evidence.best_set:
        values |= dict.fromkeys(("pattern", "clear_pattern"), evidence.best_set[1])
    return values


def with_verdict(signals: Signals, verdict: NeedVerdict) -> Signals:
    """Pool what a chat model said of the need with what the text suggests.

    The need that it names gains ten to one, the most that any single piece of evidence may count
    for: what a judge has earned who is right in five cases of six. A verdict without a need changes
    no probability.

    Returns:
        The same signals with `asked`, and `need` summing to 1 again.
    """
    if verdict.need is None:
        return replace(signals, asked=verdict)
    weights = {
        need: p * (_MOST_ODDS if need == verdict.need else 1.0) for need, p in signals.need.items()
    }
    total = sum(weights.values()) or 1.0
    pooled = {need: weight / total for need, weight in weights.items()}
    return replace(signals, need=pooled, asked=verdict)


def _odds(found: tuple[str, float] | None) -> float:
    """Odds of a probability, bounded both ways; no evidence leaves the odds as they are."""
    if found is None:
        return 1.0
    p = found[1]
    return min(max(p / max(1 - p, 1e-9), 1 / _MOST_ODDS), _MOST_ODDS)
