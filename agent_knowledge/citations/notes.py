"""What an answer's citations have to tell a reader, in whatever form it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from agent_knowledge.citations.markers import Marker, find_markers
from agent_knowledge.types import Passage, without_surrogates
from agent_knowledge.types.addresses import relative_address
from agent_knowledge.types.answers import Answer, Citation, Claim, Verdict, verdict_of

EXCERPT_CHARACTERS = 280
"""What is shown of a longer text where a line must do."""
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Controls that could drive a terminal, and directions that make a text look like another one."""
_TOLD = {"unsupported": "not found to say", "contradicted": "says otherwise"}
_BEST_FIRST: tuple[Verdict, ...] = ("supported", "contradicted", "unsupported")
_SCHEME = re.compile(r"[^/?#]*:")
_WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)
_URL_CHARACTERS = "/:?#@!$&*+,;=%~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What a reader must know of a citation beside its passage.

    Attributes:
        kind: Of what sort.
        text: What there is to say, as "not found to say".
        said: The words of the answer that it is about.
        reason: Why, where that is known.
    """

    kind: Literal["unsupported", "contradicted", "not verbatim", "second opinion"]
    text: str
    said: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A sentence of an answer with its citations by number; `start:end` of the answer."""

    start: int
    end: int
    text: str
    citations: Mapping[int, Citation]
    claim: Claim | None

    @property
    def verdict(self) -> Verdict:
        """That of its claim, or failing that the best of its citations'."""
        if self.claim:
            return self.claim.verdict
        found = {verdict_of(citation) for citation in self.citations.values()}
        return next(v for v in _BEST_FIRST if v in found)

    def remarks(self, citation: Citation, answer: str) -> Iterator[Remark]:
        """What is to be said of one of its citations; nothing where all is well.

        Args:
            citation: One of its own.
            answer: The answer's text.
        """
        reason = self.claim.reason if self.claim and not self.claim.supported else ""
        verdict = verdict_of(citation)
        if verdict != "supported":
            text = _TOLD[verdict]
            yield Remark(kind=verdict, text=text, said=self.text, reason=reason)
        for words in self.claim.quotations if self.claim else ():
            if not words.verbatim:
                said = answer[words.start : words.end]
                yield Remark(kind="not verbatim", text="not found word for word", said=said)
        if self.claim and (opinion := self.claim.opinion):
            found = {True: "supported", False: "not supported", None: "no verdict"}
            text = f"second opinion ({opinion.judge}): {found[opinion.supported]}"
            yield Remark(kind="second opinion", text=text, said=self.text, reason=opinion.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A footnote.

    Attributes:
        number: Of the passage in the answer.
        passage: What the answer names by it.
        quotes: The supporting words: characters of the passage's text, in the answer's order.
        remarks: What is to be said of its citations.
    """

    number: int
    passage: Passage
    quotes: tuple[tuple[int, int], ...]
    remarks: tuple[Remark, ...]


def cited_passages(answer: Answer) -> dict[int, Passage]:
    """The passages that the answer's markers can name, by number."""
    given = dict(enumerate(answer.knowledge.passages, start=1))
    return given | {citation.number: citation.passage for citation in answer.citations}


def markers(answer: Answer) -> tuple[Marker, ...]:
    """The citation markers of the answer's text; none where there is no passage to name."""
    known = cited_passages(answer)
    return find_markers(answer.text, {str(number) for number in known}) if known else ()


def statements(answer: Answer) -> list[Statement]:
    """The sentences of an answer that have citations, in order."""
    claims = {(claim.start, claim.end): claim for claim in answer.claims}
    places: dict[tuple[int, int], dict[int, Citation]] = {}
    for citation in answer.citations:
        places.setdefault((citation.start, citation.end), {})[citation.number] = citation
    return [
        Statement(
            start=start,
            end=end,
            text=claim.text if (claim := claims.get((start, end))) else answer.text[start:end],
            citations=places[start, end],
            claim=claim,
        )
        for start, end in sorted(places)
    ]


def notes(answer: Answer) -> list[Note]:
    """One note for each passage that the answer names, by number."""
    known = cited_passages(answer)
    named = {int(i) for marker in markers(answer) for i in marker.ids if i.isdecimal()}
    told = statements(answer)
    found: list[Note] = []
    for number in sorted((named & known.keys()) | {c.number for c in answer.citations}):
        own = [(s, s.citations[number]) for s in told if number in s.citations]
        found.append(
            Note(
                number=number,
                passage=known[number],
                quotes=tuple(dict.fromkeys(c.quote for _, c in own if c.quote)),
                remarks=tuple(r for s, c in own for r in s.remarks(c, answer.text)),
            )
        )
    return found


def heading(passage: Passage) -> str:
    """What a passage is called: its title with the headings above it, or else its document."""
    return one_line(passage.title) or one_line(passage.document)


def place(passage: Passage) -> str:
    """Where a passage stands, as `handbook/refunds.md`."""
    return one_line(f"{passage.source}/{passage.document}")


def address(passage: Passage) -> str:
    """Where a passage is found, on one line; empty where that says no more than its place."""
    told = relative_address(passage.source, passage.document)
    return "" if passage.uri in {told, passage.document} else one_line(passage.uri)


def lines(passage: Passage) -> str:
    """The lines that a passage takes, as "lines 12-18"; empty when they are not known."""
    if passage.lines is None:
        return ""
    first, last = passage.lines
    return f"line {first}" if first == last else f"lines {first}-{last}"


def link(uri: str) -> str | None:
    """An address that may be linked to: http, https, or relative to where the answer is shown.

    Returns:
        Percent-encoded, so that it is safe in Markdown and HTML; None for any other scheme and
        for what names another host without one.
    """
    address = quote(without_surrogates(uri.strip()), safe=_URL_CHARACTERS)
    if _WEB.match(address):
        return address
    return address if address and not _SCHEME.match(address) and address[:2] != "//" else None


def target(passage: Passage) -> str | None:
    """What the address of a passage may be linked to; see `link`.

    The address of a local file is relative to its source: where the answer is shown there is
    nothing.
    """
    is_local = passage.source and passage.uri.startswith(f"{relative_address(passage.source, '')}/")
    return None if is_local else link(passage.uri)


def visible(text: str) -> str:
    """A text without what acts instead of showing; offsets stay the same."""
    return without_surrogates(_UNSEEN.sub("\ufffd", text))


def one_line(text: str) -> str:
    """A text on one line."""
    return " ".join(visible(text).split())


def excerpt(text: str, most: int = EXCERPT_CHARACTERS) -> str:
    """A text on one line of at most so many characters."""
    line = one_line(text)
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"
