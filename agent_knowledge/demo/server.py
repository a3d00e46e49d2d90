"""A stand-in for a fine-tuned endpoint: a small classifier behind OpenAI's chat protocol.

It is honest about its size: nearest centroid over MiniLM vectors of the sample's triage examples.
It listens on the loopback address alone and lives as long as the demo.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from agent_knowledge.ports import Embedder, ExampleSet
from agent_knowledge.types import Vector


class CentroidClassifier:
    """Labels a text by the class whose examples' mean vector is nearest."""

    def __init__(self, examples: ExampleSet, embedder: Embedder) -> None:
        """Train it: average the vectors of each label."""
        labels = [example.output for example in examples.examples]
        self._labels = sorted(set(labels))
        rows = np.array([self._labels.index(label) for label in labels])
        self._centroids = np.stack(
            [examples.vectors[rows == n].mean(axis=0) for n in range(len(self._labels))]
        )
        self._embedder = embedder

    def label(self, text: str) -> str:
        """The label of a text."""
        vector: Vector = self._embedder.embed([text])[0]
        return self._labels[int((self._centroids @ vector).argmax())]


@contextmanager
def serving(classifier: CentroidClassifier) -> Generator[str]:
    """Serve a classifier on a free port of the loopback address.

    Yields:
        The base URL, as `http://127.0.0.1:PORT/v1`.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            request: dict[str, Any] = json.loads(self.rfile.read(size))
            body = json.dumps(_completion(classifier, request)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's
            """Say nothing: the demo's output is the demo."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(classifier: CentroidClassifier, request: dict[str, Any]) -> dict[str, Any]:
    asked = _last_user_text(request.get("messages", []))
    answer = {"role": "assistant", "content": classifier.label(asked)}
    return {
        "id": "demo",
        "object": "chat.completion",
        "created": 0,
        "model": request.get("model", "demo"),
        "choices": [{"index": 0, "message": answer, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def _last_user_text(messages: Sequence[dict[str, Any]]) -> str:
    said = [m["content"] for m in messages if m.get("role") == "user"]
    return said[-1] if said and isinstance(said[-1], str) else ""
