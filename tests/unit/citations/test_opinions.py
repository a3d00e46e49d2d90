from __future__ import annotations

import time
from collections.abc import Sequence

from agent_knowledge.citations.evidence import GivenPassage
from agent_knowledge.citations.opinions import EntailmentJudge, with_opinions
from agent_knowledge.types.answers import Claim, Opinion

PASSAGES = {"1": GivenPassage(text="Shoes: 30 days."), "2": GivenPassage(text="Hats: 10 days.")}


def claim(*cites: str) -> Claim:
    return Claim(text="Shoes, 30 days.", start=0, end=9, cites=cites, supported=True, score=1.0)


def test_an_entailment_model_says_yes_where_any_passage_entails_the_claim():
    asked: list[tuple[str, str]] = []

    def score(pairs: Sequence[tuple[str, str]]) -> list[float]:
        asked.extend(pairs)
        return [0.9 if "Shoes" in premise else 0.1 for premise, _ in pairs]

    judge = EntailmentJudge(score=score, name="nli", threshold=0.7)
    (judged,) = with_opinions([claim("1", "2")], PASSAGES, judge)
    assert judged.opinion == Opinion(
        judge="nli", supported=True, reason="entailment 0.90, against 0.70", score=0.9
    )
    assert [hypothesis for _, hypothesis in asked] == ["Shoes, 30 days."] * 3
    (other,) = with_opinions([claim("2")], PASSAGES, judge)
    assert other.opinion is not None
    assert other.opinion.supported is False


def test_a_judge_that_takes_too_long_is_not_waited_for():
    def score(pairs: Sequence[tuple[str, str]]) -> list[float]:
        time.sleep(2)
        return [1.0]

    started = time.perf_counter()
    (judged,) = with_opinions([claim("1")], PASSAGES, EntailmentJudge(score=score), wait_s=0.05)
    assert time.perf_counter() - started < 1
    assert judged.opinion is not None
    assert judged.opinion.supported is None
    assert "0.05 s" in judged.opinion.reason


def test_without_a_judge_nothing_changes():
    assert with_opinions([claim("1")], PASSAGES, None) == (claim("1"),)
