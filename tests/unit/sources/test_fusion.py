from __future__ import annotations

import pytest

from agent_knowledge.sources.fusion import fuse
from agent_knowledge.types import Hit, Probe


def hit(number: int, dense: float | None, lexical: float, source: str = "s") -> Hit:
    return Hit(source=source, passage=number, dense=dense, lexical=lexical)


def numbers(*probes: Probe) -> list[int]:
    return [h.passage for h in fuse(probes)]


def test_nothing_fuses_to_nothing():
    assert fuse([]) == ()
    assert fuse([Probe(hits=())]) == ()


def test_a_candidate_good_in_both_searches_comes_first():
    probe = Probe(hits=(hit(1, 0.9, 0), hit(2, 0.8, 8), hit(3, None, 9), hit(4, 0.1, 0)))
    assert numbers(probe) == [2, 1, 3, 4]


def test_scores_are_sums_of_z_scores():
    scores = [h.score for h in fuse([Probe(hits=(hit(1, 1.0, 3), hit(2, 0.0, 1)))])]
    assert scores == pytest.approx([2, -2])


def test_what_only_words_found_counts_as_the_least_similar():
    fused = {h.passage: h.score for h in fuse([Probe(hits=(hit(1, 0.5, 1), hit(2, None, 1)))])}
    assert fused[1] == fused[2] == 0


def test_sources_compete_on_one_scale():
    s = Probe(hits=(hit(1, 0.9, 9), hit(2, 0.2, 0)))
    t = Probe(hits=(hit(3, 0.5, 5, "t"), hit(4, 0.1, 0, "t")))
    assert numbers(s, t) == [1, 3, 2, 4]
