from __future__ import annotations

import pytest

from agent_knowledge.trials.decision_scores import Labelled, Truth
from agent_knowledge.types import Decision, Plan, Signals, Strategy, Task

SIGNALS = Signals(need={"direct": 1.0, "retrieval": 0.0, "few_shot": 0.0})


def expected(*strategies: Strategy) -> Labelled:
    return Labelled(task=Task("t"), signals=SIGNALS, expected=strategies)


def made(strategy: Strategy, confidence: float = 1.0) -> Decision:
    return Decision(strategy=strategy, plan=Plan(), confidence=confidence, signals=SIGNALS)


def test_each_strategy_counts_the_same_in_macro_f1():
    cases = [expected("direct")] * 8 + [expected("retrieval")] * 2
    score = Truth.of(cases).score([made("direct")] * 9 + [made("retrieval")])
    assert score.accuracy == pytest.approx(0.9)
    assert score.f1 == pytest.approx({"direct": 16 / 17, "retrieval": 2 / 3})
    assert score.macro_f1 == pytest.approx((16 / 17 + 2 / 3) / 2)
    assert score.recall == {"direct": 1.0, "retrieval": 0.5}


def test_a_strategy_that_no_case_is_labelled_with_is_only_a_miss():
    cases = [expected("direct"), expected("retrieval")]
    score = Truth.of(cases).score([made("fine_tuned"), made("retrieval")])
    assert score.f1 == pytest.approx({"direct": 0.0, "retrieval": 1.0})


def test_any_of_several_expected_strategies_is_right():
    cases = [expected("direct", "few_shot"), expected("few_shot"), expected("direct")]
    score = Truth.of(cases).score([made("few_shot"), made("few_shot"), made("direct")])
    assert score.accuracy == score.macro_f1 == 1.0


def test_confidence_is_measured_against_the_share_that_is_right():
    cases = [expected("direct")] * 4
    sure = Truth.of(cases).score([made("direct", 1.0)] * 3 + [made("retrieval", 1.0)])
    assert sure.calibration_error == pytest.approx(0.25)
    honest = Truth.of(cases).score([made("direct", 0.75)] * 3 + [made("retrieval", 0.75)])
    assert honest.calibration_error == pytest.approx(0.0)
