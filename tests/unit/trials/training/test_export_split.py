"""Near-duplicates: grouped, and never on both sides of a split."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from agent_knowledge.trials.overlap import contradicting, groups_of, hold_out
from tests.unit.fakes import unit


def test_what_is_near_to_a_near_duplicate_belongs_with_it() -> None:
    angles = [0.0, 1.5, 0.3, 0.6, 1.5]  # 0.0 and 0.6 are near to 0.3, not to each other
    vectors = np.array([unit(np.cos(a), np.sin(a)) for a in angles])
    assert vectors[0] @ vectors[3] < 0.92 < vectors[0] @ vectors[2]
    assert groups_of(vectors) == (0, 1, 0, 0, 1)


def test_rows_that_restate_each_other_under_different_labels_are_named() -> None:
    angles = [0.0, 1.5, 0.1, 1.4, 0.05]
    vectors = np.array([unit(np.cos(a), np.sin(a)) for a in angles])
    assert contradicting(vectors, ["a", "b", "b", "b", "a"]) == ((0, 2), (2, 4))
    assert contradicting(vectors, [""] * 5) == ()


def test_groups_reach_across_the_blocks_that_are_compared_at_once() -> None:
    draw = np.random.default_rng(0)
    texts = draw.standard_normal((1300, 64), dtype=np.float32)
    texts[[5, 700, 1290]] = texts[5] + 0.01 * texts[[5, 700, 1290]]
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    groups = groups_of(texts)
    assert {place for place, group in enumerate(groups) if group == 5} == {5, 700, 1290}
    assert len(set(groups)) == 1298


def test_thousands_of_restatements_of_one_text_are_one_group() -> None:
    draw = np.random.default_rng(0)
    texts = draw.standard_normal((5000, 32), dtype=np.float32) * 0.01 + 1
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    assert set(groups_of(texts)) == {0}


@pytest.mark.parametrize("seed", range(5))
def test_a_group_is_on_one_side_and_each_label_keeps_its_share(seed: int) -> None:
    groups = [n - n % 3 if n < 150 else n for n in range(300)]
    labels = ["often" if n % 5 else "rare" for n in range(300)]
    chosen = hold_out(groups, labels, 0.2, seed)
    for group in set(groups):
        sides = {place in chosen for place, other in enumerate(groups) if other == group}
        assert len(sides) == 1
    assert Counter(labels[place] for place in chosen) == {"often": 48, "rare": 12}


def test_the_same_seed_chooses_the_same_rows() -> None:
    groups, labels = list(range(100)), [""] * 100
    assert hold_out(groups, labels, 0.1, 7) == hold_out(groups, labels, 0.1, 7)
    assert hold_out(groups, labels, 0.1, 7) != hold_out(groups, labels, 0.1, 8)


def test_a_set_that_says_one_thing_leaves_nothing_to_validate_on() -> None:
    assert hold_out([0] * 50, [""] * 50, 0.1, 0) == frozenset()
