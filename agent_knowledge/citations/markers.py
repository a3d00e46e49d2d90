"""Citation markers in an answer.

Found: `[1]`, `[1, 3]`, `[1][3]`, `[1-3]`, `[1]-[3]`, `[^1]`, `[Source 1]`, `【1】`, and `[word]`
where the word is the id of a known passage, or is built like one (`[p9]` beside `p1` and `p2`).

Brackets mean other things too. Not taken for markers: anything in code; an index (`a[1]`,
`row_2[0]`); a Markdown link, image or reference (`[1](url)`, `[text][1]`, `[1]: url`); a list
that stands as a value (after `=`, `:`, `(`, `,` or "returns", or first of all); years
(`[2024]`); ranges of more than 20. A marker glued to a word (`30 days[1].`) counts when the word
is plain prose and what follows ends a phrase.

`(1)` means other things more often than not. It is a marker only in an answer that has none of the
forms above, where it stands as a citation does: behind a word and a blank, before the end of a
phrase, and not after "step", "table" and their like. There must be one that names a known passage;
then another number of one or two digits that stands so is a marker too, and names no passage.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

_LOOK_BACK = 40
"""Characters before a bracket that are read: a limit."""
_BRACKET = re.compile(r"\[([^\[\]\n]{1,200})\]|【([^【】\n]{1,200})】|［([^［］\n]{1,200})］")
_LABEL = re.compile(
    r"(?:sources?|passages?|documents?|docs?|references?|refs?|citations?|cite|see|ids?|nos?)"
    r"(?:[\s:#.]+|(?=\d))|[\^#]",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[,;，、&]|\band\b")
_NUMBER = re.compile(r"[0-9]+")
_RANGE = re.compile(r"([0-9]{1,9})\s*[-–—]\s*\^?([0-9]{1,9})")
_DIGITS = re.compile(r"[0-9]+")
_ROUND = re.compile(r"[(（]([^()（）\n]{1,60})[)）]")
_BACKTICKS = re.compile(r"`+|^ {0,3}~{3,}", re.MULTILINE)
_PROSE_WORD = re.compile(rf"(?:[^\W\d_]{{2}}|(?<![\w.])[0-9][0-9.,]{{0,{_LOOK_BACK}}})\Z")
_PHRASE_END = re.compile(r"\s|[.,;:!?)\]»”’\"'。、，|]|\*\*(?!\w)|<[/b]|\Z")
# A run of blanks is read from its beginning only: from each of its characters takes quadratic time.
_SENTENCE_END = re.compile(r"(?<![^\S\n])[^\S\n]*+(?:[.!?。|\n]|<[/b]|\Z)")
_ROUND_END = re.compile(
    r"[.,;!?»”’\"'。、，；|]|\*\*(?!\w)|(?<![ \t])[ \t]*+(?:\r?\n|[|]|<[/b]|\Z)"
)
_ROUND_BEFORE = re.compile(
    r"[^\W_](?:[.!?%°\"'”’»*`)]{0,3})[ \t]\Z|[\u3040-\u9fff\uac00-\ud7af。]\Z"
)
_NUMBERED_THING = re.compile(
    r"\b(?:steps?|sections?|figures?|tables?|equations?|formulas?|options?|items?|pages?|points?"
    r"|chapters?|parts?|levels?|versions?|numbers?|no|notes?|types?|class|phases?|cases?|rules?"
    r"|questions?|examples?|pairs?|coordinates?|lines?|rows?|columns?|at|to|from)\.?[ \t]\Z",
    re.IGNORECASE,
)
_DASH = re.compile(r"[-–—]")
_TO = re.compile(r"[-–]")
_LIST = re.compile(r"\[\s*[0-9]+(?:\s*,\s*[0-9]+)+\s*\]")
_VALUE_BEFORE = re.compile(
    r"(?:\A|[=(,{\[<>+*/]|(?<!source)(?<!sources)(?<!references)(?<!citations):"
    r"|\b(?:returns?|list|array|vector|tuple))\s*\Z"
)
_KEYS = ("=", '":', "':")
_LONGEST_NUMBER = 3
"""Digits of a marker; a longer number is a year or an amount. A limit."""
_LONGEST_ROUND = 2
"""The same between round brackets, which enclose other things as well."""
_WIDEST_RANGE = 20
"""Ids that a range such as [1-20] may name: a limit."""
_MOST_IDS = 50
"""That one bracket may name: a limit."""

Span = tuple[int, int]
"""Characters `start:end` of a text."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A citation marker: characters `start:end` of the answer, and the ids that it names."""

    start: int
    end: int
    ids: tuple[str, ...]


def find_markers(text: str, known: Collection[str]) -> tuple[Marker, ...]:
    """Find the citation markers of an answer.

    Args:
        text: The answer.
        known: Ids of the passages that exist; numbers count as markers also when unknown.

    Returns:
        The markers in order; none overlap.
    """
    reader = _IdReader(known)
    code = tuple(code_spans(text))
    square = _joined(text, _square_markers(text, code, reader), reader)
    return square or _round_markers(text, code, reader)


def _square_markers(text: str, code: Sequence[Span], reader: _IdReader) -> list[Marker]:
    found: list[Marker] = []
    for match in _outside(code, _BRACKET.finditer(text)):
        ids = reader.read(next(part for part in match.groups() if part is not None))
        chained = bool(found) and found[-1].end == match.start()
        if ids and _stands_as_marker(text, match, chained=chained, sure=reader.knows(ids)):
            found.append(Marker(match.start(), match.end(), ids))
    return found


def _joined(text: str, markers: Sequence[Marker], reader: _IdReader) -> tuple[Marker, ...]:
    """Take `[1]-[3]` for the range that it is."""
    found: list[Marker] = []
    for marker in markers:
        last = found[-1] if found else None
        if last and marker.start == last.end + 1 and _TO.match(text, last.end):
            ids = reader.read(f"{last.ids[-1]}-{marker.ids[0]}")
            if ids and len(marker.ids) == len(last.ids) == 1:
                found[-1] = Marker(last.start, marker.end, ids)
                continue
        found.append(marker)
    return tuple(found)


def _round_markers(text: str, code: Sequence[Span], reader: _IdReader) -> tuple[Marker, ...]:
    found: list[Marker] = []
    for match in _outside(code, _ROUND.finditer(text)):
        ids = reader.read_round(match.group(1))
        behind = bool(found) and not text[found[-1].end : match.start()].strip(" ")
        if ids and (behind or _stands_behind_word(text, match.start())):
            found.append(Marker(match.start(), match.end(), ids))
    ended = _at_phrase_ends(text, found)
    return ended if any(reader.knows(marker.ids) for marker in ended) else ()


def _at_phrase_ends(text: str, markers: Sequence[Marker]) -> tuple[Marker, ...]:
    """Those behind which a phrase ends, or another of them follows."""
    starts: set[int] = set()
    kept: list[Marker] = []
    for marker in reversed(markers):
        following = marker.end + (text[marker.end : marker.end + 1] == " ")
        if following in starts or _ROUND_END.match(text, marker.end):
            kept.append(marker)
            starts.add(marker.start)
    return tuple(reversed(kept))


def _outside(code: Sequence[Span], matches: Iterable[re.Match[str]]) -> Iterator[re.Match[str]]:
    """Yield the matches that touch no code; both are in order."""
    at = 0
    for match in matches:
        while at < len(code) and code[at][1] <= match.start():
            at += 1
        if at == len(code) or code[at][0] >= match.end():
            yield match


class _IdReader:
    """Reads what stands between brackets as ids."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = frozenset(known)
        self._shapes = {_shape(i) for i in known if not i.isdecimal()}
        longest = max((len(i) for i in known if i.isdecimal()), default=0)
        self._longest_number = max(longest, _LONGEST_NUMBER)

    def knows(self, ids: tuple[str, ...]) -> bool:
        return all(i in self._known for i in ids)

    def read_round(self, content: str) -> tuple[str, ...]:
        """The ids that parentheses hold: all known, or plain numbers too short for a year."""
        word = content.strip().isalpha()  # such as "sic", whatever ids there are
        ids = () if word else self.read(content)
        short = all(i.isdecimal() and len(i) <= _LONGEST_ROUND for i in ids)
        return ids if self.knows(ids) or (short and not _DASH.search(content)) else ()

    def read(self, content: str) -> tuple[str, ...]:
        """The ids, or none if these brackets hold something else."""
        content = content.strip()
        if content in self._known or _shape(content) in self._shapes:
            return (content,)
        content = content.partition("†")[0]
        ids: list[str] = []
        for item in _SEPARATOR.split(content):
            some = self._read_item(item)
            if not some or len(ids) > _MOST_IDS:
                return ()
            ids += [i for i in some if i not in ids]
        return tuple(ids)

    def _read_item(self, item: str) -> list[str]:
        item = item.strip()
        if item in self._known or (item and _shape(item) in self._shapes):
            return [item]
        label = _LABEL.match(item)
        item = item[label.end() :].strip() if label else item
        if item in self._known:
            return [item]
        if _NUMBER.fullmatch(item):
            short = item.lstrip("0") or "0"
            fits = len(item) <= self._longest_number
            return [short if short in self._known else item] if fits else []
        if between := _RANGE.fullmatch(item):
            first, last = int(between.group(1)), int(between.group(2))
            narrow = 0 <= last - first < _WIDEST_RANGE and last < 10**self._longest_number
            return [str(i) for i in range(first, last + 1)] if narrow else []
        return []


def _shape(id_: str) -> str:
    """What ids of one kind share: `p1` and `p23`; `a` and `b`."""
    return "letter" if len(id_) == 1 and id_.isalpha() else _DIGITS.sub("0", id_)


def _stands_as_marker(text: str, match: re.Match[str], *, chained: bool, sure: bool) -> bool:
    """Whether brackets that hold ids are a marker by what stands around them.

    Args:
        text: The answer.
        match: The brackets.
        chained: Another marker ends where these begin.
        sure: Every id is a known passage's.
    """
    start, end = match.span()
    if text.startswith("(", end) or (text.startswith(":", end) and _begins_line(text, start)):
        return False
    if chained:
        return True
    before = text[max(0, start - _LOOK_BACK) : start]
    if before.endswith(("]", "】", "\\", "_")):
        return False
    if before[-1:].isalnum():
        return _stands_glued(text, match, before, sure=sure)
    if match.group().strip("[]").lower() == "x" and _begins_line(text, start):
        return False  # a ticked box, not a passage named x
    is_list = _LIST.fullmatch(match.group()) and _VALUE_BEFORE.search(before.lower())
    return not is_list and not before.rstrip(" ").endswith(_KEYS)


def _stands_glued(text: str, match: re.Match[str], before: str, *, sure: bool) -> bool:
    """A marker without a space before it (`30 days[1].`), or an index (`a[1]`)?"""
    if not _PROSE_WORD.search(before) or not _PHRASE_END.match(text, _end_of_chain(text, match)):
        return False
    return sure or (match.group() != "[0]" and bool(_SENTENCE_END.match(text, match.end())))


def _stands_behind_word(text: str, start: int) -> bool:
    before = text[max(0, start - _LOOK_BACK) : start]
    behind_word = _ROUND_BEFORE.search(before) is not None and not _begins_line(text, start)
    return behind_word and not _NUMBERED_THING.search(before)


def _end_of_chain(text: str, match: re.Match[str]) -> int:
    end = match.end()
    while text.startswith("[", end) and (following := _BRACKET.match(text, end)):
        end = following.end()
    return end


def _begins_line(text: str, start: int) -> bool:
    line = text[max(0, start - _LOOK_BACK) : start].rpartition("\n")[2]
    return not line.strip(" \t-*+>")


def lies_in(spans: Sequence[Span], start: int, end: int) -> bool:
    """Whether characters lie in one of several spans, which are in order and don't overlap."""
    before = bisect_right(spans, start, key=lambda span: span[0]) - 1
    return before >= 0 and end <= spans[before][1]


def code_spans(text: str) -> Iterator[Span]:
    """Yield the spans of Markdown code, blocks and inline, in order; takes linear time."""
    runs = list(_BACKTICKS.finditer(text))
    partner: dict[str, int] = {}
    closes: list[int | None] = []
    for i in range(len(runs) - 1, -1, -1):
        closes.append(partner.get(runs[i].group()))
        partner[runs[i].group()] = i
    closes.reverse()
    i = 0
    while i < len(runs):
        run = runs[i]
        block = len(run.group().strip()) >= 3 and _begins_line(text, run.start())
        close = closes[i]
        if close is None:
            if block:  # an unclosed block of code reaches to the end
                yield run.start(), len(text)
                return
            i += 1
        elif block or "\n\n" not in text[run.end() : runs[close].start()]:
            yield run.start(), runs[close].end()
            i = close + 1
        else:
            i += 1
