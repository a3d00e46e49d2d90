"""Sentences, words and a token estimate, shared by everything that reads text.

Offsets are always characters of the text that was given. Every function takes time linear in its
input, whatever the input is: documents come from outside.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

import sentencex

from agent_knowledge.types import without_surrogates

LONGEST_SENTENCE = 2_000
"""Characters. A longer one is cut: sentencex takes quadratic time on some texts, and a quote of
more than a page shows nothing."""

_LINE = re.compile(r"[^\n]+")
_LIST_ITEM = re.compile(r"(?:[-*+•‣◦]|\d{1,3}[.)]|\(?[A-Za-z]\))[ \t]+")
_HEADING = re.compile(r"#{1,6}[ \t]+")
_QUOTE = re.compile(r"(?:>[ \t]?){1,8}")
_RULE = frozenset("-=*_|:+~ \t\r")
_FENCE = re.compile(r"\s*+(`{3,}|~{3,})")
_UNDERLINE = re.compile(r"~{4,}\s*")
"""Below a line of words: reStructuredText's heading, and no fence."""
_TAGS = re.compile(r"(?:</?[A-Za-z][^<>\n]*+>\s*+)++|<!--(?:[^-]|-(?!->))*+-->\s*+")
_CJK_STOP = re.compile(r"[。！？｡]+[」』）”’\"')\]】]*")

_CJK = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_MARKS = "".join(chr(c) for c in range(0x300, 0x20F1) if unicodedata.category(chr(c))[0] == "M")
_LETTER = rf"(?:(?![{_CJK}])[^\W_]|[{_MARKS}])"
_WORD = re.compile(
    rf"[{_CJK}]|{_LETTER}++(?:(?:(?<=\d)[.,](?=\d)|['’](?=[^\W\d_])){_LETTER}++)*+", re.UNICODE
)
_LONGEST_NORMALISED = 64
"""Characters of a word whose forms are made one: a limit."""
_WIDE = re.compile(rf"[{_CJK}\uac00-\ud7af]+")
_LATIN = re.compile(r"[\u0000-\u024f\u2000-\u206f]+")

_boundaries = cast(
    "Callable[[str, str], Sequence[Mapping[str, int]]]",
    sentencex.get_sentence_boundaries,  # pyright: ignore[reportAttributeAccessIssue] - compiled
)

STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are aren't as at be because been before being
    below between both but by can can't cannot could couldn't did didn't do does doesn't doing
    don't down during each either else ever few for from further get gets give had hadn't has
    hasn't have haven't having he he's her here hers herself him himself his how i i'd i'll i'm
    i've if in into is isn't it it's its itself just let let's may me might more most must my
    myself no nor not of off on once one only or other our ours ourselves out over own please same
    shall she should shouldn't so some such tell than that that's the their theirs them themselves
    then there there's these they they're this those through to too under until up upon us very was
    wasn't we we're were weren't what what's when where where's whether which while who who's whom
    whose why will with won't would wouldn't you you're you've your yours yourself yourselves
    """.split()  # noqa: SIM905 - a table of words reads better as words
)
"""Words that tell nothing of what a text is about. Without them follow-ups lose 0.056, as fewer
turns are read with what was said before, and thanks gain 0.013 (`tools.ablate`, routing)."""


BlockKind = Literal["prose", "heading", "item", "row", "code"]


@dataclass(frozen=True, slots=True)
class Block:
    """What stands together in a text: `text[start:end]`, and what it is.

    A row is one of a table. All lines between two fences are one block of code.
    """

    start: int
    end: int
    kind: BlockKind


def sentences(text: str) -> list[tuple[int, int]]:
    """Find the sentences of a text.

    A sentence lies within one block: blank lines, list items, headings, table rows and lines of
    code end it, the soft-wrapped lines of a paragraph don't. The signs that open a list item, a
    heading or a quotation are not part of it. Splitting within a block is sentencex's (Wikimedia,
    its rules for English, which serve other languages' plain sentences too).

    Returns:
        `(start, end)` in characters, in order, never empty, no white space at either end.
    """
    return [
        span
        for block in blocks(text)
        for start, end in _lines(text, block)
        for part_start, part_end in _cut_at_cjk_stops(text, start, end)
        for span in _split(text, part_start, part_end)
    ]


def words(text: str) -> list[str]:
    """Find the words of a text, lower-cased, compatibility-normalised (NFKC).

    Numbers stay whole ("4.50", "1,000", "v1.2"), so do contractions ("don't"). A Han or kana
    character is a word of its own, as those scripts put no space between words.
    """
    if text.isascii():
        return _WORD.findall(text.lower())
    return [_normalised(word) for word in _WORD.findall(text)]


def written_words(text: str) -> list[tuple[int, str]]:
    """The same words as they are written, each with the place of its first character."""
    return [(match.start(), match.group()) for match in _WORD.finditer(text)]


def content_words(text: str) -> list[str]:
    """`words` without English stop words."""
    return [word for word in words(text) if word not in STOP_WORDS]


def count_tokens(text: str) -> int:
    """Estimate how many tokens a model would read, without any model's tokenizer.

    Four characters a token in Latin script, two in others, one for a Han, kana or Hangul
    character: for English prose within about 15 % of common tokenizers, more off for code.
    """
    if text.isascii():
        return -(-len(text) // 4)
    rest = _WIDE.sub("", text)
    other = len(_LATIN.sub("", rest))
    return len(text) - len(rest) + -(-other // 2) + -(-(len(rest) - other) // 4)


def _normalised(word: str) -> str:
    if word.isascii():
        return word.lower()
    if len(word) <= _LONGEST_NORMALISED:  # normalising is quadratic in a run of marks
        word = unicodedata.normalize("NFKC", word)
    return word.lower().replace("’", "'")


def blocks(text: str) -> Iterator[Block]:
    """Read a text's blocks, as Markdown and plain text have them, in order and in linear time.

    Blank lines, lists, headings, tables, fences and lines of nothing but tags end a paragraph; its
    soft-wrapped lines don't. Blocks hold neither fences nor the signs that open a list item, a
    heading or a quotation.
    """
    held: Block | None = None
    for found, goes_on in _read_lines(text):
        if held and found and goes_on and _joins(held, found):
            held = replace(held, end=found.end)
            continue
        if held:
            yield held
        held = found
    if held:
        yield held


def _joins(held: Block, found: Block) -> bool:
    if found.kind == "code":
        return held.kind == "code"
    return held.kind in {"prose", "item"} and found.start == held.end + 1


def _read_lines(text: str) -> Iterator[tuple[Block | None, bool]]:
    """Each line's block, None where it has no words, and whether it may go on with one before."""
    fence, end = "", -1
    for line in _LINE.finditer(text):
        ticks = _FENCE.match(line.group())
        if ticks and line.start() == end + 1 and _UNDERLINE.fullmatch(line.group()):
            ticks = None
        if ticks:
            closes = fence and ticks.group(1).startswith(fence)
            fence = "" if closes else fence or ticks.group(1)
            yield None, False
        elif fence:
            yield Block(*line.span(), "code"), True
        else:
            opens, kind = _read_line(line.group())
            end = -1 if opens is None else line.end()
            found = None if opens is None else Block(line.start() + opens, line.end(), kind)
            yield found, kind == "prose" and opens == 0


def _read_line(line: str) -> tuple[int | None, BlockKind]:
    """Where a line's words begin (None: it has none; above 0: it opens a block), and of what."""
    body = line.lstrip()
    indent = len(line) - len(body)
    if _RULE.issuperset(body[:LONGEST_SENTENCE]) or _TAGS.fullmatch(body):
        return None, "prose"
    if body.startswith("|"):
        return indent, "row"
    if sign := _HEADING.match(body):
        return indent + sign.end(), "heading"
    quote = _QUOTE.match(body)
    if item := _LIST_ITEM.match(body, quote.end() if quote else 0):
        return indent + item.end(), "item"
    # A quotation's later lines continue its paragraph; only its first line could open one.
    return (indent + quote.end() if quote else 0), "prose"


def _lines(text: str, block: Block) -> Iterator[tuple[int, int]]:
    """Within what sentences are sought: a block, or each line of code."""
    if block.kind != "code":
        yield block.start, block.end
        return
    for line in _LINE.finditer(text, block.start, block.end):
        if not _RULE.issuperset(line.group()[:LONGEST_SENTENCE]):
            yield line.span()


def _cut_at_cjk_stops(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut where a CJK full stop ends a sentence beyond doubt; sentencex is quadratic in those."""
    for stop in _CJK_STOP.finditer(text, start, end):
        yield start, stop.end()
        start = stop.end()
    if start < end:
        yield start, end


def _split(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Split a block with sentencex, a window at a time.

    The last sentence of a window may go on behind it, so the next window begins with it; each
    character is read at most twice.
    """
    while start < end:
        window = _flat(text[start : min(end, start + LONGEST_SENTENCE)])
        cuts = [boundary["end_index"] for boundary in _boundaries("en", window)]
        if start + len(window) < end:
            cuts = cuts[:-1] or [window.rfind(" ") + 1 or len(window)]
        previous = 0
        for cut in cuts:
            yield from _trimmed(text, start + previous, start + cut)
            previous = cut
        start += previous


def _flat(window: str) -> str:
    """The window on one line, with every offset kept; lone surrogates can't cross into Rust."""
    return without_surrogates(window.replace("\n", " ").replace("\r", " "))


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    right = len(piece.rstrip())
    if left < right:
        yield start + left, start + right
