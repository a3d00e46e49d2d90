"""What goes over the wire: so many bytes, to one server, and no credentials to anybody else."""

from __future__ import annotations

import logging
import traceback
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agent_knowledge.config import EndpointConfig
from agent_knowledge.errors import ConfigError, EndpointError
from agent_knowledge.limits import BODY_BYTES, STREAM_BYTES
from agent_knowledge.models.client import parse_address
from agent_knowledge.models.endpoint import open_endpoint, open_model
from agent_knowledge.models.resilient import ResilientChatModel
from tests.loopback import STREAM, failing, head, loopback, whole

BUFFERS = 16 * 2**20
"""What the two ends of a connection may hold beside what was taken."""
USER, PASSWORD = "canary-user", "canary/pass word"
BASIC = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
WITH = "canary-user:canary%2Fpass%20word@"


def endpoint(url: str, **keys: Any) -> ResilientChatModel:
    given = {"model": "m", "base_url": url, "serves": "triage", "retries": 0, **keys}
    return open_endpoint(EndpointConfig.model_validate(given), "endpoints.triage-ft")


def model(url: str, monkeypatch: pytest.MonkeyPatch) -> ResilientChatModel:
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    return open_model("openai:m")


@pytest.mark.parametrize(
    ("start", "most", "said"),
    [
        (head(Content_Length="209715200"), BODY_BYTES, "8 MiB"),
        (head(500), BODY_BYTES, "8 MiB"),
        (STREAM, STREAM_BYTES, "64 MiB"),
    ],
    ids=["whole", "an error", "a stream"],
)
def test_no_more_of_a_body_is_taken_than_the_limit(start: bytes, most: int, said: str):
    sent = 0

    def body() -> Iterator[bytes]:
        nonlocal sent
        yield start
        for _ in range(200):
            sent += 2**20
            yield b": x\n\n" + b"x" * (2**20 - 7) + b"\n\n"

    with loopback(body()) as server, pytest.raises(EndpointError, match=f"longer than {said}"):
        endpoint(server.url, timeout_s=60, budget_s=60).invoke("hi")
    assert most <= sent <= most + BUFFERS


def test_a_body_just_within_the_limit_is_taken():
    start, body = whole("x")
    padded = body + b" " * (BODY_BYTES - len(body))
    with loopback([start, padded]) as server:
        assert endpoint(server.url, timeout_s=60, budget_s=60).invoke("hi").text == "x"
    with loopback([start, padded + b" "]) as server, pytest.raises(EndpointError, match="longer"):
        endpoint(server.url, timeout_s=60, budget_s=60).invoke("hi")


def test_a_redirect_within_the_server_is_followed(httpserver: HTTPServer):
    moved = Response(status=307, headers={"Location": "/v2/chat/completions"})
    httpserver.expect_request("/v1/chat/completions").respond_with_response(moved)
    _, reply = whole("billing")
    httpserver.expect_request("/v2/chat/completions").respond_with_data(
        reply, content_type="application/json"
    )
    assert endpoint(httpserver.url_for("/v1")).invoke("charged twice").text == "billing"
    assert "charged twice" in httpserver.log[-1][0].get_data(as_text=True)


@pytest.mark.parametrize("variable", ["OPENAI_PROXY", "HTTP_PROXY"])
@pytest.mark.parametrize("who", ["endpoint", "model"])
def test_proxies_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, who: str, variable: str
):
    with loopback(whole("by the proxy")) as proxy:
        monkeypatch.setenv(variable, proxy.url.rpartition("/v1")[0])
        url = "http://nowhere.invalid/v1"
        opened = endpoint(url) if who == "endpoint" else model(url, monkeypatch)
        assert opened.invoke("hi").text == "by the proxy"


class Listener(BaseCallbackHandler):
    """A tracer that keeps all that LangChain tells it."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_chat_model_start(self, *given: Any, **more: Any) -> None:
        self.told += [given, more]

    def on_llm_error(self, error: BaseException, **more: Any) -> None:
        self.told += ["".join(traceback.format_exception(error)), more]

    def on_llm_end(self, *given: Any, **more: Any) -> None:
        self.told += [given, more]


@pytest.mark.parametrize("who", ["endpoint", "model"])
@pytest.mark.parametrize("fails", [False, True])
def test_credentials_in_an_address_reach_the_server_and_nobody_else(
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    who: str,
    fails: bool,
):
    caplog.set_level(logging.DEBUG)
    seen: list[str] = []

    def reply(request: Request) -> Response:
        seen.append(request.headers["Authorization"])
        said = (failing(400) if fails else whole("billing"))[-1]
        return Response(said, status=400 if fails else 200, content_type="application/json")

    httpserver.expect_request("/v1/chat/completions").respond_with_handler(reply)
    url = httpserver.url_for("/v1").replace("://", f"://{WITH}")
    opened = endpoint(url) if who == "endpoint" else model(url, monkeypatch)
    listener = Listener()
    try:
        told: Any = opened.invoke("hi", config={"callbacks": [listener]})
    except EndpointError as error:
        told = "".join(traceback.format_exception(error))
    assert seen == [BASIC]
    assert listener.told
    places = [repr(opened), str(opened.model_dump()), opened.asdict(), opened.to_json(), told]
    shown = f"{places} {listener.told} {caplog.text} {opened.inner!r}"
    for secret in (USER, PASSWORD, WITH, BASIC.removeprefix("Basic ")):
        assert secret not in shown


@pytest.mark.parametrize(
    "url",
    ["host/v1", "ftp://canary@h/v1", "http://", "http://canary:pa@ss:x/", "http://[canary/v1", ""],
)
def test_an_address_of_no_server_is_refused_without_showing_it(url: str):
    with pytest.raises(ConfigError, match=r"^endpoints\.x\.base_url: .*https://HOST/v1") as caught:
        parse_address(url, "endpoints.x.base_url")
    assert "canary" not in "".join(traceback.format_exception(caught.value))


def test_a_key_in_a_query_is_sent_to_api_key():
    with pytest.raises(ConfigError, match=r"base_url.*api_key") as caught:
        endpoint("https://host/v1?key=canary")
    assert "canary" not in str(caught.value)


def test_a_login_and_a_key_do_not_go_together():
    with pytest.raises(ConfigError, match=r"base_url holds a user and api_key is set"):
        endpoint("https://u:p@host/v1", api_key="sk-x")
