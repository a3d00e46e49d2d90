"""Stores on a server: opened for reading and for an index run, imported when they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pydantic import SecretStr

from agent_knowledge.config import KnowledgeConfig, expand
from agent_knowledge.errors import DISTRIBUTION, ConfigError, MissingExtraError
from agent_knowledge.ports import Embedder

if TYPE_CHECKING:
    from agent_knowledge.retrieval.embedded.indexing import Indexer
    from agent_knowledge.retrieval.postgres.connection import Database
    from agent_knowledge.retrieval.postgres.searching import PostgresIndex
    from agent_knowledge.retrieval.prepared import StoreWriter
    from agent_knowledge.retrieval.qdrant.client import QdrantStore
    from agent_knowledge.retrieval.qdrant.searching import QdrantIndex
    from agent_knowledge.retrieval.server_indexing import ServerIndexer


AnyIndexer: TypeAlias = "Indexer | ServerIndexer"
"""What brings indexes up to date, in a store of any kind."""


def open_indexer(config: KnowledgeConfig, embedder: Embedder) -> AnyIndexer:
    """What indexes into the configured store; a `with` block opens and closes it."""
    if config.store.kind == "chroma":
        from agent_knowledge.retrieval.embedded.indexing import Indexer

        return Indexer(config.store_path, embedder)
    from agent_knowledge.retrieval.server_indexing import ServerIndexer

    return ServerIndexer(open_writer(config, embedder.name), embedder)


def open_writer(config: KnowledgeConfig, embedding: str) -> StoreWriter:
    """The way into a store on a server; a `with` block opens and closes it.

    Args:
        config: Its store is of such a kind.
        embedding: Name of the embedding whose vectors it is given.
    """
    if config.store.kind == "qdrant":
        store = open_qdrant_store(config)
        from agent_knowledge.retrieval.qdrant.writing import QdrantWriter

        return QdrantWriter(store, embedding)
    database = open_database(config)
    from agent_knowledge.retrieval.postgres.writing import PostgresWriter

    tenanted = any(source.tenant for source in config.sources.values())
    return PostgresWriter(database, embedding, tenanted=tenanted)


def open_postgres(config: KnowledgeConfig, embedder: Embedder) -> PostgresIndex:
    """A store in PostgreSQL, for reading; nothing is connected yet."""
    database = open_database(config)
    from agent_knowledge.retrieval.postgres.searching import PostgresIndex

    return PostgresIndex(database, embedder.name)


def open_qdrant(config: KnowledgeConfig, embedder: Embedder) -> QdrantIndex:
    """A store in Qdrant, for reading; nothing is opened yet."""
    store = open_qdrant_store(config)
    from agent_knowledge.retrieval.qdrant.searching import QdrantIndex

    return QdrantIndex(store, embedder.name)


def open_qdrant_store(config: KnowledgeConfig) -> QdrantStore:
    """The Qdrant that a configuration names: at its url, else in the folder; not opened yet.

    Raises:
        MissingExtraError: Its client is not installed.
    """
    try:
        from agent_knowledge.retrieval.qdrant.client import QdrantStore
    except ImportError as error:
        raise MissingExtraError(_missing("qdrant", "qdrant")) from error
    store = config.store
    return QdrantStore(
        url=_secret(store.url, "store.url"),
        api_key=_secret(store.api_key, "store.api_key"),
        folder=config.store_path / "qdrant",
        timeout_s=store.timeout_s,
    )


def open_database(config: KnowledgeConfig) -> Database:
    """The database that a configuration names; nothing is connected yet.

    Raises:
        ConfigError: It names none.
        MissingExtraError: What speaks to it is not installed.
    """
    try:
        from agent_knowledge.retrieval.postgres.connection import Database
    except ImportError as error:
        raise MissingExtraError(_missing("pgvector", "postgres")) from error
    store = config.store
    url = _secret(store.url, "store.url")
    if not url:
        msg = "store.url: is missing; a store of kind 'pgvector' needs the database's address, as "
        raise ConfigError(msg + "url: ${DATABASE_URL}")
    return Database(url, timeout_s=store.timeout_s, most=store.pool)


def describe_store(config: KnowledgeConfig) -> str:
    """What is at a server's address, and what one may do there; for `doctor`.

    Raises:
        StoreError: It cannot serve.
        ConfigError: One would see all tenants' documents, and some source has tenants.
    """
    if config.store.kind == "qdrant":
        store = open_qdrant_store(config)
        try:
            return store.version()
        finally:
            store.close()
    database = open_database(config)
    from agent_knowledge.retrieval.postgres import schema

    found = database.look()
    tenanted = [name for name, source in config.sources.items() if source.tenant]
    if found.past_tenants and tenanted:
        raise ConfigError(schema.sees_all(found.role))
    told = [f"{database.where}: {found.version}, as role {found.role!r}"]
    told += [] if found.writable else ["which can only read: index is refused"]
    return ", ".join(told)


def _secret(value: SecretStr | None, key: str) -> str:
    return "" if value is None else expand(value.get_secret_value(), key)


def _missing(kind: str, extra: str) -> str:
    return (
        f"store.kind: {kind!r} needs an extra that is not installed; run: "
        f'pip install "{DISTRIBUTION}[{extra}]"'
    )
