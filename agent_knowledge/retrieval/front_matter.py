"""Front matter: what a Markdown file says of itself, as YAML between two `---` lines at its top."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

import yaml

from agent_knowledge.retrieval.dates import date_of
from agent_knowledge.retrieval.documents import Page
from agent_knowledge.types import without_surrogates

_MOST = 64_000
"""Characters that front matter has at most; YAML of that size is read in a seventh of a second."""
_MOST_LABELS = 200
"""Characters of labels, a quarter of what one vector stands for: more would outweigh the text."""
_BLOCK = re.compile(r"---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_NOT_A_LINE_END = re.compile(r"[^\n]")
_LABELS = ("tags", "keywords", "categories", "category")


def read_front_matter(text: str) -> Page:
    """Read the front matter of a Markdown text.

    A block that is no YAML mapping, is never closed or is longer than 64,000 characters is none:
    then it is text like any other.

    Returns:
        Title, date, tags and categories as the block tells them. In the text the block is blanked:
        no word of it is found, and what follows keeps its line and its place in the file.
    """
    found = _BLOCK.match(text[:_MOST])
    fields = _parsed(found[1]) if found else None
    if found is None or fields is None:
        return Page(text=text)
    title = fields.get("title")
    return Page(
        title=_one_line(title) if isinstance(title, str) else "",
        date=date_of(fields.items()),
        labels=dict(_labels(fields)),
        text=_NOT_A_LINE_END.sub(" ", found[0]) + text[found.end() :],
    )


def _parsed(block: str) -> Mapping[str, object] | None:
    """The fields of a block; None when it is no mapping."""
    try:
        # As safe as SafeLoader, and plainer: every scalar stays the text that was written, so a
        # date that is none (2026-13-45) does not make the whole block unreadable.
        found: object = yaml.load(block, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not block.strip():
        return {}
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else None


def _labels(fields: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    left = _MOST_LABELS
    for name in _LABELS:
        given = fields.get(name)
        listed = given.split(",") if isinstance(given, str) else given
        for number, item in enumerate(cast("list[object]", listed) if listed else (), start=1):
            label = _one_line(item) if isinstance(item, str) else ""
            left -= len(label)
            if label and left >= 0:
                yield f"{name} {number}", label


def _one_line(text: str) -> str:
    return " ".join(without_surrogates(text).split())
