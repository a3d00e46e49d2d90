"""A chat model on the loopback address that says what a test tells it to."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from langchain_openai import ChatOpenAI
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tools.bench.peers.endpoint import open_chat

Serve = Callable[[Callable[[str], str]], ChatOpenAI]
"""Given what to say to the newest message: the model that says so."""


@pytest.fixture
def serve(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Opens a model behind the local server."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-bench")

    def opened(say: Callable[[str], str]) -> ChatOpenAI:
        def reply(request: Request) -> Response:
            content = say(request.get_json()["messages"][-1]["content"])
            message = {"role": "assistant", "content": content}
            body = {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": "scripted",
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
            }
            return Response(json.dumps(body), content_type="application/json")

        httpserver.expect_request(
            "/v1/chat/completions", headers={"Authorization": "Bearer sk-bench"}
        ).respond_with_handler(reply)
        return open_chat(httpserver.url_for("/v1"), "scripted")

    return opened
