"""What of a passage can be quoted: sentences, lists, rows of tables, code behind its sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from textwrap import dedent
from typing import cast

import Stemmer

from agent_knowledge.prompts import WrittenPassage
from agent_knowledge.text import blocks, content_words, sentences, words

LONGEST = 600
"""Characters. A longer sentence is cut, a longer list quoted by its items, and longer code is no
answer."""
_HEADING_WORDS = 6
"""A line as short as this that ends in no stop is a heading, though nothing marks it as one."""
_FEWEST_OPENING = 3
"""Fewer words ("Example:") need the sentence before them to introduce code."""
_BROKEN_WORDS = 6
"""A beginning as short as this that goes on in lower case was no sentence: `Pick Me Up! is`."""
_LEANS = re.compile(
    r"(?:(?:and|but|so|yet|also|however|then|therefore|thus|moreover|instead"
    r"|in addition|for example|for instance|as a result),? )?"
    r"(?:all (?:of )?)?(?:its?|they|their|them|this|these|those|such|he|his|him|she|her|that|both"
    r"|the (?:former|latter|same))\b"
    r"(?! (?:is|was) (?:not )?(?:important|best|possible|necessary|recommended|worth|free|safe)\b)",
    re.IGNORECASE,
)
_MARKUP = (
    (re.compile(r"\n[ \t]*+(?:>[ \t]?)++"), " "),
    (re.compile(r"``([^`\n]++)``"), r"`\1`"),
    (
        re.compile(r"(?::[\w:+-]{1,40}:|\{[\w:+-]{1,40}\})`[~!]?([^`<\n]++)(?:<[^`>\n]*+>)?`"),
        r"`\1`",
    ),
    (re.compile(r"`([^`<\n]++)<[^`>\n]++>`__?"), r"\1"),
    (re.compile(r"!\[[^\[\]\n]*+\]\([^()\n]*+\)|\[\^[^\[\]\n]{1,40}\]|\\(?= )"), ""),
    (re.compile(r"\[([^\[\]]++)\](?:\([^()\n]*+\)|\[[^\[\]\n]*+\]|\{[^{}\n]*+\})"), r"\1"),
    (re.compile(r"(`[^`\n]++`)|</?[A-Za-z][^<>\n]*+>"), r"\1"),
    (re.compile(r"(?<![`\w*])(\*\*?)(?=[^\s*])((?:[^*`\n]|`[^`\n]*+`)++)\1(?![\w*])"), r"\2"),
    (re.compile(r"[ \t]\{[#.:][^{}\n]*+\}"), ""),
)
"""What is taken off: signs of a quotation, reStructuredText's roles and links, Markdown's images,
footnotes, links, emphasis and attributes, tags."""
_ADMONITION = re.compile(
    r"\.\. (?:note|warning|tip|important|hint|caution|danger|attention|seealso|versionadded"
    r"|versionchanged|deprecated)::[ \t]*"
)
_DIRECTIVE = re.compile(r"\.\. |#\. |\([\w-]+\)=|!!! |\?\?\? |=== |:::|:\w[\w-]*:(?: |$)")
_CODE_DIRECTIVE = re.compile(r"\.\. (?:code|code-block|sourcecode|parsed-literal|highlight)::")
_DELIMITER = re.compile(r"\n[ \t]*+\|?[ \t]*+:?-[-|: \t]*+(?:\r?\n|\Z)")
_FENCE = re.compile(r"^[ \t]*(?:`{3,}|~{3,})(.*)", re.MULTILINE)
_LITERAL_INDENT = {"::": 2, ":": 4}
"""How far what follows such an end is indented where it is code."""
_POINTS = re.compile(
    r"(?:for (?:more|further|an|full)[^,]{0,80}, )?(?:please )?(?:see|read|refer to|check out)\b",
    re.IGNORECASE,
)
"""It only names another place."""
_INLINE_CODE = re.compile(r"`[^`]*+`")
_CODE_SIGN = re.compile(r"[{}<>=\\$#;_]|\w\(|\)\.|\"[:,]")
_STOPS = ".!?:。！？…\"'”’)"
_RUN_ON_WORDS = 40
"""More words than these without a stop are a menu or a listing."""
_BRACKETS = str.maketrans("[]【】［］", "()()()")

Place = tuple[int, int]
"""Rank of a passage, and number of a span in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotableSpan:
    """What may answer.

    Attributes:
        text: On one line, without markup.
        code: The lines of code that it introduces; empty where there are none.
        form: What it is: `sentence`, `list`, `item`, `row` or `code`.
        title: The last heading of its passage.
        lead: The question or heading right before it; empty for none.
        number: Of its passage.
        place: Where it stands among the spans of its passage.
        own: Its stems.
        context: Stems of title and lead.
        leans: It opens with a word for something that was named before it, or is part of a list
            that nothing opens.
        opening: The words that open its list, where its text begins with them.
    """

    text: str
    code: str = ""
    form: str
    title: str
    lead: str
    number: int
    place: Place
    own: frozenset[str]
    context: frozenset[str]
    leans: bool
    opening: str = ""

    @property
    def before(self) -> Place:
        """The place of the span before it, which may be a heading, and so no quote."""
        rank, place = self.place
        return rank, place - 1


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    form: str
    code: str = ""
    opened: bool = True
    opening: str = ""


def read_quotes(passage: WrittenPassage, rank: int) -> Iterator[QuotableSpan]:
    """Find what can be quoted of a passage, in its order.

    A question ("Can I return shoes?") or a heading is no answer by itself, but lends its words to
    what follows it.

    Args:
        passage: The passage.
        rank: 0 for the best passage.
    """
    title, heading = stems(passage.title), _one_line(passage.title.rpartition(" > ")[2])
    lead, led = "", frozenset[str]()
    for place, piece in enumerate(_pieces(passage.text)):
        own = stems(f"{piece.text} {piece.code}")
        if piece.form == "heading":
            lead, led = piece.text, own
        elif own or led:
            yield QuotableSpan(
                text=piece.text,
                code=piece.code,
                form=piece.form,
                title=heading,
                lead=lead,
                number=passage.number,
                place=(rank, place),
                own=own,
                context=title | led,
                leans=not piece.opened or _LEANS.match(piece.text) is not None,
                opening=piece.opening,
            )


def stems(text: str) -> frozenset[str]:
    """The content words of a text without their endings."""
    stem = cast("Callable[[list[str]], list[str]]", Stemmer.Stemmer("english").stemWords)
    return frozenset(stem(content_words(text)))


def _pieces(text: str) -> Iterator[_Piece]:
    """Read what stands together: a list with the words that open it, code with its sentence."""
    opening, columns = "", [""][:0]
    for kind, found in groupby(_read(_whole_code(text)), key=lambda block: block[0]):
        bodies = [body for _, body in found]
        if opening and not (kind == "code" or (kind == "item" and opening.endswith(":"))):
            yield from _alone(opening)
            opening = ""
        if kind == "prose":
            told = [sentence for body in bodies for sentence in _sentences(body)]
            for sentence in told[:-1]:
                yield from _alone(sentence)
            opening = told[-1] if told else ""
        elif kind == "header":
            columns = _cells(bodies[-1])
        else:
            yield from _structured(kind, bodies, opening, columns)
            opening, columns = "", []
    if opening:
        yield from _alone(opening, last=True)


def _structured(
    kind: str, bodies: Sequence[str], opening: str, columns: Sequence[str]
) -> Iterator[_Piece]:
    """What is no prose, behind the sentence that opens it."""
    if kind == "item":
        yield from _listed(opening, [_one_line(body) for body in bodies])
    elif kind == "code":
        if opening and len(bodies[0]) <= LONGEST:
            opened = len(words(opening)) >= _FEWEST_OPENING
            yield _Piece(opening, "code", bodies[0], opened=opened)
        elif opening:
            yield from _alone(opening)
    else:
        for body in bodies:
            text = _row(columns, _cells(body)) if kind == "row" else _one_line(body)
            yield _Piece(text, kind)


def _whole_code(text: str) -> str:
    """A passage cut within code: opened where it began before, without what goes on behind."""
    fences = list(_FENCE.finditer(text))
    if fences and fences[-1].group(1).strip():  # what names a language opens
        text = text[: fences.pop().start()]
    if len(fences) % 2 == 0:
        return text
    before = text[: fences[0].start()]
    opens = not before.strip() or before.endswith(("\n\n", ":\n")) or fences[0].group(1).strip()
    return text[: fences[-1].start()] if opens else f"```\n{text}"


def _read(text: str) -> Iterator[tuple[str, str]]:
    """The kinds and words of blocks; what is indented behind a colon is code as well."""
    least, code = 0, ""
    for block in blocks(text):
        start = text.rfind("\n", 0, block.start) + 1
        line, body = text[start : block.end], text[block.start : block.end].strip()
        if least and len(line) - len(line.lstrip(" ")) >= least:
            code += f"\n\n{line}" if code else line
            continue
        if code:
            yield "code", dedent(code)
        code, least = "", 0
        if block.kind == "code":
            yield "code", dedent(line.strip("\n"))
        elif _CODE_DIRECTIVE.match(body):
            least = _LITERAL_INDENT["::"]
        else:
            end = body[-2:] if body.endswith("::") else body[-1:]
            least = _LITERAL_INDENT.get(end, 0)
            body = _ADMONITION.sub("", body, count=1)
            if body and not _DIRECTIVE.match(body):
                header = block.kind == "row" and _DELIMITER.match(text, block.end)
                yield "header" if header else block.kind, body
    if code:
        yield "code", dedent(code)


def _sentences(text: str) -> list[str]:
    """Sentences, each on one line; what looks like two and is one is joined: "Yes. We ship"."""
    found: list[str] = []
    line = _plain(text)
    for start, end in sentences(line):
        if found and _is_broken(found[-1], line[start:end]):
            found[-1] += f" {line[start:end]}"
        else:
            found.append(line[start:end])
    return [cut for sentence in found if (cut := _cut(sentence))]


def _alone(text: str, *, last: bool = False) -> Iterator[_Piece]:
    """A sentence, or what only announces what follows it; nothing of a menu or of stray code."""
    bare = _INLINE_CODE.sub("", text)
    if len(_CODE_SIGN.findall(bare)) > 2 + len(bare) / 50:
        return
    if text[-1] not in _STOPS and len(words(text)) > _RUN_ON_WORDS:
        return
    short = text[-1] not in ".!。！…;)" and len(words(text)) <= _HEADING_WORDS
    heading = text.endswith(("?", "？", ":")) or (short and not last) or _POINTS.match(text)
    yield _Piece(text, "heading" if heading else "sentence")


def _listed(opening: str, items: list[str]) -> Iterator[_Piece]:
    """A short list as one sentence, or its items one by one."""
    items = [item for item in items if item]
    joined = "; ".join(item.rstrip(".;,") for item in items)
    brief = all(len(words(item)) <= _HEADING_WORDS for item in items)
    if items and len(joined) <= LONGEST and (opening or brief):
        yield _Piece(f"{opening} {joined}." if opening else joined, "list", opened=bool(opening))
        return
    if opening:
        yield _Piece(opening, "heading")
    for item in items:
        first = f"{opening} " if opening and len(opening) + len(item) < LONGEST else ""
        yield _Piece(f"{first}{item}", "item", opened=bool(opening), opening=first)


def _cells(row: str) -> list[str]:
    return [_one_line(cell) for cell in row.removeprefix("|").removesuffix("|").split("|")]


def _row(columns: Sequence[str], cells: Sequence[str]) -> str:
    """A row of a table, each further cell behind the name of its column."""
    named = zip_longest(columns[1:], cells[1:], fillvalue="")
    told = "; ".join(f"{column}: {cell}" if column else cell for column, cell in named if cell)
    return f"{cells[0]}: {told}" if told else cells[0]


def _is_broken(before: str, after: str) -> bool:
    """Whether what looks like two sentences is one: "Yes. We ship", "Pick Me Up! is"."""
    count = len(words(before))
    if count <= 1:
        return before[-1] in ".!,;"
    goes_on = before[0].isupper() and after[0].islower()
    return count <= _BROKEN_WORDS and before[-1] in ".!?" and goes_on


def _one_line(text: str) -> str:
    return _cut(_plain(text))


def _plain(text: str) -> str:
    """Words on one line, without markup; no bracket in them passes for a marker."""
    for markup, instead in _MARKUP:
        text = markup.sub(instead, text)
    return " ".join(text.split()).translate(_BRACKETS)


def _cut(text: str) -> str:
    text = text.removesuffix(":") if text.endswith("::") else text
    return text if len(text) <= LONGEST else text[:LONGEST].rpartition(" ")[0] + " …"
