"""A function from text to text behind OpenAI's chat-completions protocol, on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from uuid import uuid4

HOST = "127.0.0.1"
LONGEST_BYTES = 1_000_000
"""A longer request is refused unread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StubReply:
    """What is answered to one request.

    Attributes:
        text: The answer.
        prompt_tokens: What was read.
        completion_tokens: What was written.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int


Respond = Callable[[str], StubReply]
"""Answers the last user message; called by several threads at once."""


class RequestError(ValueError):
    """The request is not one that is served here."""


class CompletionsServer(ThreadingHTTPServer):
    """Bound when made; `serve_forever()` starts it."""

    def __init__(self, respond: Respond, model: str, port: int = 0) -> None:
        """Bind.

        Args:
            respond: Answers.
            model: The name that it is listed under; requests may name any.
            port: 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        super().__init__((HOST, port), _Handler)
        self.respond = respond
        self.model = model

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://{HOST}:{self.server_port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else the second of two small writes waits for the first to be acknowledged.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """List the model, or say that the server is up."""
        if self.path == "/health":
            self._send(HTTPStatus.OK, {"status": "ok"})
        elif self.path == "/v1/models":
            listed = {"id": self._owner.model, "object": "model", "created": 0, "owned_by": "local"}
            self._send(HTTPStatus.OK, {"object": "list", "data": [listed]})
        else:
            self._refuse(HTTPStatus.NOT_FOUND, f"no {self.path!r} here")

    def do_POST(self) -> None:
        """Answer a chat."""
        # Read first: what stays unread would be taken for the next request.
        body = self._body()
        if body is None:
            return
        if self.path != "/v1/chat/completions":
            self._refuse(HTTPStatus.NOT_FOUND, f"no {self.path!r} here")
            return
        try:
            request = _object(body)
            reply = self._owner.respond(last_user_text(request))
        except RequestError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, str(error))
            return
        if request.get("stream"):
            stream = events(reply, self._owner.model, usage=_wants_usage(request))
            self._write(HTTPStatus.OK, "text/event-stream", stream)
        else:
            self._send(HTTPStatus.OK, completion(reply, self._owner.model))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: requests may hold private text."""

    @property
    def _owner(self) -> CompletionsServer:
        return cast("CompletionsServer", self.server)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST_BYTES:
            self.close_connection = True
            self._refuse(HTTPStatus.BAD_REQUEST, f"Content-Length must be 0..{LONGEST_BYTES:,}")
            return None
        return self.rfile.read(int(length))

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        self._send(status, {"error": {"message": message, "type": "invalid_request_error"}})

    def _send(self, status: HTTPStatus, value: Mapping[str, Any]) -> None:
        self._write(status, "application/json", json.dumps(value).encode())

    def _write(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def last_user_text(request: Mapping[str, Any]) -> str:
    """The text of the last user message of a request.

    Raises:
        RequestError: There is none.
    """
    messages: object = request.get("messages")
    if isinstance(messages, list):
        for message in reversed(cast("list[object]", messages)):
            if isinstance(message, dict):
                message = cast("dict[str, Any]", message)
                if message.get("role") == "user":
                    return _text(message.get("content"))
    raise RequestError("`messages` must hold a message with the role 'user'")


def completion(reply: StubReply, model: str) -> dict[str, Any]:
    """A whole chat completion."""
    message = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return _envelope("chat.completion", model, [choice]) | {"usage": _usage(reply)}


def events(reply: StubReply, model: str, *, usage: bool) -> bytes:
    """The same as server-sent events: one chunk with all of it, the end.

    Args:
        reply: What is answered.
        model: Who answers.
        usage: Tell the usage in a chunk of its own.
    """
    delta = {"role": "assistant", "content": reply.text}
    choice = {"index": 0, "delta": delta, "finish_reason": "stop"}
    first = _envelope("chat.completion.chunk", model, [choice])
    chunks: list[dict[str, Any]] = [first]
    if usage:
        chunks.append({**first, "choices": [], "usage": _usage(reply)})
    lines = [*(json.dumps(chunk) for chunk in chunks), "[DONE]"]
    return "".join(f"data: {line}\n\n" for line in lines).encode()


def _wants_usage(request: Mapping[str, Any]) -> bool:
    options: object = request.get("stream_options")
    return isinstance(options, dict) and bool(cast("dict[str, Any]", options).get("include_usage"))


def _envelope(kind: str, model: str, choices: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "choices": list(choices),
    }


def _usage(reply: StubReply) -> dict[str, int]:
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    }


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        request: object = json.loads(body)
    except ValueError as error:
        raise RequestError("the body is no JSON") from error
    if not isinstance(request, dict):
        raise RequestError("the body must be a JSON object")
    return cast("dict[str, Any]", request)


def _text(content: object) -> str:
    """Content is a text, or a list of parts of which those of type text count."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            cast("dict[str, Any]", x) for x in cast("list[object]", content) if isinstance(x, dict)
        ]
        return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") == "text")
    raise RequestError("`content` must be a text or a list of parts")
