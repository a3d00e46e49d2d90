from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage
from pytest_httpserver import HTTPServer

from agent_knowledge.config import EndpointConfig
from agent_knowledge.errors import ConfigError, MissingExtraError
from agent_knowledge.models.endpoint import open_endpoint, open_model

KEY = "endpoints.triage-ft"
REPLY = {
    "id": "x",
    "object": "chat.completion",
    "created": 0,
    "model": "triage",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "billing"},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


def endpoint(**keys: object) -> EndpointConfig:
    return EndpointConfig.model_validate({"serves": "triage", "timeout_s": 20, **keys})


@pytest.mark.parametrize("model", ["openai:triage", "triage"])
def test_an_openai_compatible_url_is_called_with_the_key_of_the_environment(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, model: str
):
    monkeypatch.setenv("FT_KEY", "sk-secret")
    httpserver.expect_request(
        "/v1/chat/completions", headers={"Authorization": "Bearer sk-secret"}
    ).respond_with_json(REPLY)
    config = endpoint(model=model, base_url=httpserver.url_for("/v1"), api_key="${FT_KEY}")
    assert open_endpoint(config, KEY).invoke([HumanMessage("charged twice")]).text == "billing"
    request, _ = httpserver.log[0]
    assert request.get_json()["model"] == "triage"


def test_a_keyless_local_server_needs_no_key(httpserver: HTTPServer):
    httpserver.expect_request("/v1/chat/completions").respond_with_json(REPLY)
    config = endpoint(model="openai:triage", base_url=httpserver.url_for("/v1"))
    assert open_endpoint(config, KEY).invoke("charged twice").text == "billing"


def test_no_key_is_shown(httpserver: HTTPServer):
    config = endpoint(
        model="openai:triage", base_url=httpserver.url_for("/v1"), api_key="sk-secret"
    )
    model = open_endpoint(config, KEY)
    assert "sk-secret" not in repr(model)
    assert "sk-secret" not in str(model.model_dump())


def test_an_unset_variable_is_named_with_its_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FT_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"endpoints\.triage-ft\.api_key.*FT_KEY"):
        open_endpoint(endpoint(model="openai:x", api_key="${FT_KEY}"), KEY)


@pytest.mark.parametrize("more", [{}, {"base_url": "http://127.0.0.1:1/v1"}])
def test_the_client_itself_never_repeats_a_call(more: dict[str, str]):
    model = open_endpoint(endpoint(model="openai:ft:gpt:org::id", api_key="sk-x", **more), KEY)
    client = model.inner.model_dump()
    assert (client["model_name"], client["max_retries"]) == ("ft:gpt:org::id", 0)


def test_an_endpoint_says_of_itself_what_its_model_says():
    model = open_endpoint(endpoint(model="openai:gpt-4.1-mini", api_key="sk-x"), KEY)
    assert model.profile == model.inner.profile
    assert not model.disable_streaming


def test_a_string_that_is_no_model_says_what_is_accepted():
    with pytest.raises(ConfigError, match=r"models\.default: 'nonsense'.*'extractive'"):
        open_model("nonsense")
    with pytest.raises(ConfigError, match=r"endpoints\.triage-ft\.model.*base_url"):
        open_endpoint(endpoint(model="nowhere:x"), KEY)


def test_a_missing_provider_package_or_key_is_said():
    with pytest.raises(MissingExtraError, match="mistral"):
        open_model("mistralai:x")


def test_a_missing_provider_key_is_a_config_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="provider's key"):
        open_model("openai:gpt-4.1-mini")
