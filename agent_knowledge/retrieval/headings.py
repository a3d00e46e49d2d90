"""Markdown headings and where they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"^ {0,3}(?:(#{1,6})[ \t]++(\S.*)|(`{3,}|~{3,}))", re.MULTILINE)
_BLANK = " \t"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level 1..6, its words, and where its line starts and ends."""

    level: int
    title: str
    start: int
    end: int


def headings(text: str) -> Iterator[Heading]:
    """Find the ATX headings (`## Like this`) of a text that stand outside of code fences."""
    fence = ""
    for found in _LINE.finditer(text):
        marks, title, ticks = found.groups()
        if ticks:
            if not fence:
                fence = ticks
            elif ticks.startswith(fence):
                fence = ""
        elif not fence:
            yield Heading(len(marks), _unclosed(title), found.start(), found.end())


def _unclosed(title: str) -> str:
    """A heading's words without the signs that may close it (`## Like this ##`)."""
    return title.rstrip(_BLANK).rstrip("#").rstrip(_BLANK) or title[0]
