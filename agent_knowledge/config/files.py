"""Reading files and lines from outside: no more than their limit, and one kind of error."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from agent_knowledge import limits

_BOM = b"\xef\xbb\xbf"
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""What a file in UTF-16 begins with, as spreadsheets save it."""


class UnreadableError(ValueError):
    """A file or a line cannot be read; the message says why, as "is empty" would."""


def read_bytes(path: Path, most: int) -> bytes:
    """Read a regular file whole.

    Args:
        path: The file. What is none, such as a named pipe, is not waited for.
        most: Bytes that it may have.

    Raises:
        UnreadableError: It is no regular file, or has more.
        OSError: It cannot be opened or read.
    """
    kind = kind_of(path)
    if kind is not None:
        msg = f"is {kind}, expected a file"
        raise UnreadableError(msg)
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        msg = f"has {os.stat(path).st_size:,} bytes, at most {most:,} are read"  # noqa: PTH116
        raise UnreadableError(msg)
    return data


def read_text(path: Path, most: int) -> str:
    """Read a text file whole, without a byte order mark; line ends as they are.

    Args:
        path: The file.
        most: Bytes that it may have.

    Raises:
        UnreadableError: It is no regular file, no UTF-8, or has more.
        OSError: It cannot be opened or read.
    """
    return decode(read_bytes(path, most).removeprefix(_BOM))


def reason_of(error: Exception) -> str:
    """Why a file could not be read, without its path."""
    return getattr(error, "strerror", None) or str(error)


def decode(data: bytes, what: str = "") -> str:
    """UTF-8 bytes as text.

    Args:
        data: The bytes.
        what: What they are, such as " of the line", for the message.

    Raises:
        UnreadableError: They are none.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if data.startswith(UTF_16):
            msg = "is UTF-16, expected UTF-8; save it as UTF-8"
        else:
            msg = f"is not UTF-8 (byte {error.start}{what}); save it as UTF-8"
        raise UnreadableError(msg) from error


def kind_of(path: Path) -> str | None:
    """What a path leads to when it is no regular file, for messages; None when it is one.

    Raises:
        OSError: Nothing is there, or it cannot be looked at.
    """
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return None
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def lines_of(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The lines of a file, each with its number from 1, without a byte order mark at the front.

    Yields:
        None in place of a line that is longer than `limits.LINE_BYTES`; it is skipped, not held.
    """
    number = 0
    while line := file.readline(limits.LINE_BYTES + 1):
        number += 1
        too_long = len(line) > limits.LINE_BYTES and not line.endswith(b"\n")
        if too_long:
            while (rest := file.readline(limits.LINE_BYTES)) and not rest.endswith(b"\n"):
                pass
        yield number, None if too_long else line.removeprefix(_BOM) if number == 1 else line


def leniently(line: bytes | None) -> str | bytes | None:
    """A line's text, its bytes that are no UTF-8 as U+FFFD: one of them must not cost a task.

    What begins as UTF-16 stays as it is, for `read_object` to say so.
    """
    if line is None or line.startswith(UTF_16):
        return line
    return line.decode("utf-8", errors="replace")


def read_object(line: str | bytes | None) -> dict[str, object]:
    """Read a line of JSON lines.

    Args:
        line: From `lines_of`, or as text.

    Raises:
        UnreadableError: It is too long, no UTF-8, no JSON, no object or nested too deeply.
    """
    if line is None:
        msg = f"is longer than {limits.LINE_BYTES:,} bytes"
        raise UnreadableError(msg)
    text = line if isinstance(line, str) else decode(line, " of the line")
    try:
        row: object = json.loads(text, parse_constant=_no_number, parse_float=_number)
    except RecursionError as error:
        raise UnreadableError(_too_deep()) from error
    except ValueError as error:
        msg = f"is not JSON ({_plainly(error)})"
        raise UnreadableError(msg) from error
    if not isinstance(row, dict):
        msg = f"is a JSON {type(row).__name__}, expected an object in braces"
        raise UnreadableError(msg)
    fields = cast("dict[str, object]", row)
    if _deeper_than(fields, limits.JSON_DEPTH):
        raise UnreadableError(_too_deep())
    return fields


def _too_deep() -> str:
    return f"is nested too deeply; at most {limits.JSON_DEPTH} levels are read"


def _plainly(error: ValueError) -> str:
    """Python's own words, but for a number so long that they advise a setting of Python's."""
    message = str(error)
    return "a whole number is too long" if message.startswith("Exceeds the limit") else message


def _no_number(name: str) -> NoReturn:
    msg = f"{name} is no JSON number"
    raise ValueError(msg)


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        msg = f"the number {text[:40]} is too large"
        raise ValueError(msg)
    return number


def _deeper_than(row: Mapping[str, object], most: int) -> bool:
    """Whether objects and lists stand within each other more often than that; never recursive."""
    level: list[object] = [row]
    for _ in range(most):
        level = [part for held in level for part in _parts(held)]
        if not level:
            return False
    return True


def _parts(held: object) -> Iterator[object]:
    """The objects and lists within one."""
    if isinstance(held, dict):
        inside = cast("dict[str, object]", held).values()
    else:
        inside = cast("list[object]", held)
    return (cast("object", part) for part in inside if isinstance(part, dict | list))
