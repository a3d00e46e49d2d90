"""Searching the indexed sources: dense and lexical candidates, without reading any text."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from chromadb.errors import ChromaError

from agent_knowledge.errors import SourceError
from agent_knowledge.sources.layout import check_embedding, lexical_folder
from agent_knowledge.sources.lexical import LexicalIndex
from agent_knowledge.sources.store import FILE, PassageStore, StoredSource
from agent_knowledge.sources.vectors import VectorStore
from agent_knowledge.types import Hit, Passage, Probe, Query

CANDIDATES = 50
"""Windows that the dense search, and passages that the lexical one contributes per source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Snapshot:
    """One generation of a source in memory: word statistics, and whose vector is whose."""

    source: StoredSource
    lexical: LexicalIndex
    positions: Mapping[str, Sequence[int]]

    @property
    def version(self) -> tuple[int, int]:
        return self.source.id, self.source.generation


class _Lease:
    """An open Chroma client and how many threads are in it; closed when the last one leaves."""

    def __init__(self, folder: Path) -> None:
        self.vectors = VectorStore(folder)
        self.users = 0
        self.retired = False

    def close_if_idle(self) -> None:
        if self.retired and not self.users:
            self.vectors.close()


class SourceIndex:
    """Implements `ports.PassageIndex`. Safe to share between threads; creates nothing.

    It sees at the next probe what another process indexed, and reopens what that changed.
    """

    def __init__(self, folder: Path, embedding: str) -> None:
        """Prepare without opening anything.

        Args:
            folder: The store's folder.
            embedding: Name of the embedder that queries come from.
        """
        self._folder = folder
        self._embedding = embedding
        self._lock = threading.RLock()
        self._store: PassageStore | None = None
        self._store_file: tuple[int, int] | None = None
        self._snapshots: dict[str, _Snapshot] = {}
        self._lease: _Lease | None = None

    def __enter__(self) -> Self:
        """Use it as a context manager to close it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Release all files; the next call opens them again."""
        with self._lock:
            self._retire()
            self._snapshots.clear()
            if self._store is not None:
                self._store.close()
                self._store = None

    def probe(self, query: Query, sources: Sequence[str]) -> Mapping[str, Probe]:
        """Ask sources for candidates; see `ports.PassageIndex`.

        Raises:
            SourceError: A source is not indexed, or its index cannot be read.
            ConfigError: A source was indexed with another embedding.
        """
        snapshots = self._fresh(sources)
        try:
            return self._probe(query, snapshots)
        except ChromaError:  # another process wrote while we read: look again, once
            with self._lock:
                self._retire()
            snapshots = self._fresh(sources)
        try:
            return self._probe(query, snapshots)
        except ChromaError as error:
            names = ", ".join(sources)
            msg = (
                f"the vectors of {names} in {str(self._folder)!r} cannot be searched ({error}); "
                f"run: agent-knowledge index {' '.join(sources)}; a store that cannot be written "
                "must be copied to where it can"
            )
            raise SourceError(msg) from error

    def passages(self, hits: Sequence[Hit]) -> tuple[Passage, ...]:
        """Read hits; see `ports.PassageIndex`. A passage keeps its hit's score."""
        with self._lock:
            found = self._opened().passages([hit.passage for hit in hits])
        return tuple(
            dataclasses.replace(found[hit.passage], score=hit.score)
            for hit in hits
            if hit.passage in found
        )

    def _probe(self, query: Query, snapshots: Mapping[str, _Snapshot]) -> dict[str, Probe]:
        with self._leased() as vectors:
            return {name: _search(query, s, vectors) for name, s in snapshots.items()}

    @contextmanager
    def _leased(self) -> Generator[VectorStore]:
        with self._lock:
            if self._lease is None:
                if not VectorStore.exists(self._folder):
                    msg = f"no vectors in {str(self._folder)!r}; run: agent-knowledge index"
                    raise SourceError(msg)
                self._lease = _Lease(self._folder)
            lease = self._lease
            lease.users += 1
        try:
            yield lease.vectors
        finally:
            with self._lock:
                lease.users -= 1
                lease.close_if_idle()

    def _retire(self) -> None:
        if self._lease is not None:
            self._lease.retired = True
            self._lease.close_if_idle()
            self._lease = None

    def _opened(self) -> PassageStore:
        """The store's file; opened anew when it was deleted and made again."""
        try:
            status = (self._folder / FILE).stat()
            file = (status.st_dev, status.st_ino)
        except OSError:
            file = None
        if self._store is None or file != self._store_file:
            self.close()
            self._store = PassageStore(self._folder)
            self._store_file = file
        return self._store

    def _fresh(self, names: Sequence[str]) -> dict[str, _Snapshot]:
        """The sources as they are indexed now."""
        with self._lock:
            store = self._opened()
            changed = False
            for name in names:
                held = self._snapshots.get(name)
                if held is None or store.generation(name) != held.version:
                    self._snapshots[name] = self._load(store, name)
                    changed = True
            if changed:
                self._retire()  # a client that is open does not see what others wrote
            return {name: self._snapshots[name] for name in names}

    def _load(self, store: PassageStore, name: str) -> _Snapshot:
        self._snapshots.pop(name, None)
        with store.transaction():
            source = store.sources().get(name)
            if source is None:
                msg = f"source {name!r} is not indexed; run: agent-knowledge index {name}"
                raise SourceError(msg)
            check_embedding(source, self._embedding)
            keys = store.keys(source)
            numbers = list(dict.fromkeys(number for number, _ in keys))
            lexical = LexicalIndex.load(lexical_folder(self._folder, source))
            if lexical is None or lexical.numbers.tolist() != numbers:
                lexical = LexicalIndex.build(store.searched(source))
        position = {number: at for at, number in enumerate(numbers)}
        positions: dict[str, list[int]] = {}
        for number, key in keys:
            positions.setdefault(key, []).append(position[number])
        return _Snapshot(source=source, lexical=lexical, positions=positions)


def _search(query: Query, snapshot: _Snapshot, vectors: VectorStore) -> Probe:
    numbers = snapshot.lexical.numbers
    words = snapshot.lexical.search(query.text, CANDIDATES)
    candidates: dict[int, float | None] = {}
    for key, cosine in vectors.query(snapshot.source, query.vector, CANDIDATES):
        for position in snapshot.positions.get(key, ()):  # else of a run that is not yet visible
            candidates.setdefault(position, cosine)  # its nearest window comes first
    candidates |= {p: None for p in words.best.tolist() if p not in candidates}
    return Probe(
        hits=tuple(
            Hit(
                source=snapshot.source.name,
                passage=int(numbers[position]),
                dense=cosine,
                lexical=float(words.scores[position]),
            )
            for position, cosine in candidates.items()
        ),
        terms_found=words.terms_found,
        passages=int(np.size(numbers)),
    )
