"""How an agent's sources are: what they hold, how old that is, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass

from agent_knowledge.build import load_embedder
from agent_knowledge.build.stores import open_source
from agent_knowledge.config import KnowledgeConfig, SourceConfig
from agent_knowledge.errors import AgentKnowledgeError, TenantMissingError, as_written
from agent_knowledge.ledger.history import History
from agent_knowledge.ledger.runs import IndexRun, IndexRuns
from agent_knowledge.ports import Closes, Embedder
from agent_knowledge.types.filters import EVERYTHING, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How one source is.

    Attributes:
        name: Its name in the configuration.
        kind: What it is made of, in a word or two.
        description: What the configuration says of it.
        external: It is searched by the host's own means, and nothing is known of it.
        passages: How many can be searched now; None where that is not known.
        changed_at: ISO time when its content last differed; None where nobody saw it.
        last: Its last index run; None where none is on record.
        error: Why it cannot be searched; empty where it can.
    """

    name: str
    kind: str
    description: str = ""
    external: bool = False
    passages: int | None = None
    changed_at: str | None = None
    last: IndexRun | None = None
    error: str = ""


def source_states(
    config: KnowledgeConfig, agent: str | None = None, *, scope: Scope = EVERYTHING
) -> tuple[SourceState, ...]:
    """How the sources of a configuration are, or those of one agent, in its order.

    A source that cannot be searched is one of them, and says why.

    Args:
        config: The configuration.
        agent: Whose sources; None for all.
        scope: Whose passages are counted, where a source keeps tenants apart.

    Raises:
        ConfigError: The agent is unknown, or the embedding that is named is none.
        SourceError: What was written down of earlier runs cannot be read.
    """
    config = config if agent is None else config.only(agent)
    embedder = load_embedder(config)
    history, runs = History(config.store_path), IndexRuns(config.store_path).all()
    states: list[SourceState] = []
    for name, spec in config.sources.items():
        passages, error = (None, "") if spec.external else _held(config, name, embedder, scope)
        changes = history.of("source", name)
        states.append(
            SourceState(
                name=name,
                kind=_kind(spec),
                description=spec.description,
                external=spec.external,
                passages=passages,
                changed_at=changes[-1].at if changes else None,
                last=runs.get(name),
                error=error,
            )
        )
    return tuple(states)


def _held(
    config: KnowledgeConfig, name: str, embedder: Embedder, scope: Scope
) -> tuple[int | None, str]:
    """How many passages of a source can be searched, or why none can."""
    try:
        index = open_source(config, name, embedder)
        try:
            return index.statistics(name, scope).passages, ""
        finally:
            if isinstance(index, Closes):
                index.close()
    except TenantMissingError:
        return None, ""  # it is there; whose passages are to be counted, nobody said
    except AgentKnowledgeError as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001 - a store of others may raise anything
        return None, f"{type(error).__name__}: {as_written(str(error))}"


def _kind(spec: SourceConfig) -> str:
    """What a source is made of, in words."""
    if spec.external:
        return "external search"
    if spec.kind == "chroma":
        return "Chroma collection"
    if spec.url:
        return "web pages"
    if spec.sitemap:
        return "sitemap"
    if spec.retriever:
        return "retriever"
    return "loader" if spec.loader else "files"
