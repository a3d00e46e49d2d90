"""Append-only JSON lines: what was measured and what changed, kept for good."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

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

    def append(self, row: _Row) -> None:
        """Add a row; it is on the disk when this returns.

        Raises:
            OSError: The file cannot be written.
        """
        line = json.dumps(self._adapter.dump_python(row, mode="json")) + "\n"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{self.file}.lock"), self.file.open("a+b") as out:
            if out.tell() and not _ends_a_line(self.file):
                line = "\n" + line  # a writer died within its line: that row alone is lost
            out.write(line.encode())
            out.flush()
            os.fsync(out.fileno())

    def read(self) -> tuple[_Row, ...]:
        """All rows, oldest first. The file is read again only when it changed.

        A line that is no row of this kind, such as one cut off by a crash, is left out.
        """
        try:
            stat = self.file.stat()
        except OSError:
            return ()
        stamp = (stat.st_mtime_ns, stat.st_size)
        if self._known[0] != stamp:
            text = self.file.read_text(encoding="utf-8", errors="replace")
            made = (self._row(line) for line in text.split("\n") if line.strip())
            self._known = (stamp, tuple(row for row in made if row is not None))
        return self._known[1]

    def _row(self, line: str) -> _Row | None:
        try:
            return self._adapter.validate_json(line)
        except ValidationError:
            return None


def digest(value: Mapping[str, Any] | list[Any] | str) -> str:
    """A hash of a JSON value: the same for the same content, whatever the order of keys."""
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _ends_a_line(file: Path) -> bool:
    with file.open("rb") as held:
        held.seek(-1, os.SEEK_END)
        return held.read(1) == b"\n"
