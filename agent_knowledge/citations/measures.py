"""What the words of a claim and of a passage say about whether the one follows from the other.

Every measurement is a number that the fit of `tools/train/support.py` weighs; none decides alone,
not even that a single fact speaks against a claim (`refuted`).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import cast

import numpy as np
import Stemmer

from agent_knowledge.citations.alignment import Alignment
from agent_knowledge.citations.numbers import Date, amount, dates, unit_of
from agent_knowledge.citations.reading import TokenizedText, read
from agent_knowledge.citations.rivals import COUNTS, rival_number
from agent_knowledge.citations.tokens import Token
from agent_knowledge.citations.windows import (
    FACT,
    NEAR,
    Window,
    best_windows,
    closest,
    held_by,
)
from agent_knowledge.citations.words import (
    FRAMES,
    HEDGES,
    QUANTIFIERS,
    contrary,
    opposed,
)
from agent_knowledge.types import Matrix

_MOST = 3
"""A count is cut there: four wrong names say no more than three."""
STRICT = 0.8
"""Share of words in the same order from which a claim is the passage's own sentence: a fact in
another's place is then measured apart."""
_LOOSE = 0.4
"""Share below which what stands in another's place means nothing."""
_SHORT = 7
"""Content words; a claim of fewer rests on each of them."""
_BRIEF = 3
"""Content words; one of three that is missing is most of what such a claim says."""
_ADJACENT = 4
"""Words between two that are neighbours in the claim, still near in the passage."""
_REPORTS = re.compile(
    r"(?:yes,\s)?(?:(?:it|the (?:passage|source|text|document|article|page|manual|handbook)) "
    r"(?:says|states|notes|explains|mentions)(?: that)?[:,]?\s|according to [^,]{1,60},\s)?",
    re.IGNORECASE,
)
"""How a sentence begins that reports what its source says: no part of what is claimed."""
FACTS = ("name", "number")
_OWN = 0.85
"""Share of words in the same order from which a claim is the passage's sentence, so that a name or
number which it adds must stand near."""
_LEAD = 0.25
"""Share of the words beside a number of the claim that must stand beside another number of the
passage and not beside the same one. At 0.5 own pairs with another number of the passage are left
out accepted in 0.20 and not 0.10; any lead at all costs 0.01 of balanced accuracy on WiCE."""
_MOST_HELD = 0.6
"""Share of a claim's content words that a sentence holds before an opposite in it counts, or that
must be there of a claim of few words: "Shipping is free" shares one with what shipping costs."""
_COPIED, _FOREIGN, _FEWEST_FOREIGN = 0.35, 0.3, 3
"""Share of a claim that is one piece of the passage; share and number of its content words that
are another piece, in one run, and no words of the passage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A sentence of a claim beside a passage.

    Attributes:
        claim: The sentence.
        tokens: Its words; dates and amounts that the passage writes otherwise are as it has them.
        content: Those that say something by themselves.
        held: A row per content word, a column per sentence of the passage: 1 where that has it.
        windows: The sentences that come closest, best first.
        window: The one to judge by.
        alignment: The claim's words in it.
        dates: The claim's dates.
        reading: The passage.
    """

    claim: str
    tokens: Sequence[Token]
    content: Sequence[Token]
    held: Matrix
    windows: Sequence[Window]
    window: Window
    alignment: Alignment
    dates: Sequence[Date]
    reading: TokenizedText


def put_beside(claim: str, reading: TokenizedText) -> Beside | None:
    """Put a sentence beside a passage; None if they share no word that says something."""
    claim = claim[_REPORTS.match(claim).end() :]  # pyright: ignore[reportOptionalMemberAccess] - matches
    told = dates(claim)
    tokens = _as_named(_as_dated(read(claim), told, reading), reading)
    tokens = _as_measured(tokens, reading)
    content = [token for token in tokens if token.is_content]
    if not content or not reading.spans:
        return None
    held = held_by(content, reading)
    windows = best_windows(content, held, reading)
    if not windows:
        return None
    window, alignment = closest(tokens, windows, reading)
    return Beside(
        claim=claim,
        tokens=tokens,
        content=content,
        held=held,
        windows=windows,
        window=window,
        alignment=alignment,
        dates=told,
        reading=reading,
    )


def _as_named(tokens: Sequence[Token], reading: TokenizedText) -> list[Token]:
    """Take a sentence's first word for a name where the passage has it as one."""
    return [
        replace(token, kind="name") if token.opens and token.stem in reading.names else token
        for token in tokens
    ]


def _as_dated(
    tokens: Sequence[Token], told: Sequence[Date], reading: TokenizedText
) -> Sequence[Token]:
    """Leave out what belongs to a date that the passage spells in another way."""
    agreed = [date for date in told if any(other.says(date) for other in reading.dates)]
    return [
        token
        for token in tokens
        if reading.has(token.stem) or not any(d.start <= token.start < d.end for d in agreed)
    ]


def _as_measured(tokens: Sequence[Token], reading: TokenizedText) -> list[Token]:
    """Write an amount as the passage does: two weeks as 14 days."""
    found: list[Token] = []
    unit: tuple[str, str] | None = None
    for token in tokens:
        if token.kind == "number" and token.unit:
            same = reading.amounts.get(amount(token.stem, token.unit))
            unit = (token.unit, same.unit) if same and same.unit != token.unit else None
            if same and unit:
                token = replace(token, stem=same.stem, unit=same.unit)  # noqa: PLW2901
        elif unit and unit_of(token.word) == unit[0]:
            stem = cast("str", Stemmer.Stemmer("english").stemWord(unit[1]))
            token = replace(token, stem=stem)  # noqa: PLW2901
        found.append(token)
    return found


def measure(beside: Beside) -> dict[str, float]:
    """What the words say; see the functions below for each measurement."""
    found = _wording(beside)
    for kind in FACTS:
        found |= _facts(beside, kind)
    found |= _differences(beside) | _polarity(beside) | _order(beside) | _slots(beside)
    rival = rival_number(beside.content, beside.dates, beside.reading)
    found["rival_number"] = rival.lead if rival else 0.0
    return found | {"refuted": float(_is_refuted(beside, found))}


def _is_refuted(beside: Beside, found: Mapping[str, float]) -> bool:
    """Whether a single fact speaks against a claim, as a careful reader would take it.

    Alone, each of the measurements that this puts together weighs little in a fit, since most
    false claims have another; together they say more than their sum. The bounds are those of the
    rules that decided before there was a fit; what all of them weigh is ablated in
    `tools/train/support_fit.py`, none of them by itself.
    """
    alignment, gap = beside.alignment, longest_gap(beside)
    ordered = alignment.order >= NEAR and bool(alignment.differences or _added(beside))
    number = (
        bool(found["unit_other"])
        or found["rival_number"] >= _LEAD
        or any(token.word not in COUNTS for token in missing_facts(beside, "number"))
    )
    near = len(beside.window.sentences) == 1 and found["cover"] >= _MOST_HELD
    denied = found["neg_plain"] or found["contrary"] or (near and found["opposed"])
    spliced = alignment.block >= _COPIED and len(gap) >= max(
        _FOREIGN * len(beside.content), _FEWEST_FOREIGN
    )
    unnamed = found["lost_name"] > (0 if len(beside.content) <= _SHORT else 1)
    brief = len(beside.content) <= _BRIEF and found["cover"] < _MOST_HELD
    return bool(ordered or found["date_denied"] or number or denied or spliced or unnamed or brief)


def _added(beside: Beside) -> list[Token]:
    """Names and numbers that a claim adds to a sentence which is otherwise the passage's own."""
    if beside.alignment.order < _OWN:
        return []
    near = {token.stem for token in beside.window.around(beside.reading)}
    return [t for t in beside.alignment.added if t.kind in FACTS and t.stem not in near]


def _wording(beside: Beside) -> dict[str, float]:
    """How much of the claim the window has, the passage has, and where the largest gap is."""
    content, window, reading = beside.content, beside.window, beside.reading
    count = len(content)
    missing = math.log1p(count - sum(window.held))
    short = float(count < _SHORT)
    return {
        "n_content": math.log(count),
        "n_pass": math.log1p(len(reading.spans)),
        "win_n": float(len(window.sentences)),
        "cover": sum(window.held) / count,
        "run": len(longest_gap(beside)) / count,
        "order": beside.alignment.order,
        "block": beside.alignment.block,
        "short": short,
        "short_miss": short * missing,
        "brief_miss": (1 - sum(window.held) / count) * (count <= _BRIEF),
    }


def longest_gap(beside: Beside) -> Sequence[Token]:
    """The longest run of a claim's content words that the window lacks."""
    first = longest = end = 0
    for place, has in enumerate([*beside.window.held, True]):
        if has:
            if place - first > longest:
                longest, end = place - first, place
            first = place + 1
    return beside.content[end - longest : end]


def missing_facts(beside: Beside, kind: str) -> list[Token]:
    """The names or numbers of a claim that neither passage nor title has."""
    return [t for t in beside.content if t.kind == kind and not beside.reading.has(t.stem)]


def _facts(beside: Beside, kind: str) -> dict[str, float]:
    """Names or numbers that the passage lacks, or has elsewhere than where the claim is found."""
    own = [
        (t.stem, has)
        for t, has in zip(beside.content, beside.window.held, strict=True)
        if t.kind == kind
    ]
    near = beside.window.neighbours
    out = [beside.reading.places.get(stem, ()) for stem, has in own if not has]
    lost = sum(not places for places in out)
    far = sum(bool(places) and not any(p in near for p in places) for places in out)
    return {
        f"has_{kind}": float(min(len(own), _MOST)),
        f"out_{kind}": float(min(len(out), _MOST)),
        f"lost_{kind}": float(min(lost, _MOST)),
        f"lostr_{kind}": lost / max(len(own), 1),
        f"far_{kind}": float(min(far, _MOST)),
        f"farr_{kind}": far / max(len(own), 1),
    }


def _differences(beside: Beside) -> dict[str, float]:
    """Facts in the place of the passage's own, apart for claims in its wording and in others."""
    alignment, reading = beside.alignment, beside.reading
    strict = alignment.order >= STRICT
    found: dict[str, float] = {}
    for kind in ("number", "name", "unit", "opposite", "negation"):
        count = sum(d.kind == kind for d in alignment.differences)
        count = float(min(count, 2)) if alignment.order >= _LOOSE else 0.0
        found |= {f"diff_{kind}_s": count * strict, f"diff_{kind}_l": count * (not strict)}
    return found | {
        "date_denied": float(any(is_denied(date, reading) for date in beside.dates)),
        "unit_other": float(len(other_units(beside))),
    }


def is_denied(date: Date, reading: TokenizedText) -> bool:
    """Whether every date of a passage denies one of a claim."""
    return bool(reading.dates) and all(other.denies(date) for other in reading.dates)


def other_units(beside: Beside) -> list[tuple[Token, str]]:
    """Numbers of a claim that the window has with another unit, and that unit."""
    near = (*beside.reading.heading, *beside.window.tokens(beside.reading))
    found: list[tuple[Token, str]] = []
    for token in beside.content:
        if token.kind == "number" and token.unit:
            units = {t.unit for t in near if t.kind == "number" and t.stem == token.stem}
            if units and units.isdisjoint({token.unit, ""}):
                found.append((token, min(units)))
    return found


def nearest_sentence(beside: Beside) -> Window:
    """The best window of one sentence."""
    return next((w for w in beside.windows if len(w.sentences) == 1), beside.window)


def _polarity(beside: Beside) -> dict[str, float]:
    """Negations, contraries, hedges, frames and quantifiers that only one of the two has."""
    tokens, reading = beside.tokens, beside.reading
    near = beside.window.tokens(reading)
    own, theirs = {t.word for t in tokens}, {t.word for t in near}
    sentence = {t.word for t in nearest_sentence(beside).tokens(reading)}
    denying = sum(t.kind == "negation" for t in tokens)
    denied = sum(t.kind == "negation" for t in near)
    plain = all(token.plain for token in beside.window.around(reading))
    return {
        "neg_claim": float(min(denying, 2)),
        "neg_win": float(min(denied, _MOST)),
        "neg_extra": float(denying > 0 and denied == 0),
        "neg_plain": float(denying > 0 and plain),
        "contrary": float(min(len(contrary(tokens, near)), 2)),
        "opposed": float(min(len(opposed(tokens, near)), 2)),
        "frame": float(len((sentence & FRAMES) - own)),
        "hedge_new": float(min(len((own & HEDGES) - theirs), 2)),
        "quant_new": float(min(len((own & QUANTIFIERS) - theirs), _MOST)),
    }


def _order(beside: Beside) -> dict[str, float]:
    """Whether what stands together, or before, in the claim does so in the window."""
    window = beside.window.tokens(beside.reading)
    places: dict[str, list[int]] = {}
    for place, token in enumerate(window):
        places.setdefault(token.stem, []).append(place)
    both = [
        min(abs(p - q) for p in places[a.stem] for q in places[b.stem]) <= _ADJACENT
        for a, b in pairwise(beside.content)
        if a.stem in places and b.stem in places
    ]
    once = [(places[t.stem][0], t.kind) for t in beside.content if len(places.get(t.stem, ())) == 1]
    turned = [a > b for (a, _), (b, _) in pairwise(once)]
    facts = [place for place, kind in once if kind in FACTS]
    swapped = sum(a > b for a, b in pairwise(facts))
    return {
        "bigram_held": sum(both) / len(both) if both else 1.0,
        "inverted": sum(turned) / len(turned) if turned else 0.0,
        "inv_names": float(min(swapped, _MOST)),
        "swap": float(bool(swapped_roles(beside))),
    }


def swapped_roles(beside: Beside) -> Sequence[Token]:
    """Two names of a claim that a sentence has in each other's place around the same words.

    Not where only one of the two says it in the passive.
    """
    tokens = beside.tokens
    names = [place for place, token in enumerate(tokens) if token.kind == "name"]
    often = Counter(token.stem for token in tokens)
    names = [place for place in names if often[tokens[place].stem] == 1]
    for sentence in nearest_sentence(beside).of(beside.reading):
        often = Counter(token.stem for token in sentence)
        places = {t.stem: place for place, t in enumerate(sentence) if often[t.stem] == 1}
        for first, second in pairwise(names):
            a, b = places.get(tokens[first].stem, -1), places.get(tokens[second].stem, -1)
            ours, theirs = tokens[first + 1 : second], sentence[b + 1 : a]
            same = {t.stem for t in ours if t.kind == "word"} & {t.stem for t in theirs}
            if 0 <= b < a and same and _is_passive(ours) == _is_passive(theirs):
                return tokens[first], tokens[second]
    return ()


def _is_passive(tokens: Sequence[Token]) -> bool:
    return any(token.word == "by" for token in tokens)


def _slots(beside: Beside) -> dict[str, float]:
    """Per kind of word, how much more of the rest of the claim stands where the word does not."""
    found: dict[str, float] = dict.fromkeys(("slot_name", "slot_number", "slot_word"), 0.0)
    held, count = beside.held, len(beside.reading.spans)
    weights = np.array([1.0 if t.kind == "word" else FACT for t in beside.content])
    total = weights.sum()
    summed = weights @ held
    for row, token in enumerate(beside.content):
        if token.stem in beside.reading.in_heading or total <= weights[row]:
            continue
        at = [n for n in _at_or_behind(token, beside.reading) if n < count]
        if at:
            rest = (summed - weights[row] * held[row]) / (total - weights[row])
            drop = float(rest.max() - rest[at].max())
            found[f"slot_{token.kind}"] = max(found[f"slot_{token.kind}"], drop)
    return found


def _at_or_behind(token: Token, reading: TokenizedText) -> Iterator[int]:
    """The sentences that have a word, and those behind them, where a pronoun may stand for it."""
    for number in reading.places.get(token.stem, ()):
        yield from (number, number + 1)
