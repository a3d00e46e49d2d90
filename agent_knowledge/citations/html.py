"""A verified answer as HTML: each citation shows its passage, with the supporting words marked.

No script: a passage appears while its citation is pointed at or has the focus, and all of them can
be unfolded below. Every text is escaped, the answer's too: it is shown as it was written.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import islice, takewhile
from string import Template

from agent_knowledge.citations.markers import Marker, Span, code_spans
from agent_knowledge.citations.notes import (
    Note,
    Remark,
    Statement,
    address,
    cited_passages,
    heading,
    lines,
    markers,
    notes,
    one_line,
    place,
    statements,
    target,
    verdict_of,
    visible,
)
from agent_knowledge.markup import Html, element, joined
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Answer, Citation, Verdict

_AROUND_CHARACTERS = 240
"""What a card shows of a passage before and behind the supporting words."""
_QUOTE_CHARACTERS = 900
_SPACE = re.compile(r"\s")
_LOOKS: dict[Verdict, str] = {
    "supported": "",
    "unsupported": " ak-doubtful",
    "contradicted": " ak-false",
}
_CLOSING = "\"'”’»›"


def render_html(answer: Answer, *, page: bool = False) -> str:
    """Write an answer with its citations.

    Args:
        answer: A verified answer.
        page: Write a whole page, that forbids itself scripts and all loading, instead of one
            element to put into a page. The element brings its style; all its classes begin with
            `ak-`, and the ids of two different answers differ.
    """
    content = _Rendering(answer).content()
    if not page:
        return element("div", element("style", _style()), content, at={"class": "ak-answer"})
    template = Template(_packaged("page.html"))
    return template.substitute(
        style=_style(), body=element("main", content, at={"class": "ak-answer"})
    )


@dataclass(frozen=True, slots=True)
class _Insert:
    """What stands in the place of characters `start:end` of the answer."""

    start: int
    end: int
    html: Html


class _Rendering:
    """One answer on its way to HTML."""

    def __init__(self, answer: Answer) -> None:
        self._text = visible(answer.text)
        self._answer = answer
        self._code = list(code_spans(self._text))
        self._known = cited_passages(answer)
        self._statements = statements(answer)
        self._notes = notes(answer)
        content = repr((answer.text, [note.passage.id for note in self._notes]))
        digest = hashlib.sha256(content.encode(errors="replace")).hexdigest()
        self._key = f"ak-{digest[:8]}"

    def content(self) -> Html:
        said = element("div", *self._said(), at={"class": "ak-said", "dir": "auto"})
        return joined([said, *self._removed(), *self._sources()])

    def _said(self) -> Iterator[Html]:
        inserts = sorted(
            [*self._chips(), *self._loose()], key=lambda insert: (insert.start, insert.end)
        )
        starts = [insert.start for insert in inserts]
        at = 0
        for (start, end), kind, told in self._wrapped():
            if start < at:
                continue
            for first, after, name in ((at, start, ""), (start, end, kind)):
                own = inserts[bisect_left(starts, first) : bisect_left(starts, after)]
                parts = self._filled((max(at, first), after), own)
                at = max(at, after, *(insert.end for insert in own))
                yield element("span", *parts, *told, at={"class": name}) if name else joined(parts)
        rest = inserts[bisect_left(starts, at) :]
        yield joined(self._filled((at, len(self._text)), rest))

    def _wrapped(self) -> list[tuple[Span, str, list[Html]]]:
        """The sentences that look different, in order: their class and what follows them."""
        found: list[tuple[Span, str, list[Html]]] = [
            ((s.start, s.end), f"ak-statement{_LOOKS[s.verdict]}", []) for s in self._statements
        ]
        none = element("span", " no source", at={"class": "ak-word"})
        found += [(span, "ak-uncited", [none]) for span in self._answer.uncited]
        return sorted(found, key=lambda item: item[0])

    def _filled(self, span: Span, inserts: Sequence[_Insert]) -> list[str]:
        at, end = span
        parts: list[str] = []
        for insert in inserts:
            if insert.start >= at:
                parts += [*self._plain(at, insert.start), insert.html]
                at = insert.end
        return [*parts, *self._plain(at, end)]

    def _plain(self, start: int, end: int) -> Iterator[str]:
        """A stretch without citations, its code in the type of code."""
        first = max(bisect_left(self._code, (start, 0)) - 1, 0)
        for opens, closes in takewhile(lambda span: span[0] < end, islice(self._code, first, None)):
            inner = max(opens, start), min(closes, end)
            if inner[0] < inner[1]:
                yield self._text[start : inner[0]]
                yield element("code", self._text[slice(*inner)], at={"class": "ak-code"})
                start = inner[1]
        yield self._text[start:end]

    def _chips(self) -> Iterator[_Insert]:
        told = iter(self._statements)
        statement = next(told, None)
        count = 0
        for marker in markers(self._answer):
            while statement and statement.end <= marker.start:
                statement = next(told, None)
            own = statement if statement and statement.start <= marker.start else None
            chips: list[Html] = []
            for number in self._numbers(marker):
                count += 1
                chips.append(self._chip(number, own, f"{self._key}-{count}"))
            if chips:
                yield _Insert(marker.start, marker.end, joined(chips, " "))

    def _numbers(self, marker: Marker) -> list[int]:
        return [int(i) for i in marker.ids if int(i) in self._known]

    def _loose(self) -> Iterator[_Insert]:
        note = element("span", " (not word for word)", at={"class": "ak-word"})
        for statement in self._statements:
            for words in statement.claim.quotations if statement.claim else ():
                end = words.end + (self._text[words.end : words.end + 1] in _CLOSING)
                if not words.verbatim:
                    yield _Insert(end, end, note)

    def _chip(self, number: int, statement: Statement | None, key: str) -> Html:
        """A citation: a link to its source below, described by a card that shows the passage."""
        passage = self._known[number]
        citation = statement.citations.get(number) if statement else None
        verdict = verdict_of(citation) if citation else "bare"
        name = [element("span", "source ", at={"class": "ak-unseen"}), str(number)]
        if verdict in {"unsupported", "contradicted"}:
            name.append(f" {verdict}")
        at = {"href": f"#{self._key}-s{number}", "aria-describedby": key, "class": "ak-mark"}
        remarks = list(statement.remarks(citation, self._text)) if statement and citation else []
        card = [
            element("span", heading(passage), at={"class": "ak-title"}),
            element("span", _where(passage), at={"class": "ak-where"}),
            *_verdict_lines(verdict, remarks),
            element("span", *_around(passage, citation), at={"class": "ak-passage", "dir": "auto"}),
        ]
        box = {"class": "ak-card", "role": "tooltip", "id": key}
        return element(
            "span",
            element("a", *name, at=at),
            element("span", element("span", *card, at={"class": "ak-inner"}), at=box),
            at={"class": f"ak-cite ak-{verdict}"},
        )

    def _removed(self) -> Iterator[Html]:
        if self._answer.fabricated:
            listed = ", ".join(map(one_line, self._answer.fabricated))
            text = f"Removed: citations of passages that do not exist: {listed}"
            yield element("p", text, at={"class": "ak-word"})

    def _sources(self) -> Iterator[Html]:
        if self._notes:
            items = [self._source(note) for note in self._notes]
            head = element("p", "Sources", at={"class": "ak-head", "id": f"{self._key}-sources"})
            at = {"class": "ak-sources", "aria-labelledby": f"{self._key}-sources"}
            yield joined([head, element("ol", *items, at=at)])

    def _source(self, note: Note) -> Html:
        passage = note.passage
        where = [element("span", _where(passage), at={"class": "ak-where"})]
        if address(passage) or target(passage):  # otherwise the place says it already
            where += [" ", element("span", _address(passage), at={"class": "ak-where"})]
        remarks = [
            element("p", *_remark(remark), at={"class": _tone(remark)})
            for remark in dict.fromkeys(note.remarks)
        ]
        whole = element("blockquote", *_marked(passage.text, note.quotes), at={"dir": "auto"})
        return element(
            "li",
            element("span", heading(passage), at={"class": "ak-title"}),
            " ",
            *where,
            *remarks,
            element("details", element("summary", "Show the passage"), whole),
            at={"id": f"{self._key}-s{note.number}", "value": note.number},
        )


def _verdict_lines(verdict: str, remarks: Sequence[Remark]) -> Iterator[Html]:
    said = {
        "supported": "Says what is stated",
        "unsupported": "Not found to say what is stated",
        "contradicted": "Says otherwise than stated",
    }
    if verdict in said:
        why = next((r.reason for r in remarks if r.kind == verdict and r.reason), "")
        text = said[verdict] + (f" ({visible(why)})" if why else "")
        yield element("span", text, at={"class": "ak-verdict"})
    for remark in remarks:
        if remark.kind not in said:
            at = {"class": f"ak-verdict {_tone(remark)}"}
            yield element("span", *_remark(remark), at=at)


def _tone(remark: Remark) -> str:
    return "ak-where" if remark.kind == "second opinion" else "ak-word"


def _remark(remark: Remark) -> list[str]:
    reason = f" ({visible(remark.reason)})" if remark.reason else ""
    text = visible(remark.text)
    return [f"{text[:1].upper()}{text[1:]}: ", element("q", visible(remark.said)), reason]


def _where(passage: Passage) -> str:
    return ", ".join(filter(None, [place(passage), lines(passage)]))


def _address(passage: Passage) -> Html:
    linked, told = target(passage), one_line(passage.uri)
    if linked is None:
        return joined([told])
    return element("a", told, at={"href": linked, "rel": "noreferrer nofollow"})


def _around(passage: Passage, citation: Citation | None) -> Iterator[str]:
    """The supporting words, marked, with what stands around them; or the passage's beginning."""
    text = visible(passage.text)
    start, end = citation.quote if citation and citation.quote else (0, 0)
    cut = min(end, start + _QUOTE_CHARACTERS)
    first = _next_space(text, max(0, start - _AROUND_CHARACTERS)) if start else 0
    last = _last_space(text, cut + (1 if cut else 2) * _AROUND_CHARACTERS)
    if first:
        yield "…"
    yield text[first:start].lstrip()
    if cut > start:
        yield element("mark", text[start:cut])
    yield "…" if cut < end else text[cut:last].rstrip()
    if cut == end and last < len(text):
        yield "…"


def _next_space(text: str, start: int) -> int:
    """Where a word begins at or behind a place, if one does soon."""
    found = _SPACE.search(text, start, start + 40) if start else None
    return found.end() if found else start


def _last_space(text: str, end: int) -> int:
    """Where a word ends at or before a place, if one does soon."""
    if end >= len(text):
        return len(text)
    found = max(text.rfind(" ", end - 40, end), text.rfind("\n", end - 40, end))
    return found if found > 0 else end


def _marked(text: str, spans: Sequence[Span]) -> Iterator[str]:
    """A whole text with spans of it marked; where two overlap, what the first leaves."""
    text, at = visible(text), 0
    for start, end in sorted(spans):
        if at < end:
            yield text[at : max(start, at)]
            yield element("mark", text[max(start, at) : end])
            at = end
    yield text[at:]


def _style() -> Html:
    return Html(_packaged("answer.css"))


@cache
def _packaged(name: str) -> str:
    file = resources.files("agent_knowledge.citations").joinpath(name)
    return file.read_text(encoding="utf-8")
