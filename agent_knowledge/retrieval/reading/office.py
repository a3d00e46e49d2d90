"""DOCX, PPTX, XLSX and EPUB as documents, by kreuzberg (the extra `office`)."""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from agent_knowledge import limits
from agent_knowledge.config.files import UnreadableError
from agent_knowledge.errors import DISTRIBUTION
from agent_knowledge.retrieval.reading.documents import Page, day_of
from agent_knowledge.retrieval.reading.files import read_html
from agent_knowledge.retrieval.reading.headings import headings

if TYPE_CHECKING:
    from kreuzberg import ExtractionResult

_OPEN_XML = "application/vnd.openxmlformats-officedocument"
KINDS: Mapping[str, str] = {
    ".docx": f"{_OPEN_XML}.wordprocessingml.document",
    ".pptx": f"{_OPEN_XML}.presentationml.presentation",
    ".xlsx": f"{_OPEN_XML}.spreadsheetml.sheet",
    ".epub": "application/epub+zip",
}
"""Media type by suffix."""
_EXTRA = f"pip install '{DISTRIBUTION}[office]'"
_ROWS_CHARACTERS = 1_200
"""Of a sheet's rows that stand together under their header; with it they fit into one passage."""
_PARTS = re.compile(r"</?(?:thead|tbody)>")
_BETWEEN = re.compile(r"(?<!\s)\s++(?=</?(?:table|tr|th|td)\b)")
"""Of a table in HTML, what no reader sees."""
_MIDNIGHT = re.compile(r"\b(\d{4}-\d\d-\d\d) 00:00:00\b")
"""A day, as a sheet's cell holds it."""
_ENTITY = re.compile(r"&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));")
_SIGNS = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_STAND_INS = {sign: chr(0x10FFF0 + n) for n, sign in enumerate(_SIGNS.values())}
_BACK = {ord(stand_in): sign for sign, stand_in in _STAND_INS.items()}
"""For signs that XML writes as entities: characters that nobody uses."""
_BACK_ESCAPED = {place: html.escape(sign, quote=False) for place, sign in _BACK.items()}
_UNPACKED_BYTES = 3 * limits.DOCUMENT_BYTES
"""Of a DOCX, whose pictures are packed already: a limit."""
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError),
    *(NotImplementedError, RuntimeError),  # packed in another way, or encrypted
)


def read_office(data: bytes, suffix: str) -> Page:
    """Read an office file, its headings, lists and tables as those of a web page.

    A sheet and a slide begin with their title as a heading. Speaker notes are not read. The date is
    what the file's own properties say.

    Args:
        data: The file.
        suffix: One of `KINDS`.

    Raises:
        UnreadableError: The extra is not installed.
    """
    try:
        from kreuzberg import (  # noqa: PLC0415 - only who has such files needs it
            ExtractionConfig,
            extract_bytes_sync,
        )
    except ImportError as error:
        msg = f"is read by the extra 'office': {_EXTRA}"
        raise UnreadableError(msg) from error
    quiet = ExtractionConfig(
        output_format="html",
        use_cache=False,
        disable_ocr=True,  # pyright: ignore[reportCallIssue] - its stubs lack it
        enable_quality_processing=False,
    )
    given = _with_stand_ins(data) if suffix == ".docx" else data
    found = extract_bytes_sync(given, KINDS[suffix], config=quiet)
    page = read_html(_table_lines(found.content).translate(_BACK_ESCAPED).encode())
    text = _MIDNIGHT.sub(r"\1", _under_headers(page.text)) if suffix == ".xlsx" else page.text
    return Page(
        text=text,
        title=_title(found, "" if suffix == ".xlsx" else text),
        date=_date(cast("Mapping[str, Any]", found.metadata)),
    )


READERS = {suffix: partial(read_office, suffix=suffix) for suffix in KINDS}
"""What reads a file, by its suffix."""


def _table_lines(content: str) -> str:
    """A page without what stands between the rows and cells of its tables."""
    return _BETWEEN.sub("", _PARTS.sub("", content))


def _title(found: ExtractionResult, text: str) -> str:
    """What the file's properties call it, else its first heading."""
    told = str(cast("Mapping[str, Any]", found.metadata).get("title") or "").translate(_BACK)
    first = next(headings(text), None)
    return " ".join(told.split()) or (first.title if first else "")


def _date(metadata: Mapping[str, Any]) -> str | None:
    return day_of(metadata.get("modified_at")) or day_of(metadata.get("created_at"))


def _with_stand_ins(data: bytes) -> bytes:
    """A DOCX without entities: kreuzberg 4 drops them, and `R&D` would be read as `RD`.

    Raises:
        UnreadableError: It is no archive that can be read.
    """
    made = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
            _check_size(old)
            for part in old.infolist():
                content = old.read(part)
                if part.filename.endswith(".xml"):
                    content = _ENTITY.sub(_stand_in, content.decode()).encode()
                new.writestr(part.filename, content)
    except _BROKEN as error:
        msg = f"is no DOCX ({error})"
        raise UnreadableError(msg) from error
    return made.getvalue()


def _check_size(archive: zipfile.ZipFile) -> None:
    size = sum(part.file_size for part in archive.infolist())
    if size > _UNPACKED_BYTES:
        msg = f"unpacks to {size:,} bytes; at most {_UNPACKED_BYTES:,} are read"
        raise UnreadableError(msg)


def _stand_in(entity: re.Match[str]) -> str:
    decimal, hexadecimal, name = entity.groups()
    if name:
        sign = _SIGNS[name]
    else:
        number = int(decimal) if decimal else int(hexadecimal, 16)
        sign = chr(number) if 0x20 <= number < 0xD800 or 0xE000 <= number <= 0x10FFFD else " "
    return _STAND_INS.get(sign, sign)


def _under_headers(text: str) -> str:
    """The rows of sheets in blocks, each under its header: a passage far down has one too."""
    told = [line for line in text.split("\n") if not line or line.strip(" |")]
    return "\n".join(
        line
        for is_row, lines in groupby(told, key=lambda line: " | " in line)
        for line in (_blocks(list(lines)) if is_row else lines)
    )


def _blocks(rows: list[str]) -> Iterator[str]:
    header, size = rows[0], 0
    yield header
    for row in rows[1:]:
        size += len(row) + 1
        if size > _ROWS_CHARACTERS:
            yield from ("", header)
            size = len(row)
        yield row
