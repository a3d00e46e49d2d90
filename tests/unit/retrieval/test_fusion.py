from __future__ import annotations

import math

import pytest

from agent_knowledge.retrieval.fusion import PARTS_WEIGHT, comparable, fuse
from agent_knowledge.types.search import SearchResult
from tests.unit.fakes import result


def order(*results: SearchResult) -> list[int]:
    return [hit.passage for hit in fuse(results)]


def test_nothing_fuses_to_nothing():
    assert fuse([]) == ()
    assert fuse([result([])]) == ()


def test_what_both_searches_like_comes_first():
    assert order(result([0.9, 0.8, 0.3, 0.1], [0, 8, 9, 0]))[0] == 1


def test_scores_are_sums_of_z_scores():
    assert [hit.score for hit in fuse([result([1.0, 0.0], [3, 1])])] == pytest.approx([2, -2])


def test_an_unknown_cosine_counts_as_the_least_similar_one():
    fused = {hit.passage: hit.score for hit in fuse([result([0.5, 0.2, math.nan], [1, 1, 1])])}
    assert fused[1] == fused[2] or fused[2] not in fused
    assert fused[0] > fused[1]


def test_candidates_of_all_sources_are_ranked_together():
    s = result([0.9, 0.2], [9, 0], [1, 2])
    t = result([0.5, 0.1], [5, 0], [3, 4], source="t")
    assert [(h.source, h.passage) for h in fuse([s, t])][:2] == [("s", 1), ("t", 3)]


def test_what_is_named_outranks_what_only_looks_alike():
    cosines = [0.80, 0.79, 0.78, 0.60]
    assert order(result(cosines))[0] == 0
    assert order(result(cosines, named=[0, 0, 8, 0]))[0] == 2


def test_what_a_part_of_the_question_finds_moves_up():
    whole = result([0.8, 0.5, 0.4], usual=0.5)
    part = result([0.3, 0.2, 0.9], usual=0.2)
    assert [h.passage for h in fuse([whole])][-1] == 2
    assert fuse([whole], [{"s": part}])[0].passage == 2


def test_what_only_a_part_finds_joins_on_the_scale_of_the_whole():
    whole = result([0.8, 0.5], numbers=[1, 2], usual=0.5)
    part = result([0.6, 0.2], [9, 9], numbers=[3, 4], usual=0.2)
    fused = {hit.passage: hit for hit in fuse([whole], [{"s": part}])}
    assert [*fused] == [1, 3, 2, 4], "0.4 above what is usual counts 0.28, no word of it counts"
    assert fused[3].dense == pytest.approx(0.5 + PARTS_WEIGHT * 0.4)
    assert fused[3].lexical == 0


def test_a_part_that_a_source_did_not_answer_changes_nothing():
    whole = result([0.8, 0.5])
    assert fuse([whole], [{}]) == fuse([whole])


def test_scores_of_several_kinds_are_compared_by_how_far_they_stand_out():
    cosines = result([0.5, 0.3], numbers=[1, 2], source="s", usual=0.2, spread=0.1)
    own = result([90, 10], numbers=[3, 4], source="t", usual=10.0, spread=20.0, scale="bm25")
    fused = fuse([cosines, own])
    assert [hit.passage for hit in fused] == [3, 1, 2, 4]  # 4, 3, 1 and 0 standard deviations
    part = result([110, 10], numbers=[4, 3], source="t", usual=10.0, spread=20.0, scale="bm25")
    assert fuse([cosines, own], [{"t": part}])[0].passage in {3, 4}
    assert fuse([cosines, own], [{"t": part}])[1].passage in {3, 4}


def test_scores_of_one_kind_are_left_as_they_are():
    pair = [result([0.9, 0.1], source="s", spread=0.5), result([0.8], source="t", spread=0.01)]
    kept, parts = comparable(pair, [{"s": pair[0]}])
    assert kept is pair
    assert parts == [{"s": pair[0]}]
    assert comparable([*pair, result([], source="u", scale="bm25")])[0][0] is pair[0]


def test_a_store_without_a_spread_orders_its_own_by_words_alone():
    flat = result([5, 7], [2, 0], [1, 2], "t", scale="own")
    fused = fuse([result([0.4], source="s"), flat])
    assert [hit.passage for hit in fused if hit.source == "t"] == [1, 2]
