"""What the packaged models make of texts: what they mean, and whether they speak to a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from agent_knowledge.types import Matrix, Vector


@dataclass(frozen=True, slots=True, order=True)
class SuspiciousSpan:
    """A span of a text that seems written for the model that will read it.

    Attributes:
        start: First character.
        end: One past the last.
        kind: `addresses_model`, `authority`, `command`, `encoded` or `hidden`.
    """

    start: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenVectors:
    """A text as a text model reads it, piece by piece.

    Attributes:
        rows: A vector per piece of a word.
        starts: The first character of each piece.
        ends: One past its last; the same as its start for a sign of the model's own.
        mean: The text's own vector, of length 1.
    """

    rows: Matrix
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    mean: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """Whether a text seems to speak to the model that will read it.

    Attributes:
        score: Calibrated probability, 0..1, where one text in two does.
        suspicious: The probability reaches the threshold of the screen.
        spans: Where, in order; none of a text that is not suspicious.
    """

    score: float
    suspicious: bool
    spans: tuple[SuspiciousSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextStates:
    """What one pass of the text model over some texts gave, a row per text.

    Attributes:
        vectors: Their embedding, as an embedder gives it; of a text that was read in its context,
            of both together.
        states: What heads read (`signals.text_heads`), of the text itself; of any length.
    """

    vectors: Matrix
    states: Matrix


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SetStates:
    """What the models make of an example set, apart from its vectors.

    Attributes:
        states: Of the inputs, a row each; see `TextStates`.
        description: Vector of what the configuration says of the set.
        described: The state of that text.
    """

    states: Matrix
    description: Vector
    described: Vector
