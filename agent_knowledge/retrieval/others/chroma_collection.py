"""A user's own Chroma collection, read with its vectors so that no text of it is embedded again.

Chroma changes the files of a database that it only reads. So its folder is copied, and Chroma
opens the copy: the user's files stay as they are, bit for bit.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import chromadb
import numpy as np
from chromadb.config import Settings
from chromadb.errors import ChromaError

from agent_knowledge.errors import ConfigError, SourceError, StoreUnavailableError, nearest
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.others.external import address_in, fields_in, labels_in, title_in
from agent_knowledge.retrieval.reading.documents import Document, Failure, date_of, fault_of

if TYPE_CHECKING:
    from chromadb.api.models.Collection import Collection

    from agent_knowledge.types import Matrix, Vector

_DATABASE = "chroma.sqlite3"
_BESIDE = ("", "-wal", "-journal")
"""What SQLite keeps of a database: its file, and what it has not yet written into it."""
_BATCH = 1000
_COPIES = 3
"""Times that a folder is copied which is written meanwhile: a limit."""
_PAUSE_S = 0.2
_COMPARED = 3
_SAME_SPACE = 0.9
"""Mean cosine of texts, embedded anew, with their stored vectors. A quantised model stays above
0.99 of the one that it was made of, two models are near 0: a limit between them."""


def fingerprint(path: Path, collection: str) -> str:
    """What tells whether a collection may have changed: sizes and times of the files around it.

    Raises:
        ConfigError: There is no database.
    """
    files = [(name, *_stat(path / name)) for name in _files(path)]
    return hashlib.sha256(repr((collection, files)).encode()).hexdigest()


def size_of(path: Path) -> int:
    """Bytes of a database, all of its collections together.

    Raises:
        ConfigError: There is none.
    """
    return sum(_stat(path / name)[0] for name in _files(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionRecords:
    """Every record of a collection as a document with its vector, scaled to length 1.

    Can be gone through several times; each copies the database anew.

    Attributes:
        name: The source's name.
        path: The folder of the database.
        collection: Which of its collections.
        embedder: What queries are embedded with.
    """

    name: str
    path: Path
    collection: str
    embedder: Embedder

    def __iter__(self) -> Iterator[Document | Failure]:
        """Read them.

        Raises:
            ConfigError: There is no such database or collection, or another embedding made it.
            StoreUnavailableError: Another process keeps writing it.
            SourceError: It cannot be read, or holds nothing to read.
        """
        with (
            _private_copy(self.name, self.path) as copy,
            _opened(self, copy) as opened,
        ):
            empty = True
            for start in range(0, opened.count(), _BATCH):
                items = [*_documents(self.name, opened, start)]
                documents = [item for item in items if isinstance(item, Document)]
                if empty:
                    _check_space(self.name, opened, documents, self.embedder)
                empty &= not documents
                yield from items
        if empty:
            msg = (
                f"source {self.name!r}: collection {self.collection!r} holds no record with a "
                "text; its index, if there is one, was left as it is"
            )
            raise SourceError(msg)


def _documents(name: str, opened: Collection, start: int) -> Iterator[Document | Failure]:
    found: Any = opened.get(
        limit=_BATCH, offset=start, include=["documents", "embeddings", "metadatas"]
    )
    rows = zip(
        found["ids"], found["documents"], found["metadatas"], found["embeddings"], strict=True
    )
    for number, text, metadata, vector in rows:
        yield _document(name, number, (text or "", metadata or {}, np.asarray(vector, np.float32)))


def _document(
    name: str, number: str, record: tuple[str, Mapping[str, Any], Vector]
) -> Document | Failure:
    text, metadata, vector = record
    length = float(np.linalg.norm(vector))
    document = Document(
        id=number,
        origin=number,
        title=title_in(metadata),
        uri=address_in(metadata, name, number),
        text=text,
        date=date_of(metadata.items()),
        metadata=fields_in(metadata, name, number),
        labels=labels_in(metadata),
        where=number,
        row=True,
        vector=vector / length if 0 < length < np.inf else vector,
    )
    fault = fault_of(document)
    if fault is None and not 0 < length < np.inf:
        fault = "has a vector of no direction (zeros, or numbers that are none)"
    if fault:
        return Failure(where=number, reason=fault, origin=number, id=number)
    return document


def _check_space(
    name: str, opened: Collection, documents: Sequence[Document], embedder: Embedder
) -> None:
    """Refuse vectors that queries cannot be compared with.

    Raises:
        ConfigError: Says what is to be set.
    """
    # Of short texts every model reads the whole.
    compared = sorted(documents, key=lambda document: len(document.text))[:_COMPARED]
    if not compared:
        return
    stored = np.stack([one.vector for one in compared if one.vector is not None])
    anew = embedder.embed([one.text for one in compared])
    if stored.shape == anew.shape and np.mean(np.sum(stored * anew, axis=1)) >= _SAME_SPACE:
        return
    made_by = _embedding_of(opened)
    msg = (
        f"source {name!r}: collection {opened.name!r} was made with another embedding"
        f"{made_by} than {embedder.name!r} ({_difference(stored, anew)}); set embedding: to the "
        "one that made it, or pass that as load_router(..., embedding=...)"
    )
    raise ConfigError(msg)


def _difference(stored: Matrix, anew: Matrix) -> str:
    if stored.shape != anew.shape:
        return f"its vectors have {stored.shape[1]} numbers, not {anew.shape[1]}"
    return f"{len(stored)} of its texts embedded anew are not near to their vectors"


def _embedding_of(opened: Collection) -> str:
    """What a collection says of its embedding, where that is more than that it was given none."""
    function: Any = (opened.configuration_json or {}).get("embedding_function") or {}
    known = function.get("name", "") if isinstance(function, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return f" (Chroma's {known!r})" if known else ""


@contextmanager
def _private_copy(name: str, path: Path) -> Generator[Path]:
    """A copy of a database as it was at one moment.

    Raises:
        ConfigError: There is none.
        StoreUnavailableError: It is written all the time.
        SourceError: It is damaged.
    """
    with TemporaryDirectory(prefix="agent-knowledge-") as folder:
        for attempt in range(_COPIES):
            copy = Path(folder, str(attempt))
            before = fingerprint(path, name)
            if _copied(path, copy) and fingerprint(path, name) == before:
                break
            shutil.rmtree(copy, ignore_errors=True)
            time.sleep(_PAUSE_S)
        else:
            msg = (
                f"source {name!r}: the Chroma database in {str(path)!r} is being written by "
                "another process; try again when that is done"
            )
            raise StoreUnavailableError(msg)
        # On a damaged database Chroma's core may end the whole process.
        try:
            with closing(sqlite3.connect(copy / _DATABASE)) as database:
                (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise SourceError(_damaged(name, path, error)) from error
        if found != "ok":
            raise SourceError(_damaged(name, path, found))
        yield copy


def _copied(path: Path, copy: Path) -> bool:
    """Copy a database; False where a file went away meanwhile."""
    try:
        for file in _files(path):
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path / file, copy / file)
    except FileNotFoundError:
        return False
    except OSError as error:
        msg = f"the Chroma database in {str(path)!r} cannot be copied ({error}); mend that first"
        raise SourceError(msg) from error
    return True


def _files(path: Path) -> list[str]:
    """The files of a database, relative to its folder: SQLite's, and those of its indexes."""
    if not (path / _DATABASE).is_file():
        msg = (
            f"no Chroma database in {str(path)!r} ({_DATABASE} is not there); give the folder that "
            "it was made with, as its persist_directory or path"
        )
        raise ConfigError(msg)
    inside = [file for file in path.glob("*/*") if file.is_file()]
    beside = [path / f"{_DATABASE}{end}" for end in _BESIDE]
    return sorted(file.relative_to(path).as_posix() for file in (*inside, *beside) if file.exists())


def _stat(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


@contextmanager
def _opened(records: CollectionRecords, copy: Path) -> Generator[Collection]:
    """A collection of a copied database.

    Raises:
        ConfigError: There is no such collection.
        SourceError: Chroma cannot read the database.
    """
    name, path = records.name, records.path
    client: Any = None
    try:
        settings = Settings(anonymized_telemetry=False)
        client = chromadb.PersistentClient(path=str(copy), settings=settings)
        _require(records, [found.name for found in client.list_collections()])
        yield client.get_collection(records.collection, embedding_function=None)
    except ChromaError as error:
        raise SourceError(_damaged(name, path, error)) from error
    except BaseException as error:
        # How Chroma's core, which is written in Rust, ends on files that it does not expect.
        if type(error).__name__ != "PanicException":
            raise
        raise SourceError(_damaged(name, path, error)) from error
    finally:
        if client is not None:
            client.close()


def _require(records: CollectionRecords, names: Sequence[str]) -> None:
    if records.collection not in names:
        msg = (
            f"source {records.name!r}: the Chroma database in {str(records.path)!r} has no "
            f"collection {records.collection!r}; {nearest(records.collection, names)}"
        )
        raise ConfigError(msg)


def _damaged(name: str, path: Path, why: object) -> str:
    return (
        f"source {name!r}: the Chroma database in {str(path)!r} cannot be read ({why}); open it "
        "with the program that made it, or give a copy that is whole"
    )
