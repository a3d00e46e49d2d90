"""Single parts, opened from a configuration or a name: embedders, the screen, chat models."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agent_knowledge.config import KnowledgeConfig, ModelsConfig, expand, label
from agent_knowledge.errors import ConfigError
from agent_knowledge.ports import Embedder, Screen, TextEncoder

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel

    from agent_knowledge.models.chat import Chat
    from agent_knowledge.models.minilm import MiniLM

ConfigLike = KnowledgeConfig | str | Path
MINILM = "minilm"
"""Name of the packaged embedding, in a configuration and in an index."""


def read_config(config: ConfigLike) -> KnowledgeConfig:
    """The configuration itself, read when a path was given."""
    return config if isinstance(config, KnowledgeConfig) else KnowledgeConfig.from_yaml(config)


@cache
def packaged_embedder() -> MiniLM:
    """The packaged MiniLM; one a process, since its weights take 23 MB."""
    from agent_knowledge.models.minilm import MiniLM

    return MiniLM()


@cache
def packaged_screen() -> Screen:
    """The packaged screen; one a process."""
    from agent_knowledge.screening import InjectionScreen

    return InjectionScreen()


def load_embedder(
    config: KnowledgeConfig, embedding: Embeddings | Embedder | None = None
) -> Embedder:
    """The embedder that a configuration names, or an object given instead."""
    if embedding is None:
        spec = expand(config.embedding, "embedding")
        if spec == MINILM:
            return packaged_embedder()
        from agent_knowledge.models.embeddings import LangChainEmbedder

        return LangChainEmbedder.from_string(spec, name=label(config.embedding, "embedding"))
    if hasattr(embedding, "embed") and hasattr(embedding, "name"):
        return cast("Embedder", embedding)
    if hasattr(embedding, "embed_documents"):
        from agent_knowledge.models.embeddings import LangChainEmbedder

        return LangChainEmbedder(cast("Any", embedding))
    msg = f"embedding: {embedding!r} is no LangChain Embeddings and has no 'name' and 'embed'"
    raise ConfigError(msg)


def load_encoder(embedder: Embedder) -> TextEncoder:
    """The text model: an embedder that is MiniLM and reads too, so that no text is read twice."""
    if embedder.name == MINILM and isinstance(embedder, TextEncoder):
        return embedder
    return packaged_embedder()


def load_model(
    config: ConfigLike = "agent-knowledge.yaml", model: str | BaseChatModel | None = None
) -> Chat:
    """The chat model that a configuration names as default, or another one.

    Args:
        config: A configuration, or the path of one.
        model: An `init_chat_model` string or a LangChain chat model, instead of `models.default`.

    Returns:
        What an `Answerer` takes; its `model` is the LangChain chat model, for an agent.

    Raises:
        ConfigError: The string is none, or the provider lacks a key.
        MissingExtraError: The provider's package is not installed.
    """
    config = read_config(config)
    key = "models.default"
    if model is None:
        return open_named(config.models.default, key, config.models)
    return open_chat(model, key, config.models)


def load_router_model(config: KnowledgeConfig, model: str | BaseChatModel | None = None) -> Chat:
    """The chat model that the router asks: `models.router`, or where it is not set the default.

    Args:
        config: The configuration.
        model: An `init_chat_model` string or a LangChain chat model, instead of `models.router`.
    """
    if model is None and config.models.router is None:
        return load_model(config)
    key = "models.router"
    if model is None:
        return open_named(config.models.router or "", key, config.models)
    return open_chat(model, key, config.models)


def open_named(spec: str, key: str, models: ModelsConfig) -> Chat:
    """Open a model that the configuration names; its own name tells no variable's value."""
    return replace(open_chat(expand(spec, key), key, models), name=label(spec, key))


def open_chat(chosen: str | BaseChatModel, key: str, limits: ModelsConfig | None = None) -> Chat:
    """Open a model; a string is the packaged one's name or one for `init_chat_model`."""
    from agent_knowledge.models.chat import Chat
    from agent_knowledge.models.decisions import is_decision_model

    if is_decision_model(chosen):
        named = repr(chosen) if isinstance(chosen, str) else type(chosen).__name__
        msg = (
            f"{key}: {named} is a decision model, which answers typed questions and writes no text;"
            " give a chat model, as 'openai:NAME', and the decision model as models.router or as a"
            " judge"
        )
        raise ConfigError(msg)
    if chosen == "extractive":
        from agent_knowledge.models.extractive import ExtractiveChatModel

        return Chat(model=ExtractiveChatModel(embedder=packaged_embedder()), name="extractive")
    if isinstance(chosen, str):
        from agent_knowledge.models.endpoint import open_model

        return Chat(model=open_model(chosen, key, limits), name=chosen)
    return Chat(model=chosen, name=type(chosen).__name__)
