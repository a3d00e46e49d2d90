"""A server on loopback that sends byte for byte what a test tells it to."""

from __future__ import annotations

import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

Script = Iterable[bytes | float]
"""What to send for one request: bytes, and pauses in seconds."""
Reply = Script | Callable[[dict[str, Any]], Script]
"""A script, or what makes one of the request's body."""

_NUMBERS = itertools.count()


class Loopback:
    """Answers its requests with its scripts one by one, the last one for ever.

    Attributes:
        asked: The body of each request.
        heads: The lines above each body.
        at: When each came, in seconds of the monotonic clock.
        connections: How many were opened.
        hung_up: Clients that left before their script was over.
    """

    def __init__(self, *scripts: Reply, keep_alive: bool = False) -> None:
        self.scripts = list(scripts)
        self.keep_alive = keep_alive
        self.connections = 0
        self.asked: list[dict[str, Any]] = []
        self.heads: list[list[str]] = []
        self.at: list[float] = []
        self.hung_up = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        # Ports come round again, and breakers are told apart by the URL.
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/{next(_NUMBERS)}/v1"

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _answer(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as lines:
            try:
                while self._exchange(client, lines) and self.keep_alive:
                    pass
            except OSError:
                self.hung_up.release()

    def _exchange(self, client: socket.socket, lines: BinaryIO) -> bool:
        length, above = 0, list[str]()
        while (line := lines.readline()) not in {b"\r\n", b""}:
            above.append(line.decode("latin-1").strip())
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        if not length:
            return False
        sent = lines.read(length)
        if len(sent) < length:  # who asks has left
            return False
        body = json.loads(sent)
        with self._lock:
            self.asked.append(body)
            self.heads.append(above)
            self.at.append(time.monotonic())
            script = self.scripts[min(len(self.asked), len(self.scripts)) - 1]
        for step in script(body) if callable(script) else script:
            if isinstance(step, bytes):
                client.sendall(step)
            else:
                time.sleep(step)
        return True


@contextmanager
def loopback(*scripts: Reply, keep_alive: bool = False) -> Iterator[Loopback]:
    """Serve while the block runs."""
    server = Loopback(*scripts, keep_alive=keep_alive)
    threading.Thread(target=server.serve, daemon=True).start()
    try:
        yield server
    finally:
        server.close()


def head(status: int = 200, kind: str = "application/json", **headers: str) -> bytes:
    """The head of a response whose body ends with the connection."""
    told = {"Content-Type": kind, "Connection": "close"}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Told", *(f"{name}: {value}" for name, value in told.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(text: str) -> list[bytes]:
    """A whole completion."""
    choice = {
        "index": 0,
        "finish_reason": "stop",
        "message": {"role": "assistant", "content": text},
    }
    usage = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}
    row = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
    return [head(), json.dumps({**row, "choices": [choice], "usage": usage}).encode()]


def failing(status: int, **headers: str) -> list[bytes]:
    """An error whose words hold a key."""
    return [head(status, **headers), b'{"error": {"message": "key sk-secret is not for you"}}']


STREAM = head(kind="text/event-stream")
DONE = b"data: [DONE]\n\n"


def piece(text: str | None, finish: str | None = None) -> bytes:
    """One event of a stream."""
    delta = {} if text is None else {"role": "assistant", "content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    row = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return b"data: " + json.dumps({**row, "choices": [choice]}).encode() + b"\n\n"


def streamed(*texts: str) -> list[bytes]:
    """A whole stream."""
    return [STREAM, *map(piece, texts), piece(None, "stop"), DONE]
