"""What a reader must know of an answer beside its text, each told in words of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from agent_knowledge.citations.notes import excerpt
from agent_knowledge.types.answers import FLAGS, Answer, Flag

Tone = Literal["stop", "warn", "note"]
_UNSUPPORTED = "not supported"
_FLAGGED: Mapping[Flag, tuple[str, str]] = {
    "no_citation": ("No citation", "no citation"),
    "states_in_gap": ("Facts are stated in a gap", _UNSUPPORTED),
}
"""Title and tag of what an answer is flagged with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to know.

    Attributes:
        tone: `stop`: do not rely on this; `warn`: look at it; `note`: good to know.
        title: In a few words.
        text: What it means here; may be empty.
        lines: The words of the answer that it is about, or what failed.
        tag: What stands on the route's chip; empty for nothing.
    """

    tone: Tone
    title: str
    text: str = ""
    lines: tuple[str, ...] = ()
    tag: str = ""


def notices_of(answer: Answer) -> tuple[Notice, ...]:
    """What there is to say of an answer, the gravest first."""
    return (*_of_decision(answer), *_of_claims(answer), *_of_making(answer))


def _of_decision(answer: Answer) -> Iterator[Notice]:
    made = answer.decision
    if made.gap:
        looked = ", ".join(made.signals.coverage) or "no source at all"
        nearest = next((title for title in made.signals.nearest.values() if title), "")
        near = f" The nearest passage is “{excerpt(nearest)}”." if nearest else ""
        text = f"Facts are needed, and no source holds them ({looked}).{near}"
        yield Notice(tone="stop", title="Gap in the sources", text=text, tag="gap")
    if made.plan.clarify:
        yield Notice(tone="note", title="A question back to you", text="No model was called.")
    if made.unsure:
        text = f"Confidence {made.confidence:.2f} is below the policy's threshold."
        yield Notice(tone="warn", title="Unsure of the route", text=text, tag="unsure")
    for name, why in made.signals.failed.items():
        yield Notice(tone="warn", title=f"{name} could not be asked", lines=(why,))


def _of_claims(answer: Answer) -> Iterator[Notice]:
    n = len(answer.claims)
    for verdict, title, text in (
        ("contradicted", "Contradicted by its source", "What is cited says otherwise."),
        ("unsupported", "Not supported by its source", "What is cited was not found to say it."),
    ):
        found = [claim for claim in answer.claims if claim.verdict == verdict]
        if found:
            share = f"{len(found)} of {n} cited statement{'' if n == 1 else 's'}"
            told = f"{share}, underlined below. {text}"
            yield Notice(tone="stop", title=title, text=told, tag=_UNSUPPORTED)
    for flag in answer.flags:
        title, tag = _FLAGGED[flag]
        yield Notice(tone="stop", title=title, text=f"{FLAGS[flag].capitalize()}.", tag=tag)
    loose = [span for span in answer.ungrounded if span not in set(answer.uncited)]
    if loose:
        lines = tuple(excerpt(answer.text[start:end]) for start, end in loose)
        yield Notice(tone="stop", title="Not in the sources", lines=lines, tag=_UNSUPPORTED)
    if answer.uncited:
        count = len(answer.uncited)
        text = f"{count} {'sentence states' if count == 1 else 'sentences state'} facts uncited."
        yield Notice(tone="warn", title="No source given", text=text)


def _of_making(answer: Answer) -> Iterator[Notice]:
    if answer.fallbacks:
        text = "The next rung answered in its place."
        yield Notice(tone="warn", title="The endpoint failed", text=text, lines=answer.fallbacks)
    if answer.faults:
        yield Notice(tone="warn", title="Not in its form", lines=answer.faults)
    flagged = [one for one in answer.knowledge.passages if one.suspicious]
    if flagged:
        text = "Passages that speak to a model were handed over as data, and marked as such."
        lines = tuple(excerpt(one.title or one.document) for one in flagged)
        yield Notice(tone="warn", title="Suspicious passages", text=text, lines=lines)
    if answer.knowledge.left_out:
        left_out = answer.knowledge.left_out
        yield Notice(tone="note", title="Left out for the token budget", lines=left_out)
