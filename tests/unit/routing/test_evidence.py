"""Coverage of sources, match with example sets, and what all evidence comes to."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from agent_knowledge.routing import coverage
from agent_knowledge.routing import need as weighing
from agent_knowledge.routing.match import PatternMatcher, SetForm, View
from agent_knowledge.routing.need import LogisticFit, load_fits
from agent_knowledge.types import Signals
from agent_knowledge.types.search import Hit, Hits, Query, SearchResult, SourceStatistics
from tests.unit.fakes import Examples, unit

FITS = load_fits("minilm")
NEED = {"direct": 0.4, "retrieval": 0.4, "few_shot": 0.2}


def found(cosine: float, *, terms: float = 0.5, known: float = 0.8) -> SearchResult:
    hits = Hits.of("a", [Hit(source="a", passage=1, dense=cosine, terms=terms)])
    center = np.array([0.1, 0.0], np.float32)
    return SearchResult(
        query=Query(text="q", vector=unit(1, 0)),
        hits=hits,
        statistics=SourceStatistics(
            passages=100, center=center, spread=0.1, near=0.6, near_spread=0.1
        ),
        terms_found=terms,
        known=known,
    )


@pytest.mark.parametrize("space", ["minilm", "another"])
def test_coverage_rises_with_what_is_found(space: str) -> None:
    fit = load_fits(space).coverage
    poor = fit.probability(coverage.measure(found(0.05, terms=0.0, known=0.1)))
    good = fit.probability(coverage.measure(found(0.9, terms=1.0, known=1.0)))
    assert 0 <= poor < 0.5 < good <= 1


def test_a_turn_is_covered_by_what_it_finds_together_with_the_turn_before() -> None:
    measured = coverage.measure(found(0.2), in_context=found(0.9, terms=1.0))
    assert measured["context_terms"] == 1.0
    assert "context_terms" not in coverage.measure(found(0.2))


def test_a_source_without_spread_gives_finite_measurements() -> None:
    flat = replace(found(0.5).statistics, passages=1, spread=0.0, near=0.0, near_spread=0.0)
    assert all(map(math.isfinite, coverage.measure(replace(found(0.5), statistics=flat)).values()))


def test_scores_that_are_no_cosines_are_told_by_how_far_they_stand_out() -> None:
    own = replace(found(12.0), scale="bm25", usual=2.0)
    measured = coverage.measure(replace(own, statistics=replace(own.statistics, spread=2.0)))
    assert "cosine" not in measured
    assert measured["lead"] == pytest.approx(5 - math.sqrt(2 * math.log(100)))
    unknown = replace(own.statistics, spread=0.0)
    assert not {"lead", "near"} & set(coverage.measure(replace(own, statistics=unknown)))


def matcher(count: int = 4) -> PatternMatcher:
    rows = [(f"note {n}", "x", unit(1, n / 10, 0)) for n in range(count)]
    held = Examples.of(*rows)
    kinds = np.array([unit(1, 0, n / 10) for n in range(count)])
    return PatternMatcher.of(
        held,
        kinds=kinds,
        form=SetForm.of([text for text, *_ in rows], FITS.background),
        description=unit(1, 0.5, 0),
        described=unit(1, 0, 0.5),
    )


MEMBER = View(text="note 9", vector=unit(1, 0.15, 0), kind=unit(1, 0, 0.1))
STRANGER = View(text="Why is it so?", vector=unit(0, 0, 1), kind=unit(0, 1, 0))


@pytest.mark.parametrize("space", ["minilm", "another"])
def test_a_match_is_high_for_members_and_low_for_strangers(space: str) -> None:
    fit = load_fits(space).pattern
    member = fit.probability(matcher().measure([MEMBER]))
    assert fit.probability(matcher().measure([STRANGER])) < 0.5 < member


def test_what_a_task_works_on_counts_where_it_comes_nearer() -> None:
    apart = matcher().measure([STRANGER])
    given = matcher().measure([STRANGER, MEMBER])
    assert given["kind"] > apart["kind"]
    assert given["cosine"] > apart["cosine"]
    assert given["form"] > apart["form"]


def test_a_set_of_one_example_still_matches() -> None:
    assert FITS.pattern.probability(matcher(1).measure([MEMBER])) > 0.5


def weighed(**changed: object) -> Signals:
    given = {"need": NEED, "agent_need": NEED, "coverage": {"a": 0.5}, "pattern": {"s": 0.2}}
    signals = Signals(**{**given, **changed})  # type: ignore[arg-type]
    return weighing.evidence_of(signals, FITS.decision)


def test_coverage_and_match_move_what_is_likely_their_way() -> None:
    covered = weighed(coverage={"a": 0.95, "web": None})
    assert covered.likely["retrieval"] > weighed(coverage={"a": 0.05}).likely["retrieval"]
    assert weighed(pattern={"s": 0.95}).likely["few_shot"] > weighed().likely["few_shot"]
    assert sum(covered.likely.values()) == pytest.approx(1)


def test_each_piece_of_evidence_is_told_with_what_it_moved() -> None:
    signals = weighed(pattern={"s": 0.95})
    moved = {piece.name: piece for piece in signals.evidence}
    assert moved["pattern"].few_shot > 0
    assert moved["pattern"].value == pytest.approx(math.log(0.95 / 0.05))
    odds = FITS.decision.few_shot.bias + sum(piece.few_shot for piece in signals.evidence)
    likely = signals.likely
    assert math.log(likely["few_shot"] / likely["direct"]) == pytest.approx(odds, abs=1e-6)


def test_what_an_agent_does_not_have_is_no_option() -> None:
    assert weighed(pattern={}).likely["few_shot"] == 0
    assert weighed(coverage={}).likely["retrieval"] == 0
    alone = weighed(pattern={}, coverage={})
    assert alone.likely["direct"] == 1
    assert {"coverage", "pattern"}.isdisjoint(piece.name for piece in alone.evidence)


def test_a_probability_never_leaves_its_range() -> None:
    fit = LogisticFit(weights={"x": 1e9}, centers={"x": 0.0}, bias=0.0)
    assert 0 <= fit.probability({"x": -1.0}) < fit.probability({"x": 1.0}) <= 1
    assert fit.probability({}) == 0.5
