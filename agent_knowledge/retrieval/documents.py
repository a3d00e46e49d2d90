"""A document as read from a source, before it is split, and what could not be read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent_knowledge import limits
from agent_knowledge.retrieval.dates import is_date_field

FORMAT = 5
"""Raise it when reading or splitting yields something else: re-indexing then renews everything."""
_KEYWORD_CHARACTERS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a file of one document holds.

    Attributes:
        text: Its text.
        title: May be empty.
        date: ISO date of its last change, when it tells one itself.
        labels: Tags and the like by name.
        left_out: What of the file is not in the text, and why; empty when all of it is.
    """

    text: str
    title: str = ""
    date: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document of a source.

    Attributes:
        id: Its id in the source: a row's own id, or a file's path relative to the source.
        origin: The file that it came from, relative to the source.
        title: May be empty.
        uri: Where a person finds it; relative to the source unless it tells a web address itself.
        text: The stored text, which all offsets count in.
        date: ISO date of its last change, when it tells one itself; never a file's.
        metadata: What else a row or front matter says, strings only. Part of the content: a change
            is a change.
        where: The file, with the line or row where there is one, as a person would look it up.
        row: It is a row of a table, kept whole when it is short.
        cleaned: Passages that speak to a model are not indexed; another index than with them.
    """

    id: str
    origin: str
    title: str
    uri: str
    text: str
    date: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    where: str = ""
    row: bool = False
    cleaned: bool = False

    @property
    def keywords(self) -> str:
        """Short metadata, such as a name or a category, that a search finds it by; a line each.

        A field that dates the document is none.
        """
        return "\n".join(
            value
            for key, value in self.metadata.items()
            if not is_date_field(key) and 0 < len(value) <= _KEYWORD_CHARACTERS
        )

    @property
    def content_hash(self) -> str:
        """Sha256 of all that a re-index compares; when a file was written is no part of it."""
        content = [FORMAT, self.title, self.uri, self.text, self.date, dict(self.metadata)]
        content += ["cleaned"] if self.cleaned else []
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A document that could not be read. What an earlier run stored of it is kept.

    Attributes:
        where: The file, with the line or row where there is one, as a person would look it up.
        reason: What is wrong and, where it helps, what is accepted.
        origin: The file or folder, relative to the source.
        id: The document's id, when it could be read.
    """

    where: str
    reason: str
    origin: str
    id: str | None = None


def fault_of(document: Document) -> str | None:
    """Say what of a document no index can hold, or more than it is to; None when nothing."""
    for what, size, most in (
        ("an id", len(document.id), limits.TITLE_CHARACTERS),
        ("a title", len(document.title), limits.TITLE_CHARACTERS),
        ("an address", len(document.uri), limits.URI_CHARACTERS),
        ("a text", len(document.text), limits.DOCUMENT_CHARACTERS),
    ):
        if size > most:
            return f"has {what} of {size:,} characters; at most {most:,} are accepted"
    if not document.text.strip():
        return '"text" is empty' if document.row else "is empty"
    named = {"id": document.id, "title": document.title, "uri": document.uri}
    for key, value in {**named, "text": document.text, **document.metadata}.items():
        fault = surrogate_fault(key + value)
        if fault:
            return f'"{key.encode(errors="replace").decode()}" {fault}'
    return None


def surrogate_fault(text: str) -> str | None:
    """Say where a text has a lone surrogate, which no UTF-8 text can carry; None if nowhere."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        return f"has a lone surrogate (U+{code:04X}) at character {error.start}"
    return None
