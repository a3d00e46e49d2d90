"""Markdown headings and where they stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from agent_knowledge.text import blocks

_BLANK = " \t"
_MOST_INDENTED = 3
"""Blanks before the signs of a heading; behind more of them it is code."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level 1..6, its words, and where its line starts and ends."""

    level: int
    title: str
    start: int
    end: int


def headings(text: str) -> Iterator[Heading]:
    """Find the ATX headings (`## Like this`) of a text that stand outside of code fences."""
    for block in blocks(text):
        start = text.rfind("\n", 0, block.start) + 1
        sign = text[start : block.start].rstrip(_BLANK)
        level = sign.count("#")
        words = block.kind == "heading" and text[block.start : block.end].strip()
        if words and len(sign) - level <= _MOST_INDENTED:
            yield Heading(level, _unclosed(text[block.start : block.end]), start, block.end)


def _unclosed(title: str) -> str:
    """A heading's words without the signs that may close it (`## Like this ##`)."""
    return title.rstrip(_BLANK).rstrip("#").rstrip(_BLANK) or title[0]
