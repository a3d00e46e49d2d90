"""Who is asked beside the evidence: the models that judge needs and claims, and write queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from agent_knowledge.build.parts import load_router_model, open_chat
from agent_knowledge.config import AgentProfile, KnowledgeConfig, ModelsConfig, expand, label
from agent_knowledge.errors import ConfigError
from agent_knowledge.ports import ClaimJudge, InformedJudge, NeedJudge, QueryWriter

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent_knowledge.citations.opinions import EntailmentModel
    from agent_knowledge.models.decisions import DecisionClient, DecisionModel


def load_advisers(
    config: KnowledgeConfig,
    profile: AgentProfile,
    model: str | BaseChatModel | DecisionModel | None,
) -> tuple[NeedJudge | InformedJudge | None, QueryWriter | None]:
    """Who judges needs and who writes queries, where the agent's policy has a model do it.

    Raises:
        ConfigError: The model would be the packaged one, which can do neither, or it is a decision
            model and is to write.
    """
    policy = profile.policy
    judges, writes = policy.ask_model_below is not None, policy.query_rewrite == "model"
    if not (judges or writes):
        return None, None
    if client := load_decision_client(config, model):
        if writes:
            msg = (
                f"agents.{profile.name}.policy.query_rewrite: model has a chat model write, and"
                f" the router's is {client.name!r}, a decision model, which writes no text; leave"
                " query_rewrite out, or set models.router to 'provider:model', as 'openai:NAME'"
            )
            raise ConfigError(msg)
        from agent_knowledge.routing.decision_judge import DecisionNeedJudge

        orders = config.models.router_orders
        return DecisionNeedJudge(client=client, agent=profile, orders=orders), None
    from agent_knowledge.models.asked import ModelJudge, ModelWriter
    from agent_knowledge.models.extractive import ExtractiveChatModel

    chat = load_router_model(config, cast("str | BaseChatModel | None", model))
    if isinstance(chat.model, ExtractiveChatModel):
        key = f"ask_model_below: {policy.ask_model_below}" if judges else "query_rewrite: model"
        msg = (
            f"agents.{profile.name}.policy.{key} asks a chat model, and the router's would be"
            " 'extractive', which can only quote; set models.router (or models.default) to"
            " 'provider:model', as 'openai:NAME', or pass load_router(..., model=...)"
        )
        raise ConfigError(msg)
    return ModelJudge(chat=chat) if judges else None, ModelWriter(chat=chat) if writes else None


def load_decision_client(
    config: KnowledgeConfig, model: str | BaseChatModel | DecisionModel | None = None
) -> DecisionClient | None:
    """Who asks the router's decision model; None where the router's model is none.

    Args:
        config: The configuration.
        model: A model, or its name, instead of `models.router`.

    Raises:
        ConfigError: It is named and cannot be opened.
    """
    key, written = "models.router", config.models.router
    given = model or (expand(written, key) if written else None)
    from agent_knowledge.models.decisions import is_decision_model

    if given is None or not is_decision_model(given):
        return None
    from agent_knowledge.models.decision_clients import decision_client

    name = label(written, key) if written and model is None else ""
    return decision_client(given, key, config.models, name)


def load_claim_judge(
    judge: str | BaseChatModel | DecisionModel | ClaimJudge | EntailmentModel | None,
    limits: ModelsConfig | None,
) -> ClaimJudge | None:
    """Who gives a second opinion on claims, from what a host may hand over.

    Raises:
        ConfigError: It would be the packaged model, which can only quote.
    """
    if judge is None or (hasattr(judge, "judge") and hasattr(judge, "name")):
        return cast("ClaimJudge | None", judge)
    from agent_knowledge.models.decisions import DecisionClaimJudge, is_decision_model

    if is_decision_model(judge):
        from agent_knowledge.models.decision_clients import decision_client

        client = decision_client(judge, "judge", limits)
        return DecisionClaimJudge(client=client) if client else None
    if callable(judge) and not hasattr(judge, "invoke"):
        from agent_knowledge.citations.opinions import pairwise

        return pairwise(judge)
    if judge == "extractive":
        msg = (
            "judge: 'extractive' can only quote; give 'provider:model', as 'openai:NAME', a chat "
            "model, or an object with 'name' and 'judge'"
        )
        raise ConfigError(msg)
    from agent_knowledge.models.asked import ModelClaimJudge

    return ModelClaimJudge(chat=open_chat(cast("str | BaseChatModel", judge), "judge", limits))
