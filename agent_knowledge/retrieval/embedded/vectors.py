"""Vectors kept in embedded Chroma by the hash of their text, so that none is made twice.

Cosine space, our own vectors, no embedding function. Searches read the snapshots that the indexer
makes of them (see `snapshot`).

Two processes that write one Chroma folder corrupt it silently, so only a holder of the store's
lock may write (see `lock`). Chroma's server is never used.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import chromadb
import numpy as np
from chromadb.api.models.Collection import Collection
from chromadb.config import Settings
from chromadb.errors import ChromaError, NotFoundError

from agent_knowledge.errors import SourceError
from agent_knowledge.retrieval.stored import StoredSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent_knowledge.types import Matrix

FOLDER = "chroma"
_BATCH = 1000
_ROUNDING = 1e-3
"""How far from 1 a length is that rounding, to half precision too, explains."""
_COSINE: Any = {"hnsw": {"space": "cosine"}}
_spelling = itertools.count()


class VectorsLostError(SourceError):
    """Chroma cannot give back what it was given, as after a run that was killed within its write.

    Nothing is lost by beginning its folder anew: snapshots hold the vectors that are searched.
    """


class VectorStore:
    """The Chroma folder of a store; opened by the indexer alone."""

    def __init__(self, folder: Path) -> None:
        """Open it, creating it when there is none.

        Raises:
            VectorsLostError: Its database is damaged.
        """
        _check_database(folder)
        path = _own_spelling(folder / FOLDER)
        settings = Settings(anonymized_telemetry=False)
        # Its declared type lacks `close`.
        self._client: Any = chromadb.PersistentClient(path=path, settings=settings)
        self._collections: dict[str, Collection] = {}

    def close(self) -> None:
        """Release the files."""
        self._collections.clear()
        self._client.close()

    def keys(self, source: StoredSource) -> set[str]:
        """Every key of a source."""
        collection = self._collection(source, create=True)
        return set(collection.get(include=[])["ids"])

    def vectors(self, source: StoredSource, keys: Sequence[str]) -> Matrix:
        """Read vectors, one row per key, in the order of `keys`; NaN where there is none."""
        row_of: dict[str, int] = {}
        first = [row_of.setdefault(key, row) for row, key in enumerate(keys)]
        collection, asked = self._collection(source), list(row_of)
        vectors = np.full((len(keys), 1), np.nan, dtype=np.float32)
        for i in range(0, len(asked), _BATCH):
            found = collection.get(ids=asked[i : i + _BATCH], include=["embeddings"])
            given: Any = found["embeddings"]
            if not found["ids"]:
                continue
            if vectors.shape[1] != len(given[0]):  # written in place: a source may fill the memory
                vectors = np.full((len(keys), len(given[0])), np.nan, dtype=np.float32)
            vectors[[row_of[key] for key in found["ids"]]] = given
        again = [row for row, earlier in enumerate(first) if row != earlier]
        vectors[again] = vectors[[first[row] for row in again]]
        return vectors

    def put(self, source: StoredSource, keys: Sequence[str], vectors: Matrix) -> None:
        """Write vectors; writing one twice changes nothing."""
        collection = self._collection(source, create=True)
        for i in range(0, len(keys), _BATCH):
            batch = slice(i, i + _BATCH)
            collection.upsert(ids=list(keys[batch]), embeddings=vectors[batch])

    def remove(self, source: StoredSource, keys: Iterable[str]) -> None:
        """Forget vectors."""
        ordered = sorted(keys)
        for i in range(0, len(ordered), _BATCH):
            self._collection(source).delete(ids=ordered[i : i + _BATCH])

    def keep_only(self, sources: Iterable[StoredSource]) -> None:
        """Forget the collections of all other sources, also of runs that were cut short."""
        kept = {_collection_name(source) for source in sources}
        for collection in self._client.list_collections():
            if collection.name not in kept:
                self._client.delete_collection(collection.name)

    def _collection(self, source: StoredSource, *, create: bool = False) -> Collection:
        name = _collection_name(source)
        collection = self._collections.get(name)
        if collection is None:
            try:
                collection = self._client.get_collection(name, embedding_function=None)
            except NotFoundError:
                if not create:
                    raise
                collection = self._client.create_collection(
                    name, embedding_function=None, configuration=_COSINE
                )
            self._collections[name] = collection
        return collection


def clear(folder: Path) -> None:
    """Remove Chroma's folder; whoever had it open has closed it."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)


def are_sound(vectors: Matrix) -> NDArray[np.bool_]:
    """Which rows are vectors of length 1, as every embedder makes them.

    Numbers that a damaged file gives are hardly of that length, zeros and NaN never.
    """
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))  # `norm` would square a copy
    return np.abs(lengths - 1) < _ROUNDING


def not_kept(folder: Path, why: object = "they are not what was written") -> str:
    """The message of vectors that Chroma cannot give back."""
    return (
        f"the vectors in {str(folder / FOLDER)!r} cannot be used ({why}); searches need none of "
        "them. If that persists, delete that folder and run: agent-knowledge index, which makes "
        "them anew"
    )


@contextmanager
def explained(folder: Path) -> Generator[None]:
    """Turn Chroma's errors into ours.

    Raises:
        VectorsLostError: Says what to do; the vectors can always be made anew.
    """
    try:
        yield
    except ChromaError as error:
        raise VectorsLostError(not_kept(folder, error)) from error
    except BaseException as error:
        # How Chroma's core, which is written in Rust, ends on files that it does not expect.
        if type(error).__name__ != "PanicException":
            raise
        raise VectorsLostError(not_kept(folder, error)) from error


def _check_database(folder: Path) -> None:
    """Look through Chroma's database first: on a damaged one its core ends the whole process."""
    file = folder / FOLDER / "chroma.sqlite3"
    if not file.is_file():
        return
    try:
        with closing(sqlite3.connect(file)) as opened:
            (found,) = opened.execute("PRAGMA quick_check(1)").fetchone()
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the message itself may be garbled
        raise VectorsLostError(not_kept(folder, error)) from error
    if found != "ok":
        raise VectorsLostError(not_kept(folder, found))


def _collection_name(source: StoredSource) -> str:
    """Its number, and its embedding: a run that was cut short may have used the same number."""
    embedding = hashlib.sha256(source.embedding.encode()).hexdigest()[:8]
    return f"source-{source.vectors}-{embedding}"


def _own_spelling(path: Path) -> str:
    """Spell a path as no other client of this process does.

    Chroma shares one open system between all clients whose paths are spelled alike, and such a
    system never sees what another process wrote until its last client closes. `a/.` and `a//`
    name the same folder as `a`.
    """
    bits = f"{next(_spelling):b}"
    return str(path) + "".join("/." if bit == "1" else "//" for bit in bits) + "/"
