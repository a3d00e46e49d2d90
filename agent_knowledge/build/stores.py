"""Opens the index behind each source: the only place that knows every kind of store.

Each kind is imported when a configuration asks for it. To add one, write a function that opens it
and name it in `_STORES`, or ask for it in `_opened`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent_knowledge.config import AgentProfile, KnowledgeConfig, SourceConfig
from agent_knowledge.errors import ConfigError
from agent_knowledge.ports import Embedder, PassageIndex
from agent_knowledge.retrieval.joined import JoinedIndex

if TYPE_CHECKING:
    from agent_knowledge.retrieval.search import SourceIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class FromHost:
    """What the host hands over beside a configuration, which the configuration cannot.

    Attributes:
        imports: Packages that the configuration may name code of, such as `shop`: that package and
            all inside it.
        retrievers: Objects that search external sources, by name.
    """

    imports: tuple[str, ...] = ()
    retrievers: Mapping[str, object] = field(default_factory=dict[str, object])


def open_index(
    config: KnowledgeConfig, profile: AgentProfile, embedder: Embedder, given: FromHost
) -> JoinedIndex | None:
    """Open what the indexed sources of an agent are searched in.

    Args:
        config: The configuration.
        profile: The agent.
        embedder: What queries are embedded with.
        given: What the host hands over.

    Returns:
        None for an agent without such a source: then no store is loaded.

    Raises:
        ConfigError: The store, or what a source names, is wrong.
        SourceError: A store cannot be opened.
    """
    indexed = {name: spec for name, spec in profile.sources.items() if not spec.external}
    if not indexed:
        return None
    store: PassageIndex | None = None
    indexes: dict[str, PassageIndex] = {}
    for name, spec in indexed.items():
        own = _opened(name, spec, config, embedder, given)
        if own is None:
            own = store = store or open_store(config, embedder)
        indexes[name] = own
    return JoinedIndex.of(indexes, profile.sources)


def _opened(
    name: str, spec: SourceConfig, config: KnowledgeConfig, embedder: Embedder, given: FromHost
) -> PassageIndex | None:
    """The index of a source that does not lie in the configured store; None for all that do."""
    if spec.retriever is not None:
        return _foreign(name, spec, config, embedder, given)
    if spec.kind == "chroma":
        return _collection(name, spec, config, embedder)
    return None


def _foreign(
    name: str, spec: SourceConfig, config: KnowledgeConfig, embedder: Embedder, given: FromHost
) -> PassageIndex:
    """A LangChain vector store or retriever that the configuration names."""
    msg = f"sources.{name}.retriever: {spec.retriever!r} is not served by this release"
    raise ConfigError(msg)


def _collection(
    name: str, spec: SourceConfig, config: KnowledgeConfig, embedder: Embedder
) -> PassageIndex:
    """A Chroma collection, taken over into the embedded store with its own vectors."""
    msg = f"sources.{name}.collection: {spec.collection!r} is not served by this release"
    raise ConfigError(msg)


def open_store(config: KnowledgeConfig, embedder: Embedder) -> PassageIndex:
    """Open the configured store for reading."""
    return _STORES[config.store.kind](config, embedder)


def _embedded(config: KnowledgeConfig, embedder: Embedder) -> SourceIndex:
    from agent_knowledge.retrieval.search import SourceIndex

    return SourceIndex(config.store_path, embedder.name)


def _postgres(config: KnowledgeConfig, embedder: Embedder) -> PassageIndex:
    from agent_knowledge.build.servers import open_postgres

    return open_postgres(config, embedder)


def _qdrant(config: KnowledgeConfig, embedder: Embedder) -> PassageIndex:
    from agent_knowledge.build.servers import open_qdrant

    return open_qdrant(config, embedder)


_STORES: Mapping[str, Callable[[KnowledgeConfig, Embedder], PassageIndex]] = {
    "chroma": _embedded,
    "pgvector": _postgres,
    "qdrant": _qdrant,
}
"""Per kind of store, what opens it."""
