"""A claim beside the sentences of a passage that come closest: what differs, what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent_knowledge.citations.align import Alignment, Difference, align, bound
from agent_knowledge.citations.numbers import dates
from agent_knowledge.citations.polarity import contrary, opposed
from agent_knowledge.citations.reading import Reading, read
from agent_knowledge.citations.tokens import Token
from agent_knowledge.citations.wording import Window, best_windows, longest_gap, measure

NEAR = 0.6
"""Share of a claim's words that a passage has in the same order, from which the two are compared
word by word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A single fact that decides against a claim.

    Attributes:
        contradicts: The passage says otherwise; else it says nothing of it.
        reason: In words.
    """

    contradicts: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A claim beside a passage.

    Attributes:
        window: The sentences that come closest.
        order: Share of the claim's words that they have in the same order, 0..1.
        fault: What decides against it, if anything does.
        measured: What the words say; see `wording.measure`.
        lacking: In words, what speaks most against it if it is not supported.
    """

    window: Window
    order: float
    fault: Fault | None
    measured: Mapping[str, float]
    lacking: str


def compare(claim: str, reading: Reading) -> Comparison | None:
    """Put a claim beside a passage; None if they share no word that says something."""
    tokens = _told_names(_told_dates(claim, read(claim), reading), reading)
    content = [token for token in tokens if token.is_content]
    windows = best_windows(content, reading) if content and reading.spans else []
    if not windows:
        return None
    window, beside = _closest(tokens, windows, reading)
    fault = _fault_in_order(tokens, window, beside, reading) if beside.order >= NEAR else None
    fault = fault or _fault(claim, tokens, window, reading) or _spliced(content, window, beside)
    absent = [t for t in content if t.kind == "name" and not reading.has(t.stem)]
    return Comparison(
        window=window,
        order=beside.order,
        fault=fault,
        measured=measure(content, window, reading, beside),
        lacking=f"the passage does not name {_quoted(absent)}" if absent else _TOO_LITTLE,
    )


_TOO_LITTLE = "too little of it stands in the passage"


def _closest(
    tokens: Sequence[Token], windows: Sequence[Window], reading: Reading
) -> tuple[Window, Alignment]:
    """The window to judge by, with the claim aligned.

    A single sentence that has the claim word by word goes before several that do: among more
    words another name or number is soon found behind the place where it should stand.
    """
    for size in sorted({len(window.sentences) for window in windows}):
        best: tuple[float, Window, Alignment] | None = None
        for window in windows:
            if len(window.sentences) == size and bound(tokens, window.stems(reading)) >= NEAR:
                beside = align(tokens, window.of(reading))
                score = beside.order - _PER_DIFFERENCE * len(beside.differences)
                if beside.order >= NEAR and (best is None or score > best[0]):
                    best = score, window, beside
        if best:
            return best[1], best[2]
    return windows[0], align(tokens, windows[0].of(reading))


_PER_DIFFERENCE = 0.2


def _fault_in_order(
    tokens: Sequence[Token], window: Window, beside: Alignment, reading: Reading
) -> Fault | None:
    """What a claim has otherwise than sentences that have most of it word by word."""
    if beside.differences:
        return _difference(beside.differences[0])
    if beside.order < _SAME:
        return None
    held = {t.stem for t in window.around(reading)}
    added = [t for t in beside.added if t.kind in {"name", "number"} and t.stem not in held]
    return (
        Fault(contradicts=False, reason=f"{_quoted(added)} is added to what the passage says")
        if added
        else None
    )


_SAME = 0.85
"""Share from which a claim is the passage's own sentence, so that what it adds must be there."""


def _told_names(tokens: Sequence[Token], reading: Reading) -> list[Token]:
    """Take a sentence's first word for a name where the passage has it as one."""
    names = {t.stem for s in (reading.heading, *reading.sentences) for t in s if t.kind == "name"}
    return [replace(t, kind="name") if t.opens and t.stem in names else t for t in tokens]


def _told_dates(claim: str, tokens: Sequence[Token], reading: Reading) -> list[Token]:
    """Leave out what belongs to a date that the passage spells in another way."""
    ours = dates(claim)
    theirs = dates(reading.text) if ours else []
    agreed = [d for d in ours if any(other.says(d) for other in theirs)]
    return [
        token
        for token in tokens
        if reading.has(token.stem) or not any(d.start <= token.start < d.end for d in agreed)
    ]


def _difference(difference: Difference) -> Fault:
    ours, theirs = _quoted(difference.ours), _quoted(difference.theirs)
    if difference.kind == "negation":
        return Fault(contradicts=True, reason=f"only one of the two denies {ours}")
    return Fault(contradicts=True, reason=f"the passage says {theirs}, not {ours}")


def _fault(claim: str, tokens: Sequence[Token], window: Window, reading: Reading) -> Fault | None:
    """What decides against a claim in other words than the passage's."""
    near = [*reading.heading, *window.tokens(reading)]
    for date in dates(claim):
        theirs = dates(reading.text)
        if theirs and all(other.denies(date) for other in theirs):
            other = theirs[0]
            return Fault(
                contradicts=True,
                reason=f"the passage says {reading.text[other.start : other.end]!r}, "
                f"not {claim[date.start : date.end]!r}",
            )
    for token in tokens:
        if token.kind == "number" and (fault := _number_fault(token, near, reading)):
            return fault
    flipped = contrary(tokens, window.tokens(reading))
    if not flipped and len(window.sentences) == 1 and sum(window.held) >= _MOST * len(window.held):
        flipped = opposed(tokens, window.tokens(reading))
    denied = [t for t in tokens if t.kind == "negation" and t.word != "without"]
    if denied and all(token.plain for token in window.around(reading)):
        return Fault(
            contradicts=False, reason=f"{_quoted(denied)}: the passage denies nothing there"
        )
    if flipped:
        return Fault(
            contradicts=True, reason=f"the passage says the contrary about {_quoted(flipped)}"
        )
    return None


def _spliced(content: Sequence[Token], window: Window, beside: Alignment) -> Fault | None:
    """A piece of the passage with a piece of something else."""
    foreign = longest_gap(content, window)
    few = len(foreign) < max(_FOREIGN * len(content), _FEWEST_FOREIGN)
    if few or beside.block < _COPIED:
        return None
    reason = f"a part of it is the passage's, but not {_quoted(foreign)}"
    return Fault(contradicts=False, reason=reason)


_COPIED, _FOREIGN, _FEWEST_FOREIGN = 0.35, 0.3, 3
"""Share of a claim that is one piece of the passage; share and number of its content words that
are another piece, in one run, and no words of the passage."""
_COUNTS = frozenset(("two", "three", "four", "five", "twice"))
"""Numbers that a writer may have counted: "there are two ways". They weigh as other words do."""
_MOST = 0.6
"""Share of its content words that a sentence must hold before an opposite in it counts."""


def _number_fault(token: Token, near: Sequence[Token], reading: Reading) -> Fault | None:
    """A number must stand in the passage, and there not with another unit alone."""
    if not reading.has(token.stem):
        if token.word in _COUNTS:
            return None
        return Fault(contradicts=False, reason=f"the passage does not have {token.word!r}")
    units = {t.unit for t in near if t.kind == "number" and t.stem == token.stem}
    if token.unit and units and token.unit not in units and "" not in units:
        other = ", ".join(sorted(units))
        reason = f"the passage says {token.word} {other}, not {token.word} {token.unit}"
        return Fault(contradicts=True, reason=reason)
    return None


def _quoted(tokens: Iterable[Token]) -> str:
    return " ".join(repr(token.word) for token in tokens)
