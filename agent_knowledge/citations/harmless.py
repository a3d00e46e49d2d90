"""Markdown of an answer kept from acting: no HTML, and no link that runs a script or opens a file.

A model's Markdown, or a passage that the packaged model quotes, is shown by whatever renderer the
host has, and most pass HTML on. A text is changed no more than it must be: `LEVELS` are tried in
their order, and a parser says whether what comes out is harmless.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent_knowledge.citations.markers import Span

_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_LINK = re.compile(r"\](?=[(:])")
_ALL = re.compile(r"[\\`*_\[\]{}<|~&]")
_SCHEME = re.compile(r"\s*+([^/?#\s:]*+)\s*+:")
_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
"""What a link may begin with, if it begins with a scheme: none of them runs or reads anything."""


def _any_link(_: str) -> bool:
    """Every link is seen: other parsers may let pass what this one would not."""
    return True


_PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_PARSER.validateLink = _any_link  # pyright: ignore[reportAttributeAccessIssue]
_DEEPEST = int(_PARSER.options["maxNesting"]) - 1
"""What stands in a block of this level is not read, so nobody could say what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """How far a text is changed: what is done to it, and whether to its code as well."""

    mend: Callable[[str], str]
    in_code: bool = False


def _as_is(text: str) -> str:
    return text


def _without_tags(text: str) -> str:
    return _TAG.sub("&lt;", text)


def _without_links(text: str) -> str:
    return _LINK.sub(r"]\\", _without_tags(text))


def _without_markdown(text: str) -> str:
    return _ALL.sub(lambda match: f"&#{ord(match.group())};", text)


LEVELS = (
    Level(mend=_as_is),
    Level(mend=_without_tags),
    Level(mend=_without_links),
    Level(mend=_without_markdown, in_code=True),
)


def harmless(write: Callable[[Level], str]) -> str:
    """The least changed form of a text that is harmless.

    Args:
        write: Writes the text at a level; what the last one gives is taken as it is.
    """
    written = (write(level) for level in LEVELS[:-1])
    return next((text for text in written if is_harmless(text)), None) or write(LEVELS[-1])


def is_harmless(text: str) -> bool:
    """Whether Markdown has no HTML and no link but to the web, to a mail or relative ones."""
    return all(map(_may_stay, _tokens(_PARSER.parse(text))))


def _tokens(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _tokens(token.children or ())


def _may_stay(token: Token) -> bool:
    address = str(token.attrGet("href") or token.attrGet("src") or "")
    scheme = _SCHEME.match(address)
    allowed = scheme is None or scheme.group(1).lower() in _SCHEMES
    return allowed and token.level < _DEEPEST and token.type not in {"html_block", "html_inline"}


def stretches(start: int, end: int, code: Sequence[Span]) -> Iterator[tuple[int, int, bool]]:
    """Split `start:end` of a text at its code: begin, end, and whether it is code."""
    place = max(bisect_right(code, start, key=lambda span: span[0]) - 1, 0)
    while start < end:
        while place < len(code) and code[place][1] <= start:
            place += 1
        first, after = code[place] if place < len(code) else (end, end)
        inside = first <= start
        stop = min(after if inside else first, end)
        yield start, stop, inside
        start = stop
