"""A fast embedder without a model, and a way to index with it in a process of its own.

python hashed_words.py STORE NAME PATH [PASSAGES_BEFORE_KILL]
"""

from __future__ import annotations

import os
import re
import signal
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent_knowledge.retrieval.embedded.indexing import Indexer
from agent_knowledge.types import Matrix
from agent_knowledge.types.search import Query


class HashedWords:
    """Each word adds to one of 64 numbers; texts that share words are near each other."""

    def __init__(self, name: str = "hashed-words", dimensions: int = 64) -> None:
        self.name = name
        self.dimensions = dimensions
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.embedded += texts
        vectors = np.full((len(texts), self.dimensions), 1e-3, dtype=np.float32)
        for vector, text in zip(vectors, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                vector[zlib.crc32(word.encode()) % self.dimensions] += 1
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def query(self, text: str) -> Query:
        return Query(text=text, vector=self.embed([text])[0])


class DiesAfter(HashedWords):
    """Ends its process as the operating system would, without any clean-up."""

    def __init__(self, passages: int) -> None:
        super().__init__()
        self.left = passages

    def embed(self, texts: Sequence[str]) -> Matrix:
        self.left -= len(texts)
        if self.left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().embed(texts)


def main() -> None:
    store, name, path, *rest = sys.argv[1:]
    embedder = DiesAfter(int(rest[0])) if rest else HashedWords()
    with Indexer(Path(store), embedder) as indexer:
        indexer.index(name, Path(path))


if __name__ == "__main__":
    main()
