"""Citation markers in an answer.

Found: `[1]`, `[1, 3]`, `[1][3]`, `[1-3]`, `[^1]`, `[Source 1]`, `【1】`, and `[word]` where the
word is the id of a known passage, or is built like one (`[p9]` beside `p1` and `p2`).

Brackets mean other things too. Not taken for markers: anything in code; an index (`a[1]`,
`row_2[0]`); a Markdown link, image or reference (`[1](url)`, `[text][1]`, `[1]: url`); a list
that stands as a value (after `=`, `:`, `(`, `,` or "returns", or first of all); years
(`[2024]`); ranges of more than 20. A marker glued to a word (`30 days[1].`) counts when the word
is plain prose and what follows ends a phrase.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_BRACKET = re.compile(r"\[([^\[\]\n]{1,200})\]|【([^【】\n]{1,200})】|［([^［］\n]{1,200})］")
_LABEL = re.compile(
    r"(?:sources?|passages?|documents?|docs?|references?|refs?|citations?|cite|see|ids?|nos?)"
    r"(?:[\s:#.]+|(?=\d))|[\^#]",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"\s*(?:[,;，、&]|\band\b)\s*")
_NUMBER = re.compile(r"[0-9]+")
_RANGE = re.compile(r"([0-9]{1,9})\s*[-–—]\s*\^?([0-9]{1,9})")
_DIGITS = re.compile(r"[0-9]+")
_BACKTICKS = re.compile(r"`+|^ {0,3}~{3,}", re.MULTILINE)
_PROSE_WORD = re.compile(r"(?:[^\W\d_]{2,}|(?<![\w.])[0-9][0-9.,]*)\Z")
_PHRASE_END = re.compile(r"\s|[.,;:!?)\]»”’\"'。、，]|\Z")
_SENTENCE_END = re.compile(r"\s*(?:[.!?。]|\n|\Z)")
_LIST = re.compile(r"\[\s*[0-9]+(?:\s*,\s*[0-9]+)+\s*\]")
_VALUE_BEFORE = re.compile(
    r"(?:\A|[=(,{\[<>+*/]|(?<!source)(?<!sources)(?<!references)(?<!citations):"
    r"|\b(?:returns?|list|array|vector|tuple))\s*\Z"
)
_LONGEST_NUMBER = 3
_WIDEST_RANGE = 20
_MOST_IDS = 50
_LOOK_BACK = 40


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
    code = list(_code_spans(text))
    found: list[Marker] = []
    at = 0
    for match in _BRACKET.finditer(text):
        while at < len(code) and code[at][1] <= match.start():
            at += 1
        if at < len(code) and code[at][0] < match.end():
            continue
        ids = reader.read(next(part for part in match.groups() if part is not None))
        chained = bool(found) and found[-1].end == match.start()
        if ids and _stands_as_marker(text, match, chained=chained, sure=reader.knows(ids)):
            found.append(Marker(match.start(), match.end(), ids))
    return tuple(found)


class _IdReader:
    """Reads what stands between brackets as ids."""

    def __init__(self, known: Collection[str]) -> None:
        self._known = frozenset(known)
        self._shapes = {_shape(i) for i in known if not i.isdecimal()}
        longest = max((len(i) for i in known if i.isdecimal()), default=0)
        self._longest_number = max(longest, _LONGEST_NUMBER)

    def knows(self, ids: tuple[str, ...]) -> bool:
        return all(i in self._known for i in ids)

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
    return not is_list and not before.rstrip(" ").endswith("=")


def _stands_glued(text: str, match: re.Match[str], before: str, *, sure: bool) -> bool:
    """A marker without a space before it (`30 days[1].`), or an index (`a[1]`)?"""
    if not _PROSE_WORD.search(before) or not _PHRASE_END.match(text, _end_of_chain(text, match)):
        return False
    return sure or (match.group() != "[0]" and bool(_SENTENCE_END.match(text, match.end())))


def _end_of_chain(text: str, match: re.Match[str]) -> int:
    end = match.end()
    while text.startswith("[", end) and (following := _BRACKET.match(text, end)):
        end = following.end()
    return end


def _begins_line(text: str, start: int) -> bool:
    line = text[max(0, start - _LOOK_BACK) : start].rpartition("\n")[2]
    return not line.strip(" \t-*+>")


def _code_spans(text: str) -> Iterator[tuple[int, int]]:
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
