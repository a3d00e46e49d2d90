"""Builds the parts that a configuration names; the only file that knows them all.

Each part is imported when a configuration asks for it, so that an agent without sources never
loads a vector store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from agent_knowledge.build.advisers import load_advisers, load_claim_judge, load_decision_client
from agent_knowledge.build.logs import load_log
from agent_knowledge.build.parts import (
    MINILM,
    ConfigLike,
    load_embedder,
    load_encoder,
    load_model,
    load_router_model,
    packaged_embedder,
    packaged_screen,
    read_config,
)
from agent_knowledge.build.sets import load_evidence, load_example_sets, load_set_states
from agent_knowledge.build.stores import (
    FITS,
    FromHost,
    RetrieverLike,
    open_index,
    open_store,
    searched_here,
)
from agent_knowledge.config import AgentProfile, KnowledgeConfig, ModelsConfig
from agent_knowledge.errors import ConfigError
from agent_knowledge.ports import (
    ClaimJudge,
    Embedder,
    PassageIndex,
    Reranker,
    Retriever,
)
from agent_knowledge.routing.need import Weights, load_source_fits, load_weights
from agent_knowledge.routing.router import KnowledgeRouter

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from agent_knowledge.build.rerank import RerankerLike
    from agent_knowledge.citations.opinions import EntailmentModel
    from agent_knowledge.citations.verifier import CitationVerifier
    from agent_knowledge.models.chat import Chat
    from agent_knowledge.models.decisions import DecisionModel

__all__ = [
    "MINILM",
    "ConfigLike",
    "load_decision_client",
    "load_embedder",
    "load_encoder",
    "load_endpoint",
    "load_example_sets",
    "load_index",
    "load_model",
    "load_router",
    "load_router_model",
    "load_verifier",
    "packaged_embedder",
    "packaged_screen",
    "read_config",
]


def load_router(  # noqa: PLR0913 - all but one are optional
    config: ConfigLike = "agent-knowledge.yaml",
    agent: str | None = None,
    *,
    embedding: Embeddings | Embedder | None = None,
    retrievers: Mapping[str, RetrieverLike] | None = None,
    model: str | BaseChatModel | DecisionModel | None = None,
    weights: Weights | None = None,
    imports: Sequence[str] = (),
    reranker: RerankerLike | None = None,
) -> KnowledgeRouter:
    """Build the router of one agent.

    Args:
        config: A configuration, or the path of one.
        agent: Name of the agent; None for the only one.
        embedding: A LangChain `Embeddings` object, or one that satisfies `ports.Embedder`, instead
            of the configuration's `embedding`. One named `minilm` is taken to be that model.
        retrievers: For sources marked `external`, by name: LangChain vector stores or retrievers,
            or functions from a query and a number to documents, which are searched for every task,
            so that their coverage is known; or objects that satisfy `ports.Retriever`, which are
            asked only where their passages are wanted.
        model: What the router asks where the policy has it ask a model, instead of the
            configuration's `models.router`: an `init_chat_model` string or a LangChain chat model;
            or a decision model: `decisions:NAME`, `systemone:NAME`, a `BaseDecisionModel` or
            `OpenAIDecisions` of LangChain, or what satisfies `models.decisions.DecisionClient`.
        weights: What was fitted, other than the packaged weights: for benches and training.
        imports: Packages that the configuration may name code of, such as `shop`, which is that
            package and all inside it; with none, a configuration has nothing imported.
        reranker: Puts the passages that were found into their last order, instead of what the
            policy's `rerank` names: a LangChain cross-encoder, a function `(query, texts) ->
            scores`, or an object that satisfies `ports.Reranker`.

    Raises:
        ConfigError: The configuration, or what it names, is wrong.
        InputError: An example set cannot be read.
        SourceError: The store cannot be opened.
        MissingExtraError: The log of decisions is to be redacted, and nobody can.
    """
    config = read_config(config)
    given = FromHost(imports=tuple(imports), retrievers=retrievers or {})
    profile = searched_here(config.agent(agent), given)
    embedder = load_embedder(config, embedding)
    judge, writer = load_advisers(config, profile, model)
    sets = load_example_sets(config, tuple(profile.examples), embedder)
    encoder, log = load_encoder(embedder), load_log(config)
    return KnowledgeRouter(
        profile,
        embedder=embedder,
        index=open_index(config, profile, embedder, given),
        examples=sets,
        retrievers=_asked_when_needed(profile, given),
        encoder=encoder,
        states=load_set_states(config, sets, (embedder, encoder)),
        weights=_with_own_fits(config, profile, weights or load_weights(embedder.name)),
        judge=judge,
        writer=writer,
        evidence=load_evidence(config, profile, sets),
        screen=packaged_screen(),
        reranker=_load_reranker(config, profile, reranker, imports),
        rerank_wait_s=config.models.timeout_s,
        observers=(log,) if log else (),
    )


def load_verifier(
    router: KnowledgeRouter | None = None,
    *,
    judge: str | BaseChatModel | DecisionModel | ClaimJudge | EntailmentModel | None = None,
    limits: ModelsConfig | None = None,
    threshold: float | None = None,
    judge_decides: bool | None = None,
) -> CitationVerifier:
    """Make a verifier that knows what claims mean, by the packaged embedder.

    Args:
        router: Whose stored documents quotations are looked up in; None for the passages alone.
        judge: Who gives a second opinion: an object that satisfies `ports.ClaimJudge`, a function
            from premise and hypothesis to the probabilities of entailment (see
            `citations.opinions.Probabilities`), a LangChain chat model, an `init_chat_model`
            string, or a decision model as for `load_router`; None for nobody.
        limits: What a judge given as a string may take; default: the configuration's defaults.
        threshold: Probability from which a claim counts as supported, 0..1; default: the policy's
            of the router's agent, or 0.5.
        judge_decides: Whether the judge decides in the packaged check's place; default: what the
            policy says, where a judge is given.

    Raises:
        ConfigError: The judge would be the packaged model, which can judge nothing.
        InputError: The judge is to decide and there is none.
    """
    from agent_knowledge.citations.entailment import THRESHOLD
    from agent_knowledge.citations.verifier import CitationVerifier

    policy = router.agent.policy if router else None
    if threshold is None:
        threshold = policy.threshold if policy else THRESHOLD
    if judge_decides is None:
        judge_decides = policy is not None and policy.judge_decides and judge is not None
    return CitationVerifier(
        packaged_embedder(),
        judge=load_claim_judge(judge, limits),
        documents=router.document_text if router else None,
        threshold=threshold,
        judge_decides=judge_decides,
    )


def load_index(config: KnowledgeConfig, embedder: Embedder) -> PassageIndex:
    """The index of a configuration's store, opened for reading."""
    return open_store(config, embedder)


def load_endpoint(agent: AgentProfile) -> Chat:
    """The agent's fine-tuned endpoint; nothing is called yet.

    Raises:
        ConfigError: The agent has none, or a variable that it names is not set.
    """
    if agent.endpoint is None:
        msg = f"agents.{agent.name}: has no endpoint"
        raise ConfigError(msg)
    from agent_knowledge.models.chat import Chat
    from agent_knowledge.models.endpoint import open_endpoint

    name = agent.endpoint_name or "endpoint"
    return Chat(model=open_endpoint(agent.endpoint, f"endpoints.{name}"), name=name)


def _load_reranker(
    config: KnowledgeConfig,
    profile: AgentProfile,
    given: RerankerLike | None,
    imports: Sequence[str],
) -> Reranker | None:
    if given is None and profile.policy.rerank is None:
        return None
    from agent_knowledge.build.rerank import load_reranker

    return load_reranker(config, profile, given, imports)


def _with_own_fits(config: KnowledgeConfig, profile: AgentProfile, weights: Weights) -> Weights:
    """Weights with the fits of the agent's sources that were fitted to their own questions."""
    names = [name for name, spec in profile.sources.items() if not spec.external]
    own = load_source_fits(config.store_path / FITS, names) if names else {}
    return replace(weights, fits=replace(weights.fits, by_source=own)) if own else weights


def _asked_when_needed(profile: AgentProfile, given: FromHost) -> dict[str, Retriever]:
    """The retrievers of sources that are external to the end; their coverage is not known."""
    external = [name for name, source in profile.sources.items() if source.external]
    return {
        name: cast("Retriever", given.retrievers[name])
        for name in external
        if name in given.retrievers
    }
