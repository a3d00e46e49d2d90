"""MiniLM for benches and training: each text is embedded once, however many parts ask for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agent_knowledge.embedding.minilm import DIMENSIONS, MiniLM
from agent_knowledge.types import Matrix


class RememberingMiniLM:
    """Satisfies `ports.Embedder`, and LangChain's `Embeddings` by its two methods."""

    name = "minilm"

    def __init__(self) -> None:
        self._inner = MiniLM()
        self._known: dict[str, Any] = {}

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; see `ports.Embedder`."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        self._known.update(zip(new, self._inner.embed(new), strict=True))
        found = [self._known[text] for text in texts]
        return np.array(found, dtype=np.float32).reshape(len(texts), DIMENSIONS)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's name for it."""
        return self.embed(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        """LangChain's name for it."""
        return self.embed([text])[0].tolist()
