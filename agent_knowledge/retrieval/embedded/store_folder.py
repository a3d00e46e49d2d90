"""The store's folder: one writer at a time, where snapshots are kept, which embedding fits."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from agent_knowledge.errors import ConfigError, StoreLockedError
from agent_knowledge.retrieval.stored import StoredSource

_LOCK = "write.lock"
_HOLDER = "write.lock.holder"
_MOST = 400
"""Characters of a holder that are shown: a host's name has 253 at most."""


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Hold the store's write lock; the operating system frees it if the process dies.

    Args:
        folder: The store's folder; created if it does not exist.

    Raises:
        StoreLockedError: Another process, or another part of this one, holds it; names the holder.
        ConfigError: The folder cannot be made or written.
    """
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        msg = (
            f"the index in {str(folder)!r} is being written by {_holder(folder)}; "
            "wait until it is done, or stop it, and run this again"
        )
        raise StoreLockedError(msg) from error
    except OSError as error:
        msg = f"store.path: {str(folder)!r} cannot be written ({error}); give a folder that can"
        raise ConfigError(msg) from error
    holder = folder / _HOLDER
    try:
        with suppress(OSError):  # it only names the holder: the lock is the other file
            holder.write_text(json.dumps(_ourselves()), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def _ourselves() -> dict[str, str | int]:
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": now}


def _holder(folder: Path) -> str:
    try:
        found = json.loads((folder / _HOLDER).read_bytes())
        pid, host, since = int(found["pid"]), str(found["host"]), str(found["since"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return "another process"
    # What stands in the file is shown to a terminal, so it has to be what we write there.
    holder = f"process {pid} on {host} since {since}"
    return holder if holder.isprintable() and len(holder) < _MOST else "another process"


_FOLDER = "search"


def search_folder(folder: Path, source: StoredSource) -> Path:
    """Where a source's snapshot is kept: a new folder for each generation."""
    return folder / _FOLDER / f"{source.id}-{source.generation}"


def clear_searches(folder: Path, *, keep: Iterable[StoredSource]) -> None:
    """Remove snapshots of other sources and generations, and what a killed run left."""
    kept = {search_folder(folder, source).name for source in keep}
    parent = folder / _FOLDER
    for place in parent.iterdir() if parent.is_dir() else ():
        if place.name not in kept:
            shutil.rmtree(place, ignore_errors=True)


def check_embedding(source: StoredSource, embedding: str) -> None:
    """Refuse an index that another embedding built.

    Raises:
        ConfigError: Names both, and how to rebuild.
    """
    if source.embedding != embedding:
        msg = (
            f"source {source.name!r} was indexed with embedding {source.embedding!r}, the "
            f"configuration says {embedding!r}; set embedding: {source.embedding} again, or "
            f"rebuild it: agent-knowledge index {source.name} --rebuild"
        )
        raise ConfigError(msg)
