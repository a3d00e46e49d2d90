"""A decision as a story: what was measured, as bars, which rules fired, what would change it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from rich.text import Text

from agent_knowledge.cli import show
from agent_knowledge.config import Leaning
from agent_knowledge.page.story import PIECES, otherwise
from agent_knowledge.routing.boundary import Boundary
from agent_knowledge.routing.standing import leaned, likely_of
from agent_knowledge.types import Contribution, Decision

_WIDTH = 24
_SHOWN = 8
"""Pieces of evidence that are shown, those that moved most."""


def explain(made: Decision, boundary: Boundary | None, leaning: Leaning) -> Text:
    """Tell a decision.

    Args:
        made: The decision.
        boundary: The nearest threshold whose other side decides otherwise, if any.
        leaning: What the agent leans to.
    """
    signals = made.signals
    likely = leaned(likely_of(signals), leaning)
    text = Text("what the text suggests", style="bold")
    for need, p in signals.need.items():
        text.append_text(_bar(need, p))
    text.append_text(_bar("fresh", signals.fresh))
    text.append_text(_bar("multi-hop", signals.multi_hop))
    if asked := signals.asked:
        text.append(f"\n  {asked.model} was asked and ", style="dim")
        nothing = "answers in part" if asked.holds or asked.fresh is not None else "settles nothing"
        text.append(f"says {asked.need}" if asked.need else nothing, style="dim")
    if signals.coverage or signals.pattern:
        text.append("\nwhat the agent's own knowledge says", style="bold")
    for name, covered in signals.coverage.items():
        text.append_text(_bar(f"{name} holds it", covered))
    for name, match in signals.pattern.items():
        text.append_text(_bar(f"is one of {name}", match))
    text.append_text(_evidence(signals.evidence))
    if leaning != Leaning():
        text.append_text(_moved("what the agent leans to", "      ", leaning))
    text.append("\nall evidence together", style="bold")
    for need, p in likely.items():
        text.append_text(_bar(need, p))
    text.append("\n\n").append_text(show.decision(made))
    text.append_text(_where(made.plan.filter))
    runner_up = sorted(likely.items(), key=lambda item: -item[1])[1]
    text.append("\n  runner-up ", style="dim").append("{} {:.2f}".format(*runner_up))
    text.append("\n  otherwise ", style="dim").append(otherwise(boundary))
    return text


def _evidence(pieces: Sequence[Contribution]) -> Text:
    """The pieces that moved most, and how many there are beside."""
    if not pieces:
        return Text()
    text = Text().append("\nwhat each piece moved, in log-odds against direct", style="bold")
    for piece in pieces[:_SHOWN]:
        text.append_text(_moved(PIECES.get(piece.name, piece.name), f"{piece.value:+6.2f}", piece))
    if (more := len(pieces) - _SHOWN) > 0:
        text.append(f"\n  and {more} more that moved less", style="dim")
    return text


def _bar(name: str, p: float | None) -> Text:
    text = Text(f"\n  {name:<28} ")
    if p is None:
        return text.append("external: not probed, counts as able", style="dim")
    filled = round(p * _WIDTH)
    text.append("█" * filled, style="green").append("░" * (_WIDTH - filled), style="dim")
    return text.append(f" {p:.2f}")


def _where(conditions: Sequence[Mapping[str, object]]) -> Text:
    """What the passages' metadata must say, if anything."""
    if not conditions:
        return Text()
    said = ", ".join(json.dumps(condition, ensure_ascii=False) for condition in conditions)
    return Text("\n  only where ", style="dim").append(said, style="not dim")


def _moved(name: str, value: str, piece: Contribution | Leaning) -> Text:
    text = Text(f"\n  {name:<33} ").append(value, style="dim")
    text.append(f"  retrieval {piece.retrieval:+.2f}", style="green" if piece.retrieval > 0 else "")
    return text.append(f"  few_shot {piece.few_shot:+.2f}", style="green" * (piece.few_shot > 0))
