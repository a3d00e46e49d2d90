"""What of a passage can be quoted: its sentences, each with what it needs to be understood."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

import Stemmer

from agent_knowledge.prompts import WrittenPassage
from agent_knowledge.text import content_words, sentences, words

_MOST_CHARACTERS = 600
"""A longer sentence is a table or code rather than an answer; it is cut."""
_LONGEST_JOINED = 400
"""Characters: a list goes with the words that open it until it is as long as this."""
_HEADING_WORDS = 6
_OPENING_WORDS = 1
_BROKEN_WORDS = 6
"""A beginning as short as this that goes on in lower case was no sentence: `Pick Me Up! is`."""
_RUN_ON_WORDS = 40
"""More words than these without a full stop are a menu or a listing."""
_CODE_SHARE = 0.02
_CODE_AT_LEAST = 2
_LEANS = re.compile(
    r"(?:(?:and|but|so|yet|also|however|then|therefore|thus|moreover|instead"
    r"|in addition|for example|for instance|as a result),? )?"
    r"(?:all (?:of )?)?(?:its?|they|their|them|this|these|those|such|he|his|him|she|her|that|both"
    r"|the (?:former|latter|same))\b"
    r"(?! (?:is|was) (?:not )?(?:important|best|possible|necessary|recommended|worth|free|safe)\b)",
    re.IGNORECASE,
)
_CODE = re.compile(r"[{}<>=\\$#;_`]|\w\(|\)\.|\"[:,]")
_ENDED = re.compile(r"[.!?。！？…][\"'”’)\]]*$")
_LIST_SIGN = re.compile(r"[-*+•‣◦]|\d{1,3}[.)]|\(?[A-Za-z]\)")
_BRACKETS = str.maketrans("[]【】［］", "()()()")

Place = tuple[int, int]
"""Rank of a passage, and number of a sentence in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotableSpan:
    """A sentence that may answer, on one line.

    Attributes:
        text: A list is one with the words that open it.
        title: The last heading of its passage.
        number: Of its passage.
        place: Where it stands; what ends a list or a broken sentence counts no place of its own.
        own: Its stems.
        context: Stems of the title, and of the question or heading before it.
        leans: It opens with a word for something that was named before it, or is a list that
            nothing opens.
        is_prose: It is neither code nor a menu, nor announces what is not there.
    """

    text: str
    title: str
    number: int
    place: Place
    own: frozenset[str]
    context: frozenset[str]
    leans: bool
    is_prose: bool

    @property
    def before(self) -> Place:
        """The place of the sentence before it, which may be a heading, and so no quote."""
        rank, place = self.place
        return rank, place - 1

    def coverage(self, weights: Mapping[str, float], context: float) -> float:
        """Share of the question that the quote holds, 0..1.

        Args:
            weights: What each stem of the question weighs.
            context: What a word counts that stands in the title or the heading only.
        """
        total = sum(weights.values()) or 1.0
        held = sum(
            weight if stem in self.own else context * weight * (stem in self.context)
            for stem, weight in weights.items()
        )
        return held / total


def read_quotes(passage: WrittenPassage, rank: int) -> Iterator[QuotableSpan]:
    """Find what can be quoted of a passage, in its order.

    A question ("Can I return shoes?") or a short heading is no answer by itself, but lends its
    words to what follows it.

    Args:
        passage: The passage.
        rank: 0 for the best passage.
    """
    title, heading = stems(passage.title), _one_line(passage.title.rpartition(" > ")[2])
    lead: frozenset[str] = frozenset()
    spans = list(_whole(passage.text))
    for place, (start, end, is_list) in enumerate(spans):
        text = _one_line(passage.text[start:end])
        if not text:
            continue
        own = stems(text)
        last = place == len(spans) - 1
        if text.endswith(("?", "？")) or (_is_heading(text) and not (last or is_list)):
            lead = own
        elif own or lead:
            yield QuotableSpan(
                text=text,
                title=heading,
                number=passage.number,
                place=(rank, place),
                own=own,
                context=title | lead,
                leans=is_list or _LEANS.match(text) is not None,
                is_prose=_is_prose(text),
            )


def stems(text: str) -> frozenset[str]:
    """The content words of a text without their endings."""
    stem = cast("Callable[[list[str]], list[str]]", Stemmer.Stemmer("english").stemWords)
    return frozenset(stem(content_words(text)))


def _whole(text: str) -> Iterator[tuple[int, int, bool]]:
    """The spans of sentences, those joined that say something only together.

    A list goes with the words that open it; several short items go together without any, and
    the third value says so.
    """
    first = last = 0
    in_list = may_list = is_list = False
    for start, end in sentences(text):
        before, after = text[first:last], text[start:end]
        is_item = _LIST_SIGN.fullmatch(text[last:start].strip()) is not None
        is_short = is_item and len(words(after)) <= _HEADING_WORDS
        in_list = _opens_list(before, is_item=is_item) or (in_list and is_item)
        joins = in_list or (may_list and is_short) or _is_broken(before, after)
        if last and joins and end - first <= _LONGEST_JOINED:
            is_list = is_list or (may_list and is_short)
        else:
            if last:
                yield first, last, is_list
            first, in_list, may_list, is_list = start, False, is_short, False
        last = end
    if last:
        yield first, last, is_list


def _opens_list(before: str, *, is_item: bool) -> bool:
    """Whether a sentence announces what follows, rather than being a heading for it."""
    return before.endswith(":") and (is_item or len(words(before)) > _HEADING_WORDS)


def _is_broken(before: str, after: str) -> bool:
    """Whether what looks like two sentences is one: "Yes. We ship", "Pick Me Up! is"."""
    if not before:
        return False
    count = len(words(before))
    if count <= _OPENING_WORDS:
        return before[-1] in ".!,;"
    return (
        count <= _BROKEN_WORDS
        and before[-1] in ".!?"
        and before[0].isupper()
        and after[0].islower()
    )


def _is_heading(text: str) -> bool:
    return " | " not in text and text[-1] not in ".!。！…;)" and len(words(text)) <= _HEADING_WORDS


def _is_prose(text: str) -> bool:
    if len(_CODE.findall(text)) > _CODE_SHARE * len(text) + _CODE_AT_LEAST:
        return False
    if text.endswith(":"):
        return False  # it announces what is not there
    return _ENDED.search(text) is not None or len(words(text)) <= _RUN_ON_WORDS


def _one_line(text: str) -> str:
    """A sentence as it is quoted: on one line, and no bracket in it can pass for a citation.

    A row of a table is shown without the bars at its ends.
    """
    text = " ".join(text.split()).strip("|").strip().translate(_BRACKETS)
    if len(text) > _MOST_CHARACTERS:
        text = text[:_MOST_CHARACTERS].rpartition(" ")[0] + " …"
    return text
