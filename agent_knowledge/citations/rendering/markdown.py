"""A verified answer as Markdown with footnotes (GitHub's form, which most renderers read)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from agent_knowledge.answers import Answer
from agent_knowledge.citations.markers import Marker, Span, code_spans, lies_in
from agent_knowledge.citations.rendering.notes import (
    Note,
    Remark,
    cited_passages,
    excerpt,
    heading,
    lines,
    link,
    markers,
    notes,
    one_line,
    place,
)
from agent_knowledge.types import without_surrogates

_SPECIAL = re.compile(r"[\\`*_\[\]{}<|~$&@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What would be read as Markdown, HTML, a template or an address within a line."""
_WIDE_BRACKET = re.compile("[【】［］]")
_FOOTNOTE = re.compile(r"(?<!\\)(\\*+)\[\^")
_OPENS_LINE = re.compile(r"(?:\A|\n)[ \t>*+-]*(?:\d{1,9}[.)][ \t>*+-]*)*\Z")
_LOOK_BACK = 80
_FENCE = re.compile(r"`{3,}|~{3,}")


def render_markdown(answer: Answer) -> str:
    """Write an answer with its citations as footnotes.

    Markers become `[^1]` under the numbers that they have; each passage named is defined at the
    end: title, place, address, lines, supporting words, and what is not supported. The rest of the
    text stays the Markdown that it was, but for footnotes of its own, which become plain text: one
    could stand in the place of a verified one. What comes from passages is escaped.

    Returns:
        The text as it is when nothing was retrieved: brackets mean something else then.
    """
    if not cited_passages(answer):
        return without_surrogates(answer.text)
    body = _body(answer)
    definitions = "\n".join(map(_definition, notes(answer)))
    return "\n\n".join([_closed(body), definitions]) + "\n" if definitions else body


def _body(answer: Answer) -> str:
    text, known = without_surrogates(answer.text), cited_passages(answer)
    code = list(code_spans(text))
    parts: list[str] = []
    at = 0
    for marker in markers(answer):
        parts += _plain(text, at, marker.start, code)
        parts.append(_marker(text, marker, known))
        at = marker.end
    return "".join([*parts, *_plain(text, at, len(text), code)])


def _marker(text: str, marker: Marker, known: Collection[int]) -> str:
    named = "".join(f"[^{i}]" for i in marker.ids if int(i) in known)
    named = named or text[marker.start : marker.end]
    before = text[max(0, marker.start - _LOOK_BACK) : marker.start]
    if text.startswith(":", marker.end) and _OPENS_LINE.search(before):
        return f"{named}\\"  # as the first words of a list item it would define a footnote
    return named


def _plain(text: str, start: int, end: int, code: Sequence[Span]) -> Iterator[str]:
    """A stretch without markers; what reads as a footnote there is escaped, but for code."""
    for match in _FOOTNOTE.finditer(text, start, end):
        bracket = match.end() - 2
        if len(match.group(1)) % 2 or lies_in(code, bracket, bracket + 1):
            continue
        yield f"{text[start:bracket]}\\"
        start = bracket
    yield text[start:end]


def _closed(body: str) -> str:
    """The body with a block of code closed that would swallow the footnotes."""
    body = body.rstrip("\n")  # a blank may be what makes "1. " the sign of a list
    probe = f"{body}\n\n"
    spans = list(code_spans(probe))
    if not spans or spans[-1][1] < len(probe):
        return body
    fence = _FENCE.search(body, spans[-1][0])
    return f"{body}\n{fence.group() if fence else '```'}"


def _definition(note: Note) -> str:
    passage = note.passage
    where = [_escaped(place(passage))]
    if (address := link(passage.uri)) and passage.uri != passage.document:
        where[0] += f" ([{_escaped(one_line(passage.uri))}]({address}))"
    elif address:
        where[0] = f"[{where[0]}]({address})"
    where += filter(None, [lines(passage)])
    quoted = [f"“{_escaped(excerpt(passage.text[slice(*span)]))}”" for span in note.quotes]
    remarks = [_remark(remark) for remark in note.remarks]
    head = f"[^{note.number}]: **{_escaped(heading(passage))}** — {', '.join(where)}."
    return " ".join([head, *quoted, *remarks])


def _remark(remark: Remark) -> str:
    reason = f" ({_escaped(excerpt(remark.reason))})" if remark.reason else ""
    text = _escaped(one_line(remark.text[:1].upper() + remark.text[1:]))
    return f"**{text}:** “{_escaped(excerpt(remark.said))}”{reason}"


def _escaped(text: str) -> str:
    """One line of text that Markdown shows as it is, and in which no marker is found."""
    text = _SPECIAL.sub(r"\\\g<0>", text)
    return _WIDE_BRACKET.sub(lambda match: f"&#{ord(match.group())};", text)
