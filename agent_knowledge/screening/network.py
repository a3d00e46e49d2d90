"""A small convolutional network that reads, token by token, whether a text speaks to a model.

Each token sees eleven neighbours on either side, and what its window says on average: an
instruction may be plain by its words, or by standing where nothing else asks for anything. The
token vectors are those of MiniLM's first layer, reduced; all of it is fitted by
`tools.train.screen`. On numpy alone it reads a passage in well under a millisecond, where
MiniLM's layers would take thirty.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

WEIGHTS = "screen.npz"
FACTS = "screen.json"
"""Where the weights come from, their threshold, and the figures of kinds left out of the fit."""
DILATIONS = (1, 2, 4)
"""Of the three convolutions."""

Floats = NDArray["np.float32"] if TYPE_CHECKING else object


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """The fitted weights.

    Attributes:
        table: Vector of each word piece, shape (pieces, width), in steps of `scale`.
        scale: Per dimension, shape (width,).
        convolutions: Weights (taps, in, out) and bias (out,) of each.
        context: Weights (width, width) and bias for the mean of a window.
        hidden: Weights (3 * width, width) and bias of what the heads read.
        token: Weights (width,) and bias of a token's logit.
        kind: Weights (width, kinds) and bias of the kinds' logits.
        kinds: Their names.
        slope: From a text's logit to its calibrated one.
        offset: The same.
        threshold: A text is suspicious when its calibrated probability reaches this.
    """

    table: NDArray[np.int8]
    scale: Floats
    convolutions: tuple[tuple[Floats, Floats], ...]
    context: tuple[Floats, Floats]
    hidden: tuple[Floats, Floats]
    token: tuple[Floats, float]
    kind: tuple[Floats, Floats]
    kinds: tuple[str, ...]
    slope: float
    offset: float
    threshold: float

    @classmethod
    def load(cls) -> Network:
        """Read the packaged weights."""
        folder = resources.files("agent_knowledge.data")
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        with (folder / WEIGHTS).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return cls.of(dict(arrays), facts)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[np.generic]], facts: Mapping[str, object]) -> Network:
        """Put weights together, as `tools.train.screen` writes them."""

        def pair(name: str) -> tuple[Floats, Floats]:
            weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
            return weight.astype(np.float32), bias.astype(np.float32)

        token, token_bias = pair("token")
        return cls(
            table=arrays["table"].astype(np.int8),
            scale=arrays["scale"].astype(np.float32),
            convolutions=tuple(pair(f"convolution{place}") for place in range(len(DILATIONS))),
            context=pair("context"),
            hidden=pair("hidden"),
            token=(token, float(token_bias)),
            kind=pair("kind"),
            kinds=tuple(str(name) for name in _list(facts["kinds"])),
            slope=_number(facts["slope"]),
            offset=_number(facts["offset"]),
            threshold=_number(facts["threshold"]),
        )

    def read(self, pieces: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Read one window.

        Args:
            pieces: Numbers of its word pieces, shape (tokens,), at least one.

        Returns:
            Logit of each token, shape (tokens,), and logits of the kinds, shape (tokens, kinds).
        """
        vectors = self.table[pieces].astype(np.float32) * self.scale
        near = _convolved(vectors, self.convolutions[0], DILATIONS[0])
        wider = _convolved(near, self.convolutions[1], DILATIONS[1])
        widest = _convolved(wider, self.convolutions[2], DILATIONS[2]) + near
        weight, bias = self.context
        window = np.broadcast_to(widest.mean(axis=0) @ weight + bias, widest.shape)
        weight, bias = self.hidden
        read = np.concatenate([widest, wider, window], axis=1) @ weight + bias
        np.maximum(read, 0, out=read)
        return read @ self.token[0] + self.token[1], read @ self.kind[0] + self.kind[1]

    def probability(self, logit: float) -> float:
        """The calibrated probability that a text of this logit speaks to a model, 0..1."""
        return float(1 / (1 + np.exp(-(self.slope * logit + self.offset))))


def _convolved(rows: Floats, layer: tuple[Floats, Floats], dilation: int) -> Floats:
    """A convolution over rows, as long as they are, with zeros around them, then what is above 0."""
    weight, bias = layer
    reach = len(weight) // 2 * dilation
    padded = np.pad(rows, ((reach, reach), (0, 0)))
    out = np.broadcast_to(bias, (len(rows), len(bias))).copy()
    for tap, through in enumerate(weight):
        out += padded[tap * dilation : tap * dilation + len(rows)] @ through
    return np.maximum(out, 0, out=out)


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
