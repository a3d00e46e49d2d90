"""Tuned layers joined to MiniLM's own graph: one more output, and the embedding as it was."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_knowledge.models.minilm import DIMENSIONS, TUNED_OUTPUT, MiniLM
from tools.train.text_export import ATTACHED_TO, TUNED, fragment

TEXTS = (
    "How long is the return window?",
    "Hi",
    "The winch of the upper deck is leaking oil again, and nobody has come to look at it so far.",
)
SHAPES = {
    "attention.self.query": (DIMENSIONS, DIMENSIONS),
    "attention.self.key": (DIMENSIONS, DIMENSIONS),
    "attention.self.value": (DIMENSIONS, DIMENSIONS),
    "attention.output.dense": (DIMENSIONS, DIMENSIONS),
    "intermediate.dense": (4 * DIMENSIONS, DIMENSIONS),
    "output.dense": (DIMENSIONS, 4 * DIMENSIONS),
}


def layer(chance: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """A layer's weights, drawn by chance."""
    made: dict[str, NDArray[np.float32]] = {}
    for name, shape in SHAPES.items():
        made[f"{name}.weight"] = chance.normal(0, 0.05, shape).astype(np.float32)
        made[f"{name}.bias"] = chance.normal(0, 0.05, shape[0]).astype(np.float32)
    for name in ("attention.output.LayerNorm", "output.LayerNorm"):
        made[f"{name}.weight"] = chance.normal(1, 0.1, DIMENSIONS).astype(np.float32)
        made[f"{name}.bias"] = chance.normal(0, 0.1, DIMENSIONS).astype(np.float32)
    return made


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> MiniLM:
    chance = np.random.default_rng(5)
    file = tmp_path_factory.mktemp("layers") / "text_layers.onnx"
    file.write_bytes(fragment([layer(chance) for _ in range(TUNED)], ATTACHED_TO, TUNED_OUTPUT))
    return MiniLM(layers=file)


def test_the_embedding_is_as_it_was(tuned: MiniLM):
    read = tuned.read(TEXTS)
    np.testing.assert_allclose(read.vectors, MiniLM().embed(TEXTS), atol=1e-5)
    assert read.states.shape == (len(TEXTS), DIMENSIONS)
    assert np.isfinite(read.states).all()
    assert not np.allclose(read.states, read.vectors, atol=0.1)


def test_a_text_reads_the_same_beside_longer_ones(tuned: MiniLM):
    together = tuned.read(TEXTS).states
    for text, state in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(tuned.read([text]).states[0], state, atol=2e-2)


def test_what_was_said_before_a_text_is_heeded(tuned: MiniLM):
    alone, in_context = tuned.read(["and dogs?"] * 2, ["", "May bicycles come on board?"]).states
    assert float(np.abs(alone - in_context).max()) > 0.1
