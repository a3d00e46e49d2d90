"""The date of a document, as the document itself tells it.

A file's modification time is none: a fresh checkout would date everything of today.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import cast

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
    told: dict[str, str] = {}
    for name, value in fields:
        field = _plain(name)
        if field not in _KNOWN:
            continue
        if isinstance(value, Mapping):
            value = cast("Mapping[str, object]", value).get("date")  # noqa: PLW2901
        if day := day_of(value):
            told.setdefault(field, day)
    return next((told[name] for name in _FIELDS if name in told), None)


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
