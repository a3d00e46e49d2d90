"""How a server of OpenAI's protocol is reached: so many bytes from it, and nothing to another.

The client follows redirects and takes whole bodies by default: a server could pass prompt and
passages on to any other, or fill the memory.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import openai
from openai import DefaultAsyncHttpxClient, Timeout

from agent_knowledge.errors import ConfigError
from agent_knowledge.limits import BODY_BYTES, STREAM_BYTES
from agent_knowledge.models import background
from agent_knowledge.models.faults import BrokenAnswerError

if TYPE_CHECKING or not openai.VERSION.startswith("2."):
    import httpx2 as httpx  # httpx under another name, which openai is built on from 3 on
else:
    import httpx


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a server is, and who asks.

    Attributes:
        url: Without user and password: clients log it, and tracers are told.
        login: User and password, if the URL held any.
    """

    url: str
    login: tuple[str, str] | None


def parse_address(url: str, key: str) -> Address:
    """Take a base URL apart.

    Args:
        url: Such as "https://user:password@host/v1".
        key: Its key path, for messages, which never show the URL.

    Raises:
        ConfigError: It is no address of a server, or has a query, which may hold a key.
    """
    parts = _split(url)
    if parts is None:
        msg = f"{key}: is no address of a server; write it as https://HOST/v1"
        raise ConfigError(msg)
    if parts.query or parts.fragment:
        msg = f"{key}: holds '?' or '#', which no call would send; put a key into api_key"
        raise ConfigError(msg)
    user, at, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    return Address(
        url=urlunsplit(parts._replace(netloc=host)),
        login=(unquote(name), unquote(password)) if at else None,
    )


def _split(url: str) -> SplitResult | None:
    """The parts of an address that a server can be reached by."""
    with suppress(ValueError):  # also a port that is no number
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return parts
    return None


def bounded_client(timeout: Timeout, login: tuple[str, str] | None = None) -> httpx.AsyncClient:
    """An HTTP client that takes no more than `limits` says and goes to no other origin.

    What breaks a bound raises `BrokenAnswerError`, before anything is sent elsewhere and without
    taking the rest. A compressed body, which may be a thousand times what comes over the wire, is
    neither asked for nor taken. Proxies of the environment are used: `OPENAI_PROXY`, which
    langchain-openai takes for clients of its own alone, and those that httpx knows.

    Args:
        timeout: Of each wait for the server.
        login: User and password, sent with each request.
    """
    return DefaultAsyncHttpxClient(
        timeout=timeout,
        proxy=os.environ.get("OPENAI_PROXY") or None,
        auth=login,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_bound]},
    )


def close_with(owner: object, client: httpx.AsyncClient) -> None:
    """Have a client's connections closed once nobody uses its owner any more."""
    weakref.finalize(owner, _close, client).atexit = False


def _close(client: httpx.AsyncClient) -> None:
    background.start(client.aclose())  # in the loop that opened them


async def _bound(response: httpx.Response) -> None:
    """Called with the head of each response, before a redirect is followed or a body is read."""
    if response.has_redirect_location and not _stays(response):
        msg = "it redirects to another origin, where nothing is sent"
        raise BrokenAnswerError(msg)
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        msg = "it sends a compressed body, which is not taken"
        raise BrokenAnswerError(msg)
    streams = response.headers.get("content-type", "").startswith("text/event-stream")
    most = STREAM_BYTES if streams else BODY_BYTES
    response.stream = _Counted(cast("httpx.AsyncByteStream", response.stream), most)


def _stays(response: httpx.Response) -> bool:
    """Whether a redirect keeps to scheme, host and port."""
    here = response.url
    try:
        there = here.join(response.headers["location"])
    except httpx.InvalidURL:
        return False
    return (here.scheme, here.host, here.port) == (there.scheme, there.host, there.port)


class _Counted(httpx.AsyncByteStream):
    """The body of a response, up to so many bytes."""

    def __init__(self, body: httpx.AsyncByteStream, most: int) -> None:
        self._body = body
        self._left = most
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = cast("AsyncGenerator[bytes]", aiter(self._body))  # so httpx makes it
        async with aclosing(parts):
            async for part in parts:
                self._left -= len(part)
                if self._left < 0:
                    msg = f"its answer is longer than {self._most // 2**20} MiB"
                    raise BrokenAnswerError(msg)
                yield part

    async def aclose(self) -> None:
        await self._body.aclose()
