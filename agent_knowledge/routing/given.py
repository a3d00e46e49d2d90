"""What a router is given, held against what its agent names and its policy asks for."""

from __future__ import annotations

from collections.abc import Mapping

from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import ConfigError, nearest
from agent_knowledge.ports import (
    Embedder,
    ExampleSet,
    InformedJudge,
    NeedJudge,
    QueryWriter,
    Reranker,
    Screen,
    TextEncoder,
)
from agent_knowledge.routing.admission import Screener
from agent_knowledge.routing.reranking import Reranking


def require_all(agent: AgentProfile, sets: Mapping[str, ExampleSet], *, indexed: bool) -> None:
    """Check that everything that the agent names is there.

    Args:
        agent: The agent.
        sets: The example sets that are given, by name.
        indexed: Whether an index is.

    Raises:
        ConfigError: Something is not.
    """
    sources = [name for name, spec in agent.sources.items() if not spec.external]
    if sources and not indexed:
        msg = f"agent {agent.name!r} has the sources {', '.join(sources)}; give their index"
        raise ConfigError(msg)
    for name in agent.examples:
        if name not in sets:
            msg = f"agent {agent.name!r}: example set {name!r} is not given; "
            raise ConfigError(msg + nearest(name, sets))


def screener_of(agent: AgentProfile, screen: Screen | None) -> Screener | None:
    """Who screens what the agent has at hand, by the policy of each; None without a screen."""
    held = {**agent.sources, **agent.examples}
    return Screener(screen, {name: of.screen for name, of in held.items()}) if screen else None


def as_encoder(embedder: Embedder) -> TextEncoder:
    """The embedder as the text model, which the packaged MiniLM is.

    Raises:
        ConfigError: It is another one.
    """
    if isinstance(embedder, TextEncoder):
        return embedder
    msg = f"the embedder {embedder.name!r} is no text model; give encoder=packaged_embedder()"
    raise ConfigError(msg)


def consulted(
    agent: AgentProfile, judge: NeedJudge | InformedJudge | None, writer: QueryWriter | None
) -> tuple[NeedJudge | InformedJudge | None, QueryWriter | None]:
    """Those of the two that the policy has asked.

    Raises:
        ConfigError: One of them is not given.
    """
    below, rewrite = agent.policy.ask_model_below, agent.policy.query_rewrite
    if below is not None and judge is None:
        msg = f"agent {agent.name!r} has ask_model_below: {below}; give a judge"
        raise ConfigError(msg)
    if rewrite == "model" and writer is None:
        msg = f"agent {agent.name!r} has query_rewrite: {rewrite}; give a writer"
        raise ConfigError(msg)
    return judge if below is not None else None, writer if rewrite == "model" else None


def reranking_of(agent: AgentProfile, reranker: Reranker | None, wait_s: float) -> Reranking | None:
    """How the agent's passages come into their last order.

    Raises:
        ConfigError: The policy names a reranker, and none is given.
    """
    policy = agent.policy
    if policy.rerank is not None and reranker is None:
        msg = f"agent {agent.name!r} has rerank: {policy.rerank}; give a reranker"
        raise ConfigError(msg)
    if reranker is None:
        return None
    return Reranking(reranker=reranker, top=policy.rerank_top, wait_s=wait_s)
