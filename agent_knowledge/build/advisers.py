"""Who is asked beside the evidence: the models that judge needs and claims, and write queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from agent_knowledge.build.parts import load_router_model, open_chat
from agent_knowledge.config import AgentProfile, KnowledgeConfig, ModelsConfig
from agent_knowledge.errors import ConfigError
from agent_knowledge.ports import ClaimJudge, NeedJudge, QueryWriter

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent_knowledge.citations.opinions import EntailmentModel


def load_advisers(
    config: KnowledgeConfig, profile: AgentProfile, model: str | BaseChatModel | None
) -> tuple[NeedJudge | None, QueryWriter | None]:
    """Who judges needs and who writes queries, where the agent's policy has a model do it.

    Raises:
        ConfigError: The model would be the packaged one, which can do neither.
    """
    policy = profile.policy
    judges, writes = policy.ask_model_below is not None, policy.query_rewrite == "model"
    if not (judges or writes):
        return None, None
    from agent_knowledge.models.asked import ModelJudge, ModelWriter
    from agent_knowledge.models.extractive import ExtractiveChatModel

    chat = load_router_model(config, model)
    if isinstance(chat.model, ExtractiveChatModel):
        key = f"ask_model_below: {policy.ask_model_below}" if judges else "query_rewrite: model"
        msg = (
            f"agents.{profile.name}.policy.{key} asks a chat model, and the router's would be"
            " 'extractive', which can only quote; set models.router (or models.default) to"
            " 'provider:model', as 'openai:NAME', or pass load_router(..., model=...)"
        )
        raise ConfigError(msg)
    return ModelJudge(chat=chat) if judges else None, ModelWriter(chat=chat) if writes else None


def load_claim_judge(
    judge: str | BaseChatModel | ClaimJudge | EntailmentModel | None, limits: ModelsConfig | None
) -> ClaimJudge | None:
    """Who gives a second opinion on claims, from what a host may hand over.

    Raises:
        ConfigError: It would be the packaged model, which can only quote.
    """
    if judge is None or (hasattr(judge, "judge") and hasattr(judge, "name")):
        return cast("ClaimJudge | None", judge)
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
