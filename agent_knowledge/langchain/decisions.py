"""Our router and our verifier as LangChain decision models: offline, and no model behind them.

So they stand wherever one does, as `ModelRouterMiddleware(classifier=...)`. It takes langchain-core
1.8 or newer, which the extra `decisions` brings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import BaseMessage
from pydantic import ConfigDict, Field

from agent_knowledge.citations.verifier import CitationVerifier
from agent_knowledge.errors import DISTRIBUTION, InputError, MissingExtraError, nearest, shown
from agent_knowledge.langchain.convert import task_from_messages, text_of
from agent_knowledge.routing.router import KnowledgeRouter
from agent_knowledge.routing.standing import best_source, leaned, likely_of
from agent_knowledge.types import NEEDS, STRATEGIES, Decision, Need, Strategy, Task

try:
    from langchain_core.decisions import (
        Answer,
        BaseDecisionModel,
        Choice,
        ChoiceAnswer,
        ClassifierResponse,
        Noul,
        NoulAnswer,
        Question,
        State,
    )
except ImportError as error:
    _MSG = (
        "a decision model takes langchain-core 1.8 or newer; run:"
        f" pip install '{DISTRIBUTION}[decisions]'"
    )
    raise MissingExtraError(_MSG) from error


class RouterDecisions(BaseDecisionModel):
    """A router as a decision model: it decides on the latest user turn of the state.

    A `Choice` is among strategies (`direct`, `retrieval`, `few_shot`, `fine_tuned`), or among
    labels that `labels` maps to some. Its `choice` is what the router decided, and where that was
    not offered, what is likeliest of the rest; `probabilities` are the evidence's, and `confidence`
    is that of the choice. Instructions and criteria are not read: the router knows what its agent
    has.

    A `Noul` is told by its name: a source's, for its coverage; `covered`, for the best of them;
    `fresh`, `multi_hop`, `asks_sources` and `gap` as in a `Decision`; or a need, for its
    probability.

    Attributes:
        router: Decides.
        labels: For each label of a choice, the strategies that it stands for; without any, a label
            is a strategy.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: str = "agent-knowledge"
    router: KnowledgeRouter = Field(exclude=True, repr=False)
    labels: Mapping[str, tuple[Strategy, ...]] = {}

    @property
    def _provider(self) -> str:
        return "agent_knowledge"

    def _classify(self, state: State, questions: dict[str, Question]) -> ClassifierResponse:
        for name, question in questions.items():
            self._accept(name, question)
        decision = self.router.route(_task_of(state))
        answers: dict[str, Answer] = {
            name: self._chosen(question, decision)
            if isinstance(question, Choice)
            else NoulAnswer(type="noul", noul=self._told(decision)[name])
            for name, question in questions.items()
        }
        return ClassifierResponse(model=self.model, answers=answers)

    def _accept(self, name: str, question: Question) -> None:
        """Refuse what it cannot answer before anything is routed."""
        if isinstance(question, Choice):
            known = self.labels or dict.fromkeys(STRATEGIES)
            for label in question.criteria:
                if label not in known:
                    msg = f"question {name!r}: the label {label!r} stands for no strategy; "
                    raise InputError(msg + nearest(label, known) + ", or name it in labels={...}")
        elif isinstance(question, Noul):
            names = (*self.router.agent.sources, *_TOLD)
            if name not in names:
                msg = f"question {name!r} is none that the router answers by yes or no; "
                raise InputError(msg + nearest(name, names))
        else:
            msg = f"question {name!r} is a {type(question).__name__}; give a Choice or a Noul"
            raise InputError(msg)

    def _chosen(self, question: Choice, decision: Decision) -> ChoiceAnswer:
        shares = self._shares(decision)
        stands_for: dict[str, tuple[Strategy, ...]] = {
            label: self.labels[label] if self.labels else (cast("Strategy", label),)
            for label in question.criteria
        }
        raised = {label: sum(shares[s] for s in named) for label, named in stands_for.items()}
        total = sum(raised.values())
        # Where nothing speaks for any of what is offered, nothing tells one from another.
        p = {label: n / total if total else 1 / len(raised) for label, n in raised.items()}
        decided = [label for label, named in stands_for.items() if decision.strategy in named]
        choice = max(decided or p, key=lambda label: p[label])
        return ChoiceAnswer(
            type="choice", choice=choice, probabilities=p, confidence=min(p[choice], 1.0)
        )

    def _shares(self, decision: Decision) -> dict[Strategy, float]:
        """The probability of each strategy: its confidence, and the rest as the evidence has it."""
        likely = leaned(likely_of(decision.signals), self.router.agent.policy.leaning)
        need = "few_shot" if decision.strategy == "fine_tuned" else decision.strategy
        others: list[Need] = [one for one in NEEDS if one != need]
        rest, total = 1 - decision.confidence, sum(likely[one] for one in others)
        shares: dict[Strategy, float] = dict.fromkeys(STRATEGIES, 0.0)
        for one in others:
            shares[one] = rest * likely[one] / total if total else 0.0
        shares[decision.strategy] = decision.confidence
        return shares

    def _told(self, decision: Decision) -> dict[str, float]:
        """What is answered by yes or no, by its name; a source's own name goes first."""
        signals = decision.signals
        best = best_source(signals)
        told = {
            "covered": best[1] if best else 0.0,
            "fresh": signals.fresh,
            "multi_hop": signals.multi_hop,
            "asks_sources": float(signals.asks_sources),
            "gap": float(decision.gap),
            **leaned(likely_of(signals), self.router.agent.policy.leaning),
        }
        # A source that is not probed may hold it as well as not.
        coverage = {name: _HALF if p is None else p for name, p in signals.coverage.items()}
        return {**told, **coverage}


class VerifierDecisions(BaseDecisionModel):
    """A verifier as a decision model: do passages support a claim?

    The state is `{"claim": text, "passages": [text, ...]}`, the claim without markers. Every `Noul`
    is answered with the probability that the passages, taken together, say all of the claim.

    Attributes:
        verifier: Judges.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    model: str = "agent-knowledge"
    verifier: CitationVerifier = Field(exclude=True, repr=False)

    @property
    def _provider(self) -> str:
        return "agent_knowledge"

    def _classify(self, state: State, questions: dict[str, Question]) -> ClassifierResponse:
        for name, question in questions.items():
            if not isinstance(question, Noul):
                msg = f"question {name!r} is a {type(question).__name__}; give a Noul"
                raise InputError(msg)
        found = self.verifier.support(*_claim_of(state))
        answer: Answer = NoulAnswer(type="noul", noul=min(max(found.score, 0.0), 1.0))
        return ClassifierResponse(model=self.model, answers=dict.fromkeys(questions, answer))


_TOLD = ("covered", "fresh", "multi_hop", "asks_sources", "gap", *NEEDS)
_HALF = 0.5
"""Even odds: what is said where nothing is known."""


def _task_of(state: object) -> Task:
    """The latest user turn with what was said before; of other JSON, all of it as text.

    Raises:
        InputError: There is no text.
    """
    given: Any = state
    if isinstance(state, Mapping):
        given = cast("Mapping[str, Any]", state).get("messages", cast("Any", state))
    if isinstance(given, str):
        return Task(given)
    if isinstance(given, BaseMessage):
        return Task(text_of(given))
    messages = cast("list[Any]", given) if isinstance(given, list | tuple) else []
    if messages and all(isinstance(message, BaseMessage) for message in messages):
        task = task_from_messages(messages)
        if task is None:
            msg = "the state's messages hold no user turn with a text; add one"
            raise InputError(msg)
        return task
    try:
        return Task(json.dumps(given, ensure_ascii=False))
    except (TypeError, ValueError) as error:
        msg = f"the state is {shown(given)}; give a text, messages, or JSON"
        raise InputError(msg) from error


def _claim_of(state: object) -> tuple[str, list[str]]:
    """A claim, and the passages that it is held against.

    Raises:
        InputError: The state is something else.
    """
    if isinstance(state, Mapping):
        given = cast("Mapping[str, object]", state)
        claim, passages = given.get("claim"), given.get("passages")
        if isinstance(claim, str) and claim.strip() and isinstance(passages, list | tuple):
            texts = cast("Sequence[object]", passages)
            if all(isinstance(text, str) for text in texts):
                return claim, [str(text) for text in texts]
    msg = f'the state is {shown(state)}; give {{"claim": text, "passages": [text, ...]}}'
    raise InputError(msg)
