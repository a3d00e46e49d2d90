"""Indexing a source: read it, embed what is new, then change over in one step.

The order makes a run safe to kill at any moment. Vectors are written first, under keys that
nothing names yet, then a snapshot to search, under a generation that nothing names yet. One SQLite
transaction then shows the new state of the source, and what it no longer names is removed last. A
run that was cut short has changed nothing that a reader can see, and the next one finds the
vectors that were already made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from chromadb.errors import InvalidArgumentError, InvalidDimensionException

from agent_knowledge.errors import ConfigError, SourceError, nearest
from agent_knowledge.ledger.records import digest
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval import snapshot
from agent_knowledge.retrieval.chunks import split
from agent_knowledge.retrieval.documents import Document, Failure, Item, Kept
from agent_knowledge.retrieval.loading import read_source
from agent_knowledge.retrieval.manifest import UnsoundError
from agent_knowledge.retrieval.reports import IndexReport, Tally
from agent_knowledge.retrieval.screening import Screening
from agent_knowledge.retrieval.store import PassageStore, StoredDocument, StoredSource
from agent_knowledge.retrieval.store_folder import check_embedding, clear_searches, writing
from agent_knowledge.retrieval.vectors import (
    VectorsLostError,
    VectorStore,
    are_sound,
    clear,
    explained,
    not_kept,
)

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix

_BATCH = 256
"""Windows embedded and written at a time."""

Progress = Callable[[int, int], None]
"""Told how many windows are embedded, and of how many; a passage has one or a few."""


class Indexer:
    """The one writer of a store: holds its lock from entry to exit.

    Example:
        with Indexer(config.store_path, embedder) as indexer:
            report = indexer.index("handbook", path)
    """

    def __init__(self, folder: Path, embedder: Embedder) -> None:
        """Prepare; nothing is opened or created before entry."""
        self._folder = folder
        self._embedder = embedder
        self._open = ExitStack()
        self._screening: Screening | None = None

    def __enter__(self) -> Self:
        """Take the lock and open the store.

        Raises:
            StoreLockedError: Another process is writing.
            ConfigError: The folder cannot be made or written.
            SourceError: What is in it cannot be used.
        """
        with ExitStack() as stack:
            stack.enter_context(writing(self._folder))
            self._store = PassageStore(self._folder, writable=True)
            stack.callback(self._store.close)
            try:
                self._vectors = self._opened_vectors()
            except VectorsLostError:
                clear(self._folder)
                self._vectors = self._opened_vectors()
            stack.callback(self._close_vectors)
            self._open = stack.pop_all()
        return self

    def _opened_vectors(self) -> VectorStore:
        with explained(self._folder):
            return VectorStore(self._folder)

    def _close_vectors(self) -> None:
        with suppress(VectorsLostError), explained(self._folder):
            self._vectors.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the store and free the lock."""
        self._open.__exit__(kind, error, trace)

    def index(
        self,
        name: str,
        items: Iterable[Item] | Path,
        *,
        rebuild: bool = False,
        progress: Progress | None = None,
        screening: Screening | None = None,
    ) -> IndexReport:
        """Bring a source's index up to date.

        Args:
            name: The source.
            items: What is read of it, each id once; or the file, folder or glob to read.
            rebuild: Start anew, whatever embedding built the index that exists.
            progress: Told after each batch of embeddings.
            screening: How what is new is screened; None for not at all.

        Raises:
            SourceError: Nothing can be read; the index that exists is left as it is.
            ConfigError: The index was built with another embedding.
        """
        started = time.perf_counter()
        self._screening = screening
        old = self._store.sources().get(name)
        if old and not rebuild:
            check_embedding(old, self._embedder.name)
        report, kept = progress or _silent, None if rebuild else old
        try:
            source, tally = self._change_over(name, items, kept, report)
        except VectorsLostError:
            # Chroma is not safe to kill: what it was writing may be neither old nor new.
            self._close_vectors()
            clear(self._folder)
            self._vectors = self._opened_vectors()
            source, tally = self._change_over(name, items, kept, report)
        return tally.report(
            name,
            digest=digest({d.name: d.hash for d in self._store.documents(source).values()}),
            passages=self._store.count(source),
            elapsed_s=time.perf_counter() - started,
        )

    def remove(self, name: str) -> int:
        """Drop a source's index; its files are not touched.

        Returns:
            How many documents it held.

        Raises:
            SourceError: It is not indexed.
        """
        sources = self._store.sources()
        if name not in sources:
            msg = f"source {name!r} is not indexed; {nearest(name, sources)}"
            raise SourceError(msg)
        documents = len(self._store.documents(sources[name]))
        with self._store.transaction():
            self._store.remove_source(sources[name])
        with explained(self._folder):
            self._vectors.keep_only(self._store.sources().values())
        clear_searches(self._folder, keep=self._store.sources().values())
        return documents

    def _change_over(
        self, name: str, items: Iterable[Item] | Path, old: StoredSource | None, progress: Progress
    ) -> tuple[StoredSource, Tally]:
        """Bring vectors, snapshot and SQLite to the source's new state, in this order.

        Args:
            name: The source.
            items: See `index`.
            old: What is indexed and to be kept up to date; None to start anew.
            progress: Told after each batch.

        Returns:
            The source, and what was done.
        """
        tally = Tally()
        with explained(self._folder), self._store.transaction():
            tally.mended += self._faults(old) if old else ()
            source = self._read(name, items, old, tally)
            keys = sorted({key for _, key in self._store.keys(source)})
            stored = self._vectors.keys(source)
            missing = set(keys) - stored
            self._embed(source, missing, progress)
            tally.embedded += len(missing)
            if tally.changed or missing:
                source = self._store.raise_generation(source)
                vectors = self._sound_vectors(source, keys, tally)
                snapshot.write(self._folder, self._store, source, keys, vectors)
        sources = self._store.sources().values()
        clear_searches(self._folder, keep=sources)
        with explained(self._folder):
            self._vectors.remove(source, stored - set(keys))
            self._vectors.keep_only(sources)
        return source, tally

    def _faults(self, source: StoredSource) -> list[str]:
        """What is damaged of a source; all of it is made good, or will be by the next snapshot.

        Documents that are not what was stored of them are forgotten, so that they are read anew.
        Vectors that Chroma lost are given back to it by a snapshot that is sound.
        """
        faults: list[str] = []
        damaged = self._store.damaged(source)
        try:
            held = snapshot.Snapshot.load(self._folder, self._store, source)
        except UnsoundError as error:
            faults.append(str(error))
        else:
            if not damaged:
                self._give_back(source, held)
        if damaged:
            faults.append(f"{len(damaged)} documents were not what was stored of them")
            for number in damaged:
                self._store.remove_document(number)
        return faults

    def _give_back(self, source: StoredSource, held: snapshot.Snapshot) -> None:
        windows = self._store.keys(source)
        kept = self._vectors.keys(source)
        lost = {key: row for row, (_, key) in enumerate(windows) if key not in kept}
        if lost:
            vectors = held.dense.as_given(np.array([number for number, _ in windows]))
            self._vectors.put(source, list(lost), vectors[list(lost.values())])

    def _sound_vectors(self, source: StoredSource, keys: Sequence[str], tally: Tally) -> Matrix:
        """The vectors of a source; those that are damaged where they are kept are made anew.

        Raises:
            SourceError: They cannot be kept.
        """
        vectors = self._vectors.vectors(source, keys)
        sound = are_sound(vectors).tolist()
        doubtful = {key for key, is_sound in zip(keys, sound, strict=True) if not is_sound}
        if not doubtful:
            return vectors
        self._embed(source, doubtful, _silent)
        anew = self._vectors.vectors(source, keys)
        if not np.isfinite(anew).all():
            raise VectorsLostError(not_kept(self._folder))
        # An embedding may have no other vector for some texts, as zeros for one without words.
        damaged = 0 if anew.shape != vectors.shape else np.any(anew != vectors, axis=1).sum()
        if damaged:
            tally.mended.append(f"{damaged} vectors were not what was kept of them")
            tally.embedded += len(doubtful)
        return anew

    def _read(
        self, name: str, items: Iterable[Item] | Path, old: StoredSource | None, tally: Tally
    ) -> StoredSource:
        """Write the source's new state into the open transaction."""
        if old is None:
            replaced = self._store.sources().get(name)
            if replaced:
                self._store.remove_source(replaced)
        source = old or self._store.add_source(name, self._embedder.name)
        stored = self._store.documents(source)
        seen: set[str] = set()
        for item in read_source(name, items) if isinstance(items, Path) else items:
            if isinstance(item, Failure):
                tally.failures.append(item)
            elif isinstance(item, Kept):
                seen.add(item.id)
                tally.unchanged += 1
            else:
                seen.add(item.id)
                self._put(source, item, stored.get(item.id), tally)
        for document in _lost(stored.values(), seen, tally.failures):
            self._store.remove_document(document.id)
            tally.deleted += 1
        return source

    def _put(
        self, source: StoredSource, document: Document, old: StoredDocument | None, tally: Tally
    ) -> None:
        if self._screening and self._screening.cleaned:
            document = replace(document, cleaned=True)
        if old and old.hash == document.content_hash:
            tally.unchanged += 1
            return
        if old:
            self._store.remove_document(old.id)
            tally.updated += 1
        else:
            tally.added += 1
        spans = split(document)
        if self._screening:
            spans, finding = self._screening.screened(document, spans)
            tally.suspicious += [(document.where or document.id, finding)] if finding else []
        keys = self._store.add_document(source, document, spans)
        if document.vector is not None:
            self._vectors.put(source, keys, document.vector[np.newaxis])

    def _embed(self, source: StoredSource, missing: set[str], progress: Progress) -> None:
        if not missing:
            return
        texts = self._texts(source, missing)
        done = 0
        progress(done, len(missing))
        while batch := list(islice(texts, _BATCH)):
            vectors = self._embedder.embed([text for _, text in batch])
            if len(vectors) != len(batch) or not np.isfinite(vectors).all():
                raise SourceError(_no_vectors(source, vectors, len(batch)))
            try:
                self._vectors.put(source, [key for key, _ in batch], vectors)
            except (InvalidDimensionException, InvalidArgumentError) as error:
                raise ConfigError(_other_dimensions(source, error)) from error
            done += len(batch)
            progress(done, len(missing))

    def _texts(self, source: StoredSource, missing: set[str]) -> Iterator[tuple[str, str]]:
        """Key and text of each missing vector, once."""
        left = set(missing)
        for passage in self._store.searched(source):
            for key, text in passage.windows.items() if left else ():
                if key in left:
                    left.discard(key)
                    yield key, text


def _silent(_done: int, _total: int) -> None:
    pass


def _lost(
    stored: Iterable[StoredDocument], seen: Set[str], failures: Sequence[Failure]
) -> Iterator[StoredDocument]:
    """Documents that are gone, and not only because they, their file or folder failed to read."""
    failed = {f.id for f in failures}
    places = {f.origin for f in failures if f.id is None}
    for document in stored:
        around = {document.origin, *map(str, PurePosixPath(document.origin).parents)}
        if document.name not in seen and document.name not in failed and not places & around:
            yield document


def _other_dimensions(source: StoredSource, error: Exception) -> str:
    return (
        f"source {source.name!r}: embedding {source.embedding!r} now gives vectors of another "
        f"size than its index has ({error}); rebuild it: "
        f"agent-knowledge index {source.name} --rebuild"
    )


def _no_vectors(source: StoredSource, vectors: Matrix, texts: int) -> str:
    return (
        f"source {source.name!r}: embedding {source.embedding!r} gave an array of shape "
        f"{vectors.shape} for {texts} texts, or numbers in it that are none (NaN, infinite); "
        "one row of finite numbers a text is needed: mend the embedding, and index again"
    )
