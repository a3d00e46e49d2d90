"""The story of a decision as values: what a page shows as a chip, bars, reasons and rejections."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent_knowledge.citations.notes import excerpt, heading, place
from agent_knowledge.config import Leaning
from agent_knowledge.routing.boundary import Boundary
from agent_knowledge.routing.standing import leaned, likely_of
from agent_knowledge.types import STRATEGIES, Decision, Knowledge, Plan, Reason, Rejection, Strategy

CALLED: Mapping[str, str] = {
    "direct": "Direct",
    "retrieval": "Retrieval",
    "few_shot": "Few-shot",
    "fine_tuned": "Fine-tuned",
}
"""What people call a strategy, or the need that it meets."""
PIECES: Mapping[str, str] = {
    "text_retrieval": "Does the text ask for facts?",
    "text_few_shot": "Does the text follow a pattern?",
    "agent_retrieval": "Would an agent look it up?",
    "agent_few_shot": "Would an agent follow examples?",
    "fresh": "Does the answer change with time?",
    "turn": "Is it part of a conversation?",
    "turn_agent_retrieval": "Would the turn be looked up?",
    "turn_retrieval": "Does the turn ask for facts?",
    "turn_few_shot": "Does the turn follow a pattern?",
    "foreign": "Is it in another language?",
    "coverage": "Does a source hold it?",
    "turn_coverage": "Does a source hold the turn?",
    "pattern": "Does an example set match?",
    "turn_pattern": "Does a set match the turn?",
    "asked_retrieval": "Would the asked model look it up?",
    "asked_few_shot": "Would it follow examples?",
}
"""What a piece of evidence answers; that it is not so is evidence too. docs/how-it-works.md has how
each is measured."""
_SHOWN = 6
"""Pieces of evidence that are shown, those that moved most."""
_EXCERPT = 90
"""Characters of an example that are shown: two lines."""
_LEAST = 0.05
"""Log-odds below which a piece moved nothing that anybody would see in a bar."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareBar:
    """A probability with its name; None where it was not measured."""

    name: str
    share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A piece of evidence, in log-odds against `direct`.

    Attributes:
        name: What it says, in words.
        retrieval: What it moved towards retrieval.
        few_shot: What it moved towards few-shot.
        to_retrieval: The same as a share of the strongest piece, -1..1, for a bar.
        to_few_shot: Likewise.
    """

    name: str
    retrieval: float
    few_shot: float
    to_retrieval: float
    to_few_shot: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A decision, ready to be shown.

    Attributes:
        strategy: What was chosen.
        confidence: Its probability.
        reasons: The rules that led here.
        rejected: Each other strategy with the rules that it breaks.
        likely: All evidence together.
        sources: What each source seems to hold.
        sets: How each example set matches.
        text: What the text alone suggests.
        evidence: What each piece moved, strongest first.
        plan: What is handed to the model, as terms and texts.
        otherwise: What would change the strategy.
        asked: What a model that was asked said; empty where none was.
        asked_of: The probabilities that it gave, if it gave any.
        handed: The passages and examples that the model was given, a line each.
        elapsed_ms: Time the decision took.
    """

    strategy: Strategy
    confidence: float
    reasons: tuple[Reason, ...]
    rejected: tuple[tuple[str, tuple[Rejection, ...]], ...]
    likely: tuple[ShareBar, ...]
    sources: tuple[ShareBar, ...]
    sets: tuple[ShareBar, ...]
    text: tuple[ShareBar, ...]
    evidence: tuple[Moved, ...]
    plan: tuple[tuple[str, str], ...]
    otherwise: str
    asked: str
    asked_of: tuple[ShareBar, ...]
    handed: tuple[str, ...]
    elapsed_ms: float

    @property
    def called(self) -> str:
        """What people call the strategy."""
        return CALLED[self.strategy]


def story_of(given: Knowledge, boundary: Boundary | None, leaning: Leaning) -> Story:
    """Tell a decision.

    Args:
        given: What the model was given, with the decision.
        boundary: The nearest threshold whose other side decides otherwise, if any.
        leaning: What the agent leans to.
    """
    made, signals = given.decision, given.decision.signals
    return Story(
        strategy=made.strategy,
        confidence=made.confidence,
        reasons=made.reasons,
        rejected=_by_strategy(made.rejected),
        likely=tuple(
            ShareBar(name=CALLED[need], share=p)
            for need, p in leaned(likely_of(signals), leaning).items()
        ),
        sources=_bars(signals.coverage.items()),
        sets=_bars(signals.pattern.items()),
        text=(
            *(ShareBar(name=CALLED[need], share=p) for need, p in signals.need.items()),
            ShareBar(name="Changes with time", share=signals.fresh),
            ShareBar(name="Takes several look-ups", share=signals.multi_hop),
        ),
        evidence=_evidence(made, leaning),
        plan=tuple(_planned(made.plan)),
        otherwise=otherwise(boundary),
        asked=_asked(made),
        asked_of=tuple(_asked_of(made)),
        handed=tuple(_handed(given)),
        elapsed_ms=made.elapsed_ms,
    )


def otherwise(boundary: Boundary | None) -> str:
    """What would change the strategy, in a sentence."""
    if boundary is None:
        return "no single threshold changes the strategy"
    measured = f"{boundary.threshold} is {boundary.measured:.2f} against {boundary.limit:.2f}"
    return f"{measured}; on its other side: {boundary.strategy}"


def _by_strategy(rows: Iterable[Rejection]) -> tuple[tuple[str, tuple[Rejection, ...]], ...]:
    listed = tuple(rows)
    own = {s: tuple(row for row in listed if row.strategy == s) for s in STRATEGIES}
    return tuple((CALLED[strategy], found) for strategy, found in own.items() if found)


def _bars(shares: Iterable[tuple[str, float | None]]) -> tuple[ShareBar, ...]:
    return tuple(ShareBar(name=name, share=share) for name, share in shares)


def _evidence(made: Decision, leaning: Leaning) -> tuple[Moved, ...]:
    rows = [
        (PIECES.get(piece.name, piece.name), piece.retrieval, piece.few_shot)
        for piece in made.signals.evidence
    ]
    if leaning != Leaning():
        rows.insert(0, ("What the agent leans to", leaning.retrieval, leaning.few_shot))
    seen = [row for row in rows if max(abs(row[1]), abs(row[2])) >= _LEAST][:_SHOWN]
    most = max((max(abs(row[1]), abs(row[2])) for row in seen), default=1.0)
    return tuple(
        Moved(
            name=name,
            retrieval=retrieval,
            few_shot=few_shot,
            to_retrieval=retrieval / most,
            to_few_shot=few_shot / most,
        )
        for name, retrieval, few_shot in seen
    )


def _planned(plan: Plan) -> Iterable[tuple[str, str]]:
    """What the model is handed, as terms and texts."""
    if plan.clarify:
        yield "Asks back", plan.clarify
    if plan.sources:
        yield "Looks in", ", ".join(plan.sources)
        yield "Looks for", plan.query
        yield "Passages", f"{plan.k} at most"
    for number, part in enumerate(plan.sub_queries, start=1):
        yield f"Part {number}", part
    if plan.filter:
        said = (json.dumps(condition, ensure_ascii=False) for condition in plan.filter)
        yield "Only where", ", ".join(said)
    if plan.rewritten_by:
        yield "Rewritten by", plan.rewritten_by
    if plan.reranked_by:
        yield "Reranked by", plan.reranked_by
    if plan.endpoint:
        yield "Endpoint", plan.endpoint
    if plan.examples:
        yield "Examples of", plan.examples
    if not (plan.sources or plan.examples or plan.endpoint or plan.clarify):
        yield "Hands over", "the system prompt alone"


def _asked(made: Decision) -> str:
    asked = made.signals.asked
    if asked is None:
        return ""
    said = f"says {CALLED[asked.need].lower()}" if asked.need else "settles nothing"
    return f"{asked.model} was asked and {said}" + (f": {asked.reason}" if asked.reason else "")


def _asked_of(made: Decision) -> Iterable[ShareBar]:
    """What a decision model that was asked held likely."""
    asked = made.signals.asked
    if asked is None:
        return
    for need, share in asked.probabilities.items():
        yield ShareBar(name=CALLED[need], share=share)
    for source, share in asked.holds.items():
        yield ShareBar(name=f"{source} holds it", share=share)
    if asked.fresh is not None:
        yield ShareBar(name="Changes with time", share=asked.fresh)


def _handed(given: Knowledge) -> Iterable[str]:
    """Each passage by its number and title, each example with its output."""
    for number, passage in enumerate(given.passages, start=1):
        yield f"[{number}] {heading(passage)} ({place(passage)})"
    for example in given.examples:
        yield f"{excerpt(example.input, _EXCERPT)} → {excerpt(example.output, _EXCERPT)}"
