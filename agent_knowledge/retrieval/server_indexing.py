"""Indexing into a store on a server: read, embed what is missing, then publish in one step.

Several processes may index one source at once, and share its work without a lock: each embeds in
an order of its own, in small batches, and asks before each what is missing still. Vectors are
durable as soon as they are made, under keys that nothing names yet; a run that is killed has
changed nothing that a reader sees, and the next one finds what it made.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from agent_knowledge.errors import ConfigError, SourceError, nearest, shown
from agent_knowledge.ledger.records import digest
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.prepared import (
    HeldDocument,
    IndexChange,
    PreparedDocument,
    Spool,
    StoreWriter,
    VectorsGoneError,
)
from agent_knowledge.retrieval.reading.chunks import split
from agent_knowledge.retrieval.reading.documents import (
    Document,
    Failure,
    Item,
    Kept,
    Known,
    fault_of,
)
from agent_knowledge.retrieval.reading.fields import tenant_of
from agent_knowledge.retrieval.reading.loading import read_source
from agent_knowledge.retrieval.reading.screening import Screening
from agent_knowledge.retrieval.reports import IndexReport, Tally
from agent_knowledge.retrieval.sourced import Reading, lost, nothing_read
from agent_knowledge.types import Vector
from agent_knowledge.types.search import SourceKey

_BATCH = 256
"""Windows embedded at a time, and then durable."""
_ASKED = 10_000
"""Keys asked for at a time: a limit."""
_TRIES = 3
"""Times that a change is published at most: it fails only where another process has removed the
vectors meanwhile, which it hardly does twice."""
_LONGEST_TENANT = 200
"""Characters of a tenant's name, which indexes are searched by: a limit."""

Progress = Callable[[int, int], None]
"""Told how many windows are embedded, and of how many."""


class ServerIndexer:
    """A writer of a store on a server; does what `Indexer` does for the embedded one."""

    def __init__(self, writer: StoreWriter, embedder: Embedder) -> None:
        """Prepare; nothing is opened before entry."""
        self._writer = writer
        self._embedder = embedder
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Open the store.

        Raises:
            StoreError: It cannot be written.
        """
        with ExitStack() as stack:
            stack.enter_context(self._writer)
            self._open = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
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
        """Bring a source's index up to date; see `Indexer.index`."""
        started = time.perf_counter()
        tally = Tally()
        items = read_source(name, items) if isinstance(items, Path) else items
        reading = self._reading(name, tenant, screening)
        with Spool() as spool:
            held = self._held(name, rebuild=rebuild)
            parts = {key: _TenantPart({} if rebuild else own) for key, own in held.items()}
            _Comparison(reading=reading, spool=spool, tally=tally, parts=parts).take(items)
            for key, part in parts.items():
                self._change(key, part, spool, _IndexRun(tally, progress or _silent, rebuild))
        keys = [key for key in self._writer.sources() if key.name == name]
        return tally.report(
            name,
            digest=digest(self._hashes(keys)),
            passages=sum(map(self._writer.passages, keys)),
            elapsed_s=time.perf_counter() - started,
        )

    def known(
        self, name: str, *, tenant: str | None = None, screening: Screening | None = None
    ) -> dict[str, Known]:
        """The documents that may come as `Kept`; see `Indexer.known`."""
        recipe = self._reading(name, tenant, screening).recipe
        return {
            document.name: document.known
            for held in self._held(name, rebuild=True).values()
            for document in held.values()
            if document.recipe == recipe
        }

    def remove(self, name: str) -> int:
        """Drop a source's index; see `Indexer.remove`."""
        sources = self._writer.sources()
        parts = [key for key in sources if key.name == name]
        if not parts:
            known = {key.name for key in sources}
            msg = f"source {name!r} is not indexed; {nearest(name, known)}"
            raise SourceError(msg)
        return sum(map(self._writer.remove, parts))

    def _reading(self, name: str, tenant: str | None, screening: Screening | None) -> Reading:
        embedding = self._embedder.name
        return Reading(name=name, embedding=embedding, tenant=tenant, screening=screening)

    def _held(self, name: str, *, rebuild: bool) -> dict[SourceKey, Mapping[str, HeldDocument]]:
        """What is there of a source.

        Raises:
            ConfigError: Another embedding built it, and it is not to be rebuilt.
        """
        parts = [key for key in self._writer.sources() if key.name == name]
        for key in parts:
            built = self._writer.embedding(key)
            if built and built[0] != self._embedder.name and not rebuild:
                msg = (
                    f"source {name!r} was indexed with embedding {built[0]!r}, the configuration "
                    f"says {self._embedder.name!r}; set embedding: {built[0]} again, or rebuild "
                    f"it: agent-knowledge index {name} --rebuild"
                )
                raise ConfigError(msg)
        return {key: self._writer.held(key) for key in parts}

    def _hashes(self, parts: Iterable[SourceKey]) -> dict[str, str]:
        return {
            f"{key.tenant}\0{document.name}" if key.tenant else document.name: document.hash
            for key in parts
            for document in self._writer.held(key).values()
        }

    def _change(self, key: SourceKey, part: _TenantPart, spool: Spool, run: _IndexRun) -> None:
        """Embed what a part misses, and publish it.

        Raises:
            SourceError: The embedding gives no vectors.
            ConfigError: It gives vectors of another length than before.
        """
        if part.empty:
            self._writer.remove(key)
            return
        if not (part.put or part.gone or part.noted):
            return
        for _ in range(_TRIES):
            self._keep_given(key, part)
            made = self._embed(key, part, spool, run)
            change = IndexChange(
                put=spool.read(part.put),
                gone=part.gone,
                noted=part.noted,
                embedding=self._embedder.name,
                dimensions=made or self._dimensions(key),
                rebuild=run.rebuild,
            )
            try:
                self._writer.publish(key, change)
            except VectorsGoneError:
                continue
            return
        msg = f"source {key.name!r}: another process removes the vectors that are made; try again"
        raise SourceError(msg)

    def _keep_given(self, key: SourceKey, part: _TenantPart) -> None:
        """Keep the vectors that documents came with."""
        missing = self._missing(key, part.given, anew=True)
        if missing:
            keys = sorted(missing)
            self._writer.keep(key, keys, np.array([part.given[one] for one in keys]))

    def _missing(self, key: SourceKey, keys: Iterable[str], *, anew: bool) -> set[str]:
        left, found = iter(dict.fromkeys(keys)), set[str]()
        while some := list(islice(left, _ASKED)):
            found |= self._writer.missing(key, some, anew=anew)
        return found

    def _embed(self, key: SourceKey, part: _TenantPart, spool: Spool, run: _IndexRun) -> int:
        """Embed what is missing; how many numbers the vectors have, 0 where none was made."""
        wanted = (
            one for document in spool.read(part.put) for keys in document.keys for one in keys
        )
        missing = self._missing(key, wanted, anew=run.rebuild)
        total, made = len(missing), 0
        run.progress(0, total) if total else None
        order = list(part.put)
        random.Random(os.getpid()).shuffle(order)  # noqa: S311 - so that two share the work
        texts = _texts(spool.read(order), missing)
        while some := dict(islice(texts, _BATCH)):
            left = self._writer.missing(key, some, anew=run.rebuild)
            if batch := {one: text for one, text in some.items() if one in left}:
                made = self._embedded(key, batch, run)
            run.progress(total - len(missing), total)
        return made

    def _embedded(self, key: SourceKey, batch: Mapping[str, str], run: _IndexRun) -> int:
        vectors = self._embedder.embed([*batch.values()])
        if len(vectors) != len(batch) or not np.isfinite(vectors).all():
            msg = (
                f"source {key.name!r}: embedding {self._embedder.name!r} gave an array of shape "
                f"{vectors.shape} for {len(batch)} texts, or numbers in it that are none (NaN, "
                "infinite); one row of finite numbers a text is needed: mend the embedding, and "
                "index again"
            )
            raise SourceError(msg)
        built = self._writer.embedding(key)
        if built and not run.rebuild and built[1] != vectors.shape[1]:
            msg = (
                f"source {key.name!r}: embedding {self._embedder.name!r} now gives vectors of "
                f"{vectors.shape[1]} numbers, its index has {built[1]}; rebuild it: "
                f"agent-knowledge index {key.name} --rebuild"
            )
            raise ConfigError(msg)
        self._writer.keep(key, [*batch], vectors)
        run.tally.embedded += len(batch)
        return vectors.shape[1]

    def _dimensions(self, key: SourceKey) -> int:
        built = self._writer.embedding(key)
        if built and built[0] == self._embedder.name:
            return built[1]
        return self._embedder.embed([key.name]).shape[1]


@dataclass(frozen=True, slots=True)
class _IndexRun:
    """What a run counts, whom it tells, and whether it begins anew."""

    tally: Tally
    progress: Progress
    rebuild: bool


@dataclass(slots=True)
class _TenantPart:
    """One tenant's part of a source, or all of one that keeps none apart, while it is read."""

    held: Mapping[str, HeldDocument]
    seen: set[str] = field(default_factory=set[str])
    put: list[int] = field(default_factory=list[int])
    gone: list[str] = field(default_factory=list[str])
    noted: dict[str, tuple[Known, str]] = field(default_factory=dict[str, tuple[Known, str]])
    given: dict[str, Vector] = field(default_factory=dict[str, Vector])

    @property
    def empty(self) -> bool:
        """Nothing is left of it."""
        return not self.put and len(self.gone) == len(self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Comparison:
    """What is read of a source beside what is there: what is new, changed and gone."""

    reading: Reading
    spool: Spool
    tally: Tally
    parts: dict[SourceKey, _TenantPart]

    def take(self, items: Iterable[Item]) -> None:
        """Compare all items.

        Raises:
            SourceError: Nothing could be read.
        """
        for item in items:
            match item:
                case Failure():
                    self.tally.failures.append(item)
                case Kept():
                    self._keep(item)
                case Document():
                    self._take(item)
        if not any(part.seen for part in self.parts.values()):
            raise SourceError(nothing_read(self.reading.name, self.tally.failures))
        for key, part in self.parts.items():
            # A source that began to keep tenants apart, or ended, is another one than before.
            same_kind = bool(key.tenant) == bool(self.reading.tenant)
            failures = self.tally.failures if same_kind else ()
            part.gone += [one.name for one in lost(part.held.values(), part.seen, failures)]
            self.tally.deleted += len(part.gone) if same_kind else 0

    def _keep(self, item: Kept) -> None:
        """Let a document stay as it is stored."""
        having = [part for part in self.parts.values() if item.id in part.held]
        recipe = self.reading.recipe
        if not having or any(part.held[item.id].recipe != recipe for part in having):
            self._fail(item.id, item.id, item.id, _NOT_AGAIN)
            return
        for part in having:
            part.seen.add(item.id)
            self.tally.unchanged += 1
            if item.known and item.known != part.held[item.id].known:
                part.noted[item.id] = (item.known, recipe)

    def _take(self, document: Document) -> None:
        if self.reading.cleaned:
            document = replace(document, cleaned=True)
        field = self.reading.tenant
        owner = tenant_of(document.metadata, field) if field else ""
        part = self.parts.get(SourceKey(self.reading.name, owner or ""))
        fault = fault_of(document)
        if owner is None:
            fault = f"has no {shown(field)}, a text or a whole number; nobody would be shown it"
        elif len(owner) > _LONGEST_TENANT:
            fault = f"has a tenant of {len(owner)} characters; at most {_LONGEST_TENANT} are taken"
        elif part and document.id in part.seen:
            fault = f"has the id {shown(document.id)} of another, which is kept"
        if fault:
            self._fail(document.where or document.id, document.origin, document.id, fault)
            return
        key = SourceKey(self.reading.name, owner or "")
        part = self.parts.setdefault(key, _TenantPart({}))
        part.seen.add(document.id)
        self._put(part, document)

    def _put(self, part: _TenantPart, document: Document) -> None:
        old, recipe = part.held.get(document.id), self.reading.recipe
        if old and old.hash == document.content_hash:
            self.tally.unchanged += 1
            if (old.known, old.recipe) != (document.known, recipe):
                part.noted[document.id] = (document.known, recipe)
            return
        if old:
            self.tally.updated += 1
        else:
            self.tally.added += 1
        spans = split(document)
        if self.reading.screening:
            spans, finding = self.reading.screening.screened(document, spans)
            self.tally.suspicious += [(document.where or document.id, finding)] if finding else []
        prepared = PreparedDocument.of(document, spans, recipe)
        if document.vector is not None:
            part.given |= {key: document.vector for keys in prepared.keys for key in keys}
        part.put.append(self.spool.add(prepared))

    def _fail(self, where: str, origin: str, name: str, reason: str) -> None:
        self.tally.failures.append(Failure(where=where, reason=reason, origin=origin, id=name))


_NOT_AGAIN = "was not given again, and what is stored of it has to be read anew"


def _texts(documents: Iterable[PreparedDocument], missing: set[str]) -> Iterator[tuple[str, str]]:
    """Key and text of each missing vector, once; what was told is missing no more."""
    for document in documents:
        for passage in document.searched() if missing else ():
            for key, text in passage.windows.items():
                if key in missing:
                    missing.discard(key)
                    yield key, text


def _silent(_done: int, _total: int) -> None:
    pass
