"""A small convolutional network that reads, token by token, whether a text speaks to a model.

Each token sees thirteen neighbours on either side, and what its window says on average: an
instruction may be plain by its words, or by standing where nothing else asks for anything. The
token vectors are those of MiniLM's first layer, reduced; all of it is fitted by
`tools.train.screen`. It reads a passage in well under a millisecond, where MiniLM's layers would
take thirty.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, cast

import onnxruntime

from agent_knowledge.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

WEIGHTS = "screen.onnx"
FACTS = "screen.json"
"""Where the weights come from, their threshold, and the figures of kinds left out of the fit."""
PIECES, TOKENS_OUTPUT, KINDS_OUTPUT = "pieces", "tokens_logits", "kinds_logits"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """The fitted network.

    Attributes:
        session: Its graph.
        kinds: Names of the kinds.
        slope: From a text's logit to its calibrated one.
        offset: The same.
        threshold: A text is suspicious when its calibrated probability reaches this.
    """

    session: onnxruntime.InferenceSession
    kinds: tuple[str, ...]
    slope: float
    offset: float
    threshold: float

    @classmethod
    def load(cls) -> Network:
        """Read the packaged network.

        Raises:
            ConfigError: It is not there or not whole.
        """
        folder = resources.files("agent_knowledge.data")
        try:
            facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
            return cls.of((folder / WEIGHTS).read_bytes(), facts)
        except (OSError, ValueError, KeyError) as error:
            msg = f"screen: cannot read {WEIGHTS} ({error}); reinstall langchain-agent-knowledge"
            raise ConfigError(msg) from error

    @classmethod
    def of(cls, graph: bytes, facts: Mapping[str, Any]) -> Network:
        """Open a graph, with what `tools.train.screen` found of it."""
        options = cast("Any", onnxruntime.SessionOptions())
        # One thread: a passage is too little work to be shared out.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        return cls(
            session=onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            ),
            kinds=tuple(facts["kinds"]),
            slope=float(facts["slope"]),
            offset=float(facts["offset"]),
            threshold=float(facts["threshold"]),
        )

    def read(self, pieces: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Read one window.

        Args:
            pieces: Numbers of its word pieces, shape (tokens,), at least one.

        Returns:
            Logit of each token, shape (tokens,), and logits of the kinds, shape (tokens, kinds).
        """
        tokens, kinds = cast(
            "list[NDArray[np.float32]]",
            self.session.run([TOKENS_OUTPUT, KINDS_OUTPUT], {PIECES: pieces}),
        )
        return tokens, kinds

    def probability(self, logit: float, *, prior: float = 0.0) -> float:
        """The calibrated probability that a text of this logit speaks to a model, 0..1.

        Args:
            logit: Of the text.
            prior: Log-odds of what else is known of it.
        """
        odds = self.slope * logit + self.offset + prior
        return 1 / (1 + math.exp(-max(-50.0, min(50.0, odds))))
