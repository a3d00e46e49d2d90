"""What a task's text says: linear heads on the states of the tuned text model.

The text model is MiniLM with upper layers of its own (`embedding.minilm`), tuned together with
these heads by `tools/train/text.py`, which writes what they were fitted to into the file itself.
Nothing here runs a model: the reader hands the states in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from agent_knowledge.errors import DISTRIBUTION, ConfigError
from agent_knowledge.types import NEEDS, Matrix, Message, Need

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILE = "text_heads.json"
OUTPUTS: tuple[str, ...] = (
    *(f"need_{need}" for need in NEEDS),
    "fresh",
    "multi_hop",
    *(f"agent_{need}" for need in NEEDS),
)
"""One row of weights each, in this order."""
_NEED, _FRESH, _MULTI_HOP, _AGENT = slice(0, 3), 3, 4, slice(5, 8)

_CONTEXT_CHARACTERS = 600
"""A limit, as the heads were tuned with: histories of the agents that they know are shorter."""
_ANSWER_CHARACTERS = 300
"""Of an answer, its beginning says what it is about: a limit like the one above."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextReading:
    """What a text says; all numbers but those of `kind` are probabilities, 0..1.

    Attributes:
        need: Per need, summing to 1: what the text asks of a model that has nothing at hand. World
            knowledge counts as facts to look up.
        agent: Per need, summing to 1: what a task of this form asks of an agent with documents and
            example sets, whatever they hold. What any assistant knows counts as direct.
        fresh: The right answer changes with time.
        multi_hop: It needs facts, and two or more separate look-ups to have them.
        kind: A vector of length 1: texts of one kind (inputs of one example set) are near to each
            other in it, whatever they are about.
    """

    need: Mapping[Need, float]
    agent: Mapping[Need, float]
    fresh: float
    multi_hop: float
    kind: NDArray[np.float32]


def context_of(history: Sequence[Message]) -> str:
    """What a turn is read beside: the user's last turn and the beginning of the last answer."""
    questions = [message.content for message in history if message.role == "user"][-1:]
    answered = [message.content for message in history if message.role == "assistant"][-1:]
    parts = [*questions, *(text[:_ANSWER_CHARACTERS] for text in answered)]
    return " ".join(parts)[:_CONTEXT_CHARACTERS]


class TextHeads:
    """The fitted heads. Immutable; safe to share between threads."""

    def __init__(self, weights: Matrix, bias: NDArray[np.float32], kind: Matrix) -> None:
        """Hold weights.

        Args:
            weights: Shape (len(OUTPUTS), width of a state).
            bias: Shape (len(OUTPUTS),).
            kind: Shape (dimensions of a kind, width of a state).
        """
        self._weights = weights
        self._bias = bias
        self._kind = kind

    @classmethod
    def load(cls, file: Path | None = None) -> TextHeads:
        """Read heads.

        Args:
            file: Another file than the packaged one.

        Raises:
            ConfigError: The file is missing, damaged or of another version of this package.
        """
        source = file or resources.files("agent_knowledge.data") / FILE
        try:
            stored: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
            weights = np.array([stored["heads"][name]["weights"] for name in OUTPUTS], np.float32)
            bias = np.array([stored["heads"][name]["bias"] for name in OUTPUTS], np.float32)
            kind = np.array(stored["kind"], dtype=np.float32)
        except (OSError, ValueError, KeyError, TypeError) as error:
            msg = f"text heads: cannot read {FILE!r} ({error!r}); reinstall {DISTRIBUTION}"
            raise ConfigError(msg) from error
        if weights.ndim != 2 or kind.ndim != 2 or weights.shape[1] != kind.shape[1]:
            msg = f"text heads: {FILE!r} is of another version; reinstall {DISTRIBUTION}"
            raise ConfigError(msg)
        return cls(weights, bias, kind)

    def read(self, states: Matrix) -> tuple[TextReading, ...]:
        """Read texts.

        Args:
            states: A row per text, from `ports.TextModel.read`.
        """
        logits = states @ self._weights.T + self._bias
        need, agent = _shares(logits[:, _NEED]), _shares(logits[:, _AGENT])
        either = _squashed(logits[:, [_FRESH, _MULTI_HOP]])
        kinds = self.kinds(states)
        return tuple(
            TextReading(
                need=_named(need[row]),
                agent=_named(agent[row]),
                fresh=float(either[row, 0]),
                # This head was fitted to tasks that need facts: it is conditional on that.
                multi_hop=float(either[row, 1] * need[row, NEEDS.index("retrieval")]),
                kind=kinds[row],
            )
            for row in range(len(states))
        )

    def kinds(self, states: Matrix) -> Matrix:
        """The kind of each text; see `TextReading.kind`."""
        projected = states @ self._kind.T
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return cast("Matrix", projected / np.maximum(lengths, 1e-9))


def _shares(logits: Matrix) -> NDArray[np.float64]:
    raised = np.exp((logits - logits.max(axis=1, keepdims=True)).astype(np.float64))
    return raised / raised.sum(axis=1, keepdims=True)


def _squashed(logits: Matrix) -> NDArray[np.float64]:
    return 1 / (1 + np.exp(-logits.astype(np.float64)))


def _named(shares: NDArray[np.float64]) -> dict[Need, float]:
    return dict(zip(NEEDS, cast("list[float]", shares.tolist()), strict=True))
