"""MiniLM for benches and training: each text is embedded once, however many parts ask for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent_knowledge.models.minilm import DIMENSIONS, MiniLM
from agent_knowledge.types import Matrix
from agent_knowledge.types.measured import TextStates, TokenVectors


class RememberingMiniLM:
    """Satisfies `ports.Embedder` and `ports.TextEncoder`, and LangChain's `Embeddings`."""

    name = "minilm"

    def __init__(self, layers: Path | None = None, kept: Path | None = None) -> None:
        """Prepare.

        Args:
            layers: Other tuned layers than the packaged ones.
            kept: A file that vectors and states are kept in from one process to the next; one file
                for each net.
        """
        self._embedder = MiniLM()  # without the tuned layers, which documents don't need
        self._encoder = MiniLM(layers=layers)
        self._known: dict[str, Any] = {}
        self._read: dict[str, tuple[Any, Any]] = {}
        self._kept = kept
        if kept and kept.is_file():
            with np.load(kept, allow_pickle=False) as data:
                self._known = dict(zip(data["keys"].tolist(), data["vectors"], strict=True))
                if "read" in data:
                    rows = zip(data["read_vectors"], data["read_states"], strict=True)
                    self._read = dict(zip(data["read"].tolist(), rows, strict=True))

    @property
    def version(self) -> str:
        """See `ports.TextEncoder`."""
        return self._encoder.version

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; see `ports.Embedder`."""
        keys = [_key(text) for text in texts]
        new = {k: text for k, text in zip(keys, texts, strict=True) if k not in self._known}
        self._known.update(zip(new, self._embedder.embed(list(new.values())), strict=True))
        found = [self._known[key] for key in keys]
        return np.array(found, dtype=np.float32).reshape(len(texts), DIMENSIONS)

    def read(self, texts: Sequence[str], contexts: Sequence[str] = ()) -> TextStates:
        """Read texts; see `ports.TextEncoder`."""
        pairs = list(zip(texts, contexts or [""] * len(texts), strict=True))
        keys = [_key(f"{context}\0{text}") for text, context in pairs]
        new = {key: pair for key, pair in zip(keys, pairs, strict=True) if key not in self._read}
        if new:
            made = self._encoder.read(*map(list, zip(*new.values(), strict=True)))
            rows = zip(made.vectors, made.states, strict=True)
            self._read.update(zip(new, rows, strict=True))
        found = [self._read[key] for key in keys]
        vectors, states = (
            np.array([row[i] for row in found], np.float32).reshape(len(texts), DIMENSIONS)
            for i in (0, 1)
        )
        return TextStates(vectors=vectors, states=states)

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """See `ports.TokenEmbedder`; not remembered."""
        return self._embedder.embed_tokens(texts)

    def keep(self) -> None:
        """Write everything into the file that was given."""
        if self._kept and self._known:
            self._kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                self._kept,
                keys=np.array(list(self._known)),
                vectors=[*self._known.values()],
                read=np.array(list(self._read), dtype=np.str_),
                read_vectors=[vector for vector, _ in self._read.values()],
                read_states=[states for _, states in self._read.values()],
            )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's name for it."""
        return self.embed(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        """LangChain's name for it."""
        return self.embed([text])[0].tolist()


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
