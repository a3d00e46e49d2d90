from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent_knowledge.retrieval import statistics
from agent_knowledge.retrieval.dense import DenseIndex


def vectors(rows: int, dimensions: int = 16) -> np.ndarray:
    drawn = np.random.default_rng(rows).standard_normal((rows, dimensions)).astype(np.float32) + 0.5
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def one_each(rows: np.ndarray) -> DenseIndex:
    return DenseIndex.of(rows, np.arange(len(rows)))


def test_the_center_gives_the_usual_cosine_of_any_query():
    rows, query = vectors(500), vectors(1)[0]
    measured = statistics.measure(one_each(rows))
    assert measured.passages == 500
    assert measured.center @ query == pytest.approx((rows @ query).mean(), abs=1e-5)


def test_a_passage_counts_once_in_the_center_however_many_windows_it_has():
    rows = np.eye(3, dtype=np.float32)
    measured = statistics.measure(DenseIndex.of(rows, np.array([4, 4, 9])))
    assert measured.passages == 2
    assert measured.center.tolist() == [0.25, 0.25, 0.5]


def test_spread_and_nearness_are_those_of_a_passage_with_the_others():
    rows = vectors(200)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, np.nan)
    measured = statistics.measure(one_each(rows))
    assert measured.spread == pytest.approx(np.nanstd(cosines, axis=1).mean(), abs=1e-4)
    assert measured.near == pytest.approx(np.nanmax(cosines, axis=1).mean(), abs=1e-4)
    assert measured.near_spread == pytest.approx(np.nanmax(cosines, axis=1).std(), abs=1e-4)


def test_of_a_large_source_a_sample_tells_nearly_the_same():
    rows = vectors(3_000)
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, np.nan)
    measured = statistics.measure(one_each(rows))
    assert measured.spread == pytest.approx(np.nanstd(cosines, axis=1).mean(), rel=0.02)
    assert measured.near == pytest.approx(np.nanmax(cosines, axis=1).mean(), abs=0.01)


@pytest.mark.parametrize("rows", [0, 1])
def test_a_source_of_one_passage_or_none_has_no_spread(rows: int):
    measured = statistics.measure(one_each(vectors(rows).reshape(rows, 16)))
    assert measured.passages == rows
    assert (measured.spread, measured.near, measured.near_spread) == (0, 0, 0)
    assert measured.center @ vectors(1)[0] == pytest.approx(rows)


def test_what_is_saved_is_what_is_read(tmp_path: Path):
    made = statistics.measure(one_each(vectors(50)))
    statistics.save(made, tmp_path)
    read = statistics.load(tmp_path)
    assert np.array_equal(read.center, made.center)
    assert (read.passages, read.spread, read.near) == (50, made.spread, made.near)
    assert read.near_spread == made.near_spread
