"""A number of a claim against the passage's other numbers: which stands beside the same words?

A passage that has a number somewhere need not have it where the claim does. What a claim in other
words keeps of the passage are some of the words beside its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agent_knowledge.citations.numbers import Date
from agent_knowledge.citations.reading import TokenizedText
from agent_knowledge.citations.tokens import Token

COUNTS = frozenset(("two", "three", "four", "five", "twice"))
"""Numbers that a writer may have counted: "there are two ways"."""
_YEAR = re.compile(r"1\d{3}|20\d{2}")
"""Years and parts of dates have no rivals: a passage often has them in the line of its date, far
from what happened then, and other numbers beside that. With them, left-out balanced accuracy falls
from 0.717 to 0.702 on WiCE."""
_BESIDE = 3
"""Content words of the claim on either side of its number."""
_AROUND, _CLOSE = 8, 4
"""Content words of a sentence on either side of the same number, and of another. With 4 or 6 and 4,
with 6 and 6, or with 4 words beside the number, no left-out balanced accuracy moves by 0.01."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another number of a passage beside the words that a claim has beside its own.

    Attributes:
        ours: The claim's number.
        theirs: The passage's.
        lead: How much more of the words beside `ours` stand beside `theirs`, as a share of them;
            above 0, at most 1.
    """

    ours: Token
    theirs: Token
    lead: float


def rival_number(
    content: Sequence[Token], dates: Sequence[Date], reading: TokenizedText
) -> Rival | None:
    """The rival of a claim's numbers that leads most, if there is one.

    Args:
        content: The claim's content words.
        dates: Its dates.
        reading: The passage.
    """
    ours = {token.stem for token in content}
    found: list[Rival] = []
    for place, token in enumerate(content):
        if token.kind != "number" or token.word in COUNTS or _is_dated(token, dates):
            continue
        around = content[max(0, place - _BESIDE) : place + _BESIDE + 1]
        beside = {other.stem for other in around if other.kind != "number"}
        own, most, theirs = 0, 0, token
        for other, count in _beside_numbers(token.stem, beside, reading):
            if other.stem == token.stem:
                own = max(own, count)
            elif other.stem not in ours and count > most:
                most, theirs = count, other
        if most > own:
            found.append(Rival(ours=token, theirs=theirs, lead=(most - own) / len(beside)))
    return max(found, key=lambda rival: rival.lead, default=None)


def _is_dated(token: Token, dates: Sequence[Date]) -> bool:
    year = not token.unit and _YEAR.fullmatch(token.stem)
    return bool(year) or any(date.start <= token.start < date.end for date in dates)


def _beside_numbers(
    stem: str, beside: Collection[str], reading: TokenizedText
) -> list[tuple[Token, int]]:
    """The numbers of the sentences that have some of these words, with how many stand near."""
    found: list[tuple[Token, int]] = []
    for number in sorted({n for word in beside for n in reading.places.get(word, ())}):
        tokens = [token for token in reading.sentences[number] if token.is_content]
        for place, token in enumerate(tokens):
            if token.kind == "number":
                reach = _AROUND if token.stem == stem else _CLOSE
                near = {t.stem for t in tokens[max(0, place - reach) : place + reach + 1]}
                found.append((token, len(near & set(beside))))
    return found
