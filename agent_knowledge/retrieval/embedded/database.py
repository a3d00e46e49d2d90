"""The SQLite file as a whole: how it is opened, changed over, and what is said when it cannot be.

A file that readers may have open is never written. The writer changes a copy, and what it commits
replaces the file in one step. So a reader needs no lock, no journal and no right to write: it may
be on a read-only mount or another user's, sees one state for as long as it keeps the file open, and
a writer that is killed leaves nothing behind but a copy that the next one removes.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG

from agent_knowledge.errors import SourceError

_NOT_OPENED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_NOT_DAMAGED = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
}
"""What SQLite reports of the machine, and not of the file."""


def open_to_read(file: Path) -> sqlite3.Connection:
    """Open the file as it is now, and as it stays for this connection.

    Raises:
        SourceError: There is none, or it may not be read.
        sqlite3.Error: SQLite refuses it; see `explained`.
    """
    try:
        found = file.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        msg = f"no index in {str(file.parent)!r}; run: agent-knowledge index"
        raise SourceError(msg) from error
    except OSError as error:
        raise SourceError(_not_opened(file, error)) from error
    if not S_ISREG(found.st_mode):
        raise SourceError(damaged(file, "it is no file"))
    if not found.st_size:
        raise SourceError(damaged(file, "it is empty"))
    # Nobody writes this file, so there is nothing to lock, and no journal to look for or make.
    return _connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1")


def open_to_write(file: Path) -> sqlite3.Connection:
    """Open a copy of the file, an empty one where there is none; only the lock's holder may.

    Raises:
        SourceError: The copy cannot be made.
    """
    copy = _copy(file)
    with _written(file):
        discard(file)
        if file.exists():
            shutil.copyfile(file, copy)
    opened = _connect(f"{copy.absolute().as_uri()}?mode=rwc")
    # The copy is thrown away with a run that dies; it has to outlive no power failure.
    opened.execute("PRAGMA synchronous = OFF")
    opened.execute("PRAGMA journal_mode = DELETE")
    return opened


def publish(file: Path) -> None:
    """Show readers what was committed to the copy: from now on, all of it, on the disk.

    Raises:
        SourceError: It cannot be written; the file is what it was.
    """
    following = file.with_name(f"{file.name}.next")
    with _written(file):
        shutil.copyfile(_copy(file), following)
        with following.open("rb+") as made:
            os.fsync(made.fileno())
        following.replace(file)
        for old in ("-wal", "-shm"):  # of releases that kept a write-ahead log beside the file
            file.with_name(f"{file.name}{old}").unlink(missing_ok=True)


def discard(file: Path) -> None:
    """Remove the writer's copy, and what a killed writer left."""
    copy = _copy(file)
    for left in (copy.with_name(f"{copy.name}-journal"), copy, file.with_name(f"{file.name}.next")):
        left.unlink(missing_ok=True)


@contextmanager
def explained(file: Path) -> Generator[None]:
    """Say what is wrong with the file, and the next step.

    Raises:
        SourceError: In place of any error of SQLite's.
    """
    try:
        yield
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the message itself may be garbled
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _NOT_OPENED:
            msg = _not_opened(file, error)
        elif code in _NOT_DAMAGED or isinstance(error, sqlite3.ProgrammingError):
            msg = f"the index file {str(file)!r} cannot be used now ({error}); try it again"
        else:
            msg = damaged(file, str(error))
        raise SourceError(msg) from error


def damaged(file: Path, why: str) -> str:
    """The message of a file that is no store any more."""
    return (
        f"the index file {str(file)!r} is damaged ({why}); the sources' own files are not touched. "
        "Move that file away, or delete it, and run: agent-knowledge index"
    )


def _not_opened(file: Path, error: Exception) -> str:
    return (
        f"the index file {str(file)!r} cannot be opened ({error}); "
        "let this user read it, and enter its folder"
    )


@contextmanager
def _written(file: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        msg = f"the index file {str(file)!r} cannot be written ({error}); mend that, and try again"
        raise SourceError(msg) from error


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)


def _copy(file: Path) -> Path:
    return file.with_name(f"{file.name}.writing")
