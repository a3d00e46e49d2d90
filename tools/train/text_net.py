"""The tuned layers and their heads, as they are trained; `text_export` writes them for use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from numpy.typing import NDArray
from safetensors.torch import load_file  # pyright: ignore[reportMissingImports]
from torch import Tensor, nn  # pyright: ignore[reportMissingImports]
from torch.nn.functional import normalize  # pyright: ignore[reportMissingImports]
from transformers import BertConfig  # pyright: ignore[reportMissingImports]
from transformers.models.bert.modeling_bert import BertLayer  # pyright: ignore[reportMissingImports]

from agent_knowledge.models.minilm import DIMENSIONS
from tools.train.text_export import LAYERS, TUNED
from tools.train.text_states import States

KIND = 64
"""Dimensions of a text's kind."""
NEAREST = 3
"""Of a set's inputs, whose mean nearness says whether a text is one more of them."""
_MASKED = -1e9
_DROPOUT = 0.1
_BATCH = 48


class TextNet(nn.Module):  # pyright: ignore[reportUntypedBaseClass]
    """Upper layers of MiniLM, a head per question, and a projection into kinds."""

    def __init__(self, weights: Path) -> None:
        """Start from MiniLM's own upper layers.

        Args:
            weights: Its `model.safetensors`.
        """
        super().__init__()
        config: Any = BertConfig(
            hidden_size=DIMENSIONS,
            num_attention_heads=12,
            intermediate_size=4 * DIMENSIONS,
            num_hidden_layers=LAYERS,
        )
        config._attn_implementation = "eager"
        stored = load_file(str(weights))
        self.layers = nn.ModuleList([BertLayer(config) for _ in range(TUNED)])
        for place, layer in enumerate(self.layers):
            start = f"encoder.layer.{LAYERS - TUNED + place}."
            own = {k[len(start) :]: v for k, v in stored.items() if k.startswith(start)}
            layer.load_state_dict(own)
        self.dropout = nn.Dropout(_DROPOUT)
        self.need = nn.Linear(DIMENSIONS, 3)
        self.fresh = nn.Linear(DIMENSIONS, 1)
        self.multi_hop = nn.Linear(DIMENSIONS, 1)
        self.agent = nn.Linear(DIMENSIONS, 3)
        self.kind = nn.Linear(DIMENSIONS, KIND, bias=False)
        # How nearness to a set becomes a score: mean of the nearest, description, nearest one.
        self.weighs = nn.Parameter(torch.tensor([6.0, 3.0, 3.0]))
        self.none = nn.Parameter(torch.tensor(4.0))

    def states(self, hidden: Tensor, there: Tensor, own: Tensor) -> Tensor:
        """The average of each text's own token states after the tuned layers."""
        mask = (1 - there[:, None, None, :]) * _MASKED
        for layer in self.layers:
            out: Any = layer(hidden, attention_mask=mask)
            hidden = out[0] if isinstance(out, tuple) else out
        return (hidden * own[:, :, None]).sum(1) / own.sum(1, keepdim=True)

    def encode(self, states: States, places: Sequence[int]) -> Tensor:
        """The states of texts, each distinct one run once, in batches of like length."""
        distinct, back = np.unique(np.array(places, dtype=np.int64), return_inverse=True)
        order = np.argsort(states.lengths[distinct], kind="stable")
        batches = [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]
        made = torch.cat([self.states(*states.batch(distinct[batch])) for batch in batches])
        inverse = torch.from_numpy(np.argsort(order))
        return made[inverse][torch.from_numpy(back)]

    def kinds(self, states: Tensor) -> Tensor:
        """Kinds of texts, rows of length 1."""
        return normalize(self.kind(states), dim=-1)

    def set_scores(
        self, whole: Tensor, part: Tensor, sets: Sequence[Tensor], descriptions: Tensor
    ) -> Tensor:
        """Score texts as instances of sets, and last as of none.

        Args:
            whole: Kinds of the texts.
            part: Kinds of what each was given to work on, or its own again.
            sets: Kinds of each set's inputs.
            descriptions: Kinds of the sets' descriptions.
        """
        columns: list[Tensor] = []
        for inputs, description in zip(sets, descriptions, strict=True):
            cosines = torch.maximum(whole @ inputs.T, part @ inputs.T)
            nearest = cosines.topk(min(NEAREST, cosines.shape[1]), 1).values
            measured = torch.stack([nearest.mean(1), whole @ description, nearest[:, 0]], dim=1)
            columns.append(measured @ self.weighs)
        return torch.stack([*columns, self.none.expand(len(whole))], dim=1)


def layer_weights(net: TextNet) -> list[dict[str, NDArray[np.float32]]]:
    """The tuned layers' weights, for `text_export`."""
    return [
        {name: value.detach().numpy() for name, value in layer.state_dict().items()}
        for layer in net.layers
    ]
