"""Indexing a source: read it, embed what is new, then change over in one step.

The order makes a run safe to kill at any moment. Vectors are written first, under keys that
nothing names yet, then a snapshot to search, under a generation that nothing names yet. One SQLite
transaction then shows the new state of the source, and what it no longer names is removed last. A
run that was cut short has changed nothing that a reader can see, and the next one finds the
vectors that were already made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, suppress
from functools import partial
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from chromadb.errors import InvalidArgumentError, InvalidDimensionException

from agent_knowledge.errors import ConfigError, SourceError, nearest
from agent_knowledge.ledger.records import digest
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.embedded import snapshot
from agent_knowledge.retrieval.embedded.manifest import UnsoundError
from agent_knowledge.retrieval.embedded.partitions import Partitions
from agent_knowledge.retrieval.embedded.store import PassageStore
from agent_knowledge.retrieval.embedded.store_folder import check_embedding, clear_searches, writing
from agent_knowledge.retrieval.embedded.vectors import (
    VectorsLostError,
    VectorStore,
    are_sound,
    clear,
    explained,
    not_kept,
)
from agent_knowledge.retrieval.reading.documents import Item, Known
from agent_knowledge.retrieval.reading.loading import read_source
from agent_knowledge.retrieval.reading.screening import Screening
from agent_knowledge.retrieval.reports import IndexReport, Tally
from agent_knowledge.retrieval.sourced import Reading
from agent_knowledge.retrieval.stored import StoredSource

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix, Vector

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
        self._given: dict[str, Vector] = {}
        self._begun = False

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
        tenant: str | None = None,
        rebuild: bool = False,
        progress: Progress | None = None,
        screening: Screening | None = None,
    ) -> IndexReport:
        """Bring a source's index up to date.

        Args:
            name: The source.
            items: What is read of it; or the file, folder or glob to read.
            tenant: The field of the metadata that says whose a document is; then a search sees the
                documents of one alone. None to keep nobody's apart.
            rebuild: Start anew, whatever embedding built the index that exists.
            progress: Told after each batch of embeddings.
            screening: How what is new is screened; None for not at all.

        Raises:
            SourceError: Nothing can be read; the index that exists is left as it is.
            ConfigError: The index was built with another embedding.
        """
        started = time.perf_counter()
        reading = Reading(
            name=name, embedding=self._embedder.name, tenant=tenant, screening=screening
        )
        for part in () if rebuild else self._store.parts(name).values():
            check_embedding(part, self._embedder.name)
        change = partial(self._change_over, reading, items, progress or _silent, anew=rebuild)
        try:
            parts, tally = change()
        except VectorsLostError:
            # Chroma is not safe to kill: what it was writing may be neither old nor new.
            self._close_vectors()
            clear(self._folder)
            self._vectors = self._opened_vectors()
            if self._begun and isinstance(items, Iterator):
                raise  # what is read is spent; the next run finds all in order
            parts, tally = change()
        return tally.report(
            name,
            digest=digest(self._hashes(parts)),
            passages=sum(map(self._store.count, parts)),
            elapsed_s=time.perf_counter() - started,
        )

    def _hashes(self, parts: Iterable[StoredSource]) -> dict[str, str]:
        return {
            f"{part.tenant}\0{document.name}" if part.tenant else document.name: document.hash
            for part in parts
            for document in self._store.documents(part).values()
        }

    def known(
        self, name: str, *, tenant: str | None = None, screening: Screening | None = None
    ) -> dict[str, Known]:
        """The documents of a source that may come as `Kept`, and what their servers said of them.

        Args:
            name: The source.
            tenant: As it will be given to `index`.
            screening: As it will be given to `index`. What was read otherwise is left out: it has
                to be read anew.
        """
        reading = Reading(
            name=name, embedding=self._embedder.name, tenant=tenant, screening=screening
        )
        return {
            document.name: document.known
            for part in self._store.parts(name).values()
            for document in self._store.documents(part).values()
            if document.recipe == reading.recipe
        }

    def fingerprint(self, name: str) -> str:
        """Of what a source was last taken over from, as it was noted; empty when it was not."""
        return self._store.fingerprint(name)

    def note_fingerprint(self, name: str, fingerprint: str) -> None:
        """Note of what a source was taken over from, once that is indexed."""
        with self._store.transaction():
            self._store.note_fingerprint(name, fingerprint)

    def remove(self, name: str) -> int:
        """Drop a source's index; its files are not touched.

        Returns:
            How many documents it held.

        Raises:
            SourceError: It is not indexed.
        """
        parts = self._store.parts(name)
        if not parts:
            names = dict.fromkeys(key.name for key in self._store.sources())
            msg = f"source {name!r} is not indexed; {nearest(name, names)}"
            raise SourceError(msg)
        documents = sum(len(self._store.documents(part)) for part in parts.values())
        with self._store.transaction():
            for part in parts.values():
                self._store.remove_source(part)
        with explained(self._folder):
            self._vectors.keep_only(self._store.sources().values())
        clear_searches(self._folder, keep=self._store.sources().values())
        return documents

    def _change_over(
        self, reading: Reading, items: Iterable[Item] | Path, progress: Progress, *, anew: bool
    ) -> tuple[list[StoredSource], Tally]:
        """Bring vectors, snapshots and SQLite to the source's new state, in this order.

        Args:
            reading: How the source is read.
            items: See `index`.
            progress: Told after each batch.
            anew: Forget what is indexed.

        Returns:
            The source's parts, and what was done.
        """
        tally = Tally()
        self._given.clear()
        self._begun = False
        if isinstance(items, Path):
            items = read_source(reading.name, items)
        with explained(self._folder), self._store.transaction():
            mended = () if anew else self._mended(self._store.parts(reading.name).values(), tally)
            made = Partitions(self._store, reading, tally, self._give, anew=anew)
            self._begun = True
            made.take(items)
            parts = [*made.parts.values()]
            self._give_rest(parts[0])
            keys = {part.id: {key for _, key in self._store.keys(part)} for part in parts}
            stored = self._vectors.keys(parts[0])
            wanted = set[str]().union(*keys.values())
            missing = wanted - stored
            self._embed(parts, missing, progress)
            tally.embedded += len(missing)
            for place, part in enumerate(parts):
                changed = part.id in made.touched or part.id in mended
                if changed or not missing.isdisjoint(keys[part.id]):
                    raised = parts[place] = self._store.raise_generation(part)
                    vectors = partial(self._sound_vectors, raised, tally)
                    snapshot.write(self._folder, self._store, raised, vectors)
        sources = self._store.sources().values()
        clear_searches(self._folder, keep=sources)
        with explained(self._folder):
            self._vectors.remove(parts[0], stored - wanted)
            self._vectors.keep_only(sources)
        return parts, tally

    def _give(self, source: StoredSource, vectors: Mapping[str, Vector]) -> None:
        """Keep vectors that documents came with, many at a time."""
        self._given.update(vectors)
        if len(self._given) >= _BATCH:
            self._give_rest(source)

    def _give_rest(self, source: StoredSource) -> None:
        if self._given:
            self._put(source, list(self._given), np.array([*self._given.values()]))
            self._given.clear()

    def _put(self, source: StoredSource, keys: Sequence[str], vectors: Matrix) -> None:
        try:
            self._vectors.put(source, keys, vectors)
        except (InvalidDimensionException, InvalidArgumentError) as error:
            raise ConfigError(_other_dimensions(source, error)) from error

    def _mended(self, parts: Iterable[StoredSource], tally: Tally) -> set[int]:
        """Numbers of the parts of which something is damaged, and is made good by this run."""
        kept: set[str] | None = None
        mended: set[int] = set()
        for part in parts:
            kept = self._vectors.keys(part) if kept is None else kept
            if faults := self._faults(part, kept):
                tally.mended += faults
                mended.add(part.id)
        return mended

    def _faults(self, source: StoredSource, kept: Set[str]) -> list[str]:
        """What is damaged of a source; all of it is made good, or will be by the next snapshot.

        Documents that are not what was stored of them are forgotten, so that they are read anew.
        Vectors that Chroma lost are given back to it by a snapshot that is sound.

        Args:
            source: The source, or a part of it.
            kept: The keys that Chroma has.
        """
        faults: list[str] = []
        damaged = self._store.damaged(source)
        lost = {key for _, key in self._store.keys(source)} - kept
        try:
            held = snapshot.Snapshot.load(self._folder, self._store, source)
        except UnsoundError as error:
            faults.append(str(error))
        else:
            if lost and not damaged:
                self._give_back(source, held, lost)
                lost.clear()
        if damaged:
            faults.append(f"{len(damaged)} documents were not what was stored of them")
        # A text can be embedded again, a vector that came with its document only be given again.
        bare = {number for number, key in self._store.given(source) if key in lost} - damaged
        if bare:
            faults.append(f"the vectors of {len(bare)} documents were lost")
        for number in damaged | bare:
            self._store.remove_document(number)
        return faults

    def _give_back(self, source: StoredSource, held: snapshot.Snapshot, lost: Set[str]) -> None:
        windows = self._store.keys(source)
        rows = {key: row for row, (_, key) in enumerate(windows) if key in lost}
        vectors = held.dense.as_given(np.array([number for number, _ in windows]))
        self._vectors.put(source, list(rows), vectors[list(rows.values())])

    def _sound_vectors(self, source: StoredSource, tally: Tally, keys: Sequence[str]) -> Matrix:
        """The vectors of a source; those that are damaged where they are kept are made anew.

        Raises:
            SourceError: They cannot be kept.
        """
        vectors = self._vectors.vectors(source, keys)
        sound = are_sound(vectors).tolist()
        doubtful = {key for key, is_sound in zip(keys, sound, strict=True) if not is_sound}
        if not doubtful:
            return vectors
        self._embed([source], doubtful, _silent)
        anew = self._vectors.vectors(source, keys)
        if not np.isfinite(anew).all():
            raise VectorsLostError(not_kept(self._folder))
        # An embedding may have no other vector for some texts, as zeros for one without words.
        same_size = anew.shape == vectors.shape
        other = np.any(anew != vectors, axis=1).tolist() if same_size else ()
        if damaged := {key for key, differs in zip(keys, other, strict=False) if differs}:
            tally.mended.append(f"{len(damaged)} vectors were not what was kept of them")
            tally.embedded += len(doubtful)
        return anew

    def _embed(self, parts: Sequence[StoredSource], missing: Set[str], progress: Progress) -> None:
        if not missing:
            return
        source = parts[0]  # all keep their vectors together
        texts = self._texts(parts, missing)
        done = 0
        progress(done, len(missing))
        while batch := list(islice(texts, _BATCH)):
            vectors = self._embedder.embed([text for _, text in batch])
            if len(vectors) != len(batch) or not np.isfinite(vectors).all():
                raise SourceError(_no_vectors(source, vectors, len(batch)))
            self._put(source, [key for key, _ in batch], vectors)
            done += len(batch)
            progress(done, len(missing))

    def _texts(self, parts: Iterable[StoredSource], missing: Set[str]) -> Iterator[tuple[str, str]]:
        """Key and text of each missing vector, once."""
        left = set(missing)
        for part in parts:
            holders = {number for number, key in self._store.keys(part) if key in left}
            for passage in self._store.searched(part, holders):
                for key, text in passage.windows.items():
                    if key in left:
                        left.discard(key)
                        yield key, text


def _silent(_done: int, _total: int) -> None:
    pass


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
