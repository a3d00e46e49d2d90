"""Coverage of sources and match with example sets."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.search import SearchResult
from agent_knowledge.signals.calibration import Calibration, load_calibration
from agent_knowledge.signals.coverage import coverage, measure
from agent_knowledge.signals.pattern import PatternMatcher
from tests.unit.fakes import Examples, unit
from tests.unit.fakes import result as answered


def found(*cosines: float, terms: float = 0.5) -> SearchResult:
    return answered(cosines, terms_found=terms, usual=0.1, spread=0.1)


@pytest.mark.parametrize("embedding", ["minilm", "another"])
def test_coverage_rises_with_what_is_found(embedding: str) -> None:
    fit = load_calibration("coverage", embedding)
    poor = coverage(found(0.1, 0.1, 0.1, terms=0.0), fit)
    good = coverage(found(0.9, 0.1, 0.1, terms=1.0), fit)
    assert 0 <= poor < 0.5 < good <= 1


def test_an_empty_source_covers_nothing() -> None:
    assert coverage(answered([]), load_calibration("coverage", "minilm")) == 0.0


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_coverage_is_monotone_in_the_words_found(
    cosines: list[float], fewer: float, more: float
) -> None:
    fit = load_calibration("coverage", "minilm")
    low, high = sorted((fewer, more))
    assert coverage(found(*cosines, terms=low), fit) <= coverage(found(*cosines, terms=high), fit)


def test_a_source_of_one_passage_has_no_lead_of_its_own_spread() -> None:
    assert measure(answered([0.5], usual=0.5, spread=0.0))["lead"] <= 0.0


@pytest.mark.parametrize("embedding", ["minilm", "another"])
def test_a_match_is_high_for_members_and_low_for_strangers(embedding: str) -> None:
    rows = [(str(n), "x", unit(1, n / 10, 0)) for n in range(4)]
    matcher = PatternMatcher.of(Examples.of(*rows), load_calibration("pattern", embedding))
    member, stranger = unit(1, 0.15, 0), unit(0, 0, 1)
    assert matcher.match([stranger]) < 0.5 < matcher.match([member])
    assert matcher.match([stranger, member]) == matcher.match([member])


def test_a_set_of_one_example_still_matches() -> None:
    matcher = PatternMatcher.of(
        Examples.of(("a", "x", unit(1, 0))), load_calibration("pattern", "minilm")
    )
    assert matcher.match([unit(1, 0)]) > 0.5


def test_a_probability_never_leaves_its_range() -> None:
    fit = Calibration(weights={"x": 1e9}, bias=0.0)
    assert 0 <= fit.probability({"x": -1.0}) < fit.probability({"x": 1.0}) <= 1
    assert not math.isnan(fit.probability({"x": 0.0}))
