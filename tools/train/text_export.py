"""Writes the tuned upper layers of the text model as a fragment of an ONNX graph.

MiniLM's file and the fragment are both serialised protobuf messages of one type, and two such
messages one after the other read as their union: the fragment's nodes and weights join MiniLM's
graph, take its lower layers' output, and add an output of their own. So one pass gives a text's
vector and what the tuned layers read of it, and MiniLM's weights are shipped once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

LAYERS = 6
TUNED = 3
"""Layers that are tuned, the upper ones."""
ATTACHED_TO = f"layer_norm_{2 * (LAYERS - TUNED)}"
"""The value in MiniLM's graph that the lowest tuned layer takes."""
HEADS = 12
WIDTH = 384
EPSILON = 1e-12
_MASKED = -1e9
"""Added to the attention that a padded place would get."""

Weights = Mapping[str, NDArray[np.float32]]


def fragment(layers: Sequence[Weights], attached_to: str, output: str) -> bytes:
    """Serialise layers as a fragment.

    Args:
        layers: Per layer, its weights under the names that Hugging Face's `BertLayer` gives them.
        attached_to: Name of the value in MiniLM's graph that the first layer takes.
        output: Name of the fragment's output: float32, shape (texts, tokens, WIDTH).
    """
    graph = _Graph()
    graph.constant("one", np.array(1.0, np.float32))
    graph.constant("masked", np.array(_MASKED, np.float32))
    graph.constant("split", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
    graph.constant("joined", np.array([0, 0, WIDTH], np.int64))
    graph.constant("scale", np.array(1 / np.sqrt(WIDTH / HEADS), np.float32))
    graph.constant("axes", np.array([1, 2], np.int64))
    graph.constant("sqrt2", np.array(np.sqrt(2.0), np.float32))
    graph.constant("half", np.array(0.5, np.float32))
    present = graph.node("Cast", ["attention_mask"], own=False, to=TensorProto.FLOAT)
    absent = graph.node("Sub", [graph.name("one"), present])
    mask = graph.node("Unsqueeze", [graph.node("Mul", [absent, graph.name("masked")]), "axes"])
    hidden = attached_to
    for place, weights in enumerate(layers):
        hidden = _layer(graph, f"l{place}", weights, hidden, mask)
    graph.nodes.append(helper.make_node("Identity", [hidden], [output]))
    model = onnx.ModelProto()
    model.graph.node.extend(graph.nodes)
    model.graph.initializer.extend(graph.weights)
    model.graph.output.append(
        helper.make_tensor_value_info(output, TensorProto.FLOAT, ["texts", "tokens", WIDTH])
    )
    return model.SerializeToString()


class _Graph:
    """Nodes and weights under names that no other graph has."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    @staticmethod
    def name(name: str) -> str:
        return f"tuned.{name}"

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.weights.append(numpy_helper.from_array(value, self.name(name)))
        return self.name(name)

    def node(self, kind: str, inputs: list[str], *, own: bool = True, **attributes: Any) -> str:
        known = {tensor.name for tensor in self.weights}
        names = [self.name(i) if own and self.name(i) in known else i for i in inputs]
        output = self.name(f"n{len(self.nodes)}")
        self.nodes.append(helper.make_node(kind, names, [output], **attributes))
        return output

    def linear(self, name: str, weights: Weights, key: str, value: str) -> str:
        """`value @ weight.T + bias`, the weight as 8-bit integers with a scale per output."""
        weight = weights[f"{key}.weight"].T
        scale = (np.abs(weight).max(axis=0) / 127).astype(np.float32)
        small = np.clip(np.round(weight / scale), -127, 127).astype(np.int8)
        self.constant(f"{name}.int8", small)
        self.constant(f"{name}.scale", scale)
        self.constant(f"{name}.bias", weights[f"{key}.bias"].astype(np.float32))
        whole = self.node("DequantizeLinear", [f"{name}.int8", f"{name}.scale"], axis=1)
        return self.node("Add", [self.node("MatMul", [value, whole]), f"{name}.bias"])

    def norm(self, name: str, weights: Weights, key: str, value: str) -> str:
        self.constant(f"{name}.weight", weights[f"{key}.weight"].astype(np.float32))
        self.constant(f"{name}.shift", weights[f"{key}.bias"].astype(np.float32))
        inputs = [value, f"{name}.weight", f"{name}.shift"]
        return self.node("LayerNormalization", inputs, axis=-1, epsilon=EPSILON)


def _layer(graph: _Graph, name: str, weights: Weights, hidden: str, mask: str) -> str:
    """One layer of BERT (Devlin et al., 2018): attention, then a feed-forward pair."""

    def heads(key: str, order: list[int]) -> str:
        flat = graph.linear(f"{name}.{key}", weights, f"attention.self.{key}", hidden)
        return graph.node("Transpose", [graph.node("Reshape", [flat, "split"])], perm=order)

    query, key, value = (
        heads("query", [0, 2, 1, 3]),
        heads("key", [0, 2, 3, 1]),
        heads("value", [0, 2, 1, 3]),
    )
    raw = graph.node("Mul", [graph.node("MatMul", [query, key]), "scale"])
    attention = graph.node("Softmax", [graph.node("Add", [raw, mask])], axis=-1)
    mixed = graph.node("Transpose", [graph.node("MatMul", [attention, value])], perm=[0, 2, 1, 3])
    flat = graph.node("Reshape", [mixed, "joined"])
    attended = graph.linear(f"{name}.out", weights, "attention.output.dense", flat)
    summed = graph.node("Add", [attended, hidden])
    middle = graph.norm(f"{name}.norm1", weights, "attention.output.LayerNorm", summed)
    wide = graph.linear(f"{name}.wide", weights, "intermediate.dense", middle)
    bent = graph.node("Erf", [graph.node("Div", [wide, "sqrt2"])])
    gelu = graph.node("Mul", [graph.node("Mul", [wide, "half"]), graph.node("Add", [bent, "one"])])
    narrow = graph.linear(f"{name}.narrow", weights, "output.dense", gelu)
    return graph.norm(
        f"{name}.norm2", weights, "output.LayerNorm", graph.node("Add", [narrow, middle])
    )
