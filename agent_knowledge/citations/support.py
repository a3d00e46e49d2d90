"""Does a passage say what a claim says? A check of words, numbers, names and negations.

A claim is supported when one to three consecutive sentences of the passage (or its title) hold
enough of its content words, every number with its unit, every name, and none of its words under
the opposite negation. The check knows no synonyms: it would rather call a true paraphrase
unsupported than let a changed fact pass. `Support` is the door for a better one.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, cast

import Stemmer

from agent_knowledge.text import STOP_WORDS, sentences, words, written_words

THRESHOLD = 0.5
"""Score from which a claim counts as supported; `tools/bench/citations.py` measures it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a check found.

    Attributes:
        supported: The passage says it.
        score: Share of the claim's content that the best span holds, 0..1; kept below THRESHOLD
            where a number, a name or a negation differs.
        span: Characters of the passage's text that come closest, if any word is shared.
    """

    supported: bool
    score: float
    span: tuple[int, int] | None = None


class Support(Protocol):
    """Judges whether a passage supports a claim."""

    def __call__(self, claim: str, text: str, title: str = "") -> Judgement:
        """Judge one claim, without its markers, against one passage and its title."""
        ...


def overlap_support(claim: str, text: str, title: str = "") -> Judgement:
    """Judge by words, numbers, names and negations; see the module's docstring."""
    stem = cast("_Stem", Stemmer.Stemmer("english").stemWords)  # not to be shared by threads
    asked, heading = _stems(claim, stem), _stems(title, stem)
    spans = sentences(text)
    held = [_stems(text[start:end], stem) for start, end in spans]
    windows = _best_windows(asked, heading, held)
    if not windows:
        return Judgement(supported=False, score=0.0)
    enough = _ENOUGH_OF_FEW if len(asked) <= _FEW else THRESHOLD
    for score, window in windows:
        parts = [text[a:b] for a, b in spans[window.start : window.stop]]
        if score >= enough and _agree(claim, title, parts, stem):
            break
    else:
        score, window = windows[0]
        score = score * _DIFFERS if score >= THRESHOLD else score
    span = (spans[window.start][0], spans[window.stop - 1][1])
    return Judgement(supported=score >= THRESHOLD, score=score, span=span)


_Stem = Callable[[Sequence[str]], Sequence[str]]
_FEW = 3
_ENOUGH_OF_FEW = 0.6
"""Of a claim of three content words or fewer, one alone in common says nothing: "Shipping is free"
shares half of its words with what shipping costs."""
_LONGEST_WINDOW = 3
_MOST_WINDOWS = 4
_DIFFERS = 0.98 * THRESHOLD
"""What is left of a score when a number, a name or a negation differs."""


def _stems(text: str, stem: _Stem) -> frozenset[str]:
    """Stems of the content words; numbers are left to their own check."""
    content = (w.removesuffix("'s") for w in words(text) if w not in STOP_WORDS)
    return frozenset(stem([w for w in content if not w[0].isdigit()]))


def _best_windows(
    asked: frozenset[str], heading: frozenset[str], held: Sequence[frozenset[str]]
) -> list[tuple[float, range]]:
    """The few consecutive sentences that hold most of a claim, best first, with their share.

    More than one sentence is taken only where no single one holds enough.
    """
    found: list[tuple[float, range]] = []
    for size in range(1, _LONGEST_WINDOW + 1):
        for first in range(len(held) - size + 1):
            window = frozenset[str]().union(*held[first : first + size])
            if asked & window:
                score = len(asked & (window | heading)) / len(asked)
                found.append((score, range(first, first + size)))
        found = heapq.nlargest(_MOST_WINDOWS, found, key=lambda scored: scored[0])
        if found and found[0][0] >= THRESHOLD:
            break
    return found


def _agree(claim: str, title: str, window: Sequence[str], stem: _Stem) -> bool:
    """Whether nothing that would change a fact differs between a claim and some sentences.

    Names must stand in these sentences or the title. Looking for them in the sentences around,
    where what a pronoun stands for is named, would accept 4 % more true paraphrases and seven
    times as many swapped names.
    """
    numbers = {number for text in (title, *window) for number in _numbers(text)}
    if not all(_holds_number(number, numbers) for number in _numbers(claim)):
        return False
    if not _names(claim) <= {
        w.removesuffix("'s") for text in (title, *window) for w in words(text)
    }:
        return False
    said = "\n".join(window)
    ours, theirs = _negated(claim, stem), _negated(said, stem)
    shared = _stems(claim, stem) & _stems(said, stem)
    return bool(ours) == bool(theirs) or not (ours ^ theirs) & shared


_NEGATIONS = frozenset(
    "not no never without cannot neither nor none nobody nothing nowhere unable hardly".split()  # noqa: SIM905 - a table of words reads better as words
)
_NEGATION_REACH = 3


def _negated(text: str, stem: _Stem) -> frozenset[str]:
    """Stems of the few content words after each negation; "" stands for the negation itself."""
    found: list[str] = []
    left = 0
    for word in words(text):
        if word in _NEGATIONS or word.endswith("n't"):
            found.append("")
            left = _NEGATION_REACH
        elif left and word not in STOP_WORDS:
            found.append(word)
            left -= 1
    return frozenset(stem(found))


_SENTENCE_START = re.compile(r"(?:\A|[.!?:•\n\"“(*#|-])[\s\"“'(*_-]*\Z")


def _names(text: str) -> frozenset[str]:
    """Words with a capital that no sentence start explains, lower-cased."""
    found: list[str] = []
    for start, word in written_words(text):
        if word.islower() or not any(c.isupper() for c in word):
            continue
        inner = any(c.isupper() for c in word[1:])
        if inner or not _SENTENCE_START.search(text[max(0, start - 8) : start]):
            found += words(word)
    return frozenset(w.removesuffix("'s") for w in found if w not in STOP_WORDS)


_NUMBER = re.compile(
    r"(?P<sign>[$€£¥])?\s?(?<![\w.])(?P<digits>\d+(?:[.,]\d+)*+)[\s-]?(?P<unit>%|[^\W\d_]+)?"
)
_NUMBER_WORDS = {
    word: str(value)
    for value, word in [
        *enumerate("three four five six seven eight nine ten eleven twelve".split(), start=3),  # noqa: SIM905 - as above
        *[(15, "fifteen"), (20, "twenty"), (30, "thirty"), (40, "forty"), (50, "fifty")],
        *[(60, "sixty"), (70, "seventy"), (80, "eighty"), (90, "ninety")],
    ]
}
_NUMBER_WORD = re.compile(rf"\b({'|'.join(_NUMBER_WORDS)})\b(?:[\s-]([^\W\d_]+))?", re.IGNORECASE)
_SIGNS = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen"}
_SCALES = {"hundred": 2, "thousand": 3, "k": 3, "million": 6, "m": 6, "billion": 9, "bn": 9}
_UNITS = {
    **dict.fromkeys(("%", "percent", "pct"), "percent"),
    **{unit: unit for unit in ("dollar", "euro", "pound", "yen", "cent", "token", "time")},
    **dict.fromkeys(("second", "sec", "s"), "second"),
    **dict.fromkeys(("minute", "min"), "minute"),
    **dict.fromkeys(("hour", "hr", "h"), "hour"),
    **{unit: unit for unit in ("day", "week", "month", "year", "ms", "mile", "inch", "foot")},
    **dict.fromkeys(("kilogram", "kilo", "kg"), "kg"),
    **dict.fromkeys(("kilometre", "kilometer", "km"), "km"),
    **dict.fromkeys(("metre", "meter"), "metre"),
    **{unit: unit for unit in ("g", "mg", "cm", "mm", "kb", "mb", "gb", "tb", "usd", "eur")},
}
_LONGEST_NUMBER = 30


def _numbers(text: str) -> Iterator[tuple[str, str]]:
    """The numbers of a text with their units, however they are written."""
    for match in _NUMBER.finditer(text):
        sign, unit = match["sign"], (match["unit"] or "").lower()
        value = _value(match["digits"], _SCALES.get(unit, 0))
        yield value, _SIGNS[sign] if sign else _unit(unit)
    for match in _NUMBER_WORD.finditer(text):
        yield _NUMBER_WORDS[match[1].lower()], _unit((match[2] or "").lower())


def _unit(word: str) -> str:
    return _UNITS.get(word) or _UNITS.get(word.removesuffix("s"), "")


def _value(digits: str, scale: int) -> str:
    """One spelling for a number: "1,000.50" is "1000.5"; versions such as "1.5.9" stay."""
    if len(digits) > _LONGEST_NUMBER:
        return digits
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    elif digits.count(",") == 1 and "." not in digits:
        digits = digits.replace(",", ".")
    if digits.count(".") > 1 or "," in digits:
        return digits
    return f"{(Decimal(digits) * 10**scale).normalize():f}"


def _holds_number(number: tuple[str, str], held: Collection[tuple[str, str]]) -> bool:
    """Whether the same value stands there, not with another unit."""
    value, unit = number
    units = {u for v, u in held if v == value}
    return unit in units or (bool(units) and (not unit or "" in units))
