"""A judge in the packaged check's place."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agent_knowledge import CitationVerifier, load_verifier
from agent_knowledge.errors import InputError
from agent_knowledge.types.answers import Opinion

TEXT = "Shoes can be returned within 30 days."
ANSWER = "Shoes can be returned within 30 days [1]. Hats are sewn in Ghent."


class Denier:
    """Denies whatever it is asked about, or fails."""

    name = "denier"

    def __init__(self, *, fails: bool = False) -> None:
        self.asked: list[tuple[str, Sequence[str]]] = []
        self._fails = fails

    def judge(self, claim: str, passages: Sequence[str]) -> Opinion:
        self.asked.append((claim, passages))
        if self._fails:
            raise RuntimeError
        return Opinion(judge=self.name, supported=False, reason="no", contradicted=True)


def test_its_verdict_stands_and_the_policy_follows_it():
    judge = Denier()
    verifier = CitationVerifier(judge=judge, judge_decides=True)
    (claim,) = verifier.verify(ANSWER, [TEXT]).claims
    assert (claim.verdict, claim.reason, claim.score) == ("contradicted", "no", 0.0)
    assert claim.opinion is not None
    assert claim.opinion.judge == "denier"
    assert {said for said, _ in judge.asked} == {claim.text, "Hats are sewn in Ghent."}
    refused = verifier.finish(ANSWER, [], "refuse")
    assert refused.text == ANSWER  # nothing was given: nothing to check


def test_where_it_fails_the_packaged_check_decides():
    verifier = CitationVerifier(judge=Denier(fails=True), judge_decides=True)
    (claim,) = verifier.verify(ANSWER, [TEXT]).claims
    assert claim.supported
    assert claim.opinion is not None
    assert "RuntimeError" in claim.opinion.reason


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        (0.9, "supported"),
        ({"ENTAILMENT": 0.1, "NEUTRAL": 0.2, "CONTRADICTION": 0.7}, "contradicted"),
        ([0.1, 0.8, 0.1], "unsupported"),
    ],
)
def test_any_function_of_premise_and_hypothesis_will_do(given: object, verdict: str):
    asked: list[tuple[str, str]] = []

    def model(premise: str, hypothesis: str) -> object:
        asked.append((premise, hypothesis))
        return given

    verifier = load_verifier(judge=model, judge_decides=True)  # pyright: ignore[reportArgumentType]
    (claim,) = verifier.verify("Shoes: 30 days [1].", [TEXT]).claims
    assert claim.verdict == verdict
    assert asked == [(TEXT, "Shoes: 30 days.")]


def test_probabilities_in_another_form_are_named_in_the_opinion():
    verifier = load_verifier(judge=lambda _, __: {"yes": 1.0}, judge_decides=True)
    (claim,) = verifier.verify("Shoes: 30 days [1].", [TEXT]).claims
    assert claim.opinion is not None
    assert "entailment" in claim.opinion.reason


def test_deciding_needs_a_judge():
    with pytest.raises(InputError, match="judge=") as caught:
        CitationVerifier(judge_decides=True)
    assert "judge_decides" in str(caught.value)
