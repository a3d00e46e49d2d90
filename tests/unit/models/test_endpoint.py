from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage
from pytest_httpserver import HTTPServer

from agent_knowledge.config import EndpointConfig
from agent_knowledge.errors import ConfigError, EndpointError, MissingExtraError
from agent_knowledge.models.chat import Chat
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
    return EndpointConfig.model_validate({"serves": "triage", "timeout_s": 2, **keys})


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


def test_a_failing_server_is_called_once_and_its_words_stay_out(httpserver: HTTPServer):
    httpserver.expect_request("/v1/chat/completions").respond_with_data(
        "key sk-secret refused", status=500
    )
    config = endpoint(
        model="openai:triage", base_url=httpserver.url_for("/v1"), api_key="sk-secret"
    )
    model = open_endpoint(config, KEY)
    assert "sk-secret" not in repr(model)
    with pytest.raises(EndpointError, match="status 500") as caught:
        Chat(model=model, name="triage-ft").reply([HumanMessage("x")])
    assert "sk-secret" not in str(caught.value)
    assert len(httpserver.log) == 1


def test_an_unset_variable_is_named_with_its_key(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("FT_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"endpoints\.triage-ft\.api_key.*FT_KEY"):
        open_endpoint(endpoint(model="openai:x", api_key="${FT_KEY}"), KEY)


def test_an_init_chat_model_string_is_opened_without_retries():
    model = open_endpoint(endpoint(model="openai:ft:gpt:org::id", api_key="sk-x"), KEY)
    assert model.model_dump()["model_name"] == "ft:gpt:org::id"
    assert model.model_dump()["max_retries"] == 0


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
