"""Opening chat models: the agent's default, and fine-tuned endpoints. Nothing is called yet."""

from __future__ import annotations

from typing import Any, cast

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from pydantic import SecretStr, ValidationError

from agent_knowledge.config import EndpointConfig, expand
from agent_knowledge.errors import ConfigError, MissingExtraError

_ACCEPTED = "use 'provider:model', as 'openai:NAME', and set the provider's key"
_DEFAULT = "models.default"
"""The one place where the packaged model may stand too."""
_NO_KEY = "none"
"""What a server on one's own machine is sent where the client insists on a key."""


def open_model(spec: str, key: str = _DEFAULT) -> BaseChatModel:
    """Open any model that `langchain.chat_models.init_chat_model` accepts.

    Args:
        spec: Such as "openai:gpt-4.1-mini" or "ollama:llama3.2".
        key: Where the string stands in the configuration, for messages.

    Raises:
        ConfigError: The string is none of those, or the provider lacks a key.
        MissingExtraError: The provider's package is not installed.
    """
    packaged = "use 'extractive' (packaged, offline); or " if key == _DEFAULT else ""
    return _init(spec, key, packaged + _ACCEPTED)


def open_endpoint(config: EndpointConfig, key: str) -> BaseChatModel:
    """Open a fine-tuned model: behind an OpenAI-compatible URL, or by `init_chat_model` string.

    Retries are off: an endpoint that fails must fail fast, since a lower rung can answer.

    Args:
        config: The endpoint.
        key: Its key path, such as `endpoints.triage-ft`, for messages.

    Raises:
        ConfigError: A variable is not set, or the model string is not accepted.
        MissingExtraError: The provider's package is not installed.
    """
    model = expand(config.model, f"{key}.model")
    api_key = _secret(config.api_key, f"{key}.api_key")
    base_url = _secret(config.base_url, f"{key}.base_url")
    if base_url:
        return ChatOpenAI(
            model=model.removeprefix("openai:"),
            base_url=base_url,
            api_key=SecretStr(api_key or _NO_KEY),
            timeout=config.timeout_s,
            max_retries=0,
            use_responses_api=False,  # servers that speak OpenAI's protocol speak this one
        )
    options: dict[str, Any] = {"timeout": config.timeout_s, "max_retries": 0}
    if api_key:
        options["api_key"] = api_key
    return _init(model, f"{key}.model", f"{_ACCEPTED}; or give a base_url", **options)


def _init(spec: str, key: str, accepted: str, **options: Any) -> BaseChatModel:
    try:
        return cast("BaseChatModel", init_chat_model(spec, **options))
    except ImportError as error:
        msg = f"{key}: {spec!r} needs a package that is not installed ({error})"
        raise MissingExtraError(msg) from error
    except Exception as error:  # noqa: BLE001 - each provider raises its own kinds
        # A validation error shows what was put in, keys included; only its kind is passed on.
        plain = isinstance(error, ValueError) and not isinstance(error, ValidationError)
        what = str(error).partition("\n")[0] if plain else type(error).__name__
        msg = f"{key}: {spec!r} is not accepted ({what}); {accepted}"
        raise ConfigError(msg) from None


def _secret(value: SecretStr | None, key: str) -> str:
    return expand(value.get_secret_value(), key) if value else ""
