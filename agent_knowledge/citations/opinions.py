"""A second judge beside the packaged check: both verdicts are shown, the packaged one decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from agent_knowledge.citations.evidence import PassageText
from agent_knowledge.judges import Outcome, ask, one_line
from agent_knowledge.ports import ClaimJudge
from agent_knowledge.types.answers import Claim, Opinion

WAIT_S = 30.0
"""Seconds that a judge is waited for, for each claim."""

Score = Callable[[Sequence[tuple[str, str]]], Sequence[float]]
"""From (passage, claim) pairs to the probability, 0..1, that the passage entails the claim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntailmentJudge:
    """An NLI cross-encoder of the caller's own as a second opinion; satisfies `ports.ClaimJudge`.

    Attributes:
        score: The model's probability of entailment per pair. With `sentence-transformers`:
            `lambda pairs: model.predict(pairs, apply_softmax=True)[:, ENTAILMENT]`.
        name: Who it is, for the record.
        threshold: Probability from which it says yes, 0..1.
    """

    score: Score
    name: str = "entailment"
    threshold: float = 0.5

    def judge(self, claim: str, passages: Sequence[str]) -> Opinion:
        """Score each passage, and several together: the most that any of them entails counts."""
        premises = [*passages, "\n\n".join(passages)] if len(passages) > 1 else list(passages)
        best = max(float(p) for p in self.score([(premise, claim) for premise in premises]))
        reason = f"entailment {best:.2f}, against {self.threshold:.2f}"
        return Opinion(judge=self.name, supported=best >= self.threshold, reason=reason)


def with_opinions(
    claims: Sequence[Claim],
    passages: Mapping[str, PassageText],
    judge: ClaimJudge | None,
    wait_s: float = WAIT_S,
) -> tuple[Claim, ...]:
    """Claims with what a second judge says of them.

    A judge that fails changes nothing else: the opinion says what went wrong. It is not asked
    about a claim that cites no passage.

    Args:
        claims: Verified claims.
        passages: By id.
        judge: Who is asked; None for nobody.
        wait_s: Seconds that each opinion is waited for.
    """
    if judge is None:
        return tuple(claims)
    asked = [claim for claim in claims if claim.cites]
    questions = [
        partial(judge.judge, claim.text, [_written(passages[i]) for i in claim.cites])
        for claim in asked
    ]
    opinions = (_opinion(judge.name, outcome) for outcome in ask(questions, wait_s))
    return tuple(
        replace(claim, opinion=next(opinions)) if claim.cites else claim for claim in claims
    )


def _written(passage: PassageText) -> str:
    return f"{passage.title}\n{passage.text}" if passage.title else passage.text


def _opinion(judge: str, outcome: Outcome[Opinion]) -> Opinion:
    given = outcome.value
    if isinstance(given, Opinion):
        return replace(given, judge=judge, reason=one_line(given.reason))
    return Opinion(judge=judge, supported=None, reason=outcome.failure or "it gave no opinion")
