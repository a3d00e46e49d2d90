"""A stand-in for a fine-tuned endpoint: a small classifier behind OpenAI's chat protocol.

It is honest about its size: nearest centroid over MiniLM vectors of the sample's triage examples.
It listens on the loopback address alone and lives as long as the demo.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np

from agent_knowledge.demo.completions import CompletionsServer, StubReply
from agent_knowledge.ports import Embedder, ExampleSet
from agent_knowledge.text import count_tokens
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

    def respond(text: str) -> StubReply:
        label = classifier.label(text)
        return StubReply(
            text=label, prompt_tokens=count_tokens(text), completion_tokens=count_tokens(label)
        )

    server = CompletionsServer(respond, "demo")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
