"""Which passages an answer cites, and whether they say what it says."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent_knowledge.answers import Claim, Quote
from agent_knowledge.citations.markers import Marker, find_markers
from agent_knowledge.citations.support import Judgement, Support, overlap_support
from agent_knowledge.text import sentences, words

_NO_STATEMENT = frozenset({"source", "sources", "reference", "references", "citations", "see"})


class PassageText(Protocol):
    """What is read of a passage; `types.Passage` is one."""

    @property
    def title(self) -> str:
        """Its title, which may be empty."""
        ...

    @property
    def text(self) -> str:
        """Its text; quotes are offsets into it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A passage that someone else retrieved."""

    title: str = ""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was found about an answer.

    Attributes:
        claims: The sentences that bear markers, in order.
        fabricated: Ids in markers that no passage has, in order, each once.
    """

    claims: tuple[Claim, ...]
    fabricated: tuple[str, ...]


def verify(
    answer: str, passages: Mapping[str, PassageText], support: Support = overlap_support
) -> Verification:
    """Verify the citations of an answer.

    A sentence without a marker is no claim. A marker set off after a full stop belongs to the
    sentence before it; one that opens a line, to the sentence that it opens.

    Args:
        answer: Any text.
        passages: The passages by the id that markers name.
        support: Judges one claim against one passage.
    """
    markers = find_markers(answer, passages)
    named = dict.fromkeys(i for marker in markers for i in marker.ids)
    claims = tuple(
        _judge(sentence, passages, support) for sentence in cited_sentences(answer, markers)
    )
    return Verification(claims=claims, fabricated=tuple(i for i in named if i not in passages))


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedSentence:
    """A sentence with its markers: `text` is without them, `start:end` of the answer with them."""

    text: str
    start: int
    end: int
    markers: tuple[Marker, ...]


def cited_sentences(answer: str, markers: Sequence[Marker]) -> list[CitedSentence]:
    """Give each marker to its sentence; sentences without one, or that state nothing, are left out.

    The text is split without its markers, so that none can hide or fake the end of a sentence.
    """
    bare = _Bare(answer, markers)
    spans = sentences(bare.text)
    given: dict[int, list[int]] = {}
    for number, place in enumerate(bare.places):
        owner = _owner(bare.text, spans, place)
        if owner is not None:
            given.setdefault(owner, []).append(number)
    found: list[CitedSentence] = []
    for owner in sorted(given):
        start, end = spans[owner]
        text, own = bare.text[start:end], [markers[number] for number in given[owner]]
        if not set(words(text)) <= _NO_STATEMENT:
            found.append(
                CitedSentence(
                    text=text,
                    start=min(bare.original(start), own[0].start),
                    end=max(bare.original(end - 1) + 1, own[-1].end),
                    markers=tuple(own),
                )
            )
    return found


class _Bare:
    """A text without its markers and the blanks before them, and the way back to its offsets."""

    def __init__(self, answer: str, markers: Sequence[Marker]) -> None:
        parts: list[str] = []
        self.places: list[int] = []
        self._starts: list[int] = [0]  # of each part, in the bare text
        self._shifts: list[int] = [0]  # what was cut before each part
        length = at = 0
        for marker in markers:
            before = answer[at : marker.start]
            glued = answer[marker.end : marker.end + 1].isalnum()
            part = before if glued else before.rstrip(" \t")
            parts.append(part)
            length += len(part)
            at = marker.end
            self.places.append(length)
            self._starts.append(length)
            self._shifts.append(at - length)
        parts.append(answer[at:])
        self.text = "".join(parts)

    def original(self, place: int) -> int:
        """Where a character of the bare text stands in the answer."""
        part = bisect_left(self._starts, place + 1) - 1
        return place + self._shifts[part]


def _owner(text: str, spans: Sequence[tuple[int, int]], place: int) -> int | None:
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


def _judge(sentence: CitedSentence, passages: Mapping[str, PassageText], support: Support) -> Claim:
    ids = dict.fromkeys(i for marker in sentence.markers for i in marker.ids)
    cites = tuple(i for i in ids if i in passages)
    supported, score, quote = judge(sentence.text, {i: passages[i] for i in cites}, support)
    return Claim(
        text=sentence.text,
        start=sentence.start,
        end=sentence.end,
        cites=cites,
        supported=supported,
        score=score,
        quote=quote,
    )


def judge(
    claim: str, cited: Mapping[str, PassageText], support: Support = overlap_support
) -> tuple[bool, float, Quote | None]:
    """Judge a claim against the passages that it cites.

    Returns:
        Whether the best passage says it, or failing that all of them together; the score; and
        where the best passage says it.
    """
    judged = {i: support(claim, passage.text, passage.title) for i, passage in cited.items()}
    if not judged:
        return False, 0.0, None
    best = max(judged, key=lambda i: judged[i].score)
    supported, score, span = judged[best].supported, judged[best].score, judged[best].span
    if not supported and len(cited) > 1:
        together = _judge_together(claim, cited, judged, support)
        supported, score = together.supported, max(score, together.score)
    quote = Quote(passage=best, start=span[0], end=span[1]) if supported and span else None
    return supported, score, quote


def _judge_together(
    claim: str,
    cited: Mapping[str, PassageText],
    judged: Mapping[str, Judgement],
    support: Support,
) -> Judgement:
    """Judge a claim against what each passage has closest to it, as if it were one sentence."""
    spans = [(cited[i].text, j.span) for i, j in judged.items() if j.span]
    said = (" ".join(text[slice(*span)].split()).rstrip(".!?。") for text, span in spans)
    return support(claim, "; ".join(said), "; ".join(p.title for p in cited.values()))
