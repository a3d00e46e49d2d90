"""A second judge: beside the packaged check as an opinion, or deciding in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Real

from agent_knowledge.citations.entailment import Entailment, Question, Support
from agent_knowledge.citations.evidence import PassageText
from agent_knowledge.errors import InputError
from agent_knowledge.judges import Outcome, ask, one_line
from agent_knowledge.ports import ClaimJudge
from agent_knowledge.types.answers import Claim, Opinion

WAIT_S = 30.0
"""Seconds that a judge is waited for, for each claim."""

Probabilities = float | Mapping[str, float] | Sequence[float]
"""Of entailment alone; by the names that NLI models give their labels; or of entailment, neutral
and contradiction in this order."""
Score = Callable[[Sequence[tuple[str, str]]], Sequence[Probabilities]]
"""From (passage, claim) pairs to what a model says of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntailmentJudge:
    """An NLI cross-encoder of the caller's own; satisfies `ports.ClaimJudge`.

    Attributes:
        score: The model's probabilities per pair. With `sentence-transformers`:
            `lambda pairs: model.predict(pairs, apply_softmax=True)[:, ENTAILMENT]`.
        name: Who it is, for the record.
        threshold: Probability of entailment from which it says yes, 0..1.
    """

    score: Score
    name: str = "entailment"
    threshold: float = 0.5

    def judge(self, claim: str, passages: Sequence[str]) -> Opinion:
        """Ask about each passage, and about several together; the most entailing one counts.

        Raises:
            InputError: What the model gave is in none of the forms of `Probabilities`.
        """
        premises = [*passages, "\n\n".join(passages)] if len(passages) > 1 else list(passages)
        given = self.score([(premise, claim) for premise in premises])
        entailed, contradicted = max(_read(one) for one in given)
        supported = entailed >= self.threshold
        return Opinion(
            judge=self.name,
            supported=supported,
            reason=f"entailment {entailed:.2f}, against {self.threshold:.2f}",
            contradicted=not supported and contradicted > _HALF,
            score=min(max(entailed, 0.0), 1.0),
        )


_HALF = 0.5
"""A judge calls contradicted what is likelier than not."""


EntailmentModel = Callable[[str, str], Probabilities]
"""From a premise and a hypothesis to probabilities."""


def pairwise(model: EntailmentModel) -> EntailmentJudge:
    """A judge of any function from premise and hypothesis to probabilities."""
    name = getattr(model, "__name__", "entailment")
    return EntailmentJudge(score=lambda pairs: [model(*pair) for pair in pairs], name=name)


def _read(given: Probabilities) -> tuple[float, float]:
    """The probabilities of entailment and of contradiction."""
    if isinstance(given, Mapping):
        by_name = {str(name).lower(): float(p) for name, p in given.items()}
        if "entailment" in by_name:
            return by_name["entailment"], by_name.get("contradiction", 0.0)
    elif isinstance(given, (int, float, Real)):
        return float(given), 0.0
    else:
        labels = list(given)
        if len(labels) == _LABELS:
            return float(labels[0]), float(labels[2])
    msg = (
        f"the entailment model gave {given!r}; give the probability of entailment, a mapping with "
        "'entailment', or the three of entailment, neutral and contradiction"
    )
    raise InputError(msg)


_LABELS = 3
"""Entailment, neutral, contradiction: the form in which such models answer."""


class DecidingJudge:
    """A judge in the packaged check's place; satisfies `Support`. For the work on one answer.

    The packaged check still finds where in the passage to look, and decides where the judge gives
    no verdict.
    """

    def __init__(self, judge: ClaimJudge, packaged: Support, wait_s: float = WAIT_S) -> None:
        """Put a judge before the packaged check."""
        self._judge, self._packaged, self._wait_s = judge, packaged, wait_s
        self._given: dict[Question, Opinion] = {}

    def ahead(self, questions: Sequence[Question]) -> None:
        """Ask about several claims at once."""
        new = [q for q in dict.fromkeys(questions) if q not in self._given]
        asked = [
            partial(self._judge.judge, claim, [_titled(text, title)]) for claim, text, title in new
        ]
        for question, outcome in zip(new, ask(asked, self._wait_s), strict=True):
            self._given[question] = _opinion(self._judge.name, outcome)

    def __call__(self, claim: str, text: str, title: str = "") -> Entailment:
        """Judge one claim against one passage; see `Support`."""
        found = self._packaged(claim, text, title)
        self.ahead([(claim, text, title)])
        given = self._given[claim, text, title]
        if given.supported is None:
            return replace(found, opinion=given)
        score = float(given.supported) if given.score is None else given.score
        return Entailment(
            supported=given.supported,
            score=score,
            span=found.span,
            contradicted=given.contradicted and not given.supported,
            reason="" if given.supported else given.reason or f"{given.judge} says so",
            opinion=given,
        )


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
        partial(
            judge.judge, c.text, [_titled(passages[i].text, passages[i].title) for i in c.cites]
        )
        for c in asked
    ]
    opinions = (_opinion(judge.name, outcome) for outcome in ask(questions, wait_s))
    return tuple(
        replace(claim, opinion=next(opinions)) if claim.cites else claim for claim in claims
    )


def _titled(text: str, title: str) -> str:
    return f"{title}\n{text}" if title else text


def _opinion(judge: str, outcome: Outcome[Opinion]) -> Opinion:
    given = outcome.value
    if isinstance(given, Opinion):
        return replace(given, judge=judge, reason=one_line(given.reason))
    return Opinion(judge=judge, supported=None, reason=outcome.failure or "it gave no opinion")
