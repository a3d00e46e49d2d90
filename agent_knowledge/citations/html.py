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
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from agent_knowledge.citations.markers import Span, code_spans
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
    visible,
)
from agent_knowledge.types import Passage
from agent_knowledge.types.answers import Answer, Citation, Verdict, verdict_of

_AROUND_CHARACTERS = 240
"""What a card shows of a passage before and behind the supporting words."""
_QUOTE_CHARACTERS = 900
"""Of a passage in a card: a limit of what is shown."""
_SPACE = re.compile(r"\s")
_LOOKS: dict[Verdict, str] = {
    "supported": "",
    "unsupported": " ak-doubtful",
    "contradicted": " ak-false",
}
_CLOSING = "\"'”’»›"
_MARK = Markup("<mark>{}</mark>")
_CODE = Markup('<code class="ak-code">{}</code>')
_LOOSE = Markup('<span class="ak-word"> (not word for word)</span>')


def render_html(answer: Answer, *, page: bool = False, style: bool = True, key: str = "") -> str:
    """Write an answer with its citations.

    Args:
        answer: A verified answer.
        page: Write a whole page, that forbids itself scripts and all loading, instead of one
            element to put into a page. The element brings its style; all its classes begin with
            `ak-`, and the ids of two different answers differ.
        style: Let the element bring its style; not where the page has `answer_css` already.
        key: What its ids begin with, for a page that shows one answer twice; default: of content.
    """
    written = _HtmlAnswer(answer, key)
    values = {
        "page": page,
        "style": style,
        "key": written.key,
        "said": list(written.said()),
        "fabricated": [*map(one_line, answer.fabricated)],
        "notes": written.notes,
    }
    return _template().render(values)


@cache
def answer_css() -> str:
    """The style of all answers, for a page that forbids elements to bring their own."""
    file = resources.files("agent_knowledge.citations") / "templates" / "answer.css"
    return file.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Chip:
    """A citation as it is shown: `around` is of its passage, `why` is said of its verdict."""

    key: str
    number: int
    verdict: str
    passage: Passage
    why: str
    remarks: Sequence[Remark]
    around: Markup


_Part = str | tuple[_Chip, ...]
"""A stretch of the answer (plain, or what is markup already), or citations in a marker's place."""


@dataclass(frozen=True, slots=True)
class _Insert:
    """What stands in the place of characters `start:end` of the answer."""

    start: int
    end: int
    part: _Part


class _HtmlAnswer:
    """One answer, taken apart for the template."""

    def __init__(self, answer: Answer, key: str) -> None:
        self._text = visible(answer.text)
        self._answer = answer
        self._code = list(code_spans(self._text))
        self._known = cited_passages(answer)
        self._statements = statements(answer)
        self.notes = notes(answer)
        content = repr((answer.text, [note.passage.id for note in self.notes]))
        digest = hashlib.sha256(content.encode(errors="replace")).hexdigest()
        self.key = key or f"ak-{digest[:8]}"

    def said(self) -> Iterator[tuple[str, list[_Part], bool]]:
        """The answer in order: the class of a stretch, its parts, whether it lacks a source."""
        inserts = sorted(
            [*self._chips(), *self._loose()], key=lambda insert: (insert.start, insert.end)
        )
        starts = [insert.start for insert in inserts]
        at = 0
        for (start, end), kind, uncited in self._wrapped():
            if start < at:
                continue
            for first, after, name in ((at, start, ""), (start, end, kind)):
                own = inserts[bisect_left(starts, first) : bisect_left(starts, after)]
                yield name, self._filled((max(at, first), after), own), uncited and name == kind
                at = max(at, after, *(insert.end for insert in own))
        rest = inserts[bisect_left(starts, at) :]
        yield "", self._filled((at, len(self._text)), rest), False

    def _wrapped(self) -> list[tuple[Span, str, bool]]:
        """The sentences that look different, in order: their class; whether they lack a source."""
        found = [
            ((s.start, s.end), f"ak-statement{_LOOKS[s.verdict]}", False) for s in self._statements
        ]
        found += [(span, "ak-uncited", True) for span in self._answer.uncited]
        return sorted(found, key=lambda item: item[0])

    def _filled(self, span: Span, inserts: Sequence[_Insert]) -> list[_Part]:
        at, end = span
        parts: list[_Part] = []
        for insert in inserts:
            if insert.start >= at:
                parts += [*self._plain(at, insert.start), insert.part]
                at = insert.end
        return [*parts, *self._plain(at, end)]

    def _plain(self, start: int, end: int) -> Iterator[str]:
        """A stretch without citations, its code in the type of code."""
        first = max(bisect_left(self._code, (start, 0)) - 1, 0)
        for opens, closes in takewhile(lambda span: span[0] < end, islice(self._code, first, None)):
            inner = max(opens, start), min(closes, end)
            if inner[0] < inner[1]:
                yield self._text[start : inner[0]]
                yield _CODE.format(self._text[slice(*inner)])
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
            chips: list[_Chip] = []
            for number in (int(i) for i in marker.ids if int(i) in self._known):
                count += 1
                chips.append(self._chip(number, own, f"{self.key}-{count}"))
            if chips:
                yield _Insert(marker.start, marker.end, tuple(chips))

    def _loose(self) -> Iterator[_Insert]:
        for statement in self._statements:
            for words in statement.claim.quotations if statement.claim else ():
                end = words.end + (self._text[words.end : words.end + 1] in _CLOSING)
                if not words.verbatim:
                    yield _Insert(end, end, _LOOSE)

    def _chip(self, number: int, statement: Statement | None, key: str) -> _Chip:
        passage = self._known[number]
        citation = statement.citations.get(number) if statement else None
        verdict = verdict_of(citation) if citation else "bare"
        remarks = list(statement.remarks(citation, self._text)) if statement and citation else []
        why = next((r.reason for r in remarks if r.kind == verdict and r.reason), "")
        return _Chip(key, number, verdict, passage, why, remarks, _around(passage, citation))


def _around(passage: Passage, citation: Citation | None) -> Markup:
    """The supporting words, marked, with what stands around them; or the passage's beginning."""
    text = visible(passage.text)
    start, end = citation.quote if citation and citation.quote else (0, 0)
    cut = min(end, start + _QUOTE_CHARACTERS)
    first = _next_space(text, max(0, start - _AROUND_CHARACTERS)) if start else 0
    last = _last_space(text, cut + (1 if cut else 2) * _AROUND_CHARACTERS)
    parts = ["…" * bool(first), text[first:start].lstrip()]
    parts += [_MARK.format(text[start:cut])] if cut > start else []
    parts += ["…"] if cut < end else [text[cut:last].rstrip(), "…" * (last < len(text))]
    return Markup("").join(parts)


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


def _marked(note: Note) -> Markup:
    """A whole passage with its quotes marked; where two overlap, what the first leaves."""
    text, at = visible(note.passage.text), 0
    parts: list[str] = []
    for start, end in sorted(note.quotes):
        if at < end:
            parts += [text[at : max(start, at)], _MARK.format(text[max(start, at) : end])]
            at = end
    return Markup("").join([*parts, text[at:]])


@cache
def _template() -> Template:
    made = Environment(
        loader=PackageLoader("agent_knowledge.citations"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    known = (address, heading, lines, one_line, place, target, visible)
    named: dict[str, Any] = {function.__name__: function for function in known}
    return made.get_template("answer.html", globals={**named, "marked": _marked})
