"""Rows as documents: JSON lines and CSV, one document a row."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from agent_knowledge.addresses import relative_address
from agent_knowledge.sources.dates import date_of, is_date_field
from agent_knowledge.sources.documents import Document, Failure, UnreadableError, surrogate_fault

_NOT_METADATA = frozenset({"id", "title", "text", "uri", "url"})
_MAX_FIELD_CHARACTERS = 100_000_000
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
    """Read one document a line: {"id", "title", "text", ...}; a bad line fails alone."""
    with file.path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            data = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if data.strip():
                yield _read_line(file, number, data)


def _read_line(file: File, number: int, data: bytes) -> Document | Failure:
    where = f"{file.name} line {number}"
    row: dict[str, Any] = {}
    try:
        row = _parse(data)
        return _row_document(file, number, where, row)
    except UnreadableError as error:
        return Failure(where=where, reason=str(error), origin=file.name, id=_known_id(row))


def _parse(data: bytes) -> dict[str, Any]:
    try:
        row: object = json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 (byte {error.start} of the line)"
        raise UnreadableError(msg) from error
    except (ValueError, RecursionError) as error:
        msg = f"is not JSON ({error})"
        raise UnreadableError(msg) from error
    if not isinstance(row, dict):
        kind = type(row).__name__
        msg = f'is a JSON {kind}, expected an object such as {{"id": "1", "text": "..."}}'
        raise UnreadableError(msg)
    return cast("dict[str, Any]", row)


def _known_id(row: Mapping[str, Any]) -> str | None:
    found = row.get("id")
    return str(found) if isinstance(found, str | int) else None


def _row_document(file: File, number: int, where: str, row: Mapping[str, Any]) -> Document:
    """Make a document of a row.

    Raises:
        UnreadableError: A field is missing, of the wrong type, empty or not encodable.
    """
    row_id = row.get("id", f"{file.name}#{number}")
    if isinstance(row_id, bool) or not isinstance(row_id, str | int) or row_id == "":
        msg = f'"id" is {row_id!r}, expected a string or a whole number'
        raise UnreadableError(msg)
    metadata = {k: _plain(v) for k, v in row.items() if k not in _NOT_METADATA and v is not None}
    fields = {"id": str(row_id), "text": _string(row, "text"), "title": _string(row, "title", "")}
    uri = row.get("uri") or row.get("url")
    for key, value in {**fields, "uri": str(uri or ""), **metadata}.items():
        fault = surrogate_fault(key + value)
        if fault:
            msg = f'"{key.encode(errors="replace").decode()}" {fault}'
            raise UnreadableError(msg)
    if not fields["text"].strip():
        msg = '"text" is empty'
        raise UnreadableError(msg)
    return Document(
        id=fields["id"],
        origin=file.name,
        title=fields["title"],
        uri=uri if isinstance(uri, str) else file.address(fields["id"]),
        text=fields["text"],
        date=date_of(row.items()),
        metadata=metadata,
        where=where,
        row=True,
    )


def _string(row: Mapping[str, Any], key: str, default: str | None = None) -> str:
    value = row.get(key)
    if value is None:
        value = default
    if value is None:
        known = ", ".join(map(repr, list(row)[:8]))
        msg = f'has no "{key}" (its keys: {known or "none"})'
        raise UnreadableError(msg)
    if not isinstance(value, str):
        msg = f'"{key}" is {type(value).__name__} {str(value)[:40]!r}, expected a string'
        raise UnreadableError(msg)
    return value


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def read_csv(file: File) -> Iterator[Document | Failure]:
    """Read one document a row of a CSV file with a header; the delimiter is found out.

    The text is the column `text`, or else every column as a line "column: value"; the id is the
    column `id`, or else "file#row" (rows count from 1, without the header).

    Raises:
        UnreadableError: The file is no UTF-8 or its header is unusable.
    """
    csv.field_size_limit(_MAX_FIELD_CHARACTERS)
    try:
        text = file.path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        msg = f"is not UTF-8 (byte {error.start})"
        raise UnreadableError(msg) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), dialect=_dialect(text), strict=True)
    header = _header(reader)
    number = 0
    while True:
        number += 1
        where = f"{file.name} row {number}"
        cells: dict[str, str] = {}
        try:
            cells = _cells(next(reader), header)
            yield _row_document(file, number, where, _as_row(cells))
        except StopIteration:
            return
        except csv.Error as error:  # the parser cannot find its way back: the rest is unread
            yield Failure(where=where, reason=f"is no CSV ({error})", origin=file.name)
            return
        except UnreadableError as error:
            yield Failure(
                where=where, reason=str(error), origin=file.name, id=cells.get("id") or None
            )


def _dialect(text: str) -> type[csv.Dialect]:
    """Take the delimiter that the header line shows; RFC 4180 in all else."""
    header = text.partition("\n")[0]

    class Found(csv.excel):
        delimiter = max(",;\t|", key=header.count)

    return Found


def _header(reader: csv.DictReader[str]) -> list[str]:
    try:
        header = list(reader.fieldnames or ())
    except csv.Error as error:
        msg = f"is no CSV ({error})"
        raise UnreadableError(msg) from error
    if len(set(header)) < len(header) or not all(name.strip() for name in header):
        msg = f"has the header {header!r}; every column needs a name of its own"
        raise UnreadableError(msg)
    return header


def _cells(row: Mapping[str | Any, Any], header: list[str]) -> dict[str, str]:
    cells = {k: v for k, v in row.items() if isinstance(k, str) and isinstance(v, str)}
    if len(cells) < len(header) or len(row) > len(header):
        msg = f"does not have the {len(header)} cells of the header"
        raise UnreadableError(msg)
    return cells


def _as_row(cells: dict[str, str]) -> dict[str, str]:
    """Bring CSV cells into the form of a JSON row."""
    if "id" in cells and not cells["id"]:
        msg = '"id" is empty'
        raise UnreadableError(msg)
    if "text" in cells:
        return cells
    lines = [f"{k}: {v}" for k, v in cells.items() if k not in {"id", "title"} and v.strip()]
    own = {k: v for k, v in cells.items() if k in _NOT_METADATA or is_date_field(k)}
    called = [k for k, v in cells.items() if k not in own and any(c.isalpha() for c in v)]
    return own | {k: cells[k] for k in called[:_NAMING_CELLS]} | {"text": "\n".join(lines)}
