"""An answer read into sentences: which bear markers, and which state something without one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from agent_knowledge.citations.markers import Marker, Span, code_spans
from agent_knowledge.citations.quotations import quoted_spans
from agent_knowledge.citations.statements import (
    Layout,
    admits_a_gap,
    is_list_of_sources,
    states_something,
)
from agent_knowledge.text import sentences, words


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """Words between quotation marks.

    Attributes:
        text: Without markers.
        start: Its first character in the answer.
        end: One past its last.
        words: How many words it has; at least one.
    """

    text: str
    start: int
    end: int
    words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedSentence:
    """A sentence with its markers.

    Attributes:
        text: Without its markers.
        start: Its first character in the answer, markers included.
        end: One past its last, markers included.
        markers: Its markers, in order.
        quoted: The quotations that lie in it or reach into it.
    """

    text: str
    start: int
    end: int
    markers: tuple[Marker, ...]
    quoted: tuple[Quoted, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """The sentences of an answer that a check reads.

    Attributes:
        cited: Those with markers, in order; those that state nothing are left out.
        uncited: Those that state something and have none, as characters of the answer.
    """

    cited: tuple[CitedSentence, ...]
    uncited: tuple[Span, ...]


def read_sentences(answer: str, markers: Sequence[Marker]) -> Sentences:
    """Give each marker to its sentence.

    The text is split without its markers, so that none can hide or fake the end of a sentence. A
    marker set off after a full stop belongs to the sentence before it; one that opens a line, to
    the sentence that it opens.

    Args:
        answer: The answer.
        markers: Its markers, from `find_markers`.
    """
    bare = _Bare(answer, markers)
    spans = sentences(bare.text)
    given: dict[int, list[Marker]] = {}
    for marker, place in zip(markers, bare.places, strict=True):
        owner = _owner(bare.text, spans, place)
        if owner is not None:
            given.setdefault(owner, []).append(marker)
    code = tuple(code_spans(bare.text))
    quoted = _by_sentence(_quoted(bare, code), spans) if given else {}
    layout = Layout.of(bare.text, code)
    return Sentences(
        cited=tuple(
            _cited(bare, spans[owner], given[owner], quoted.get(owner, ()))
            for owner in sorted(given)
            if _is_claim(bare.text[slice(*spans[owner])])
        ),
        uncited=tuple(
            bare.original_span(span)
            for number, span in enumerate(spans)
            if number not in given and states_something(layout, span)
        ),
    )


def _is_claim(sentence: str) -> bool:
    return not is_list_of_sources(sentence) and not admits_a_gap(sentence)


def _cited(
    bare: _Bare, span: Span, markers: Sequence[Marker], quoted: Sequence[Quoted]
) -> CitedSentence:
    start, end = bare.original_span(span)
    return CitedSentence(
        text=bare.text[slice(*span)],
        start=min(start, markers[0].start),
        end=max(end, markers[-1].end),
        markers=tuple(markers),
        quoted=tuple(quoted),
    )


def _quoted(bare: _Bare, code: Sequence[Span]) -> list[tuple[Span, Quoted]]:
    """What is quoted, with its place in the text without markers."""
    found: list[tuple[Span, Quoted]] = []
    for span in quoted_spans(bare.text, code):
        text = bare.text[slice(*span)]
        if count := len(words(text)):
            start, end = bare.original_span(span)
            found.append((span, Quoted(text=text, start=start, end=end, words=count)))
    return found


def _by_sentence(
    quoted: Sequence[tuple[Span, Quoted]], spans: Sequence[Span]
) -> dict[int, list[Quoted]]:
    """Per sentence, by its number, the quotations that lie in it or reach into it."""
    found: dict[int, list[Quoted]] = {}
    for (start, end), one in quoted:
        first = bisect_right(spans, start, key=lambda span: span[1])
        behind = bisect_left(spans, end, key=lambda span: span[0])
        for number in range(first, behind):
            found.setdefault(number, []).append(one)
    return found


class _Bare:
    """A text without its markers and the blanks before them, and the way back to its offsets."""

    def __init__(self, answer: str, markers: Sequence[Marker]) -> None:
        parts: list[str] = []
        self.places: list[int] = []
        self._starts: list[int] = [0]  # of each part, in the bare text
        self._shifts: list[int] = [0]  # what was cut before each part
        length = at = 0
        for marker, glued in zip(markers, _glued(answer, markers), strict=True):
            before = answer[at : marker.start]
            part = before if glued else before.rstrip(" \t")
            parts.append(part)
            length += len(part)
            at = marker.end
            self.places.append(length)
            self._starts.append(length)
            self._shifts.append(at - length)
        parts.append(answer[at:])
        self.text = "".join(parts)

    def original_span(self, span: Span) -> Span:
        """Where characters of the bare text, at least one, stand in the answer."""
        return self._original(span[0]), self._original(span[1] - 1) + 1

    def _original(self, place: int) -> int:
        part = bisect_left(self._starts, place + 1) - 1
        return place + self._shifts[part]


def _glued(answer: str, markers: Sequence[Marker]) -> list[bool]:
    """Per marker, whether a word follows it, or the chain that it stands in, without a blank."""
    found: list[bool] = []
    behind = -1  # where the marker that was looked at before begins: the next one of the text
    for marker in reversed(markers):
        chained = marker.end == behind
        found.append(found[-1] if chained else answer[marker.end : marker.end + 1].isalnum())
        behind = marker.start
    return found[::-1]


def _owner(text: str, spans: Sequence[Span], place: int) -> int | None:
    """The sentence that a marker cut out at `place` belongs to; None if there is none."""
    following = bisect_left(spans, place, key=lambda span: span[0])
    previous = following - 1
    if previous >= 0 and place <= spans[previous][1]:
        return previous
    if following < len(spans) and "\n" not in text[place : spans[following][0]]:
        line = text[spans[previous][1] if previous >= 0 else 0 : place]
        if previous < 0 or "\n" in line:
            return following
    return previous if previous >= 0 else None
