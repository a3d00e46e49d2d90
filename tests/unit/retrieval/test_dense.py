from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.retrieval.dense import DenseIndex


def vectors(rows: int) -> np.ndarray:
    drawn = np.random.default_rng(rows).standard_normal((rows, 8)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30))
def test_a_passage_is_as_near_as_the_nearest_of_its_windows(windows: list[int]):
    passages = np.repeat(np.arange(len(windows)) * 3 + 5, windows)
    rows, queries = vectors(len(passages)), vectors(4)
    found = DenseIndex.of(rows, passages).cosines(queries)
    for place, number in enumerate(sorted(set(passages.tolist()))):
        expected = (queries @ rows[passages == number].T).max(axis=1)
        assert np.allclose(found[:, place], expected, atol=1e-6)


def test_what_is_saved_is_what_is_mapped(tmp_path: Path):
    made = DenseIndex.of(vectors(7), np.array([1, 1, 2, 3, 3, 3, 9]))
    made.save(tmp_path)
    read = DenseIndex.load(tmp_path)
    assert read.passages == 4
    assert np.array_equal(read.cosines(vectors(2)), made.cosines(vectors(2)))


def test_vectors_come_back_in_the_order_in_which_they_were_given():
    given, passages = vectors(7), np.array([1, 1, 2, 3, 3, 3, 9])
    assert np.array_equal(DenseIndex.of(given, passages).as_given(passages), given)
