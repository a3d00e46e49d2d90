"""What a snapshot consists of, with a checksum of each part: damage is found before it is read.

A snapshot is opened by programs that trust their files: a garbled pointer would be followed, a
garbled length allocated. So each file is compared with what was written, whole, before any of them
is parsed. CRC-32 is what finds accidents at the speed of reading; it is no defence against somebody
who can write the store.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FILE = "manifest.json"
_FORMAT = 1
"""Raise it when a manifest holds something else."""
_BLOCK = 1 << 20
"""Bytes read at a time."""


class UnsoundError(Exception):
    """A snapshot is not what was written; the message names the file and says what is wrong.

    Raised inside `sources` alone: `index` tells it to the caller, `indexing` mends it.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What a snapshot is of.

    Attributes:
        source: The source's name.
        number: The source's number and its generation.
        embedding: Name of the embedding.
        rows: Checksum of what SQLite says of its passages; see `checksum_of`.
    """

    source: str
    number: tuple[int, int]
    embedding: str
    rows: int

    def row(self) -> dict[str, Any]:
        """As it stands in the manifest."""
        return {
            "source": self.source,
            "number": list(self.number),
            "embedding": self.embedding,
            "rows": self.rows,
        }


def checksum_of(rows: Iterable[object]) -> int:
    """A checksum of rows of texts and numbers, in their order."""
    return zlib.crc32(json.dumps(list(rows), default=repr).encode())


def write(folder: Path, identity: Identity) -> None:
    """Seal a snapshot's folder: all that is in it now."""
    files = {path.name: _checksum(path) for path in sorted(folder.iterdir())}
    body = {"format": _FORMAT, "of": identity.row(), "files": files}
    row = {**body, "seal": checksum_of([body])}
    (folder / _FILE).write_text(json.dumps(row, indent=1), encoding="utf-8")


def check(folder: Path, identity: Identity) -> None:
    """Compare a folder with what was written into it.

    Args:
        folder: The snapshot's folder.
        identity: What it should be of.

    Raises:
        UnsoundError: It is not there, not whole, damaged, or of something else.
    """
    body = _read(folder / _FILE)
    for name, expected in body["files"].items():
        file = folder / name
        try:
            found = _checksum(file)
        except OSError as error:
            raise UnsoundError(_fault(file, f"cannot be read ({error})")) from error
        if found != expected:
            raise UnsoundError(_fault(file, "is damaged (its checksum differs)"))
    if body["of"] != identity.row():
        raise UnsoundError(_fault(folder / _FILE, "is not of what the store holds"))


def _read(file: Path) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(file.read_bytes())
        seal = row.pop("seal")
    except OSError as error:
        raise UnsoundError(_fault(file, f"cannot be read ({error})")) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnsoundError(_fault(file, "is damaged (it is no manifest)")) from error
    if seal != checksum_of([row]) or row.get("format") != _FORMAT:
        raise UnsoundError(_fault(file, "is damaged, or of another version"))
    return row


def _checksum(file: Path) -> int:
    """Of a file, its length first: CRC-32 alone is weak where zeros were added or lost."""
    crc = zlib.crc32(str(file.stat().st_size).encode())
    with file.open("rb") as opened:
        while block := opened.read(_BLOCK):
            crc = zlib.crc32(block, crc)
    return crc


def _fault(file: Path, what: str) -> str:
    return f"search file {str(file)!r} {what}"
