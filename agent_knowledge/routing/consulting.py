"""Asking a judge beside the evidence: what it is shown, and what follows from its answers."""

from __future__ import annotations

from collections.abc import Sequence

from agent_knowledge.config import AgentProfile
from agent_knowledge.judges import verdicts
from agent_knowledge.ports import InformedJudge, NeedJudge
from agent_knowledge.retrieval.fusion import fuse
from agent_knowledge.routing.resources import Shelf
from agent_knowledge.routing.standing import with_verdict
from agent_knowledge.types import Signals
from agent_knowledge.types.search import MeasuredTask, SearchResult, SourceBrief

_TITLES = 3
"""Of the best passages of a source that a judge is shown: a plain length of the question."""


def consult(
    judge: NeedJudge | InformedJudge,
    readings: Sequence[MeasuredTask],
    agent: AgentProfile,
    shelf: Shelf,
) -> list[Signals]:
    """Ask a judge about tasks, and pool what it says with what was measured.

    Args:
        judge: Who is asked.
        readings: About which tasks.
        agent: Whose sources a judge is shown who is shown any.
        shelf: Where the titles of what they found are read.

    Returns:
        The signals of each task, in their order, with the verdict under `asked`.
    """
    shown: Sequence[Sequence[SourceBrief]] = ()
    if isinstance(judge, InformedJudge):
        shown = [_briefs(reading, agent, shelf) for reading in readings]
    judged = verdicts(judge, [reading.task for reading in readings], shown)
    return [
        with_verdict(reading.signals, verdict)
        for reading, verdict in zip(readings, judged, strict=True)
    ]


def _briefs(reading: MeasuredTask, agent: AgentProfile, shelf: Shelf) -> tuple[SourceBrief, ...]:
    """What each source is, and the titles of the best that it found."""
    return tuple(
        SourceBrief(
            name=name,
            description=spec.description,
            titles=_titles(reading.results.get(name), shelf),
        )
        for name, spec in agent.sources.items()
    )


def _titles(found: SearchResult | None, shelf: Shelf) -> tuple[str, ...]:
    if found is None or found.failure or shelf.index is None:
        return ()
    passages = shelf.index.passages(fuse([found])[:_TITLES], shelf.scope)
    return tuple(dict.fromkeys(passage.title for passage in passages))
