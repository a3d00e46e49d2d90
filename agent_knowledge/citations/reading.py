"""A text read into tokens that can be compared: words, names, numbers with units, negations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import Stemmer

from agent_knowledge.citations.numbers import Quantity, quantity
from agent_knowledge.text import STOP_WORDS, sentences, words, written_words

Kind = Literal["word", "stop", "name", "number", "negation"]

NEGATIONS = frozenset(
    "not no never without neither nor none nobody nothing nowhere unable hardly".split()  # noqa: SIM905 - a table of words reads better as words
)
_NO_NEGATION = {
    **dict.fromkeys(("only", "just", "merely", "simply"), ""),
    **dict.fromkeys(("more", "less", "later", "fewer", "earlier", "longer"), "than"),
}
"""After "not" or "no" these words undo it ("not only", "no later than")."""
_SHORTENED = {"ca": "can", "wo": "will", "sha": "shall"}
_SENTENCE_START = re.compile(r"(?:\A|[.!?:•\n\"“(*#|-])[\s\"“'(*_-]*\Z")


@dataclass(frozen=True, slots=True)
class Token:
    """One word of a text.

    Attributes:
        start: Its first character in the text.
        end: The character behind it.
        word: The word, lower-cased, without a possessive.
        stem: What two tokens are compared by: the Snowball stem, or the value of a number ("4.5").
        kind: What it is; a name is a word with a capital that no sentence start explains.
        unit: Of a number, if it has one that we know.
        opens: It has a capital that a sentence start explains, so that it may be a name.
    """

    start: int
    end: int
    word: str
    stem: str
    kind: Kind
    unit: str = ""
    opens: bool = False

    @property
    def is_content(self) -> bool:
        """Whether it says something by itself."""
        return self.kind in {"word", "name", "number"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A passage, read once for any number of claims.

    Attributes:
        text: The passage's text.
        spans: Its sentences that have words, as characters of `text`.
        sentences: Their tokens.
        heading: Tokens of the title.
        places: For each stem that says something, the numbers of the sentences that have it.
        in_heading: The stems that the title has.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    sentences: tuple[tuple[Token, ...], ...]
    heading: tuple[Token, ...]
    places: dict[str, tuple[int, ...]]
    in_heading: frozenset[str]

    def has(self, stem: str) -> bool:
        """Whether the passage or its title has a word."""
        return stem in self.places or stem in self.in_heading


def read_passage(text: str, title: str = "") -> Reading:
    """Read a passage and its title."""
    parts = [(span, read(text[slice(*span)], span[0])) for span in sentences(text)]
    parts = [(span, tokens) for span, tokens in parts if tokens]
    places: dict[str, list[int]] = {}
    for number, (_, tokens) in enumerate(parts):
        for stem in {t.stem for t in tokens if t.is_content}:
            places.setdefault(stem, []).append(number)
    heading = read(title)
    return Reading(
        text=text,
        spans=tuple(span for span, _ in parts),
        sentences=tuple(tokens for _, tokens in parts),
        heading=heading,
        places={stem: tuple(numbers) for stem, numbers in places.items()},
        in_heading=frozenset(t.stem for t in heading if t.is_content),
    )


def read(text: str, offset: int = 0) -> tuple[Token, ...]:
    """Read a text.

    Args:
        text: The text.
        offset: Added to the characters that its tokens name.
    """
    raw = list(_raw(text))
    stems = Stemmer.Stemmer("english").stemWords([word for _, _, word in raw])  # one per thread
    found: list[Token] = []
    skip = 0
    for place, ((start, end, word), stem) in enumerate(zip(raw, stems, strict=True)):
        if skip:
            skip -= 1
            continue
        number = quantity(raw, place, text)
        skip = number.words - 1 if number else 0
        end = raw[place + skip][1]
        kind, opens = _kind(text, raw, place, number)
        found.append(
            Token(
                start=start + offset,
                end=end + offset,
                word=word,
                stem=number.value if number else stem,
                kind=kind,
                unit=number.unit if number else "",
                opens=opens,
            )
        )
    return tuple(found)


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
    opens = not inner and _SENTENCE_START.search(text[max(0, start - 8) : start]) is not None
    return ("word" if opens else "name"), opens
