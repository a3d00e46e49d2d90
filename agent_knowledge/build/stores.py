"""Opens the index behind each source: the only place that knows every kind of store.

Each kind is imported when a configuration asks for it. To add one, write a function that opens it
and name it in `_STORES`, or ask for it in `_opened`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, cast

from agent_knowledge.build.imports import imported
from agent_knowledge.config import AgentProfile, KnowledgeConfig, SourceConfig
from agent_knowledge.errors import ConfigError, nearest, without_password
from agent_knowledge.ports import Embedder, PassageIndex, Retriever
from agent_knowledge.retrieval.joined import JoinedIndex

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.vectorstores import VectorStore

    from agent_knowledge.retrieval.embedded.search import SourceIndex
    from agent_knowledge.types import Passage

SearchFunction: TypeAlias = (
    "Callable[[str, int], Iterable[Document | Passage | str | tuple[Document | str, float]]]"
)
"""From a query and a number to what was found, best first, perhaps each with its score."""
RetrieverLike: TypeAlias = "VectorStore | BaseRetriever | Retriever | SearchFunction"
FOREIGN = "foreign"
"""The folder, inside the store's, of what was measured of sources that others keep."""

FITS = "fits"
"""The folder, beside it, of coverage that was fitted to sources' own questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FromHost:
    """What the host hands over beside a configuration, which the configuration cannot.

    Attributes:
        imports: Packages that the configuration may name code of, such as `shop`: that package and
            all inside it.
        retrievers: Objects that search external sources, by name.
    """

    imports: tuple[str, ...] = ()
    retrievers: Mapping[str, RetrieverLike] = field(default_factory=dict[str, RetrieverLike])


def open_index(
    config: KnowledgeConfig, profile: AgentProfile, embedder: Embedder, given: FromHost
) -> JoinedIndex | None:
    """Open what the indexed sources of an agent are searched in.

    Args:
        config: The configuration.
        profile: The agent, as `searched_here` gives it.
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


def open_source(config: KnowledgeConfig, name: str, embedder: Embedder) -> PassageIndex:
    """Open what one source is searched in, such as to see whether it can be.

    Raises:
        ConfigError: The store, or what the source names, is wrong.
        SourceError: It cannot be opened.
    """
    own = _opened(name, config.sources[name], config, embedder, FromHost())
    return open_store(config, embedder) if own is None else own


def _opened(
    name: str, spec: SourceConfig, config: KnowledgeConfig, embedder: Embedder, given: FromHost
) -> PassageIndex | None:
    """The index of a source that does not lie in the configured store; None for all that do."""
    if name in given.retrievers:
        return _foreign(name, spec, config, embedder, given.retrievers[name])
    if spec.retriever is not None:
        return _foreign(name, spec, config, embedder, _made(name, spec, config, given))
    if spec.kind == "chroma":
        return _collection(name, config, embedder)
    return None


def searched_here(profile: AgentProfile, given: FromHost) -> AgentProfile:
    """An agent whose external sources are none where the host gave what can be searched like one.

    An object with `retrieve` stays external: it is asked only when its passages are wanted, which
    is what a search that costs money needs.

    Raises:
        ConfigError: A retriever is given for what is no external source.
    """
    external = [name for name, spec in profile.sources.items() if spec.external]
    for name in given.retrievers:
        if name not in external:
            msg = f"retrievers: {name!r} is no external source of agent {profile.name!r}; "
            raise ConfigError(msg + nearest(name, external))
    sources = {
        name: spec.model_copy(update={"external": False}) if _is_searched(name, given) else spec
        for name, spec in profile.sources.items()
    }
    return profile.model_copy(update={"sources": sources})


def _is_searched(name: str, given: FromHost) -> bool:
    return name in given.retrievers and not hasattr(given.retrievers[name], "retrieve")


def _made(name: str, spec: SourceConfig, config: KnowledgeConfig, given: FromHost) -> object:
    """What a configuration names as a retriever; a class or a function that makes one is called."""
    key, written = f"sources.{name}.retriever", spec.retriever or ""
    found = imported(written, key, allowed=given.imports, folder=config.folder)
    if not _makes(found, spec.options):
        if spec.options:
            msg = f"sources.{name}.options: {written!r} is no function, and takes none; remove them"
            raise ConfigError(msg)
        return found
    try:
        return cast("Callable[..., object]", found)(**spec.options)
    except Exception as error:  # a host's function may raise anything
        said = without_password(str(error))
        msg = f"{key}: {written!r} failed when called ({type(error).__name__}: {said})"
        raise ConfigError(msg) from error


def _makes(found: object, options: Mapping[str, object]) -> bool:
    """Whether an object makes a retriever, and is none: a function of a query is one."""
    if not (inspect.isclass(found) or inspect.isroutine(found)):
        return False
    try:
        inspect.signature(found).bind(**options)
    except TypeError:
        return bool(options) or inspect.isclass(found)  # which then says what it lacks
    except ValueError:  # a built-in one
        return True
    return True


def _foreign(
    name: str, spec: SourceConfig, config: KnowledgeConfig, embedder: Embedder, given: object
) -> PassageIndex:
    """A store or retriever of others as an index."""
    if all(hasattr(given, method) for method in ("search", "related", "statistics", "passages")):
        return cast("PassageIndex", given)
    from agent_knowledge.retrieval.others.finders import finder_of
    from agent_knowledge.retrieval.others.index import ForeignIndex, ForeignSource

    kind = f"{type(given).__module__}.{type(given).__qualname__}"
    source = ForeignSource(
        name=name,
        description=spec.description,
        tenant=spec.tenant,
        made_of=f"{spec.retriever or ''} {spec.options} {kind} {embedder.name}",
    )
    return ForeignIndex(source, finder_of(name, given, embedder), config.store_path / FOREIGN)


def _collection(name: str, config: KnowledgeConfig, embedder: Embedder) -> PassageIndex | None:
    """A Chroma collection, taken over into the embedded store; None where that is the store."""
    from agent_knowledge.build.taking_over import keep_up

    keep_up(config, name, embedder)
    return None if config.store.kind == "chroma" else _embedded(config, embedder)


def open_store(config: KnowledgeConfig, embedder: Embedder) -> PassageIndex:
    """Open the configured store for reading."""
    return _STORES[config.store.kind](config, embedder)


def _embedded(config: KnowledgeConfig, embedder: Embedder) -> SourceIndex:
    from agent_knowledge.retrieval.embedded.search import SourceIndex

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
