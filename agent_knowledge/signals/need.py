"""What a task needs, read from its text alone: linear heads on MiniLM vectors and structure.

The heads are multinomial and binary logistic regressions, fitted by `tools/train/need.py`, which
writes what they were fitted to and how well they did into the file itself. Nothing here embeds: the
router embeds each distinct text once and hands the vectors in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from agent_knowledge.errors import ConfigError, InputError
from agent_knowledge.signals import structure
from agent_knowledge.types import NEEDS, Need

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from agent_knowledge.types import Vector

FILE = "need_heads.json"
DIMENSIONS = 384
"""Of a MiniLM vector; the heads are fitted to MiniLM and read nothing else."""
HEADS: tuple[str, ...] = (*NEEDS, "fresh", "multi_hop", "turn_asks")
"""One row of weights each."""
_FRESH, _MULTI_HOP, _TURN_ASKS = (HEADS.index(h) for h in ("fresh", "multi_hop", "turn_asks"))

_VIEW_CHARACTERS = 1_500
"""MiniLM reads 256 word pieces; more characters than this never reach it."""
_ALL_ASKED = 0.8
"""Where this share of a text asks or orders, its second view would tell nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedReading:
    """What the text of a task says; all numbers are probabilities, 0..1.

    Attributes:
        need: Per need, summing to 1.
        fresh: The right answer changes with time.
        multi_hop: It needs facts, and two or more separate look-ups to have them.
    """

    need: Mapping[Need, float]
    fresh: float
    multi_hop: float


def views(text: str) -> tuple[str, ...]:
    """The texts whose MiniLM vectors the heads read: the whole, and what of it asks or orders.

    Args:
        text: A task's text, of any length.

    Returns:
        One or two texts, cut to what MiniLM reads; one where both are the same, as in any short
        question.
    """
    return tuple(dict.fromkeys(_views(text)))


def inputs(texts: Sequence[str], vectors: Mapping[str, Vector]) -> NDArray[np.float32]:
    """The rows that the heads weigh.

    Args:
        texts: Tasks' texts.
        vectors: The MiniLM vector of each of their `views`.

    Returns:
        float32, shape (len(texts), 2 * DIMENSIONS + len(structure.FEATURE_NAMES)).

    Raises:
        InputError: A view's vector is missing or is none of MiniLM's.
    """
    rows = np.empty((len(texts), _WIDTH), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        whole, asked = _views(text)
        row[:DIMENSIONS] = _vector(whole, vectors)
        row[DIMENSIONS : 2 * DIMENSIONS] = _vector(asked, vectors)
        row[2 * DIMENSIONS :] = structure.features(text)
    return rows


class NeedHeads:
    """The fitted heads. Immutable; safe to share between threads."""

    def __init__(self, weights: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Hold weights.

        Args:
            weights: Shape (len(HEADS), width of `inputs`).
            bias: Shape (len(HEADS),).
        """
        self.weights = weights
        self.bias = bias

    @classmethod
    def load(cls) -> NeedHeads:
        """Read the packaged heads.

        Raises:
            ConfigError: The file is missing, damaged or of another version of this package.
        """
        file = resources.files("agent_knowledge.data") / FILE
        try:
            stored: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            weights = np.array([stored["heads"][h]["weights"] for h in HEADS], dtype=np.float32)
            bias = np.array([stored["heads"][h]["bias"] for h in HEADS], dtype=np.float32)
            known = tuple(stored["features"]) == structure.FEATURE_NAMES
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"need heads: cannot read {FILE!r} ({error!r}); reinstall {_PACKAGE}"
            raise ConfigError(msg) from error
        if not known or weights.shape != (len(HEADS), _WIDTH) or bias.shape != (len(HEADS),):
            msg = f"need heads: {FILE!r} is of another version of the package; reinstall {_PACKAGE}"
            raise ConfigError(msg)
        return cls(weights, bias)

    def views(self, text: str) -> tuple[str, ...]:
        """The texts to embed; see the module's `views`."""
        return views(text)

    def read(self, text: str, vectors: Mapping[str, Vector]) -> NeedReading:
        """Read one text; see `read_many`."""
        return self.read_many([text], vectors, [False])[0]

    def read_many(
        self, texts: Sequence[str], vectors: Mapping[str, Vector], turns: Sequence[bool]
    ) -> tuple[NeedReading, ...]:
        """Read texts.

        A turn inside a conversation is another thing than a task that stands alone: "and the
        zip code" is no question of general knowledge. Whether it asks for facts such as a help
        page holds is read by a head of its own, fitted to turns.

        Args:
            texts: Tasks' texts; a turn's without its fillers (`speech.without_fillers`).
            vectors: The MiniLM vector of each of their `views`.
            turns: Of each text, whether it is a turn with a conversation before it.

        Returns:
            One reading per text, in their order.

        Raises:
            InputError: A view's vector is missing or is none of MiniLM's.
        """
        table = self.probabilities(inputs(texts, vectors))
        return tuple(_reading(row, turn=turn) for row, turn in zip(table, turns, strict=True))

    def probabilities(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Weigh rows of `inputs`; shape (rows, len(HEADS)), in the order of `HEADS`."""
        logits = rows.astype(np.float64) @ self.weights.T + self.bias
        needs = logits[:, : len(NEEDS)]
        raised = np.exp(needs - needs.max(axis=1, keepdims=True))
        need = raised / raised.sum(axis=1, keepdims=True)
        return np.column_stack([need, 1 / (1 + np.exp(-logits[:, len(NEEDS) :]))])


def _reading(row: NDArray[np.float64], *, turn: bool) -> NeedReading:
    read: list[float] = row.tolist()
    need: dict[Need, float] = dict(zip(NEEDS, read, strict=False))
    fresh = read[_FRESH]
    if turn:
        asks = read[_TURN_ASKS]
        left = (1 - asks) / max(1 - need["retrieval"], 1e-9)
        need = {name: asks if name == "retrieval" else p * left for name, p in need.items()}
        fresh *= asks  # "book it for tomorrow" names a time, and asks for nothing
    return NeedReading(
        need=need,
        fresh=fresh,
        # This head was fitted to tasks that need facts: it is conditional on that.
        multi_hop=read[_MULTI_HOP] * need["retrieval"],
    )


_PACKAGE = "langchain-agent-knowledge"
_WIDTH = 2 * DIMENSIONS + len(structure.FEATURE_NAMES)


def _views(text: str) -> tuple[str, str]:
    whole = text[: 2 * _VIEW_CHARACTERS].strip()[:_VIEW_CHARACTERS]
    asked = structure.demand(text)
    return whole, whole if len(asked) >= _ALL_ASKED * len(whole) else asked


def _vector(view: str, vectors: Mapping[str, Vector]) -> Vector:
    vector = vectors.get(view)
    if vector is None or vector.shape != (DIMENSIONS,):
        found = "no vector" if vector is None else f"shape {vector.shape}"
        msg = (
            f"need: {found} for the view {view[:60]!r}; give the MiniLM vector, shape"
            f" ({DIMENSIONS},), of every text that views() names"
        )
        raise InputError(msg)
    return vector
