"""A document as read from a source, before it is split; its date, and what could not be read.

Its date is what the document itself tells. A file's modification time is none: a fresh checkout
would date everything of today.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, TypeAlias, cast

from agent_knowledge import limits
from agent_knowledge.retrieval.reading.fields import LONGEST, texts_of
from agent_knowledge.types.filters import Fields, Value

if TYPE_CHECKING:
    from agent_knowledge.types import Vector

_EARLIEST = date(1900, 1, 1)
"""Before it stand the zeros that software writes for "never" (year 1, 1601), and typing errors."""

_CHANGED = (
    *("updated", "updatedat", "updatedon", "lastupdated", "lastupdate", "lastupdatedat"),
    *("modified", "modifiedat", "modifiedtime", "lastmodified", "lastmod", "revised"),
    *("datemodified", "dateupdated", "articlemodifiedtime", "ogupdatedtime"),
    *("dctermsmodified", "dcmodified", "dcdatemodified"),
)
_MADE = (
    *("date", "published", "publishedat", "publishedon", "publisheddate", "publishedtime"),
    *("publishdate", "publicationdate", "pubdate", "datepublished", "articlepublishedtime"),
    *("created", "createdat", "createdon", "creationdate", "datecreated"),
    *("dctermsdate", "dctermsissued", "dctermscreated", "dcdate", "dcdateissued", "dcdatecreated"),
)
_FIELDS = (*_CHANGED, *_MADE)
"""Fields that date a document, as front matter, metadata of pages (Dublin Core, Open Graph,
schema.org) and tables name them, without case and punctuation; the last change before the first."""
_KNOWN = frozenset(_FIELDS)

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_TIME = r"(?:[T ]?\d\d:?\d\d.*)?"
_NUMBERS = re.compile(rf"(?:D:)?(\d{{4}})([-/.]?)(\d\d)\2(\d\d){_TIME}", re.ASCII)
"""ISO 8601 in both its forms, with slashes or dots too, and as a PDF has it."""
_WORDS = re.compile(
    r"(?:[A-Za-z]+, )?(?:(?P<day>\d{1,2}) (?P<month>[A-Za-z]+)\.?"
    rf"|(?P<month_first>[A-Za-z]+)\.? (?P<day_after>\d{{1,2}})),? (?P<year>\d{{4}}),?{_TIME}",
    re.ASCII,
)
"""31 January 2026, Jan. 31, 2026, and as mail and HTTP have it: Sat, 31 Jan 2026 10:00:00 GMT."""
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


def is_date_field(name: str) -> bool:
    """Whether a field of that name tells a document's date."""
    return _plain(name) in _KNOWN


def date_of(fields: Iterable[tuple[str, object]]) -> str | None:
    """The date that a document's fields tell.

    Args:
        fields: Names, whatever their case and punctuation, and values. A section of fields, such
            as `last_update: {date: ...}`, counts by its `date`.

    Returns:
        The ISO date of the last change, else the one it was made on; None when no field tells one.
    """
    days: dict[str, str] = {}
    for name, value in fields:
        field = _plain(name)
        if field not in _KNOWN:
            continue
        if isinstance(value, Mapping):
            value = cast("Mapping[str, object]", value).get("date")  # noqa: PLW2901
        if day := day_of(value):
            days.setdefault(field, day)
    return next((days[name] for name in _FIELDS if name in days), None)


def day_of(value: object) -> str | None:
    """Read a date.

    Args:
        value: A text, with or without a time, or a whole number such as 20260131.

    Returns:
        The ISO date, `YYYY-MM-DD`, as it is written, whatever the time zone. None for what is no
        date, could be read as two (03/04/2026), lacks its day, lies in the future (after today in
        UTC) or before 1900.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | date):
        return None
    try:
        day = _parsed(" ".join(str(value).split()))
    except ValueError:
        return None
    return day.isoformat() if _EARLIEST <= day <= datetime.now(UTC).date() else None


def _parsed(text: str) -> date:
    """Read a text that is a date, with a time or without.

    Raises:
        ValueError: It is none.
    """
    if found := _NUMBERS.fullmatch(text):
        year, _, month, day = found.groups()
        return date(int(year), int(month), int(day))
    if found := _WORDS.fullmatch(text):
        name = (found["month"] or found["month_first"]).lower()
        months = [n for n, month in enumerate(_MONTHS, start=1) if name in {month, month[:3]}]
        if months:
            return date(int(found["year"]), months[0], int(found["day"] or found["day_after"]))
    msg = f"{text[:40]!r} is no date"
    raise ValueError(msg)


def _plain(name: str) -> str:
    return _NOT_IN_A_NAME.sub("", name.lower())


FORMAT = 6
"""Raise it when reading or splitting yields something else: re-indexing then renews everything."""
_KEYWORD_CHARACTERS = 80
"""A longer value of metadata is a text, not a name: a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a file of one document holds.

    Attributes:
        text: Its text.
        title: May be empty.
        date: ISO date of its last change, when it tells one itself.
        labels: Tags and the like, which it is found by too.
        fields: What else it says of itself, for filters; the labels too.
        left_out: What of the file is not in the text, and why; empty when all of it is.
    """

    text: str
    title: str = ""
    date: str | None = None
    labels: Sequence[str] = ()
    fields: Fields = field(default_factory=dict[str, Value])
    left_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a server says to recognise a page by, told again when it is asked for anew.

    Attributes:
        etag: As its header `ETag` has it; may be empty.
        modified: As its header `Last-Modified` has it; may be empty.
    """

    etag: str = ""
    modified: str = ""


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
        metadata: What else a row or front matter says, typed. Part of the content: a change is a
            change.
        labels: Short texts that it is found by too, such as tags; None for the short values of its
            metadata.
        where: The file, with the line or row where there is one, as a person would look it up.
        row: It is a row of a table, kept whole when it is short.
        cleaned: Passages that speak to a model are not indexed; another index than with them.
        vector: Of the whole document, of length 1, where its place has one already, made by the
            embedding that the index is of. Such a document is kept whole, and is not embedded.
        known: What its server says to recognise it by; no part of the content.
    """

    id: str
    origin: str
    title: str
    uri: str
    text: str
    date: str | None = None
    metadata: Fields = field(default_factory=dict[str, Value])
    labels: Sequence[str] | None = None
    where: str = ""
    row: bool = False
    cleaned: bool = False
    vector: Vector | None = field(default=None, compare=False, repr=False)
    known: Known = Known()

    @property
    def keywords(self) -> str:
        """Short metadata, such as a name or a category, that a search finds it by; a line each.

        A field that dates the document is none.
        """
        named = (
            [text for key in self.metadata if not is_date_field(key) for text in self._texts(key)]
            if self.labels is None
            else self.labels
        )
        return "\n".join(text for text in named if 0 < len(text) <= _KEYWORD_CHARACTERS)

    def _texts(self, key: str) -> tuple[str, ...]:
        return texts_of(self.metadata[key])

    @property
    def fields(self) -> dict[str, Value]:
        """What a filter reads: the metadata, but no long texts, with the document's own names."""
        own = {"document": self.id, "title": self.title, "uri": self.uri, "date": self.date or ""}
        short = {
            name: value
            for name, value in self.metadata.items()
            if len(name) + sum(map(len, texts_of(value))) <= LONGEST
        }
        return short | {name: value for name, value in own.items() if value}

    @property
    def content_hash(self) -> str:
        """Sha256 of all that a re-index compares; when a file was written is no part of it."""
        content = [FORMAT, self.title, self.uri, self.text, self.date, dict(self.metadata)]
        content += [] if self.labels is None else [list(self.labels)]
        content += ["cleaned"] if self.cleaned else []
        content += [] if self.vector is None else [self.vector_hash]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def vector_hash(self) -> str:
        """Sha256 of the vector that it came with; empty where it came with none."""
        return "" if self.vector is None else hashlib.sha256(self.vector.tobytes()).hexdigest()


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A document that is unchanged, so that its place gave no text: what is stored of it stays.

    Attributes:
        id: The document's id.
        known: What its server says now to recognise it by; None for what it said before.
    """

    id: str
    known: Known | None = None


Item: TypeAlias = "Document | Failure | Kept"
"""What reading a source yields."""


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
    if document.vector is not None and not math.isfinite(float(document.vector.sum())):
        return "has a vector with numbers that are none (NaN, infinite)"
    told = {key: "\n".join(texts_of(value)) for key, value in document.metadata.items()}
    for key, value in {**told, **named, "text": document.text}.items():
        fault = character_fault(value) or character_fault(key)
        if fault:
            return f'"{key.encode(errors="replace").decode()}" {fault}'
    return None


def character_fault(text: str) -> str | None:
    """Say where a text has what not every store can hold; None if nowhere.

    That is a lone surrogate, which no UTF-8 text can carry, or a NUL.
    """
    if "\0" in text:
        return f"has a NUL character (U+0000) at character {text.index(chr(0))}"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        return f"has a lone surrogate (U+{code:04X}) at character {error.start}"
    return None
