"""Chroma collections of the user's own: taken over into the embedded store with their vectors.

Then hybrid search, names, coverage, filters, tenants and quotations are the store's own. It needs
no index run: whoever opens such a source takes over what changed.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from agent_knowledge.build import packaged_screen
from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.errors import SourceError, StoreLockedError, StoreReadOnlyError
from agent_knowledge.ledger.history import History
from agent_knowledge.ports import Embedder
from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.retrieval.embedded.store import PassageStore
from agent_knowledge.retrieval.others.chroma_collection import (
    CollectionRecords,
    fingerprint,
    size_of,
)
from agent_knowledge.retrieval.reading.documents import FORMAT
from agent_knowledge.retrieval.reading.screening import Screening
from agent_knowledge.retrieval.reports import IndexReport

_MOST_BYTES = 50_000_000
"""Of a database that is taken over unasked: some 15,000 records, which take half a minute."""
_LOG = logging.getLogger(__name__)


def screening_of(config: KnowledgeConfig, source: str) -> Screening | None:
    """How what is new in a source is screened; None for not at all."""
    policy = config.sources[source].screen
    if policy == "allow":
        return None
    return Screening(screen=packaged_screen(), cleaned=policy == "drop")


def records_of(config: KnowledgeConfig, name: str, embedder: Embedder) -> CollectionRecords:
    """The records of a source that is a Chroma collection."""
    spec = config.sources[name]
    return CollectionRecords(
        name=name,
        path=config.resolve(spec.path or "", f"sources.{name}.path"),
        collection=spec.collection or "",
        embedder=embedder,
    )


def take_over(
    indexer: Indexer,
    config: KnowledgeConfig,
    records: CollectionRecords,
    *,
    rebuild: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> IndexReport:
    """Bring a source up to date with its collection.

    Args:
        indexer: Of the store that it is taken into.
        config: The configuration.
        records: What the collection holds.
        rebuild: Start anew.
        progress: Told after each batch of embeddings, of which there should be none.

    Raises:
        ConfigError: There is no such collection, or another embedding made it.
        SourceError: It cannot be read.
    """
    told = _told(config, records)  # looked at first: what is written meanwhile is taken next time
    report = indexer.index(
        records.name,
        records,
        tenant=config.sources[records.name].tenant,
        rebuild=rebuild,
        progress=progress,
        screening=screening_of(config, records.name),
    )
    indexer.note_fingerprint(records.name, told)
    return report


def keep_up(config: KnowledgeConfig, name: str, embedder: Embedder) -> None:
    """Take over what changed in a source's collection since the last time.

    Where that cannot be, what was taken over before serves, and the log has why.

    Raises:
        ConfigError: There is no such collection, or another embedding made it.
        SourceError: Nothing was taken over before, and it cannot be now.
        StoreLockedError: The same, since another process is writing the store.
    """
    records = records_of(config, name, embedder)
    held, told = _held(config, name), _told(config, records)
    if held == told:
        return
    try:
        _require_writable(config.store_path, serves=held is not None)
        _require_small(records)
        with Indexer(config.store_path, embedder) as indexer:
            report = take_over(indexer, config, records)
    except (StoreLockedError, SourceError) as error:
        if held is None:
            raise
        _LOG.warning("source %r serves what was taken over before: %s", name, error)
        return
    History(config.store_path).note(
        "source",
        name,
        report.digest,
        added=report.added,
        updated=report.updated,
        deleted=report.deleted,
    )
    _LOG.info(
        "took over collection %r as source %r: %d added, %d updated, %d deleted",
        records.collection,
        name,
        report.added,
        report.updated,
        report.deleted,
    )


def remove_taken_over(
    config: KnowledgeConfig, names: Sequence[str], embedder: Embedder
) -> dict[str, int]:
    """Drop sources that were taken over, from the embedded store; others are left alone.

    Returns:
        How many documents each held.

    Raises:
        StoreLockedError: Another process is writing the store.
    """
    taken = [name for name in names if _held(config, name)]
    if not taken:
        return {}
    with Indexer(config.store_path, embedder) as indexer:
        return {name: indexer.remove(name) for name in taken}


def _told(config: KnowledgeConfig, records: CollectionRecords) -> str:
    """What tells that a source has to be taken over anew: its collection, or how it is read."""
    spec = config.sources[records.name]
    how = (fingerprint(records.path, records.collection), spec.tenant, spec.screen, FORMAT)
    return hashlib.sha256(repr((how, records.embedder.name)).encode()).hexdigest()


def _held(config: KnowledgeConfig, name: str) -> str | None:
    """What was told of a source when it was taken over; None where it was not."""
    try:
        with closing(PassageStore(config.store_path)) as store:
            return store.fingerprint(name) if store.parts(name) else None
    except SourceError:  # there is no store yet, or one that only its writer mends
        return None


def _require_writable(folder: Path, *, serves: bool) -> None:
    if serves and not os.access(folder, os.W_OK):
        msg = f"store.path: {str(folder)!r} can only be read"
        raise StoreReadOnlyError(msg)


def _require_small(records: CollectionRecords) -> None:
    size = size_of(records.path)
    if size > _MOST_BYTES:
        msg = (
            f"source {records.name!r}: the Chroma database in {str(records.path)!r} has "
            f"{size // 1_000_000:,} MB, more than are taken over unasked "
            f"({_MOST_BYTES // 1_000_000} MB); run: agent-knowledge index {records.name}"
        )
        raise SourceError(msg)
