"""A web site on loopback, made of what a test says that it holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from agent_knowledge.retrieval.reading.fetching import Fetcher


@dataclass
class Reply:
    """What a path answers; `drip_s` sends the body byte by byte, that far apart."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    drip_s: float = 0.0


def html(text: str, title: str = "", head: str = "", **headers: str) -> Reply:
    page = f"<html><head><title>{title}</title>{head}</head><body>{text}</body></html>"
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(page.encode(), headers={"Content-Type": "text/html; charset=utf-8", **told})


@dataclass
class Site:
    """Its pages by path, and the requests that it was sent: path, headers."""

    url: str = ""
    pages: dict[str, Reply | Callable[[Mapping[str, str]], Reply]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """What was asked for, but for robots.txt."""
        return [path for path, _ in self.asked if path != "/robots.txt"]

    def fetcher(self, **how: float) -> Fetcher:
        """One that may ask it."""
        allowed = {"localhost"}
        return Fetcher(allow_private=allowed, given=[self.url], **{"pause_s": 0.0, **how})


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append((self.path, dict(self.headers)))
            reply = site.pages.get(self.path, Reply(status=404))
            reply = reply(self.headers) if callable(reply) else reply
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.status != 304:
                self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if not reply.drip_s:
                self.wfile.write(reply.body)
                return
            try:
                for byte in reply.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(reply.drip_s)
            except OSError:
                pass  # who asked has left

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    site.url = f"http://localhost:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
