"""Writes the screen's network as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from agent_knowledge.screening.network import KINDS_OUTPUT, PIECES, TOKENS_OUTPUT
from tools.train.screen_net import DILATIONS, WIDTH


def graph(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Serialise fitted weights, named as `screen_net.arrays_of` does.

    The graph takes the word pieces of one window, int64, shape (tokens,), and gives the logit of
    each token, shape (tokens,), and its logits of the kinds, shape (tokens, kinds).
    """
    made = _Graph(arrays)
    pieces = made.node("Gather", ["table", PIECES])
    rows = made.node("Mul", [made.node("Cast", [pieces], to=TensorProto.FLOAT), "scale"])
    batch = made.node("Unsqueeze", [made.node("Transpose", [rows], perm=[1, 0]), "first"])
    near = made.convolution(0, batch)
    wider = made.convolution(1, near)
    widest = made.node("Add", [made.convolution(2, wider), near])
    flat = [made.node("Squeeze", [value, "first"]) for value in (widest, wider)]
    widest, wider = (made.node("Transpose", [value], perm=[1, 0]) for value in flat)
    mean = made.node("ReduceMean", [widest], axes=[0], keepdims=1)
    window = made.node("Add", [made.node("MatMul", [mean, "context.weight"]), "context.bias"])
    parts = [
        made.node("MatMul", [value, f"hidden.{name}"])
        for value, name in ((widest, "widest"), (wider, "wider"), (window, "window"))
    ]
    summed = made.node("Add", [made.node("Add", parts[:2]), parts[2]])
    read = made.node("Relu", [made.node("Add", [summed, "hidden.bias"])])
    made.node("Add", [made.node("MatMul", [read, "token.weight"]), "token.bias"], TOKENS_OUTPUT)
    made.node("Add", [made.node("MatMul", [read, "kind.weight"]), "kind.bias"], KINDS_OUTPUT)
    return made.serialised()


class _Graph:
    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        hidden = arrays["hidden.weight"].reshape(3, WIDTH, WIDTH)
        self._weights = {
            **{name: value for name, value in arrays.items() if name != "hidden.weight"},
            "hidden.widest": hidden[0],
            "hidden.wider": hidden[1],
            "hidden.window": hidden[2],
            "first": np.array([0], np.int64),
        }
        self._nodes: list[onnx.NodeProto] = []

    def node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        output = output or f"{kind}{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolution(self, place: int, rows: str) -> str:
        name, dilation = f"convolution{place}", DILATIONS[place]
        reach = self._weights[f"{name}.weight"].shape[-1] // 2 * dilation
        inputs = [rows, f"{name}.weight", f"{name}.bias"]
        made = self.node("Conv", inputs, dilations=[dilation], pads=[reach, reach])
        return self.node("Relu", [made])

    def serialised(self) -> bytes:
        shape = ["tokens"]
        graph = helper.make_graph(
            self._nodes,
            "screen",
            [helper.make_tensor_value_info(PIECES, TensorProto.INT64, shape)],
            [
                helper.make_tensor_value_info(TOKENS_OUTPUT, TensorProto.FLOAT, shape),
                helper.make_tensor_value_info(KINDS_OUTPUT, TensorProto.FLOAT, [*shape, "kinds"]),
            ],
            [
                numpy_helper.from_array(np.ascontiguousarray(value), name)
                for name, value in self._weights.items()
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        onnx.checker.check_model(model)
        return model.SerializeToString()
