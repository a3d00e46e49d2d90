"""The hits of a source, and what a search says of it."""

from __future__ import annotations

import math

import pytest

from agent_knowledge.types.search import Hit, Hits
from tests.unit.fakes import result


def hit(passage: int, **measured: float) -> Hit:
    return Hit(source="s", passage=passage, **measured)


def test_hits_come_back_as_they_were_given_in_the_order_of_their_numbers():
    given = [hit(7, dense=0.5, lexical=2.0, named=3.0, terms=0.25), hit(2, dense=0.75)]
    assert list(Hits.of("s", given)) == [given[1], given[0]]
    assert len(Hits.of("s", given)) == 2


def test_a_cosine_that_nobody_told_is_unknown():
    (found,) = Hits.of("s", [hit(1, lexical=1.0)])
    assert math.isnan(found.dense)


def test_joined_hits_are_all_of_both_and_the_best_that_either_says():
    one = Hits.of("s", [hit(1, dense=0.5, lexical=1.0), hit(2, lexical=4.0)])
    two = Hits.of("s", [hit(2, dense=0.25, named=3.0), hit(9, dense=0.125, lexical=2.0)])
    first, second, third = one.joined(two)
    assert first == hit(1, dense=0.5, lexical=1.0)
    assert second == hit(2, dense=0.25, lexical=4.0, named=3.0)
    assert third == hit(9, dense=0.125, lexical=2.0)


def test_the_usual_cosine_is_that_of_the_query_with_the_center():
    assert result([0.9], usual=0.25).usual == pytest.approx(0.25)


def test_the_cosine_of_a_result_is_the_nearest_that_is_known():
    assert result([0.25, math.nan, 0.5]).cosine == 0.5
    assert result([math.nan]).cosine == 0
    assert result([]).cosine == 0
