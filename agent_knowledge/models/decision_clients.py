"""Opening decision models: LangChain's, OpenAI's, System One's. Nothing is called yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from langchain_core._api import suppress_langchain_beta_warning
from langchain_openai import decisions as openais
from openai import Timeout
from pydantic import SecretStr

from agent_knowledge.config import ModelsConfig, expand, missing_variable
from agent_knowledge.errors import ConfigError
from agent_knowledge.models.called import Called, Limits
from agent_knowledge.models.chat import explained
from agent_knowledge.models.client import bounded_client, close_with, parse_address
from agent_knowledge.models.decisions import (
    KINDS,
    Asking,
    DecisionClient,
    Refusal,
    YesNo,
    is_langchains,
    is_openais,
)
from agent_knowledge.models.repeating import BoundedCalls
from agent_knowledge.models.system_one import SystemOneClient

if TYPE_CHECKING:
    from langchain_core.decisions import BaseDecisionModel


def decision_client(
    model: object, key: str, config: ModelsConfig | None = None, name: str = ""
) -> DecisionClient | None:
    """Who puts questions to a decision model.

    Args:
        model: `decisions:NAME`, `systemone:NAME`, a LangChain `BaseDecisionModel`, an
            `OpenAIDecisions`, or an object that satisfies `DecisionClient`.
        key: Where it stands in the configuration, for messages.
        config: Where the server of a named one is, and what a task may take.
        name: What a named one goes by in the record; default: the string.

    Returns:
        None where it is no decision model.

    Raises:
        ConfigError: The string names none, or lacks an address or a key.
    """
    if is_langchains(model):
        return LangChainClient(model=cast("BaseDecisionModel", model))
    if is_openais(model):
        return OpenAIClient(model=cast("openais.OpenAIDecisions", model), name=_named(model))
    if not isinstance(model, str):
        return model if isinstance(model, DecisionClient) else None
    kind, _, named = model.partition(":")
    if kind not in KINDS:
        return None
    if not named:
        msg = f"{key}: {model!r} names no model; write {kind}:NAME"
        raise ConfigError(msg)
    config = config or ModelsConfig()
    limits = Limits(timeout_s=config.timeout_s, budget_s=config.budget_s, retries=config.retries)
    name = name or model
    calls = BoundedCalls(called=Called(kind="model", name=name, key=key), limits=limits)
    opened = _open_openai if kind == "decisions" else _open_system_one
    return opened(named, name, config, calls)


def _open_openai(model: str, name: str, config: ModelsConfig, calls: BoundedCalls) -> OpenAIClient:
    url, login = _secret(config.router_url, "models.router_url"), None
    if url:
        address = parse_address(url, "models.router_url")
        url, login = address.url, address.login
    timeout = Timeout(calls.limits.timeout_s)
    client = bounded_client(timeout, login)
    given = _secret(config.router_key, "models.router_key") or ("none" if url else "")
    try:
        with suppress_langchain_beta_warning():
            opened = openais.OpenAIDecisions(
                model=model,
                base_url=url or None,
                api_key=SecretStr(given) if given else None,
                timeout=timeout,
                max_retries=0,
                http_async_client=client,
            )
    except ValueError as error:
        unset = missing_variable(str(error))
        msg = f"{calls.called.key}: {name!r} is not accepted ({type(error).__name__}{unset}); set"
        raise ConfigError(f"{msg} models.router_key, or OPENAI_API_KEY") from None
    close_with(opened, client)
    return OpenAIClient(model=opened, name=name, calls=calls)


def _open_system_one(
    model: str, name: str, config: ModelsConfig, calls: BoundedCalls
) -> SystemOneClient:
    url = _secret(config.router_url, "models.router_url")
    if not url:
        msg = (
            f"{calls.called.key}: {name!r} has no server; set models.router_url, as "
            "http://127.0.0.1:8080/v1"
        )
        raise ConfigError(msg)
    key = _secret(config.router_key, "models.router_key") or None
    return SystemOneClient.at(url, key, model=model, name=name, calls=calls)


def _secret(value: SecretStr | None, key: str) -> str:
    return expand(value.get_secret_value(), key) if value else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LangChainClient:
    """Asks a LangChain decision model; satisfies `DecisionClient`."""

    model: BaseDecisionModel = field(repr=False)

    @property
    def name(self) -> str:
        """Its class and the name of its model."""
        return _named(self.model)

    def ask(self, state: Mapping[str, object], questions: Mapping[str, Asking]) -> object:
        """Ask; see `DecisionClient`."""
        from langchain_core.decisions import (  # noqa: PLC0415 - 1.7 has none
            Choice,
            ChoiceAnswer,
            Noul,
            NoulAnswer,
        )

        def written(question: Asking) -> Noul | Choice:
            if isinstance(question, YesNo):
                return Noul(instructions=question.instructions)
            criteria: dict[str, Any] = dict(question.options)
            return Choice(instructions=question.instructions, criteria=criteria)

        def read(answer: object) -> object:
            if isinstance(answer, NoulAnswer):
                return answer.noul
            return answer.probabilities if isinstance(answer, ChoiceAnswer) else answer

        asked = {name: written(question) for name, question in questions.items()}
        request: Any = {"state": dict(state), "questions": asked}
        response = _told(lambda: self.model.invoke(request), self.name)
        return {name: read(answer) for name, answer in response.answers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIClient:
    """Asks a model by OpenAI's Decisions API; satisfies `DecisionClient`.

    Attributes:
        model: LangChain's client of it.
        name: What it goes by in the record.
        calls: What a task may take; None leaves that to the client.
    """

    model: openais.OpenAIDecisions = field(repr=False)
    name: str
    calls: BoundedCalls | None = None

    def ask(self, state: Mapping[str, object], questions: Mapping[str, Asking]) -> object:
        """Ask; see `DecisionClient`."""

        def written(question: Asking) -> openais.Predicate | openais.Choice:
            if isinstance(question, YesNo):
                return openais.Predicate(instructions=question.instructions)
            choices = cast("dict[str | bool, str | None]", dict(question.options))
            return openais.Choice(instructions=question.instructions, choices=choices)

        def read(answer: object) -> object:
            if isinstance(answer, openais.PredicateAnswer):
                return answer.probability
            if isinstance(answer, openais.RefusalAnswer):
                return Refusal()
            return answer.probabilities if isinstance(answer, openais.ChoiceAnswer) else answer

        asked = {name: written(question) for name, question in questions.items()}
        request: Any = {"input": dict(state), "questions": asked}
        if self.calls:
            response = self.calls.make(lambda: self.model.ainvoke(request))
        else:
            response = _told(lambda: self.model.invoke(request), self.name)
        return {name: read(answer) for name, answer in response.answers.items()}


def _named(model: object) -> str:
    return f"{type(model).__name__}:{getattr(model, 'model', '')}".rstrip(":")


def _told(call: Callable[[], Any], name: str) -> Any:
    """What a call of a host's own model gives; what it raises is told by kind and status alone."""
    try:
        return call()
    except Exception as error:
        raise explained(error, name) from error
