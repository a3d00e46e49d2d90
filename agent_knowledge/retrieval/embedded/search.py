"""Searching the indexed sources: every passage is measured, the best are told, no text is read."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from agent_knowledge.errors import SourceError, TenantMissingError
from agent_knowledge.retrieval.asked import EMPTY, Asked, check_dimensions, nothing
from agent_knowledge.retrieval.embedded.manifest import UnsoundError
from agent_knowledge.retrieval.embedded.snapshot import Snapshot
from agent_knowledge.retrieval.embedded.store import FILE, PassageStore
from agent_knowledge.retrieval.embedded.store_folder import check_embedding
from agent_knowledge.retrieval.names import spoken
from agent_knowledge.retrieval.recent import Recent
from agent_knowledge.retrieval.stored import StoredSource
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import EVERYTHING, Scope
from agent_knowledge.types.search import (
    Hit,
    Hits,
    Query,
    SearchResult,
    SourceKey,
    SourceStatistics,
)

_OPEN = 256
"""Sources, and tenants' parts of them, that stay open: a limit of memory and of open files."""


class SourceIndex:
    """Implements `ports.PassageIndex`. Safe to share between threads; creates and writes nothing.

    It sees at the next search what another process indexed, and reads that anew. Between two
    searches it stays with the state of the store that it has searched, so that what was found is
    there, as it was found; a hit of an earlier state that is gone from this one is left out.
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
        self._store_file: tuple[int, ...] | None = None
        self._snapshots = Recent[SourceKey, Snapshot](_OPEN)

    def __enter__(self) -> Self:
        """Use it as a context manager to close it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Release all files; the next call opens them again."""
        with self._lock:
            self._snapshots.clear()
            if self._store is not None:
                self._store.close()
                self._store = None

    def search(
        self, queries: Sequence[Query], sources: Sequence[str], k: int, scope: Scope = EVERYTHING
    ) -> list[dict[str, SearchResult]]:
        """Ask sources; see `ports.PassageIndex`.

        Raises:
            SourceError: A source is not indexed, or its index cannot be read.
            TenantMissingError: A source keeps tenants apart, and the scope names none.
            ConfigError: A source was indexed with another embedding.
        """
        snapshots = self._fresh(sources, scope)
        for name, snapshot in snapshots.items():
            if snapshot:
                check_dimensions(name, self._embedding, snapshot.dense.dimensions, queries)
        asked = [Asked.of(query) for query in queries]
        columns = [
            snapshot.search(asked, k, scope) if snapshot else [nothing(name, one) for one in asked]
            for name, snapshot in snapshots.items()
        ]
        return [dict(zip(snapshots, row, strict=True)) for row in zip(*columns, strict=True)]

    def related(
        self,
        query: Query,
        hits: Sequence[Hit],
        sources: Sequence[str],
        k: int,
        scope: Scope = EVERYTHING,
    ) -> dict[str, Hits]:
        """Which passages the texts of some passages name; see `ports.PassageIndex`."""
        snapshots = self._fresh(sources, scope)
        asked = Asked.of(query)
        texts = {number: spoken(one.text) for number, one in self._read(hits, scope).items()}
        return {
            name: snapshot.related(
                asked,
                [(snapshot.position(number), text) for number, text in texts.items()],
                k,
                scope,
            )
            for name, snapshot in snapshots.items()
            if snapshot
        }

    def statistics(self, source: str, scope: Scope = EVERYTHING) -> SourceStatistics:
        """What was measured of a source when it was indexed; see `ports.PassageIndex`."""
        snapshot = self._fresh([source], scope)[source]
        return snapshot.within(scope).statistics if snapshot else EMPTY

    def passages(self, hits: Sequence[Hit], scope: Scope = EVERYTHING) -> tuple[Passage, ...]:
        """Read hits; see `ports.PassageIndex`. A passage keeps its hit's score."""
        found = self._read(hits, scope)
        return tuple(
            replace(found[hit.passage], score=hit.score) for hit in hits if hit.passage in found
        )

    def document_text(self, passage: Passage, scope: Scope = EVERYTHING) -> str | None:
        """The text of a passage's document as it is stored now: what a quote must stand in.

        Returns:
            None when the document is not stored, no longer, or outside the scope, as with an
            external source.

        Raises:
            SourceError: The index cannot be read.
        """
        with self._lock:
            return self._opened().text(passage.source, passage.document, scope)

    def _read(self, hits: Sequence[Hit], scope: Scope) -> Mapping[int, Passage]:
        with self._lock:
            searched = self._store or self._opened()
            return searched.passages([hit.passage for hit in hits], scope)

    def _opened(self) -> PassageStore:
        """The store's file; opened anew when another one has taken its place."""
        while self._store is None or self._file_now() != self._store_file:
            file = self._file_now()  # looked at before it is opened: replaced meanwhile, it differs
            if self._store is not None:
                self._store.close()
                self._store = None
            self._store, self._store_file = PassageStore(self._folder), file
        return self._store

    def _file_now(self) -> tuple[int, ...] | None:
        try:
            found = (self._folder / FILE).stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)

    def _fresh(self, names: Sequence[str], scope: Scope) -> dict[str, Snapshot | None]:
        """The sources as they are indexed now, all of one state of the store.

        None for one that has nothing of the scope's tenant.
        """
        with self._lock:
            while True:
                store = self._opened()
                try:
                    return {name: self._snapshot(store, name, scope) for name in names}
                except UnsoundError as error:
                    # A writer that is done removes the generations that its file no longer names.
                    if self._file_now() == self._store_file:
                        raise SourceError(str(error)) from error

    def _snapshot(self, store: PassageStore, name: str, scope: Scope) -> Snapshot | None:
        source = store.find(SourceKey(name)) or self._part(store, name, scope)
        if source is None:
            return None
        held = self._snapshots.get(source.key)
        if held and (held.source.id, held.source.generation) == (source.id, source.generation):
            return held
        self._snapshots.drop(source.key)
        check_embedding(source, self._embedding)
        try:
            held = Snapshot.load(self._folder, store, source)
        except UnsoundError as error:
            msg = (
                f"{error}, so the index of source {name!r} is not whole; run: "
                f"agent-knowledge index {name}, which mends it from the stored text"
            )
            raise UnsoundError(msg) from error
        self._snapshots.put(source.key, held)
        return held

    def _part(self, store: PassageStore, name: str, scope: Scope) -> StoredSource | None:
        """The part of a source that is the scope's tenant's; None when it has none."""
        if not store.is_tenanted(name):
            msg = f"source {name!r} is not indexed; run: agent-knowledge index {name}"
            raise SourceError(msg)
        if not scope.tenant:
            msg = (
                f"source {name!r} keeps tenants apart, and this search names none; give one: "
                "Scope(tenant=...), or --tenant"
            )
            raise TenantMissingError(msg)
        return store.find(SourceKey(name, scope.tenant))
