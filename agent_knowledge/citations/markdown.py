"""A verified answer as Markdown with footnotes (GitHub's form, which most renderers read)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from agent_knowledge.citations.harmless import Level, harmless, stretches
from agent_knowledge.citations.markers import Marker, Span, code_spans, lies_in
from agent_knowledge.citations.notes import (
    Note,
    Remark,
    address,
    cited_passages,
    excerpt,
    heading,
    lines,
    markers,
    notes,
    one_line,
    place,
    target,
    visible,
)
from agent_knowledge.types.answers import Answer

_SPECIAL = re.compile(r"[\\`*_\[\]{}<|~$&@]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What would be read as Markdown, HTML, a template or an address within a line."""
_WIDE_BRACKET = re.compile("[【】［］]")
_FOOTNOTE = re.compile(r"(?<!\\)(\\*+)\[\^")
_OPENS_LINE = re.compile(r"(?:\A|\n)[ \t>*+-]*(?:\d{1,9}[.)][ \t>*+-]*)*\Z")
_LOOK_BACK = 80
"""Characters before a marker that are read for the sign of a list item: a limit."""
_FENCE = re.compile(r"`{3,}|~{3,}")


def render_markdown(answer: Answer) -> str:
    """Write an answer with its citations as footnotes.

    Controls are taken out; HTML, and links that could act, become plain text (see `harmless`).
    Markers become `[^1]` under the numbers that they have; each passage named is defined at the
    end: title, place, address, lines, supporting words, and what is not supported. The rest of the
    text stays the Markdown that it was, but for footnotes of its own, which become plain text: one
    could stand in the place of a verified one. What comes from passages is escaped.

    Returns:
        The text with its own brackets when nothing was retrieved: they mean something else then.
    """
    body = harmless(lambda level: _closed(_body(answer, level)))
    definitions = "\n".join(map(_definition, notes(answer)))
    return "\n\n".join([body, definitions]) + "\n" if definitions else body


def _body(answer: Answer, level: Level) -> str:
    text, known = visible(answer.text), cited_passages(answer)
    code = list(code_spans(text))
    parts: list[str] = []
    at = 0
    for marker in markers(answer):
        parts += _plain(text, (at, marker.start), code, level)
        parts.append(_marker(text, marker, known))
        at = marker.end
    rest = (at, len(text))
    if not known:  # nothing was retrieved: brackets mean something else then
        return "".join(_mended(text, rest, code, level))
    return "".join([*parts, *_plain(text, rest, code, level)])


def _marker(text: str, marker: Marker, known: Collection[int]) -> str:
    named = "".join(f"[^{i}]" for i in marker.ids if int(i) in known)
    named = named or text[marker.start : marker.end]
    before = text[max(0, marker.start - _LOOK_BACK) : marker.start]
    if text.startswith(":", marker.end) and _OPENS_LINE.search(before):
        return f"{named}\\"  # as the first words of a list item it would define a footnote
    return named


def _plain(text: str, span: Span, code: Sequence[Span], level: Level) -> Iterator[str]:
    """A stretch without markers; what reads as a footnote there is escaped, but for code."""
    start, end = span
    for match in _FOOTNOTE.finditer(text, start, end):
        bracket = match.end() - 2
        if len(match.group(1)) % 2 or lies_in(code, bracket, bracket + 1):
            continue
        yield from _mended(text, (start, bracket), code, level)
        yield "\\" if level.mend("[") == "[" else ""
        start = bracket
    yield from _mended(text, (start, end), code, level)


def _mended(text: str, span: Span, code: Sequence[Span], level: Level) -> Iterator[str]:
    for start, end, is_code in stretches(*span, code):
        piece = text[start:end]
        yield piece if is_code and not level.in_code else level.mend(piece)


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
    if (linked := target(passage)) and (told := _escaped(address(passage))):
        where[0] += f" ([{told}]({linked}))"
    elif linked:
        where[0] = f"[{where[0]}]({linked})"
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
