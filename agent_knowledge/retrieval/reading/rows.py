"""Rows as documents: JSON lines and CSV, one document a row."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from agent_knowledge import limits
from agent_knowledge.config.files import UnreadableError, decode, lines_of, read_object
from agent_knowledge.errors import shown
from agent_knowledge.retrieval.reading.documents import Document, Failure, date_of, is_date_field
from agent_knowledge.retrieval.reading.fields import fields_of, number_of
from agent_knowledge.types.addresses import relative_address

_NOT_METADATA = frozenset({"id", "title", "text", "uri", "url"})
_NAMING_CELLS = 8
"""Of a CSV row without a text, as many cells that are text may name what it is about: all of a
usual table's; every cell of a wide one would leave its vectors no room for the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of a source: where it is, what the source calls it, and which source that is."""

    path: Path
    name: str
    source: str = ""

    def address(self, row: str | None = None) -> str:
        """Where a person finds it, or a row of it, told without a path of this machine."""
        return relative_address(self.source, self.name, row)


def read_json_lines(file: File) -> Iterator[Document | Failure]:
    """Read one document a line: {"id", "title", "text", ...}; a bad line fails alone.

    Raises:
        UnreadableError: No line holds anything.
    """
    empty = True
    with file.path.open("rb") as opened:
        for number, line in lines_of(opened):
            if line is None or line.strip():
                empty = False
                yield _read_line(file, number, line)
    if empty:
        msg = "is empty"
        raise UnreadableError(msg)


def _read_line(file: File, number: int, line: bytes | None) -> Document | Failure:
    where = f"{file.name} line {number}"
    row: dict[str, object] = {}
    try:
        row = _narrow(read_object(line))
        return _row_document(file, number, where, row)
    except UnreadableError as error:
        return Failure(where=where, reason=str(error), origin=file.name, id=_known_id(row))


def _narrow(row: dict[str, object]) -> dict[str, object]:
    if len(row) > limits.ROW_FIELDS:
        msg = f"has {len(row):,} fields; at most {limits.ROW_FIELDS:,} are accepted"
        raise UnreadableError(msg)
    return row


def _known_id(row: Mapping[str, object]) -> str | None:
    found = row.get("id")
    return str(found) if isinstance(found, str | int) else None


def _row_document(
    file: File,
    number: int,
    where: str,
    row: Mapping[str, object],
    labels: Sequence[str] | None = None,
) -> Document:
    """Make a document of a row; see `Document` for `labels`.

    Raises:
        UnreadableError: A field is missing or of the wrong type.
    """
    row_id = row.get("id", f"{file.name}#{number}")
    if isinstance(row_id, bool) or not isinstance(row_id, str | int) or row_id == "":
        msg = f'"id" is {shown(row_id)}, expected a string or a whole number'
        raise UnreadableError(msg)
    uri = _string(row, "uri", "") or _string(row, "url", "")
    return Document(
        id=str(row_id),
        origin=file.name,
        title=_string(row, "title", ""),
        uri=uri or file.address(str(row_id)),
        text=_string(row, "text"),
        date=date_of(row.items()),
        metadata=fields_of({k: v for k, v in row.items() if k not in _NOT_METADATA}),
        labels=labels,
        where=where,
        row=True,
    )


def _string(row: Mapping[str, object], key: str, default: str | None = None) -> str:
    value = row.get(key)
    if value is None:
        value = default
    if value is None:
        known = ", ".join(map(shown, list(row)[:8]))
        msg = f'has no "{key}" (its keys: {known or "none"})'
        raise UnreadableError(msg)
    if not isinstance(value, str):
        msg = f'"{key}" is {type(value).__name__} {shown(value)}, expected a string'
        raise UnreadableError(msg)
    return value


def read_csv(file: File) -> Iterator[Document | Failure]:
    """Read one document a row of a CSV file with a header; the delimiter is found out.

    The text is the column `text`, or else every column as a line "column: value"; the id is the
    column `id`, or else "file#row" (rows count from 1, without the header). A bad row fails alone:
    reading goes on with the line behind the one that the row began on.

    Raises:
        UnreadableError: The header is unusable, or no row stands below it.
    """
    csv.field_size_limit(limits.LINE_BYTES)
    with file.path.open("rb") as opened:
        lines = _Lines(opened)
        if not lines.begin_row():
            msg = "is empty"
            raise UnreadableError(msg)
        dialect = _dialect(next(lines))
        lines.begin_again()
        header = _header(_parsed(lines, dialect))
        number = 0
        while lines.begin_row():
            number += 1
            yield _read_row(file, number, header, (lines, dialect))
    if not number:
        msg = "holds no row below its header"
        raise UnreadableError(msg)


def _read_row(
    file: File, number: int, header: list[str], table: tuple[_Lines, type[csv.Dialect]]
) -> Document | Failure:
    where, cells = f"{file.name} row {number}", dict[str, str]()
    try:
        cells = _cells(_parsed(*table), header)
        return _row_document(file, number, where, *_as_row(cells))
    except UnreadableError as error:
        known = cells.get("id") or None
        return Failure(where=where, reason=str(error), origin=file.name, id=known)


def _parsed(lines: _Lines, dialect: type[csv.Dialect]) -> list[str]:
    """The cells of the row that begins here.

    Raises:
        UnreadableError: It is no CSV or no text; the lines behind its first are read again.
    """
    try:
        return next(csv.reader(lines, dialect, strict=True))
    except csv.Error as error:
        lines.begin_again(behind=1)
        msg = f"is no CSV ({error})"
        raise UnreadableError(msg) from error
    except UnreadableError:
        lines.begin_again(behind=1)
        raise


class _Lines:
    """The lines of a table, of which those of the present row can be read again."""

    def __init__(self, file: BinaryIO) -> None:
        self._ahead = deque[bytes | None]()
        self._row: list[bytes | None] = []
        self._unread = lines_of(file)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self._ahead:
            line = next(self._unread)[1]
            # A lone CR ends a line too, as old spreadsheets write it.
            self._ahead.extend([None] if line is None else line.splitlines(keepends=True))
        line = self._ahead.popleft()
        self._row.append(line)
        if line is None:
            msg = f"has a line of more than {limits.LINE_BYTES:,} bytes"
            raise UnreadableError(msg)
        return decode(line, " of the line")

    def begin_row(self) -> bool:
        """Leave blank lines out and begin a row; False at the end."""
        while True:
            self._row = []
            try:
                blank = not next(self).strip("\r\n")
            except StopIteration:
                return False
            except UnreadableError:
                blank = False  # it is told when the row is read
            if not blank:
                self.begin_again()
                return True

    def begin_again(self, *, behind: int = 0) -> None:
        """Go back to the present row's first line, or as many lines behind it."""
        self._ahead.extendleft(reversed(self._row[behind:]))
        self._row = []


def _dialect(header: str) -> type[csv.Dialect]:
    """Take the delimiter that the header line shows; RFC 4180 in all else."""

    class RowsRead(csv.excel):
        delimiter = max(",;\t|", key=header.count)

    return RowsRead


def _header(header: list[str]) -> list[str]:
    if len(header) > limits.ROW_FIELDS:
        msg = f"has {len(header):,} columns; at most {limits.ROW_FIELDS:,} are accepted"
        raise UnreadableError(msg)
    seen: set[str] = set()
    for name in header:
        if name in seen or not name.strip():
            what = f"the column {shown(name)} twice" if name.strip() else "a column without a name"
            msg = f"has {what}; every column needs a name of its own"
            raise UnreadableError(msg)
        seen.add(name)
    return header


def _cells(row: list[str], header: list[str]) -> dict[str, str]:
    if len(row) != len(header):
        msg = f"has {len(row):,} cells, does not have the {len(header)} cells of the header"
        raise UnreadableError(msg)
    return dict(zip(header, row, strict=True))


def _as_row(cells: dict[str, str]) -> tuple[Mapping[str, object], list[str] | None]:
    """Bring CSV cells into the form of a JSON row; of one without a text, what it is found by."""
    if "id" in cells and not cells["id"]:
        msg = '"id" is empty'
        raise UnreadableError(msg)
    own = {k: v for k, v in cells.items() if k in _NOT_METADATA}
    typed = {k: number_of(v) for k, v in cells.items() if k not in own and v}
    if "text" in cells:
        return own | typed, None
    lines = [f"{k}: {v}" for k, v in cells.items() if k not in {"id", "title"} and v.strip()]
    named = [k for k in typed if not is_date_field(k) and any(c.isalpha() for c in cells[k])]
    labels = [cells[k] for k in named[:_NAMING_CELLS]]
    return own | typed | {"text": "\n".join(lines)}, labels
