"""A text read into tokens that can be compared: words, names, numbers with units, negations."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import Stemmer

from agent_knowledge.citations.lists import lead_ins
from agent_knowledge.citations.numbers import Amount, Date, Quantity, amount, dates, quantity
from agent_knowledge.citations.tokens import Kind, Token
from agent_knowledge.citations.words import mark_denials
from agent_knowledge.text import STOP_WORDS, sentences, words, written_words

NEGATIONS = frozenset(
    "not no never without neither nor none nobody nothing nowhere unable hardly".split()  # noqa: SIM905 - a table of words reads better as words
)
_NO_NEGATION = {
    **dict.fromkeys(("only", "just", "merely", "simply"), ""),
    **dict.fromkeys(("more", "less", "later", "fewer", "earlier", "longer"), "than"),
}
"""After "not" or "no" these words undo it ("not only", "no later than")."""
_SHORTENED = {"ca": "can", "wo": "will", "sha": "shall"}
_LOOK_BACK = 8
"""Characters between the end of a sentence and a word that opens the next: a limit."""
_SENTENCE_START = re.compile(rf"(?:\A|[.!?:•\n\"“(*#|-])[\s\"“'(*_-]{{0,{_LOOK_BACK}}}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizedText:
    """A passage, read once for any number of claims.

    Attributes:
        text: The passage's text.
        title: Its title.
        spans: Its sentences that have words, in parts if long, as characters of `text`.
        sentences: Their tokens.
        heading: Tokens of the title.
        places: For each stem that says something, the numbers of the sentences that have it.
        in_heading: The stems that the title has.
        names: The stems of its names, and of the title's.
        dates: Its dates.
        amounts: Its numbers with units, by what they amount to; see `numbers.amount`.
    """

    text: str
    title: str
    spans: tuple[tuple[int, int], ...]
    sentences: tuple[tuple[Token, ...], ...]
    heading: tuple[Token, ...]
    places: dict[str, tuple[int, ...]]
    in_heading: frozenset[str]
    names: frozenset[str]
    dates: tuple[Date, ...]
    amounts: Mapping[Amount | None, Token]

    def has(self, stem: str) -> bool:
        """Whether the passage or its title has a word."""
        return stem in self.places or stem in self.in_heading


def read_passage(text: str, title: str = "") -> TokenizedText:
    """Read a passage and its title."""
    parts: list[tuple[Token, ...]] = []
    starts: list[int] = []
    items = lead_ins(text, title)
    denying = {lead for lead in {lead for _, _, lead in items} if _denies(lead)}
    items = [item for item in items if item[2] in denying]
    for start, end in sentences(text):
        tokens = _read_sentence(text, start, end, items)
        for at in range(0, len(tokens), _LONGEST):
            parts.append(tokens[at : at + _LONGEST])
            starts.append(next(t.start for t in parts[-1] if t.start >= start))
    places: dict[str, list[int]] = {}
    for number, tokens in enumerate(parts):
        for stem in {t.stem for t in tokens if t.is_content}:
            places.setdefault(stem, []).append(number)
    heading = read(title)
    return TokenizedText(
        text=text,
        title=title,
        spans=_spans(text, starts, parts),
        sentences=tuple(parts),
        heading=heading,
        places={stem: tuple(numbers) for stem, numbers in places.items()},
        in_heading=frozenset(t.stem for t in heading if t.is_content),
        names=frozenset(t.stem for part in (heading, *parts) for t in part if t.kind == "name"),
        dates=tuple(dates(text)),
        amounts={
            known: token
            for tokens in (heading, *parts)
            for token in tokens
            if token.unit and (known := amount(token.stem, token.unit))
        },
    )


_LONGEST_LEAD_IN = 30
"""Words above a list; more are no heading, and would leave no room for the item. A limit."""


def _denies(lead: str) -> bool:
    tokens = read(lead)
    return len(tokens) <= _LONGEST_LEAD_IN and any(t.kind == "negation" for t in tokens)


def _read_sentence(
    text: str, start: int, end: int, items: Sequence[tuple[int, int, str]]
) -> tuple[Token, ...]:
    """The tokens of a sentence; an item of a list that denies is read behind what denies it.

    The words of that stand at places before the sentence, where no character of its own is.
    """
    own = tuple(_moved(token, start) for token in read(text[start:end]))
    lead = next((lead for first, after, lead in items if start < after and first < end), "")
    if not (own and lead):
        return own
    above = (_moved(token, start - len(lead) - 1) for token in read(lead))
    return (*above, *(replace(token, plain=False, listed=True) for token in own))


def _moved(token: Token, offset: int) -> Token:
    return replace(token, start=token.start + offset, end=token.end + offset)


def _spans(
    text: str, starts: Sequence[int], parts: Sequence[Sequence[Token]]
) -> tuple[tuple[int, int], ...]:
    """The characters of each part, with the signs that close it."""
    if not parts:
        return ()
    spans: list[tuple[int, int]] = []
    for (start, tokens), following in zip(
        zip(starts, parts, strict=True), [*starts[1:], len(text)], strict=True
    ):
        end = tokens[-1].end
        closing = _CLOSING.match(text, end, following)
        spans.append((start, closing.end() if closing else end))
    return tuple(spans)


_CLOSING = re.compile(r"[^\s\w(\[{“\"'<]*")
_LONGEST = 60
"""Words; a longer sentence is read in parts. Among hundreds of words, such as those of a block of
code, half of any claim's are found."""


def read(text: str) -> tuple[Token, ...]:
    """Read a text."""
    raw = list(_raw(text))
    stem = cast("_Stem", Stemmer.Stemmer("english").stemWords)  # not to be shared by threads
    stems = stem([word for _, _, word in raw])
    found: list[Token] = []
    skip = 0
    for place, ((start, _, word), root) in enumerate(zip(raw, stems, strict=True)):
        if skip:
            skip -= 1
            continue
        number = quantity(raw, place, text)
        skip = number.words - 1 if number else 0
        kind, opens = _kind(text, raw, place, number)
        found.append(
            Token(
                start=start,
                end=raw[place + skip][1],
                word=word,
                stem=number.value if number else root,
                kind=kind,
                unit=number.unit if number else "",
                opens=opens,
            )
        )
    return tuple(mark_denials(found, text))


def _raw(text: str) -> Iterator[tuple[int, int, str]]:
    """The words with their places; a contraction gives two."""
    for start, written in written_words(text):
        end = start + len(written)
        for word in words(written):
            stem, mark, tail = word.partition("'")
            if word.endswith("n't"):
                yield start, end, _SHORTENED.get(word[:-3], word[:-3]) or "do"
                yield start, end, "not"
            elif word == "cannot":
                yield start, end, "can"
                yield start, end, "not"
            elif mark and len(tail) <= _LONGEST_ENDING:
                yield start, end, stem or tail or word
            else:
                yield start, end, word


_LONGEST_ENDING = 2
"""Letters behind an apostrophe that are an ending, as in "shop's" and "they'll": English form."""
_Stem = Callable[[Sequence[str]], Sequence[str]]


def _kind(
    text: str, raw: Sequence[tuple[int, int, str]], place: int, number: Quantity | None
) -> tuple[Kind, bool]:
    start, end, word = raw[place]
    if number:
        return "number", False
    if word in NEGATIONS:
        after = [w for _, _, w in raw[place + 1 : place + 3]]
        wanted = _NO_NEGATION.get(after[0]) if after else None
        undone = wanted is not None and wanted in {"", *after[1:]}
        return ("stop" if undone else "negation"), False
    written = text[start:end]
    shouted = len(word) > 1 and written.isupper() and not text.isupper()  # "US", "IT"
    if word in STOP_WORDS and not shouted:
        return "stop", False
    if written.islower() or not any(c.isupper() for c in written):
        return "word", False
    inner = any(c.isupper() for c in written[1:])
    opens = (
        not inner and _SENTENCE_START.search(text[max(0, start - _LOOK_BACK) : start]) is not None
    )
    return ("word" if opens else "name"), opens
