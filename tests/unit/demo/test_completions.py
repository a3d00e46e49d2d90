"""The chat-completions face of the benches' own classifier, asked as a user's client would."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from agent_knowledge.demo.completions import HOST, LONGEST_BYTES, CompletionsServer, StubReply


@pytest.fixture
def server() -> Iterator[CompletionsServer]:
    """Answers a text with the text in capitals."""
    with CompletionsServer(
        lambda text: StubReply(text=text.upper(), prompt_tokens=len(text), completion_tokens=2),
        "loud",
    ) as opened:
        thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


@pytest.fixture
def chat(server: CompletionsServer) -> ChatOpenAI:
    return ChatOpenAI(
        model="loud", base_url=server.url, api_key=SecretStr("none"), use_responses_api=False
    )


def ask(server: CompletionsServer, method: str, path: str, body: str | None = None):
    connection = HTTPConnection(HOST, server.server_port, timeout=5)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_the_last_user_message_is_answered_and_tokens_are_told(chat: ChatOpenAI):
    said = chat.invoke(
        [SystemMessage("rules"), HumanMessage("one"), AIMessage("ONE"), HumanMessage("two!")]
    )
    assert said.text == "TWO!"
    assert said.usage_metadata is not None
    assert said.usage_metadata["input_tokens"] == 4
    assert said.usage_metadata["output_tokens"] == 2
    assert said.usage_metadata["total_tokens"] == 6


def test_a_stream_brings_the_whole_answer_and_the_usage_asked_for(chat: ChatOpenAI):
    chunks = list(chat.stream("hello", stream_usage=True))
    assert "".join(chunk.text for chunk in chunks) == "HELLO"
    assert (
        sum(chunk.usage_metadata["total_tokens"] for chunk in chunks if chunk.usage_metadata) == 7
    )


def test_a_stream_that_asks_for_no_usage_gets_none(chat: ChatOpenAI):
    chunks = list(chat.stream("hello", stream_usage=False))
    assert "".join(chunk.text for chunk in chunks) == "HELLO"
    assert not any(chunk.usage_metadata for chunk in chunks)


def test_content_in_parts_is_joined(chat: ChatOpenAI):
    said = chat.invoke(
        [HumanMessage([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])]
    )
    assert said.text == "A\nB"


def test_several_clients_are_served_at_once(chat: ChatOpenAI):
    asked = [f"text {number}" for number in range(16)]
    said = chat.batch([*asked], {"max_concurrency": 8})
    assert [message.text for message in said] == [text.upper() for text in asked]


def test_health_and_models_are_told(server: CompletionsServer):
    assert ask(server, "GET", "/health") == (200, {"status": "ok"})
    status, listed = ask(server, "GET", "/v1/models")
    assert status == 200
    assert [model["id"] for model in listed["data"]] == ["loud"]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        ("{}", "role 'user'"),
        ('{"messages": [{"role": "system", "content": "x"}]}', "role 'user'"),
        ('{"messages": [{"role": "user", "content": 7}]}', "text or a list"),
    ],
)
def test_what_is_no_chat_is_refused_with_the_reason(
    server: CompletionsServer, body: str, told: str
):
    status, answer = ask(server, "POST", "/v1/chat/completions", body)
    assert status == 400
    assert told in answer["error"]["message"]


def test_other_paths_are_not_found(server: CompletionsServer):
    assert ask(server, "GET", "/v1/files")[0] == 404
    assert ask(server, "POST", "/v1/embeddings", "{}")[0] == 404


def test_a_request_too_long_is_refused_unread(server: CompletionsServer):
    connection = HTTPConnection(HOST, server.server_port, timeout=5)
    connection.request(
        "POST", "/v1/chat/completions", headers={"Content-Length": str(LONGEST_BYTES + 1)}
    )
    response = connection.getresponse()
    assert response.status == 400
    assert "Content-Length" in json.loads(response.read())["error"]["message"]
    connection.close()
