"""Opening chat models: the agent's default, and fine-tuned endpoints. Nothing is called yet."""

from __future__ import annotations

import weakref
from typing import Any, cast

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI, Timeout
from pydantic import SecretStr, ValidationError

from agent_knowledge.config import EndpointConfig, expand, missing_variable
from agent_knowledge.errors import ConfigError, MissingExtraError
from agent_knowledge.models import background
from agent_knowledge.models.breaker import shared_breaker
from agent_knowledge.models.resilient import Limits, ResilientChatModel

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


def open_endpoint(config: EndpointConfig, key: str) -> ResilientChatModel:
    """Open a fine-tuned model: behind an OpenAI-compatible URL, or by `init_chat_model` string.

    The client's own retries are off: repeated calls, the budget and the breaker are those of
    `ResilientChatModel`. All that open the same model, URL and key share one breaker.

    Args:
        config: The endpoint.
        key: Its key path, such as `endpoints.triage-ft`, for messages.

    Raises:
        ConfigError: A variable is not set, or the model string is not accepted.
        MissingExtraError: The provider's package is not installed.
    """
    model = expand(config.model, f"{key}.model")
    api_key = SecretStr(_secret(config.api_key, f"{key}.api_key"))
    base_url = SecretStr(_secret(config.base_url, f"{key}.base_url"))
    address = (model, base_url, api_key)
    return ResilientChatModel.around(
        _open_client(config, key, *address),
        endpoint=key.rpartition(".")[2],
        limits=Limits(timeout_s=config.timeout_s, budget_s=config.budget_s, retries=config.retries),
        breaker=shared_breaker(address, config.breaker.failures, config.breaker.reset_s),
    )


def _open_client(
    config: EndpointConfig, key: str, model: str, base_url: SecretStr, api_key: SecretStr
) -> BaseChatModel:
    # Given a plain number, langchain-openai shares one client among all models of that time-out,
    # which others may use in another event loop: "Event loop is closed" for one of them.
    timeout = Timeout(config.timeout_s)
    if base_url.get_secret_value():
        client = ChatOpenAI(
            model=model.removeprefix("openai:"),
            base_url=base_url.get_secret_value(),
            api_key=SecretStr(api_key.get_secret_value() or _NO_KEY),
            timeout=timeout,
            max_retries=0,
            use_responses_api=False,  # servers that speak OpenAI's protocol speak this one
        )
    else:
        speaks_openai = model.startswith("openai:")
        options: dict[str, Any] = {"timeout": timeout if speaks_openai else config.timeout_s}
        if api_key.get_secret_value():
            options["api_key"] = api_key.get_secret_value()
        accepted = f"{_ACCEPTED}; or give a base_url"
        client = _init(model, f"{key}.model", accepted, max_retries=0, **options)
    if isinstance(client, ChatOpenAI):
        weakref.finalize(client, _close, client.root_async_client).atexit = False
    return client


def _close(client: AsyncOpenAI) -> None:
    """Close the connections of a client that is no longer used, in the loop that opened them."""
    background.start(client.close())


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
        msg = f"{key}: {spec!r} is not accepted ({what}{missing_variable(str(error))}); {accepted}"
        raise ConfigError(msg) from None


def _secret(value: SecretStr | None, key: str) -> str:
    return expand(value.get_secret_value(), key) if value else ""
