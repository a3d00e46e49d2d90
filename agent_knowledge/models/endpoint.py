"""Opening chat models: the agent's default, and fine-tuned endpoints. Nothing is called yet."""

from __future__ import annotations

import weakref
from typing import Any, cast

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_openai import ChatOpenAI
from langchain_openai.chat_models.base import BaseChatOpenAI
from openai import AsyncOpenAI, Timeout
from pydantic import SecretStr, ValidationError

from agent_knowledge.config import EndpointConfig, ModelsConfig, expand, missing_variable
from agent_knowledge.errors import ConfigError, MissingExtraError
from agent_knowledge.models import background
from agent_knowledge.models.breaker import Breaker, shared_breaker
from agent_knowledge.models.called import Called, Limits
from agent_knowledge.models.client import bounded_client, parse_address
from agent_knowledge.models.resilient import ResilientChatModel

_ACCEPTED = "use 'provider:model', as 'openai:NAME', and set the provider's key"
_DEFAULT = "models.default"
"""The one place where the packaged model may stand too."""
_NO_KEY = "none"
"""What a server on one's own machine is sent where the client insists on a key."""


def open_model(
    spec: str, key: str = _DEFAULT, config: ModelsConfig | None = None
) -> ResilientChatModel:
    """Open any model that `langchain.chat_models.init_chat_model` accepts, within limits.

    No breaker leaves it alone: below it there is no rung that would answer instead.

    Args:
        spec: Such as "openai:gpt-4.1-mini" or "ollama:llama3.2".
        key: Where the string stands in the configuration, for messages.
        config: What a task may take; default: the configuration's defaults.

    Raises:
        ConfigError: The string is none of those, or the provider lacks a key.
        MissingExtraError: The provider's package is not installed.
    """
    config = config or ModelsConfig()
    packaged = "use 'extractive' (packaged, offline); or " if key == _DEFAULT else ""
    return ResilientChatModel.around(
        _init_bounded(spec, key, packaged + _ACCEPTED, config.timeout_s),
        called=Called(kind="model", name=spec, key=key),
        limits=_limits(config),
        breaker=Breaker(None, 0),
    )


def open_endpoint(config: EndpointConfig, key: str) -> ResilientChatModel:
    """Open a fine-tuned model: behind an OpenAI-compatible URL, or by `init_chat_model` string.

    The client's own retries are off: repeated calls, the budget and the breaker are those of
    `ResilientChatModel`. All that open the same model, URL and key share one breaker.

    Args:
        config: The endpoint.
        key: Its key path, such as `endpoints.triage-ft`, for messages.

    Raises:
        ConfigError: A variable is not set, the URL is none, or the model string is not accepted.
        MissingExtraError: The provider's package is not installed.
    """
    model = expand(config.model, f"{key}.model")
    api_key = SecretStr(_secret(config.api_key, f"{key}.api_key"))
    base_url = SecretStr(_secret(config.base_url, f"{key}.base_url"))
    address = (model, base_url, api_key)
    return ResilientChatModel.around(
        _open_client(config, key, *address),
        called=Called(kind="endpoint", name=key.rpartition(".")[2], key=key),
        limits=_limits(config),
        breaker=shared_breaker(address, config.breaker.failures, config.breaker.reset_s),
    )


def _limits(config: ModelsConfig | EndpointConfig) -> Limits:
    return Limits(timeout_s=config.timeout_s, budget_s=config.budget_s, retries=config.retries)


def _open_client(
    config: EndpointConfig, key: str, model: str, base_url: SecretStr, api_key: SecretStr
) -> BaseChatModel:
    given = api_key.get_secret_value()
    if not base_url.get_secret_value():
        accepted = f"{_ACCEPTED}; or give a base_url"
        options = {"api_key": given} if given else {}
        return _init_bounded(model, f"{key}.model", accepted, config.timeout_s, **options)
    address = parse_address(base_url.get_secret_value(), f"{key}.base_url")
    if address.login and given:
        msg = f"{key}: base_url holds a user and api_key is set: one can be sent; leave out either"
        raise ConfigError(msg)
    timeout = Timeout(config.timeout_s)
    return _kept(
        ChatOpenAI(
            model=model.removeprefix("openai:"),
            base_url=address.url,
            api_key=SecretStr(given or _NO_KEY),
            timeout=timeout,
            max_retries=0,
            openai_proxy=None,  # see bounded_client
            http_async_client=bounded_client(timeout, address.login),
            use_responses_api=False,  # servers that speak OpenAI's protocol speak this one
        )
    )


def _init_bounded(
    spec: str, key: str, accepted: str, timeout_s: float, **options: str
) -> BaseChatModel:
    """Open a model by its string, its own retries off and its bytes bounded where it lets us.

    What it lets us is seen from the model itself: a string need not name its provider.
    """
    plain = _init(spec, key, accepted, **options)
    if not isinstance(plain, BaseChatOpenAI):
        known = {name for n, field in type(plain).model_fields.items() for name in (n, field.alias)}
        wanted = {"max_retries": 0, "timeout": timeout_s}
        more: dict[str, Any] = {name: given for name, given in wanted.items() if name in known}
        return _init(spec, key, accepted, **options, **more) if more else plain
    timeout = Timeout(timeout_s)
    more = {"max_retries": 0, "timeout": timeout, "stream_usage": plain.stream_usage}
    login = None
    if isinstance(plain, ChatOpenAI):  # of OPENAI_BASE_URL; others put theirs together
        address = parse_address(str(plain.root_async_client.base_url), "OPENAI_BASE_URL")
        login = address.login
        more |= {"base_url": address.url} if login else {}
    more |= {"openai_proxy": None, "http_async_client": bounded_client(timeout, login)}
    return _kept(_init(spec, key, accepted, **options, **more))


def _kept(client: BaseChatModel) -> BaseChatModel:
    """Have the connections of a client closed when nobody uses it any more."""
    if isinstance(client, BaseChatOpenAI):
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
