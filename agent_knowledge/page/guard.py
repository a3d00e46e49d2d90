"""Who may ask a page: the right host, the right origin, the password, and not too much at once."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

from agent_knowledge import limits

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""What a browser on this machine calls it."""
_SAFE = frozenset({"GET", "HEAD"})
_HEADERS: Mapping[str, str] = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""What a response may load that says nothing of it."""


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's own, so that nobody else reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """An ASGI application that lets through to another one only what may pass."""

    def __init__(self, app: ASGIApp, *, password: str, hosts: Collection[str]) -> None:
        """Stand before an application.

        Args:
            app: The application.
            password: What is asked for, by HTTP Basic and any name; empty for nothing.
            hosts: The names it may be called by, lower case, without a port; none for any. A page
                without a password must have some: a name of others can be made to lead here.
        """
        self._app = app
        self._password = _digest(password) if password else b""
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websocket is served
        sending = _Sending(send)
        refusal = self._refusal(scope["method"], Headers(scope=scope))
        body = None if refusal else await _body(receive)
        if refusal is None and body is None:
            refusal = _refused(413, f"at most {limits.PAGE_BYTES:,} bytes are accepted")
        if refusal or body is None:
            await (refusal or PlainTextResponse(""))(scope, receive, sending)
            return
        await self._app(scope, _Replayed(body, receive), sending)

    def _refusal(self, method: str, headers: Headers) -> PlainTextResponse | None:
        host = headers.get("host", "").lower()
        if self._hosts and _name(host) not in self._hosts:
            return _refused(421, "this page is not called by that name; see --allow-host")
        if self._password and not hmac.compare_digest(_given(headers), self._password):
            asks = {"www-authenticate": 'Basic realm="agent-knowledge", charset="UTF-8"'}
            return _refused(401, "a password is needed; any name will do", asks)
        if method not in _SAFE and not _own(headers, host):
            return _refused(403, "another page may not send this")
        return None


def _refused(status: int, why: str, headers: Mapping[str, str] | None = None) -> PlainTextResponse:
    return PlainTextResponse(f"{why}\n", status, headers)


def _name(host: str) -> str:
    """A host without its port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def _own(headers: Headers, host: str) -> bool:
    """Whether a request comes from this very page, or from no page at all."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.lower().rpartition("//")[2] == host


def _given(headers: Headers) -> bytes:
    """The digest of the password that came with a request."""
    kind, _, encoded = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return b""
    try:
        said = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return b""
    return _digest(said.partition(":")[2])


def _digest(password: str) -> bytes:
    """Of one length whatever the password's, so that comparing takes the same time."""
    return hashlib.sha256(password.encode()).digest()


async def _body(receive: Receive) -> bytes | None:
    """What a request sends; None of one that sends too much, or that breaks off."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None  # whoever sent half of it is gone, and half is not acted on
        body += message.get("body", b"")
        if len(body) > limits.PAGE_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


class _Replayed:
    """A body that was read, given once; then whatever else comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self._receive()
        message: Message = {"type": "http.request", "body": self._body, "more_body": False}
        self._body = None
        return message


class _Sending:
    """What is sent back, with the headers that every response has."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            told: dict[str, Any] = message  # pyright: ignore[reportAssignmentType]
            headers = MutableHeaders(scope=told)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("content-security-policy", _NOTHING)
        await self._send(message)
