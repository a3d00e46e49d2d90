"""Words of an answer between quotation marks, and whether a text has them.

Verbatim is meant as a reader means it: white space, the shape of quotation marks, dashes and
dots, ligatures and full-width forms (NFKC), invisible characters and Markdown's emphasis don't
count. Nor do the punctuation at either end of a quotation and the case of its first letter; what
`...` or brackets (`[sic]`) replace may be anything.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from agent_knowledge.citations.markers import Span, lies_in

_LONGEST = 1_000
_IN = r"\n(?![ \t]*\n)"  # a line's end that ends no paragraph
_BETWEEN_MARKS = re.compile(
    rf'(?<![\w"=])"(?=[^\s"])((?:[^"\n]|{_IN}){{1,{_LONGEST}}})(?<=\S)"(?![\w"])'
    rf"|“((?:[^“”\n]|{_IN}){{1,{_LONGEST}}})”"
    rf"|„((?:[^„“”\n]|{_IN}){{1,{_LONGEST}}})[“”]"
    rf"|«((?:[^«»\n]|{_IN}){{1,{_LONGEST}}})»"
    rf"|「((?:[^「」\n]|{_IN}){{1,{_LONGEST}}})」"
    rf"|(?<!\w)‘(?=\S)((?:[^‘’\n]|’(?=\w)|{_IN}){{1,{_LONGEST}}})(?<=\S)’(?!\w)"
)
_BLOCK = re.compile(r"(?:^ {0,3}>[^\n]*(?:\n|\Z))+", re.MULTILINE)
_BLOCK_SIGN = re.compile(r"[ \t>]*")
_ASIDE = re.compile(r"\[!|\*\*[^*\n]{1,40}\*\*|[^\w\s\"“”«»„‘’'「(\[*`.…—–-]")
"""How a block begins that is a remark set off, not a quotation: an alert, a label, a pictogram."""
_ATTRIBUTION = re.compile(r"\n[ \t>]*(?:[—–]|--)[^\n]*\Z")
_ALTERED_LETTER = re.compile(r"\[(\w)\](?=\w)")
_GAP = re.compile(r"\[[^\[\]\n]{0,80}\]|…|\.(?: ?\.){2,}")
_EDGE = " .,;:!?'-"
_UNIT = re.compile(
    r"(?P<dash>\s{0,3}[-‐‑‒–—―−﹘﹣－]+\s{0,3})"
    r"|(?P<space>\s*\n[ \t]*(?:>[ \t]*)+|\s+|\A(?:>[ \t]*)+)"
    r"|(?P<quote>[\"'“”„‟″«»〝〞＂「」『』’‘‚‛′`´])"
    r"|(?P<nothing>\*+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)|\]\([^()\s]{0,500}\)|[\[\]]"
    r"|[\x01\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe0e\ufe0f\ufeff]+)"
    r"|(?P<other>[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?"
    r"|[^\n][\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff"
    r"\u3099\u309a]{1,16}|[^\x00-\x7f])"
)
_SEAM = "\x01"
_SEAMED = re.compile(r"[^\W_\u2e80-\U0010ffff]++|[\s\S]")
"""Words, and single characters: scripts without blanks between words, from U+2E80, have none."""
_MOST_PIECES = 100
"""What has more gaps quotes nothing: each piece is sought in the whole text."""
_WRITTEN = {"dash": "-", "space": " ", "quote": "'", "nothing": ""}


def quoted_spans(text: str, code: Sequence[Span] = ()) -> tuple[Span, ...]:
    """Find what stands between quotation marks, or in a block quotation.

    Args:
        text: Any text.
        code: Spans in which quotation marks quote nothing, in order.

    Returns:
        Characters of the text, without the marks, in order; never empty.
    """
    found = [m.span(m.lastindex or 0) for m in _BETWEEN_MARKS.finditer(text)]
    blocks = [span for m in _BLOCK.finditer(text) if (span := _block(m))]
    return tuple(sorted(span for span in [*found, *blocks] if not _touches(span, code)))


def _block(match: re.Match[str]) -> Span | None:
    """The content of a block quotation, without its first sign and who is quoted."""
    content = match.group().rstrip()
    attribution = _ATTRIBUTION.search(content)
    content = content[: attribution.start()].rstrip(" \t>\n") if attribution else content
    sign = _BLOCK_SIGN.match(content)
    start = sign.end() if sign else 0
    if start >= len(content) or _ASIDE.match(content, start):
        return None
    return match.start() + start, match.start() + len(content)


def _touches(span: Span, code: Sequence[Span]) -> bool:
    """Whether a quotation opens or closes in code; one that has code within it is one still."""
    start, end = span
    return lies_in(code, start - 1, start) or lies_in(code, end, end + 1)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Characters of a folded text, from `at` on, that stand for `start:end` of the text itself.

    Of a plain stretch each character stands for one; any other stands for the whole.
    """

    at: int
    start: int
    end: int
    plain: bool


@dataclass(frozen=True, slots=True)
class Folded:
    """A text as quotations are compared with it, and the way back to its own characters.

    Attributes:
        text: The folded text.
        seamed: The same with `_SEAM` wherever no word runs on, and at both ends.
        stretches: What its characters stand for.
    """

    text: str
    seamed: str
    stretches: tuple[_Stretch, ...]

    def origin(self, start: int, end: int) -> Span:
        """The characters that `start:end` of the folded text, at least one, stand for."""
        first, last = self._at(start), self._at(end - 1)
        return (
            first.start + (start - first.at if first.plain else 0),
            last.start + (end - last.at) if last.plain else last.end,
        )

    def find(self, part: str, start: int) -> Span | None:
        """The first place, from a start on, of whole words; the case of the first letter is free.

        Args:
            part: Folded too.
            start: As the place given, characters of `seamed`.
        """
        sought = [_with_seams(form) for form in (part, part[0].swapcase() + part[1:])]
        places = [(self.seamed.find(form, start), len(form)) for form in sought]
        place, length = min((p for p in places if p[0] >= 0), default=(-1, 0))
        return (place, place + length) if place >= 0 else None

    def origin_of_seamed(self, start: int, end: int) -> Span:
        """The characters that `start:end` of `seamed`, which begins and ends with a seam, are."""
        first = start - self.seamed.count(_SEAM, 0, start)
        return self.origin(first, end - self.seamed.count(_SEAM, 0, end))

    def _at(self, place: int) -> _Stretch:
        return self.stretches[bisect_right(self.stretches, place, key=lambda s: s.at) - 1]


@lru_cache(maxsize=16)
def fold(text: str) -> Folded:
    """Write a text as quotations are compared; takes linear time."""
    parts: list[str] = []
    stretches: list[_Stretch] = []
    length = at = 0

    def add(written: str, start: int, end: int, *, plain: bool) -> None:
        nonlocal length
        if written and not (written == " " and (not parts or parts[-1][-1] == " ")):
            stretches.append(_Stretch(length, start, end, plain))
            parts.append(written)
            length += len(written)

    for unit in _UNIT.finditer(text):
        start, end = unit.span()
        add(text[at:start], at, start, plain=True)
        kind = unit.lastgroup or "other"
        written = _WRITTEN.get(kind)
        add(_compatible(unit.group()) if written is None else written, start, end, plain=False)
        at = end
    add(text[at:], at, len(text), plain=True)
    folded = "".join(parts)
    return Folded(folded, _with_seams(folded), tuple(stretches))


def _with_seams(folded: str) -> str:
    """A text in which whole words are found without looking at what stands around each place."""
    return f"{_SEAM}{_SEAM.join(_SEAMED.findall(folded))}{_SEAM}"


def _compatible(written: str) -> str:
    return unicodedata.normalize("NFKC", written)


@lru_cache(maxsize=64)
def find_quotation(quoted: str, text: str) -> Span | None:
    """Where a text has a quotation verbatim.

    Args:
        quoted: What stands between the marks.
        text: Where it is sought.

    Returns:
        Characters of the text, from the quotation's first word to its last; None where it is not.
    """
    folded = fold(text)
    pieces = _GAP.split(_ALTERED_LETTER.sub(r"\1", quoted))
    parts = [part for piece in pieces if (part := fold(piece).text.strip(_EDGE))]
    if not parts or len(parts) > _MOST_PIECES:
        return None
    found: list[Span] = []
    for part in parts:
        place = folded.find(part, found[-1][1] - 1 if found else 0)  # one seam may serve two
        if place is None:
            return None
        found.append(place)
    return folded.origin_of_seamed(found[0][0], found[-1][1])
