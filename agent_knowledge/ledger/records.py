"""Append-only JSON lines: what was measured and what changed, kept for good.

Each line carries a checksum. One that is damaged counts for nothing, and a warning tells it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from agent_knowledge.errors import SourceError

_LOG = logging.getLogger(__name__)
_CHECKSUM = "checksum"
_DIGITS = 16
"""Of a checksum, hexadecimal: 64 bits against damage, not against forgery."""
_Row = TypeVar("_Row")


class Records(Generic[_Row]):
    """One file of rows of one kind. Safe for many readers and writers, in several processes."""

    def __init__(self, file: Path, kind: type[_Row]) -> None:
        """Name the file; it need not exist.

        Args:
            file: Its path.
            kind: The dataclass of its rows.
        """
        self.file = file
        self._adapter = TypeAdapter(kind)
        self._known: tuple[tuple[int, int], tuple[_Row, ...]] = ((-1, -1), ())

    def append(self, row: _Row, *, sync: bool = True) -> None:
        """Add a row; it is on the disk when this returns.

        Args:
            row: The row.
            sync: Wait until the disk has it; without, it is lost where the machine loses power.

        Raises:
            OSError: The file cannot be written.
        """
        fields: dict[str, Any] = self._adapter.dump_python(row, mode="json")
        line = json.dumps({**fields, _CHECKSUM: digest(fields)[:_DIGITS]}) + "\n"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.file}.lock"), self.file.open("a+b") as out:
            if out.tell() and not _ends_a_line(self.file):
                line = "\n" + line  # a writer died within its line: that row alone is lost
            out.write(line.encode())
            out.flush()
            if sync:
                os.fsync(out.fileno())

    def read(self) -> tuple[_Row, ...]:
        """All rows, oldest first. The file is read again only when it changed.

        A line that is not what was written, such as one cut off by a crash, is left out; a warning
        of the package's log names it.

        Raises:
            SourceError: There is a file, and it cannot be read.
        """
        try:
            stat = self.file.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            if self._known[0] != stamp:
                text = self.file.read_text(encoding="utf-8", errors="replace")
                self._known = (stamp, tuple(self._sound(text)))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            msg = f"{str(self.file)!r} cannot be read ({error}); let this user read it"
            raise SourceError(msg) from error
        return self._known[1]

    def _sound(self, text: str) -> Iterator[_Row]:
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                yield self._row(line)
            except (ValueError, RecursionError) as error:
                fault = "not of this kind" if isinstance(error, ValidationError) else str(error)
                told = "line %d of %r is left out (%s); mend it, or take it out"
                _LOG.warning(told, number, str(self.file), fault)

    def _row(self, line: str) -> _Row:
        """Read a line; one of an earlier release has no checksum.

        Raises:
            ValueError: It is not what was written.
        """
        fields: object = json.loads(line)
        if isinstance(fields, dict):
            named = cast("dict[str, Any]", fields)
            checksum = named.pop(_CHECKSUM, None)
            if checksum is not None and checksum != digest(named)[:_DIGITS]:
                msg = "it is not what was written: its checksum differs"
                raise ValueError(msg)
        return self._adapter.validate_python(fields)


def digest(value: Mapping[str, Any] | list[Any] | str) -> str:
    """A hash of a JSON value: the same for the same content, whatever the order of keys."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _ends_a_line(file: Path) -> bool:
    with file.open("rb") as held:
        held.seek(-1, os.SEEK_END)
        return held.read(1) == b"\n"
