"""What speaks most against a claim, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from agent_knowledge.citations.measures import (
    STRICT,
    Beside,
    is_denied,
    longest_gap,
    missing_facts,
    nearest_sentence,
    other_units,
    swapped_roles,
)
from agent_knowledge.citations.rivals import rival_number
from agent_knowledge.citations.tokens import Token
from agent_knowledge.citations.words import FRAMES, contrary, opposed


def reason_against(beside: Beside, weighed: Mapping[str, float]) -> str:
    """What speaks most against a claim, in words.

    Args:
        beside: The claim and the passage.
        weighed: Per measurement, its part in the log-odds; below 0 against the claim.
    """
    found = [
        (name.startswith(_LACKS), weight, reason)
        for name, reason in _reasons(beside)
        if (weight := weighed.get(name, 0.0)) < 0
    ]
    return min(found, default=(True, 0.0, "too little of it stands in the passage"))[2]


_LACKS = ("lost", "run")
"""Measurements of what a passage lacks: what it has instead says more, and goes first."""


def _reasons(beside: Beside) -> Iterator[tuple[str, str]]:
    """The measurements that can be put into words, with these."""
    strict = "s" if beside.alignment.order >= STRICT else "l"
    for difference in beside.alignment.differences:
        ours, theirs = quoted(difference.ours), quoted(difference.theirs)
        denies = difference.kind == "negation"
        reason = f"only one of the two denies {ours}" if denies else _instead(theirs, ours)
        yield f"diff_{difference.kind}_{strict}", reason
    yield from _reasons_of_facts(beside)
    if swapped := swapped_roles(beside):
        yield "swap", f"the passage has {quoted(swapped)} in each other's place"
    tokens, near = beside.tokens, beside.window.tokens(beside.reading)
    if flipped := contrary(tokens, near) or opposed(tokens, near):
        reason = f"the passage says the contrary about {quoted(flipped)}"
        yield from (("contrary", reason), ("opposed", reason))
    if denying := [t for t in tokens if t.kind == "negation"]:
        yield "neg_extra", f"{quoted(denying)}: the passage denies nothing there"
    own = {token.word for token in tokens}
    if framed := [
        t for t in nearest_sentence(beside).tokens(beside.reading) if t.word in FRAMES - own
    ]:
        yield "frame", f"the passage says it under {quoted(framed)}"
    if gap := longest_gap(beside):
        yield "run", f"the passage does not have {quoted(gap)}"


def _reasons_of_facts(beside: Beside) -> Iterator[tuple[str, str]]:
    reading = beside.reading
    if rival := rival_number(beside.content, beside.dates, reading):
        yield "rival_number", _instead(quoted([rival.theirs]), quoted([rival.ours]))
    for token, unit in other_units(beside):
        theirs, ours = repr(f"{token.word} {unit}"), repr(f"{token.word} {token.unit}")
        yield "unit_other", _instead(theirs, ours)
    for date in beside.dates:
        if is_denied(date, reading):
            said = " or ".join(repr(reading.text[d.start : d.end]) for d in reading.dates[:2])
            yield "date_denied", _instead(said, repr(beside.claim[date.start : date.end]))
    for kind, verb in (("name", "name"), ("number", "have")):
        if lost := missing_facts(beside, kind):
            reason = f"the passage does not {verb} {quoted(lost)}"
            yield from ((f"lost_{kind}", reason), (f"lostr_{kind}", reason))


def _instead(theirs: str, ours: str) -> str:
    return f"the passage says {theirs}, not {ours}"


def quoted(tokens: Sequence[Token]) -> str:
    """The words between quotation marks."""
    return repr(" ".join(token.word for token in tokens))
