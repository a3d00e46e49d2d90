"""Passages as callers have them: ours, a plain text, a LangChain document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from agent_knowledge.errors import InputError
from agent_knowledge.types import Passage
from agent_knowledge.types.addresses import address_of_place, public_address


class PassageText(Protocol):
    """What is read of a passage; `types.Passage` is one."""

    @property
    def title(self) -> str:
        """Its title, which may be empty."""
        ...

    @property
    def text(self) -> str:
        """Its text; quotes are offsets into it."""
        ...


class PageContent(Protocol):
    """What is read of a LangChain `Document`."""

    @property
    def page_content(self) -> str:
        """Its text."""
        ...

    @property
    def metadata(self) -> Mapping[str, object]:
        """Where it is from: `title`, `uri` or `source`, `document` or `id`, `start`, `date`."""
        ...


Given = str | PassageText | PageContent
GivenPassages = Mapping[str, Given] | Sequence[Given]
"""By the id that markers name, or in the order in which they are numbered from 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenPassage:
    """A passage that someone else retrieved."""

    title: str = ""
    text: str


def as_passages(given: GivenPassages) -> dict[str, Passage]:
    """Passages by the id that markers name.

    Raises:
        InputError: One of them is none of what is accepted.
    """
    if isinstance(given, str):
        msg = f"the passages are one text ({given[:40]!r}); give a list of them, or a mapping"
        raise InputError(msg)
    if isinstance(given, Mapping):
        return {str(id_): _as_passage(str(id_), one) for id_, one in given.items()}
    return {str(n): _as_passage(str(n), one) for n, one in enumerate(given, start=1)}


def _as_passage(id_: str, given: Given) -> Passage:
    if isinstance(given, Passage):
        return given
    if isinstance(given, str):
        return _made(id_, given, {})
    text = getattr(given, "text", None)
    if isinstance(text, str):
        return _made(id_, text, {"title": getattr(given, "title", "")})
    content = getattr(given, "page_content", None)
    if isinstance(content, str):
        metadata = cast("Mapping[str, object] | None", getattr(given, "metadata", None))
        return _made(id_, content, metadata or {})
    msg = (
        f"passage {id_!r} is a {type(given).__name__}; give a Passage, a text, a LangChain "
        "Document, or an object with 'title' and 'text'"
    )
    raise InputError(msg)


def _made(id_: str, text: str, known: Mapping[str, object]) -> Passage:
    def first(*keys: str) -> str:
        return next((str(known[key]) for key in keys if known.get(key)), "")

    place = address_of_place(first("source"))
    source = "" if place.startswith("file:") else place
    uri = public_address(first("uri", "url") or place, source, first("document", "id"))
    start = known.get("start")
    start = start if isinstance(start, int) else 0
    return Passage(
        source=source,
        document=first("document", "id") or source or uri or id_,
        title=first("title"),
        uri=uri,
        text=text,
        start=start,
        end=start + len(text),
        date=first("date") or None,
        document_hash=first("document_hash") or None,
    )
