"""Which words of a claim stand in a passage in the same order, and what was put in other's place.

Words are matched by their longest common subsequence. Where two texts agree on both sides of a
gap, what fills the gap is compared: another name, number, unit or opposite, or a negation that
only one of them has, changes the fact, whatever else the passage says elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np

from agent_knowledge.citations.numbers import UNIT_WORDS
from agent_knowledge.citations.tokens import Token
from agent_knowledge.citations.words import OPPOSITES

_CONTENT, _OTHER = 10, 3
"""What a matched word counts: one that says something by itself, any other."""
_SKIPPED = 1
"""What a word of the passage costs that is skipped between two matched ones: a word of the claim
is not worth finding ten words farther on."""
_GAP_WORDS = 6
_PRONOUNS = frozenset(
    "he she it they we him her them his its their our this that these those who which".split()  # noqa: SIM905 - a table of words reads better as words
)
"""What a claim may put a name in the place of."""
_LONGEST = 400
_SAME = 0.8
"""Share of words in the same order from which a claim is the passage's own sentence."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A fact that a claim has otherwise than the passage.

    Attributes:
        kind: Of what sort.
        ours: The claim's words.
        theirs: The passage's words in their place.
    """

    kind: Literal["number", "name", "unit", "opposite", "negation"]
    ours: tuple[Token, ...]
    theirs: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class Alignment:
    """A claim beside consecutive sentences of a passage.

    Attributes:
        order: Share of the claim's words that the passage has in the same order, 0..1.
        block: Share of the longest run of words that the two have without a gap, 0..1.
        differences: What was put in other's place.
        added: The claim's words that the passage does not have there, nor a pronoun for them.
    """

    order: float = 0.0
    block: float = 0.0
    differences: tuple[Difference, ...] = ()
    added: tuple[Token, ...] = ()


def bound(claim: Sequence[Token], stems: Collection[str]) -> float:
    """The most that `align` could give as `order`, without its work.

    Args:
        claim: The claim's tokens.
        stems: The stems of all words of the sentences.
    """
    shared = sum(_weight(token) for token in claim if token.stem in stems)
    return shared / max(sum(map(_weight, claim)), 1)


def align(claim: Sequence[Token], sentences: Sequence[Sequence[Token]]) -> Alignment:
    """Compare a claim with consecutive sentences of a passage.

    Args:
        claim: Its tokens.
        sentences: The tokens of each sentence.
    """
    window = [token for sentence in sentences for token in sentence]
    edges = list(accumulate(map(len, sentences), initial=0))
    if len(claim) > _LONGEST or len(window) > _LONGEST:
        return Alignment()
    pairs = _common(claim, window)
    total = max(sum(map(_weight, claim)), 1)
    order = sum(_weight(claim[i]) for i, _ in pairs) / total
    found: list[Difference] = []
    added: list[Token] = []
    elsewhere = Counter(token.stem for token in window)
    elsewhere.subtract(claim[i].stem for i, _ in pairs)
    for ours, theirs in _gaps(claim, window, pairs, edges):
        here, there = {t.stem for t in ours}, {t.stem for t in theirs}
        left = [t for t in ours if t.stem not in there and t.kind != "negation"]
        right = [t for t in theirs if t.stem not in here and t.kind != "negation"]
        if order < _SAME:  # words may stand in another order: only what is nowhere counts
            left = [t for t in left if elsewhere[t.stem] <= 0]
        if not any(t.word in _PRONOUNS for t in right):
            added += left
            found += _compared(left, right, strict=order >= _SAME)
    if flipped := _flipped(claim, window, pairs, strict=order >= _SAME):
        found.append(flipped)
    return Alignment(order, _longest_block(claim, pairs) / total, tuple(found), tuple(added))


def _weight(token: Token) -> int:
    return _CONTENT if token.is_content else _OTHER


def _common(ours: Sequence[Token], theirs: Sequence[Token]) -> list[tuple[int, int]]:
    """The heaviest common subsequence, less what it skips of the passage, as pairs of places.

    Skipping at either end costs nothing. A row of the table per word of the claim: the best that
    can still be gained from each place of the passage on.
    """
    known = {stem: number for number, stem in enumerate({t.stem for t in ours})}
    stems = np.array([known.get(t.stem, -1) for t in theirs], dtype=np.int64)
    places = np.arange(len(theirs) + 1) * _SKIPPED
    rows = [np.zeros(len(theirs) + 1, dtype=np.int64)]
    for token in reversed(ours):
        below = rows[-1]
        row = below.copy()
        gained = below[1:] + _weight(token)
        np.copyto(row[:-1], gained, where=(stems == known[token.stem]) & (gained > row[:-1]))
        rows.append(np.maximum.accumulate((row - places)[::-1])[::-1] + places)
    rows.reverse()
    i, j = 0, int(rows[0].argmax())
    pairs: list[tuple[int, int]] = []
    while i < len(ours) and j < len(theirs) and rows[i][j] > 0:
        if stems[j] == known[ours[i].stem] and rows[i][j] == rows[i + 1][j + 1] + _weight(ours[i]):
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif rows[i][j] == rows[i + 1][j]:
            i += 1
        else:
            j += 1
    return pairs


def _longest_block(claim: Sequence[Token], pairs: Sequence[tuple[int, int]]) -> int:
    longest = weight = 0
    previous = (-2, -2)
    for i, j in pairs:
        weight = (weight if (i - 1, j - 1) == previous else 0) + _weight(claim[i])
        longest, previous = max(longest, weight), (i, j)
    return longest


def _compared(
    left: Sequence[Token], right: Sequence[Token], *, strict: bool
) -> Iterator[Difference]:
    """What fills a gap in the claim against what fills it in the passage, where both are alike.

    If `strict`, anything but a pronoun in the place of a name or number differs.
    """
    if max(len(left), len(right)) > _GAP_WORDS:
        return
    for kind in ("number", "name"):
        ours = tuple(t for t in left if t.kind == kind or (strict and t.word not in _PRONOUNS))
        theirs = tuple(t for t in right if t.kind == kind or (kind == "name" and t.opens))
        if ours and theirs:
            yield Difference(kind, ours, theirs)
            return
    against = {s for t in left for s in OPPOSITES.get(t.stem, ())}
    if contrary := tuple(t for t in right if t.stem in against):
        yield Difference("opposite", tuple(left), contrary)
    elif (ours := _units(left)) and (theirs := _units(right)):
        yield Difference("unit", ours, theirs)


def _units(tokens: Sequence[Token]) -> tuple[Token, ...]:
    return tuple(t for t in tokens if t.word.removesuffix("s") in UNIT_WORDS)


def _gaps(
    claim: Sequence[Token],
    window: Sequence[Token],
    pairs: Sequence[tuple[int, int]],
    edges: Sequence[int],
) -> Iterator[tuple[Sequence[Token], Sequence[Token]]]:
    """The unmatched stretches of a claim with those of the passage.

    At the claim's ends, as much of the passage as lies within the sentence (`edges`: where the
    sentences begin, and the end).
    """
    if not pairs:
        return
    first, last = pairs[0], pairs[-1]
    opening = max(edge for edge in edges if edge <= first[1])
    yield claim[: first[0]], window[max(opening, first[1] - first[0] - 1) : first[1]]
    for (i, j), (next_i, next_j) in pairwise(pairs):
        if next_i > i + 1:
            yield claim[i + 1 : next_i], window[j + 1 : next_j]
    rest = claim[last[0] + 1 :]
    closing = min(edge for edge in edges if edge > last[1])
    yield rest, window[last[1] + 1 : min(closing, last[1] + 2 + len(rest))]


def _flipped(
    claim: Sequence[Token],
    window: Sequence[Token],
    pairs: Sequence[tuple[int, int]],
    *,
    strict: bool,
) -> Difference | None:
    """A matched word that a negation reaches in one of the two texts only.

    Unless `strict`, one whose clause in the other text may deny it in other words is left alone.
    """
    for i, j in pairs:
        ours, theirs = claim[i], window[j]
        if ours.denied != theirs.denied and ours.is_content and not theirs.listed:
            other = theirs if ours.denied else ours
            if strict or other.plain:
                return Difference("negation", (ours,), (theirs,))
    return None
