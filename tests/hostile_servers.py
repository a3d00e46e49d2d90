"""Servers that do to their callers whatever a server can; for models and for endpoints."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from tests.loopback import DONE, STREAM, Script, failing, head, piece

PAUSE_S = 0.02
GIVEN_UP_S = 30
"""When a server that says nothing lets go: long after every caller should have."""
BLOCK = b"x" * 2**16


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One thing that a server does.

    Attributes:
        name: What it does, in words.
        whole: What it sends to who asks for a whole answer.
        streamed: The same to who asks for a stream; None for the same bytes.
        says: A stream has said something before it.
        refuses: Nobody listens.
    """

    name: str
    whole: Callable[[str], Script]
    streamed: Callable[[str], Script] | None = None
    says: bool = False
    refuses: bool = False

    def script(self, streams: bool, elsewhere: str) -> Script:
        """What to send; `elsewhere` is the address of another server."""
        return (self.streamed if streams and self.streamed else self.whole)(elsewhere)


def forever(*first: bytes, then: bytes, pause_s: float = 0.0) -> Iterator[bytes | float]:
    """Send something, and then the same again and again."""
    yield from first
    for _ in itertools.count():
        yield then
        if pause_s:
            yield pause_s


def _saying(*steps: bytes | float) -> Callable[[str], Script]:
    return lambda _: steps


def _forever(*first: bytes, then: bytes, pause_s: float = 0.0) -> Callable[[str], Script]:
    return lambda _: forever(*first, then=then, pause_s=pause_s)


def _redirect(to: Callable[[str], str], status: int = 307) -> Callable[[str], Script]:
    return lambda elsewhere: [head(status, Location=to(elsewhere), Content_Length="0")]


def _row(**choice: object) -> bytes:
    row = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    return json.dumps({**row, "choices": [{"index": 0, **choice}]}).encode()


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(2**26), 1)


_TEXT = _row(finish_reason="stop", message={"role": "assistant", "content": "sk-secret"})
_MANY = piece("word ") * 50
_EVENTS = {"kind": "text/event-stream"}

ATTACKS = (
    Attack(name="refuses the connection", whole=_saying(), refuses=True),
    Attack(name="hangs", whole=_saying(float(GIVEN_UP_S))),
    Attack(name="closes at once", whole=_saying()),
    Attack(name="speaks no HTTP", whole=_saying(b"\x00\xff sk-secret\r\n\r\n")),
    Attack(
        name="drips a head", whole=_forever(b"HTTP/1.1 200 OK\r\nX: ", then=b" ", pause_s=PAUSE_S)
    ),
    Attack(
        name="sends heads without end", whole=_forever(b"HTTP/1.1 200 OK\r\n", then=b"X: y\r\n")
    ),
    Attack(
        name="drips a body",
        whole=_forever(head(), then=b" ", pause_s=PAUSE_S),
        streamed=_forever(STREAM, then=b": wait\n\n", pause_s=PAUSE_S),
    ),
    Attack(
        name="drips an answer",
        whole=_forever(head(), _TEXT[:-20], then=b" ", pause_s=PAUSE_S),
        streamed=_forever(STREAM, then=piece("word "), pause_s=PAUSE_S),
        says=True,
    ),
    Attack(
        name="streams without end or pause",
        whole=_forever(head(), then=BLOCK),
        streamed=_forever(STREAM, then=_MANY),
        says=True,
    ),
    Attack(
        name="streams nothing without end or pause",
        whole=_forever(head(**_EVENTS), then=b": \n\n" * 1000),
        streamed=_forever(STREAM, then=piece("") * 50),
    ),
    Attack(
        name="goes on after its end",
        whole=_forever(head(), _TEXT, then=BLOCK),
        streamed=_forever(STREAM, piece("word"), DONE, then=BLOCK),
        says=True,
    ),
    Attack(
        name="sends 200 MB",
        whole=lambda _: [head(Content_Length="209715200"), *([b"x" * 2**20] * 200)],
        streamed=lambda _: [STREAM, b"data: ", *([b"x" * 2**20] * 200)],
    ),
    Attack(
        name="sends a body that unpacks to 64 MB",
        whole=lambda _: [head(Content_Encoding="gzip"), _bomb()],
    ),
    Attack(
        name="fails with a body of 200 MB",
        whole=lambda _: [head(500), *([b"x" * 2**20] * 200)],
    ),
    *(
        Attack(
            name=f"429 with Retry-After: {asked}",
            whole=lambda _, asked=asked: failing(429, Retry_After=asked),
        )
        for asked in ("86400", "1e400")
    ),
    Attack(
        name="sends broken JSON",
        whole=_saying(head(), b'{"id": "sk-secret", '),
        streamed=_saying(STREAM, b'data: {"id": "sk-secret", \n\n'),
    ),
    Attack(
        name="sends JSON nested 100,000 deep",
        whole=_saying(head(), b"[" * 100_000),
        streamed=_saying(STREAM, b"data: " + b"[" * 100_000 + b"\n\n"),
    ),
    Attack(
        name="sends JSON of another kind",
        whole=_saying(head(), b'{"choices": {"sk-secret": null}}'),
        streamed=_saying(STREAM, b'data: {"choices": {"sk-secret": null}}\n\n'),
    ),
    Attack(name="sends a web page", whole=_saying(head(kind="text/html"), b"<p>sk-secret</p>")),
    Attack(
        name="says nothing",
        whole=_saying(
            head(), _row(finish_reason="stop", message={"role": "assistant", "content": " "})
        ),
        streamed=_saying(STREAM, piece(" ", "stop"), DONE),
    ),
    Attack(
        name="drops the connection in mid-body",
        whole=_saying(head(Content_Length="9999"), _TEXT[:60]),
        streamed=_saying(STREAM, piece("word"), piece("sk-secret")[:40]),
        says=True,
    ),
    Attack(name="redirects to another origin", whole=_redirect(lambda elsewhere: elsewhere)),
    Attack(
        name="redirects to another origin by 302", whole=_redirect(lambda elsewhere: elsewhere, 302)
    ),
    Attack(name="redirects to a file", whole=_redirect(lambda _: "file:///etc/passwd")),
    Attack(name="redirects nowhere", whole=_redirect(lambda _: "http://[:sk-secret/")),
    Attack(name="redirects to itself without end", whole=_redirect(lambda _: "again")),
)


def table(attacks: tuple[Attack, ...] = ATTACKS) -> str:
    """The attacks and what comes of them, as docs/security.md shows them."""
    rows = [
        f"| {attack.name} | the next rung answers | `EndpointError` |"
        + (" `BrokenStreamError` |" if attack.says else " as whole |")
        for attack in attacks
    ]
    head = ["| The server | an endpoint | the model | a stream of either |", "|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"
