"""Arrays that are kept in the store under a stamp that says what they were made from."""

from __future__ import annotations

import io
import logging
import lzma
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import uuid4
from zipfile import BadZipFile, ZipFile

import numpy as np

from agent_knowledge.types import Matrix

_LOG = logging.getLogger(__name__)
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    BadZipFile,
    lzma.LZMAError,
    struct.error,
    zlib.error,
)
"""What zipfile and numpy raise of files that they cannot read."""


def read(file: Path, stamp: str, names: Sequence[str]) -> dict[str, Matrix] | None:
    """The named arrays, or None when there are none, or they were made from something else.

    Damaged ones are none either: what they were made from is at hand, and a warning tells it.
    """
    try:
        return _unpacked(file.read_bytes(), stamp, names)
    except FileNotFoundError:
        return None
    except _DAMAGE as error:
        message = "%r cannot be used (%s), so it is made anew; agent-knowledge index keeps it again"
        _LOG.warning(message, str(file), error)
        return None


def _unpacked(content: bytes, stamp: str, names: Sequence[str]) -> dict[str, Matrix] | None:
    """Unpack from memory: given a path, np.load leaves a damaged file open."""
    # All checksums are compared first: a damaged header would be believed, and its size taken.
    with ZipFile(io.BytesIO(content)) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        msg = f"{damaged} in it is damaged"
        raise ValueError(msg)
    with np.load(io.BytesIO(content), allow_pickle=False) as data:
        if str(data["stamp"]) != stamp:
            return None
        found: dict[str, Matrix] = {name: data[name] for name in names}
    if not all(np.isfinite(array).all() for array in found.values()):
        msg = "it has numbers that are none"
        raise ValueError(msg)
    return found


def write(file: Path, stamp: str, arrays: Mapping[str, Matrix]) -> None:
    """Write beside and move into place, so that a reader sees the old file or the new one.

    A store that cannot be written costs the next process some time, and this one nothing.
    """
    beside = file.with_name(f"{file.name}.{uuid4().hex}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("xb") as opened:
            np.savez(opened, allow_pickle=False, stamp=np.array(stamp), **arrays)
            os.fsync(opened.fileno())
        beside.replace(file)
    except OSError:
        return
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
