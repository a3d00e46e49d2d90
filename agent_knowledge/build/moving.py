"""Moving the embedded store to a server: as it is stored, with its vectors; nothing is embedded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from pydantic import SecretStr

from agent_knowledge.build import ConfigLike, read_config
from agent_knowledge.build.servers import open_writer
from agent_knowledge.config import KnowledgeConfig, StoreConfig, expand
from agent_knowledge.errors import ConfigError, SourceError, nearest
from agent_knowledge.retrieval.embedded.snapshot import Snapshot
from agent_knowledge.retrieval.embedded.store import PassageStore
from agent_knowledge.retrieval.prepared import IndexChange, PreparedDocument, StoreWriter

if TYPE_CHECKING:
    from agent_knowledge.retrieval.stored import StoredSource

_BATCH = 1_000
"""Vectors written at a time: a limit."""


def move_sources(config: ConfigLike, to: str, names: Sequence[str] = ()) -> dict[str, int]:
    """Copy what is indexed in the embedded store into a store on a server.

    The embedded store is left as it is. What the other store has of these sources is replaced.

    Args:
        config: A configuration, or the path of one; its store is the embedded one.
        to: Address of the server, `postgresql://...` or `http(s)://...` for Qdrant; `${NAME}` in it
            is a variable of the environment.
        names: Sources to move; none for all that are indexed.

    Returns:
        How many documents of each source were copied.

    Raises:
        ConfigError: The address is of no such server, or the configured store is on one already.
        SourceError: A source is not indexed, or damaged.
        StoreError: The server cannot be written.
    """
    config = read_config(config)
    if config.store.kind != "chroma":
        msg = f"store.kind: {config.store.kind!r} is not moved; only the embedded store is"
        raise ConfigError(msg)
    target = _target(config, to)
    moved: dict[str, int] = {}
    with closing(PassageStore(config.store_path)) as store:
        known = dict.fromkeys(key.name for key in store.sources())
        for name in names or known:
            if name not in known:
                msg = f"source {name!r} is not indexed; {nearest(name, known)}"
                raise SourceError(msg)
            parts = store.parts(name).values()
            moved[name] = sum(_move(config, target, store, part) for part in parts)
    return moved


def _target(config: KnowledgeConfig, to: str) -> KnowledgeConfig:
    """The same configuration with its store on the server."""
    address = expand(to, "--to")
    scheme = address.partition("://")[0].lower()
    if scheme in ("postgresql", "postgres"):
        store = StoreConfig(kind="pgvector", path=config.store.path, url=SecretStr(to))
    elif scheme in ("http", "https"):
        key = config.store.api_key
        store = StoreConfig(kind="qdrant", path=config.store.path, url=SecretStr(to), api_key=key)
    else:
        msg = "--to: is no address of a server; give postgresql://... , or http(s)://... of Qdrant"
        raise ConfigError(msg)
    return config.model_copy(update={"store": store})


def _move(
    config: KnowledgeConfig, target: KnowledgeConfig, store: PassageStore, part: StoredSource
) -> int:
    snapshot = Snapshot.load(config.store_path, store, part)
    windows = store.keys(part)
    vectors = snapshot.dense.as_given(np.array([number for number, _ in windows], dtype=np.int64))
    rows = {key: row for row, (_, key) in enumerate(windows)}
    with open_writer(target, part.embedding) as writer:
        _keep(writer, part, rows, vectors)
        change = IndexChange(
            put=_prepared(store, part),
            gone=(),
            noted={},
            embedding=part.embedding,
            dimensions=snapshot.dense.dimensions,
            rebuild=True,
        )
        writer.publish(part.key, change)
    return len(store.documents(part))


def _keep(
    writer: StoreWriter, part: StoredSource, rows: Mapping[str, int], vectors: np.ndarray
) -> None:
    left = iter(sorted(writer.missing(part.key, rows.keys(), anew=True)))
    while some := list(islice(left, _BATCH)):
        writer.keep(part.key, some, vectors[[rows[key] for key in some]])


def _prepared(store: PassageStore, part: StoredSource) -> Iterator[PreparedDocument]:
    for stored in store.documents(part).values():
        yield store.prepared(stored)
