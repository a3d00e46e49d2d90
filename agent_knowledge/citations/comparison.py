"""A claim beside the sentences of a passage that come closest: what differs, what is measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from agent_knowledge.citations.alignment import Alignment, Difference, align, bound
from agent_knowledge.citations.numbers import Date, dates
from agent_knowledge.citations.reading import TokenizedText, read
from agent_knowledge.citations.tokens import Token
from agent_knowledge.citations.wording import Window, best_windows, longest_gap, measure
from agent_knowledge.citations.words import contrary, opposed

NEAR = 0.6
"""Share of a claim's words that a passage has in the same order, from which the two are compared
word by word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """A single fact that decides against a claim.

    Attributes:
        contradicts: The passage says otherwise; else it says nothing of it.
        reason: In words.
    """

    contradicts: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimAlignment:
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
    fault: Mismatch | None
    measured: Mapping[str, float]
    lacking: str


def compare(claim: str, reading: TokenizedText) -> ClaimAlignment | None:
    """Put a claim beside a passage; None if they share no word that says something."""
    told = dates(claim)
    tokens = _told_names(_told_dates(read(claim), told, reading), reading)
    content = [token for token in tokens if token.is_content]
    windows = best_windows(content, reading) if content and reading.spans else []
    if not windows:
        return None
    window, beside = _closest(tokens, windows, reading)
    fault = (
        _fault_in_order(window, beside, reading)
        or _date_fault(claim, told, reading)
        or _number_fault(tokens, window, reading)
        or _denial_fault(tokens, window, reading)
        or _splice_fault(content, window, beside)
    )
    absent = [t for t in content if t.kind == "name" and not reading.has(t.stem)]
    measured = measure(content, window, reading, beside)
    return ClaimAlignment(
        window=window,
        order=beside.order,
        fault=fault or _brief_fault(content, absent, measured["cover"]),
        measured=measured,
        lacking=f"the passage does not name {_quoted(absent)}" if absent else _TOO_LITTLE,
    )


_TOO_LITTLE = "too little of it stands in the passage"


def _brief_fault(
    content: Sequence[Token], absent: Sequence[Token], cover: float
) -> Mismatch | None:
    """What refutes a claim of few words, each of which carries it.

    A long one may name somebody whom the passage takes for granted, such as its publisher; what is
    left of it then decides.
    """
    few = len(content) < _FEW_WORDS
    if absent and (few or len(absent) > 1):
        return Mismatch(contradicts=False, reason=f"the passage does not name {_quoted(absent)}")
    if len(content) <= _VERY_FEW and cover < _ENOUGH_OF_FEW:
        return Mismatch(contradicts=False, reason=_TOO_LITTLE)
    return None


_FEW_WORDS = 8
_VERY_FEW = 3
_ENOUGH_OF_FEW = 0.6
"""One of two content words in common says nothing: "Shipping is free" shares one with what
shipping costs."""


def _closest(
    tokens: Sequence[Token], windows: Sequence[Window], reading: TokenizedText
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


def _told_names(tokens: Sequence[Token], reading: TokenizedText) -> list[Token]:
    """Take a sentence's first word for a name where the passage has it as one."""
    return [
        replace(token, kind="name") if token.opens and token.stem in reading.names else token
        for token in tokens
    ]


def _told_dates(
    tokens: Sequence[Token], told: Sequence[Date], reading: TokenizedText
) -> Sequence[Token]:
    """Leave out what belongs to a date that the passage spells in another way."""
    agreed = [date for date in told if any(other.says(date) for other in reading.dates)]
    return [
        token
        for token in tokens
        if reading.has(token.stem) or not any(d.start <= token.start < d.end for d in agreed)
    ]


def _fault_in_order(window: Window, beside: Alignment, reading: TokenizedText) -> Mismatch | None:
    """What a claim has otherwise than sentences that have most of it word by word."""
    if beside.order < NEAR:
        return None
    if beside.differences:
        return _difference(beside.differences[0])
    held = {token.stem for token in window.around(reading)}
    added = [t for t in beside.added if t.kind in {"name", "number"} and t.stem not in held]
    if not added or beside.order < _SAME:
        return None
    return Mismatch(contradicts=False, reason=f"{_quoted(added)} is added to what the passage says")


_SAME = 0.85
"""Share from which a claim is the passage's own sentence, so that what it adds must be there."""


def _difference(difference: Difference) -> Mismatch:
    ours, theirs = _quoted(difference.ours), _quoted(difference.theirs)
    if difference.kind == "negation":
        return Mismatch(contradicts=True, reason=f"only one of the two denies {ours}")
    return Mismatch(contradicts=True, reason=f"the passage says {theirs}, not {ours}")


def _date_fault(claim: str, told: Sequence[Date], reading: TokenizedText) -> Mismatch | None:
    """A date that every date of the passage denies."""
    for date in told:
        if reading.dates and all(other.denies(date) for other in reading.dates):
            said = " or ".join(repr(reading.text[d.start : d.end]) for d in reading.dates[:2])
            reason = f"the passage says {said}, not {claim[date.start : date.end]!r}"
            return Mismatch(contradicts=True, reason=reason)
    return None


def _number_fault(
    tokens: Sequence[Token], window: Window, reading: TokenizedText
) -> Mismatch | None:
    """A number that the passage does not have, or has with another unit where it should be."""
    near = [t for t in (*reading.heading, *window.tokens(reading)) if t.kind == "number"]
    for token in tokens:
        if token.kind != "number" or (token.word in _COUNTS and not reading.has(token.stem)):
            continue
        if not reading.has(token.stem):
            return Mismatch(contradicts=False, reason=f"the passage does not have {token.word!r}")
        units = {t.unit for t in near if t.stem == token.stem}
        if token.unit and units and units.isdisjoint({token.unit, ""}):
            other = " or ".join(sorted(units))
            reason = f"the passage says {token.word} {other}, not {token.word} {token.unit}"
            return Mismatch(contradicts=True, reason=reason)
    return None


_COUNTS = frozenset(("two", "three", "four", "five", "twice"))
"""Numbers that a writer may have counted: "there are two ways". They weigh as other words do."""


def _denial_fault(
    tokens: Sequence[Token], window: Window, reading: TokenizedText
) -> Mismatch | None:
    """What a claim in other words denies and the passage affirms, or the other way round."""
    denying = [t for t in tokens if t.kind == "negation" and t.word != "without"]
    if denying and all(token.plain for token in window.around(reading)):
        reason = f"{_quoted(denying)}: the passage denies nothing there"
        return Mismatch(contradicts=False, reason=reason)
    near = window.tokens(reading)
    flipped = contrary(tokens, near)
    if not flipped and len(window.sentences) == 1 and sum(window.held) >= _MOST * len(window.held):
        flipped = opposed(tokens, near)
    if not flipped:
        return None
    reason = f"the passage says the contrary about {_quoted(flipped)}"
    return Mismatch(contradicts=True, reason=reason)


_MOST = 0.6
"""Share of its content words that a sentence must hold before an opposite in it counts."""


def _splice_fault(content: Sequence[Token], window: Window, beside: Alignment) -> Mismatch | None:
    """A piece of the passage with a piece of something else."""
    foreign = longest_gap(content, window)
    few = len(foreign) < max(_FOREIGN * len(content), _FEWEST_FOREIGN)
    if few or beside.block < _COPIED:
        return None
    reason = f"a part of it is the passage's, but not {_quoted(foreign)}"
    return Mismatch(contradicts=False, reason=reason)


_COPIED, _FOREIGN, _FEWEST_FOREIGN = 0.35, 0.3, 3
"""Share of a claim that is one piece of the passage; share and number of its content words that
are another piece, in one run, and no words of the passage."""


def _quoted(tokens: Iterable[Token]) -> str:
    return " ".join(repr(token.word) for token in tokens)
