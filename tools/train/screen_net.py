"""The screen's network in torch; `screen_export` writes what the package runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from numpy.typing import NDArray
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]
from torch.nn import functional  # pyright: ignore[reportMissingImports]

from agent_knowledge.models.minilm import read_tokenizer
from agent_knowledge.screening.screen import SMOOTHED, STRONGEST
from tools.train.screen_data import Sample

WIDTH = 64
DILATIONS = (1, 2, 4)
"""Of the three convolutions."""
_TAPS = (3, 5, 5)
_DROPPED = 0.1
_HIDDEN_TOKENS = 0.05
"""Share of the tokens that are masked in a fit, so that no one word decides."""
_MASK = 103
_LONGEST = 320

KINDS = ("addresses_model", "authority", "command", "encoded", "hidden")
KIND_OF = {
    "addresses_model": "addresses_model",
    "social": "addresses_model",
    "authority": "authority",
    "fake_turn": "authority",
    "encoded": "encoded",
    "hidden": "hidden",
}
"""What a user is told of an attack's kind; the others are commands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Texts as tensors, shape (texts, tokens)."""

    pieces: Tensor
    present: Tensor
    attack: Tensor
    kinds: Tensor


class ScreenNet(nn.Module):  # pyright: ignore[reportUntypedBaseClass]
    """See `Network`; `reduce` and the frozen vectors become its table."""

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        super().__init__()
        self.vectors = nn.Embedding.from_pretrained(torch.tensor(vectors), freeze=True)
        self.reduce = nn.Linear(vectors.shape[1], WIDTH, bias=False)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(WIDTH, WIDTH, taps, padding=taps // 2 * dilation, dilation=dilation)
            for taps, dilation in zip(_TAPS, DILATIONS, strict=True)
        )
        self.context = nn.Linear(WIDTH, WIDTH)
        self.hidden = nn.Linear(3 * WIDTH, WIDTH)
        self.token = nn.Linear(WIDTH, 1)
        self.kind = nn.Linear(WIDTH, len(KINDS))
        self.drop = nn.Dropout(_DROPPED)

    def forward(self, pieces: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Logit of each token, and of its kinds."""
        there = present[:, None]
        rows = self.drop(self.reduce(self.vectors(pieces))).transpose(1, 2) * there
        first, second, third = self.convolutions
        near = functional.relu(first(rows)) * there
        wider = functional.relu(second(self.drop(near))) * there
        widest = functional.relu(third(self.drop(wider))) * there + near
        mean = widest.sum(2) / present.sum(1)[:, None]
        window = self.context(mean)[:, :, None].expand_as(widest)
        read = torch.cat([widest, wider, window], 1).transpose(1, 2)
        read = functional.relu(self.hidden(self.drop(read)))
        return self.token(read).squeeze(-1), self.kind(read)


def text_logits(tokens: Tensor, present: Tensor) -> Tensor:
    """Logit of each text, as `Screen` makes it of its tokens."""
    edges = functional.pad(tokens[:, None], (SMOOTHED // 2, SMOOTHED // 2), mode="replicate")
    smoothed = functional.avg_pool1d(edges, SMOOTHED, 1).squeeze(1)
    smoothed = smoothed.masked_fill(present == 0, -30)
    return smoothed.topk(min(STRONGEST, smoothed.shape[1]), 1).values.mean(1)


def loss(net: ScreenNet, batch: Batch) -> Tensor:
    """Of the tokens, the texts, and the kinds of attacks' tokens."""
    tokens, kinds = net(batch.pieces, batch.present)
    each = functional.binary_cross_entropy_with_logits(tokens, batch.attack, reduction="none")
    of_tokens = (each * batch.present).sum() / batch.present.sum()
    is_attack = (batch.attack.sum(1) > 0).float()
    logits = text_logits(tokens, batch.present)
    of_texts = functional.binary_cross_entropy_with_logits(logits, is_attack)
    of_kinds = functional.cross_entropy(kinds.flatten(0, 1), batch.kinds.flatten(), ignore_index=-1)
    return 3 * of_tokens + of_texts + 0.1 * of_kinds


class Batcher:
    """Makes tensors of samples."""

    def __init__(self) -> None:
        self._tokenizer = read_tokenizer()
        self._tokenizer.enable_truncation(_LONGEST)

    def batch(self, samples: Sequence[Sample], noise: np.random.Generator | None = None) -> Batch:
        """Tokenize; with `noise`, hide some tokens."""
        encodings = self._tokenizer.encode_batch(
            [sample.text for sample in samples], add_special_tokens=False
        )
        shape = len(encodings), max(1, *(len(e.ids) for e in encodings))
        pieces, present = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
        attack, kinds = np.zeros(shape, np.float32), np.full(shape, -1, np.int64)
        for row, (encoding, sample) in enumerate(zip(encodings, samples, strict=True)):
            size = len(encoding.ids)
            pieces[row, :size], present[row, : max(1, size)] = encoding.ids, 1
            if sample.start < 0:
                continue
            kind = KINDS.index(KIND_OF.get(sample.kind, "command"))
            for place, (start, end) in enumerate(encoding.offsets):
                if sample.start <= start < end <= sample.end:
                    attack[row, place], kinds[row, place] = 1, kind
        if noise is not None:
            pieces[noise.random(shape) < _HIDDEN_TOKENS] = _MASK
        tensors = (torch.tensor(values) for values in (pieces, present, attack, kinds))
        return Batch(**dict(zip(("pieces", "present", "attack", "kinds"), tensors, strict=True)))


def centred(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The token vectors around their mean, at unit spread."""
    around = vectors - vectors.mean(0)
    return (around / around.std()).astype(np.float32)


def arrays_of(net: ScreenNet) -> dict[str, NDArray[Any]]:
    """The fitted weights as `screen_export` takes them; the table of token vectors in 8 bits."""
    weights = {name: value.detach().numpy() for name, value in net.state_dict().items()}
    table = weights["vectors.weight"] @ weights["reduce.weight"].T
    scale = np.abs(table).max(0) / 127
    stored: dict[str, NDArray[Any]] = {
        "table": np.rint(table / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
        "token.weight": weights["token.weight"][0],
        "token.bias": weights["token.bias"][0],
    }
    for place in range(len(DILATIONS)):
        for part in ("weight", "bias"):
            stored[f"convolution{place}.{part}"] = weights[f"convolutions.{place}.{part}"]
    for name in ("context", "hidden", "kind"):
        stored[f"{name}.weight"] = weights[f"{name}.weight"].T
        stored[f"{name}.bias"] = weights[f"{name}.bias"]
    return stored
