"""Asking a judge beside the evidence: what it is shown, and what follows from its answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import SourceError
from agent_knowledge.judges import verdicts
from agent_knowledge.ports import InformedJudge, NeedJudge
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.routing.need import DecisionFit, evidence_of, log_odds_of
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.standing import JUDGE_ODDS, with_verdict
from agent_knowledge.types import NeedVerdict, Signals
from agent_knowledge.types.search import MeasuredTask, SearchResult, SourceBrief

_TITLES = 3
"""Of the best passages of a source that a judge is shown: a plain length of the question."""


def consult(
    judge: NeedJudge | InformedJudge,
    readings: Sequence[MeasuredTask],
    agent: AgentProfile,
    shelf: Shelf,
    fit: DecisionFit,
) -> list[Signals]:
    """Ask a judge about tasks, and pool what it says with what was measured.

    Args:
        judge: Who is asked.
        readings: About which tasks.
        agent: Whose sources a judge is shown who is shown any.
        shelf: Where the titles of what they found are read.
        fit: What the evidence is weighed by.

    Returns:
        The signals of each task, in their order, with the verdict under `asked`.
    """
    shown: Sequence[Sequence[SourceBrief]] = ()
    if isinstance(judge, InformedJudge):
        shown = [_briefs(reading, agent, shelf) for reading in readings]
    judged = verdicts(judge, [reading.task for reading in readings], shown)
    return [
        with_answers(reading.signals, verdict, fit)
        for reading, verdict in zip(readings, judged, strict=True)
    ]


def with_answers(signals: Signals, verdict: NeedVerdict, fit: DecisionFit) -> Signals:
    """Pool all that a judge answered with what was measured.

    What it says of a source goes into that source's coverage, and what it says of freshness into
    `fresh`, each as the mean of both log-odds; then the evidence is weighed anew, and what it says
    of the need is pooled with the outcome (`with_verdict`). So a decision model that is asked three
    ways counts three ways: a choice, since no such model could be measured here.

    Returns:
        The same signals with `asked`. A source that could not be asked, or has nothing within the
        scope, still covers nothing; one that is not probed takes the answer.
    """
    if not verdict.holds and verdict.fresh is None:
        return with_verdict(signals, verdict)
    fresh = signals.fresh if verdict.fresh is None else _pooled(signals.fresh, verdict.fresh)
    told = {name: p for name, p in verdict.holds.items() if name in signals.coverage}
    coverage = {name: _pooled(signals.coverage[name], p) for name, p in told.items()}
    pooled = replace(signals, fresh=fresh, coverage={**signals.coverage, **coverage})
    # Nothing was weighed of a text in letters that no model here can read.
    return with_verdict(evidence_of(pooled, fit) if signals.evidence else pooled, verdict)


def _pooled(measured: float | None, answer: float) -> float:
    """A probability with what a judge says of it, which is never surer than ten to one."""
    most = math.log(JUDGE_ODDS)
    said = min(max(log_odds_of(answer), -most), most)
    if measured is None:
        return 1 / (1 + math.exp(-said))
    return measured and 1 / (1 + math.exp(-(log_odds_of(measured) + said) / 2))


def _briefs(reading: MeasuredTask, agent: AgentProfile, shelf: Shelf) -> tuple[SourceBrief, ...]:
    """What each source is, best covered first, and the titles of the best that it found."""
    covered = reading.signals.coverage
    return tuple(
        SourceBrief(
            name=name,
            description=spec.description,
            titles=_titles(reading.results.get(name), shelf),
        )
        for name, spec in sorted(agent.sources.items(), key=lambda item: -(covered[item[0]] or 0))
    )


def _titles(found: SearchResult | None, shelf: Shelf) -> tuple[str, ...]:
    if found is None or found.failure or shelf.index is None:
        return ()
    try:
        passages = shelf.index.passages(fuse([found])[:_TITLES], shelf.scope)
    except SourceError:  # a store that has gone since the search: the judge sees less
        return ()
    return tuple(dict.fromkeys(passage.title for passage in passages if passage.title))
