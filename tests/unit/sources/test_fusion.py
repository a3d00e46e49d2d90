from __future__ import annotations

import math

import numpy as np
import pytest

from agent_knowledge.search import Probe
from agent_knowledge.sources.fusion import fuse
from tests.unit.fakes import probe


def order(*probes: Probe) -> list[int]:
    return [hit.passage for hit in fuse(probes)]


def test_nothing_fuses_to_nothing():
    assert fuse([]) == ()
    assert fuse([probe([])]) == ()


def test_what_both_searches_like_comes_first():
    assert order(probe([0.9, 0.8, 0.3, 0.1], [0, 8, 9, 0]))[0] == 1


def test_scores_are_sums_of_z_scores():
    assert [hit.score for hit in fuse([probe([1.0, 0.0], [3, 1])])] == pytest.approx([2, -2])


def test_an_unknown_cosine_counts_as_the_least_similar_one():
    fused = {hit.passage: hit.score for hit in fuse([probe([0.5, 0.2, math.nan], [1, 1, 1])])}
    assert fused[1] == fused[2] or fused[2] not in fused
    assert fused[0] > fused[1]


def test_candidates_of_all_sources_are_ranked_together():
    s = probe([0.9, 0.2], [9, 0], [1, 2])
    t = probe([0.5, 0.1], [5, 0], [3, 4], source="t")
    assert [(h.source, h.passage) for h in fuse([s, t])][:2] == [("s", 1), ("t", 3)]


def test_what_is_named_outranks_what_only_looks_alike():
    cosines = [0.80, 0.79, 0.78, 0.60]
    assert order(probe(cosines))[0] == 0
    named = np.array([0, 0, 8, 0], dtype=np.float32)
    assert order(probe(cosines, named=named))[0] == 2


def test_what_a_part_of_the_question_finds_moves_up():
    whole = probe([0.8, 0.5, 0.4], usual=0.5, spread=0.1)
    part = probe([0.3, 0.2, 0.9], usual=0.2, spread=0.1)
    assert [h.passage for h in fuse([whole])][-1] == 2
    assert fuse([whole], [{"s": part}])[0].passage == 2


def test_what_a_found_passage_names_moves_up():
    whole = probe([0.8, 0.5, 0.4])
    related = {"s": np.array([0, 0, 1], dtype=np.float32)}
    assert fuse([whole], (), related)[0].passage == 2


def test_far_passages_of_a_large_source_are_left_out():
    assert len(fuse([probe(np.linspace(0, 1, 10_000).tolist())])) == 50
