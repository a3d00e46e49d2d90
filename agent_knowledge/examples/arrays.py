"""Arrays that are kept in the store under a stamp that says what they were made from."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from agent_knowledge.types import Matrix


def read(file: Path, stamp: str, names: Sequence[str]) -> dict[str, Matrix] | None:
    """The named arrays, or None when there are none, or they were made from something else."""
    try:
        # From memory: given a path, np.load leaves the file open when it is damaged.
        with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as data:
            return {name: data[name] for name in names} if str(data["stamp"]) == stamp else None
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, BadZipFile):
        return None


def write(file: Path, stamp: str, arrays: Mapping[str, Matrix]) -> None:
    """Write beside and move into place, so that a reader sees the old file or the new one.

    A store that cannot be written costs the next process some time, and this one nothing.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as opened:
            np.savez(opened, allow_pickle=False, stamp=np.array(stamp), **arrays)
        Path(beside).replace(file)
    finally:
        Path(beside).unlink(missing_ok=True)
