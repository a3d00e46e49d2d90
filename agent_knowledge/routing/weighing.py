"""Weighing all that was measured of a task, as one.

The evidence is named and in log-odds: what the text says of tasks at large and of an agent's tasks,
whether a source covers it, whether a set matches. A multinomial logistic function that was fitted
on agents says what each piece moves (`fits.DecisionFit`); no piece outvotes the others by a rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from agent_knowledge.routing.need import DecisionFit
from agent_knowledge.types import NEEDS, Need, Signals

_LEAST = 1e-3
"""Probabilities are told apart down to this."""


def measure(signals: Signals) -> dict[str, float]:
    """The evidence, by name.

    Returns:
        `text_retrieval`, `text_few_shot`: log-odds of these needs against direct, from the text as
        of tasks at large; `agent_retrieval`, `agent_few_shot`: the same as of an agent's tasks;
        `fresh`; `coverage` of the best source; `pattern`, the match of the best set; `turn`, 1 in a
        conversation, and what coverage, match and text count there: `turn_coverage`,
        `turn_pattern`, `turn_agent_retrieval`, with `turn_retrieval` and `turn_few_shot`, what the
        turn says by itself; `foreign`, 1 for another language. Coverage and match are missing
        where the agent has no source that can be searched, or no set.
    """
    turn = float(signals.turn)
    agent_retrieval = _against_direct(signals.agent_need, "retrieval")
    measured = {
        "text_retrieval": _against_direct(signals.need, "retrieval"),
        "text_few_shot": _against_direct(signals.need, "few_shot"),
        "agent_retrieval": agent_retrieval,
        "agent_few_shot": _against_direct(signals.agent_need, "few_shot"),
        "fresh": _log_odds(signals.fresh),
        "turn": turn,
        "turn_agent_retrieval": turn * agent_retrieval,
        "foreign": float(signals.foreign),
    }
    if signals.turn_need:
        measured["turn_retrieval"] = _against_direct(signals.turn_need, "retrieval")
        measured["turn_few_shot"] = _against_direct(signals.turn_need, "few_shot")
    covered = [p for p in signals.coverage.values() if p is not None]
    if covered:
        measured["coverage"] = _log_odds(max(covered))
        measured["turn_coverage"] = turn * measured["coverage"]
    if signals.pattern:
        measured["pattern"] = _log_odds(max(signals.pattern.values()))
        measured["turn_pattern"] = turn * measured["pattern"]
    return measured


def options_of(signals: Signals) -> tuple[Need, ...]:
    """The needs that the agent can serve: without sources or sets, fewer."""
    able = {"direct": True, "retrieval": bool(signals.coverage), "few_shot": bool(signals.pattern)}
    return tuple(need for need in NEEDS if able[need])


def evidence_of(signals: Signals, fit: DecisionFit) -> Signals:
    """Weigh signals.

    Returns:
        The same signals with `likely` and `evidence`.
    """
    measured = measure(signals)
    return replace(
        signals,
        likely=fit.likely(measured, options_of(signals)),
        evidence=fit.evidence(measured),
    )


def unread(signals: Signals) -> Signals:
    """What is likely of a text in letters that no model here can read: nothing more than the rest.

    Returns:
        The same signals with each option as `likely` as the others, as `need` and `agent_need`.
    """
    options = options_of(signals)
    even: dict[Need, float] = {n: float(n in options) / len(options) for n in NEEDS}
    open_: dict[Need, float] = dict.fromkeys(NEEDS, 1 / len(NEEDS))
    return replace(signals, need=open_, agent_need=open_, likely=even, evidence=())


def _against_direct(need: Mapping[Need, float], other: Need) -> float:
    return math.log((need[other] + _LEAST) / (need["direct"] + _LEAST))


def _log_odds(p: float) -> float:
    bounded = min(max(p, _LEAST), 1 - _LEAST)
    return math.log(bounded / (1 - bounded))
