"""Qdrant's client: a server's, or one that keeps a folder, which one process has at a time."""

from __future__ import annotations

import math
import sqlite3
import threading
import weakref
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from filelock import FileLock, Timeout
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from agent_knowledge.errors import (
    ConfigError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
    StoreUnavailableError,
    StoreVersionError,
)

_PORT = 6333
"""Where a server listens whose url names no port: what Qdrant and its client take for it."""
_OLDEST = (1, 10)
"""The first release of the server that searches several ways in one request."""
_FULL = ("no space left", "disk full", "not enough disk")
_GONE = 404
_FORBIDDEN = (401, 403)
"""What HTTP says of a collection that is not there, and of a key that does not let in."""


class CollectionGoneError(Exception):
    """A collection is not there any more: a newer one has taken its place."""


@dataclass(slots=True)
class _Local:
    """A folder that this process has open, for all that use it."""

    client: QdrantClient
    lock: FileLock
    users: int = 0
    busy: threading.RLock = field(default_factory=threading.RLock)


_locals: dict[Path, _Local] = {}
_locals_lock = threading.Lock()


class QdrantStore:
    """Where a Qdrant is, and the way to it. Safe to share between threads."""

    def __init__(
        self, *, url: str = "", api_key: str = "", folder: Path | None = None, timeout_s: float = 5
    ) -> None:
        """Prepare; nothing is opened before the first use.

        Args:
            url: Of a server.
            api_key: Of a server that asks for one.
            folder: Where there is no server: the folder that a local one keeps.
            timeout_s: Seconds that one request may take.

        Raises:
            ConfigError: There is neither.
        """
        if not url and folder is None:
            msg = "store: a store of kind 'qdrant' needs a url, or a path for a local one"
            raise ConfigError(msg)
        if url and not _is_address(url):
            msg = "store.url: is no address of a Qdrant server; give http(s)://host:port, best as"
            raise ConfigError(f"{msg} ${{NAME}}, and a key as store.api_key")
        self._url = url
        self._api_key = api_key
        self._folder = folder.resolve() if folder and not url else None
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._client: QdrantClient | None = None
        self._left: weakref.finalize[[Path], QdrantStore] | None = None
        self.where = f"Qdrant {f'in {str(self._folder)!r}' if self._folder else _at(url)}"

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this process."""
        return self._folder is not None

    def close(self) -> None:
        """Close it; the next use opens it again."""
        with self._lock:
            client, self._client = self._client, None
            if client is None:
                return
            if self._left is not None:
                self._left.detach()
            if self._folder is None:
                client.close()
            else:
                _release(self._folder)

    @contextmanager
    def used(self, *, writes: bool = False) -> Generator[QdrantClient]:
        """Use it; a local one by one thread at a time.

        Raises:
            StoreError: It cannot serve.
            StoreLockedError: Another process has the local folder.
            CollectionGoneError: What was asked for is not there any more.
        """
        with ExitStack() as stack:
            stack.enter_context(self._explained(writes=writes))
            client = self._opened()
            if self._folder is not None:
                stack.enter_context(_locals[self._folder].busy)
            yield client

    def version(self) -> str:
        """Which release a server is of; for `doctor`.

        Raises:
            StoreError: It cannot serve.
        """
        with self.used() as client:
            if self.is_local:
                client.get_collections()
                return f"{self.where}, local"
            found = client.info().version
        if tuple(int(part) for part in found.split(".")[:2]) < _OLDEST:
            msg = f"{self.where} is of version {found}; use 1.10 or newer"
            raise StoreVersionError(msg)
        return f"{self.where}, version {found}"

    def _opened(self) -> QdrantClient:
        with self._lock:
            if self._client is None:
                self._client = self._connected() if self._folder is None else _taken(self._folder)
                if self._folder is not None:  # of a router that nobody closes
                    self._left = weakref.finalize(self, _release, self._folder)
            return self._client

    def _connected(self) -> QdrantClient:
        return QdrantClient(
            url=self._url,
            api_key=self._api_key or None,
            timeout=max(1, math.ceil(self._timeout_s)),
            check_compatibility=False,  # it would ask at once, and warn instead of failing
        )

    @contextmanager
    def _explained(self, *, writes: bool) -> Generator[None]:
        try:
            yield
        except UnexpectedResponse as error:
            raise self._told(error.status_code or 0, str(error.content), writes=writes) from None
        except ResponseHandlingException as error:
            why = self._hidden(str(error.source))
            msg = (
                f"{self.where} cannot be reached, or did not answer within {self._timeout_s:g} s "
                f"({why}); start it, mend store.url, or raise store.timeout_s"
            )
            raise StoreUnavailableError(msg) from None
        except ValueError as error:  # so a local one says it
            if "not found" in str(error):
                raise CollectionGoneError from error
            raise
        except OSError as error:
            if "No space left" in str(error):
                raise StoreFullError(f"{self.where} has no room left ({error})") from error
            raise

    def _told(self, status: int, said: str, *, writes: bool) -> Exception:
        why = self._hidden(said)[:200]
        if status == _GONE:
            return CollectionGoneError(why)
        if any(words in why.lower() for words in _FULL):
            return StoreFullError(f"{self.where} has no room left ({why}); free some")
        if status in _FORBIDDEN:
            kind = StoreReadOnlyError if writes else StoreError
            return kind(f"{self.where} refuses store.api_key ({why}); give one that may")
        return StoreError(f"{self.where} failed (status {status}: {why})")

    def _hidden(self, text: str) -> str:
        text = " ".join(text.split())
        return text.replace(self._api_key, "***") if self._api_key else text


def hasten(client: QdrantClient, collection: str) -> None:
    """Have a local collection not wait for the disk after each of its points.

    Each is a transaction of its own there, of 26 ms on a busy machine. Without the wait, a process
    that dies loses nothing still; a power failure may, and then the source is indexed again.
    """
    held: object = client
    for name in ("_client", "collections"):
        held = getattr(held, name, None)
    made = cast("dict[str, object]", held) if isinstance(held, dict) else {}
    connection = getattr(getattr(made.get(collection), "storage", None), "storage", None)
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")


def _taken(folder: Path) -> QdrantClient:
    """The local client of a folder, one a process."""
    with _locals_lock:
        if folder not in _locals:
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / "process.lock", timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                msg = (
                    f"the local Qdrant in {str(folder)!r} is open in another process, and only one "
                    "can have it; wait until that ends, or run a server and give its store.url"
                )
                raise StoreLockedError(msg) from error
            client = QdrantClient(path=str(folder), force_disable_check_same_thread=True)
            _locals[folder] = _Local(client, lock)
        _locals[folder].users += 1
        return _locals[folder].client


def _release(folder: Path) -> None:
    with _locals_lock:
        held = _locals[folder]
        held.users -= 1
        if not held.users:
            del _locals[folder]
            with suppress(OSError):
                held.client.close()
            held.lock.release()


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # brackets that close nothing, a port beyond 65,535
        return False


def _at(url: str) -> str:
    """A server's host and port, and nothing else that its url may hold."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.hostname:
            return f"at {parts.hostname}:{parts.port or _PORT}"
    return "at its url"
