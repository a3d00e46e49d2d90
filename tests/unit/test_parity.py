"""One scripted model through answerer, middleware and trials: the same turn, whoever drives it.

The same text, citations, faults and reasons come out, and the same prompts are sent, over every
strategy, policy and failure. Two differences are meant: a trial measures an endpoint that fails
instead of falling to the next rung, and an agent's own model is its host's in the middleware, so
that an empty message of it passes, and what it raises surfaces as it is.
"""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from agent_knowledge import (
    Answer,
    Answerer,
    CitationVerifier,
    KnowledgeConfig,
    KnowledgeRouter,
    load_router,
    load_verifier,
)
from agent_knowledge.errors import BrokenStreamError, EndpointError
from agent_knowledge.langchain import KnowledgeMiddleware
from agent_knowledge.models.chat import Chat
from agent_knowledge.trials.asking import Arm, Asker
from agent_knowledge.trials.cases import TrialCase
from agent_knowledge.trials.journal import Journal
from agent_knowledge.types import Rung, Task
from tests.scripted import ScriptedModel

ANSWERER = ("answer", "aanswer", "stream", "astream")
WAYS = (*ANSWERER, "invoke", "ainvoke", "trial")
REFUND = "How long is the return window?"
HAIKU = "Write a haiku about rain."
TRIAGE = 'Put this ticket into its queue: "Two identical payments showed up on my credit card."'
SCHEMA = {"type": "object", "required": ["queue"], "properties": {"queue": {"type": "string"}}}
GOOD, BAD = '{"queue": "billing"}', "billing, I think"


class DownError(Exception):
    """What a provider raises."""


FAILURES: dict[str, list[Any]] = {
    "none": [GOOD],
    "raises": [DownError("sk-secret")],
    "empty": [" "],
    "bad form once": [BAD, GOOD],
    "bad form twice": [BAD, BAD],
    "broken stream": [BrokenStreamError("it broke off")],
}
_FENCE = re.compile(r"\b[0-9a-f]{16}\b")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a turn came to; `failed` alone where it came to an error."""

    failed: bool = False
    text: str = ""
    citations: tuple[tuple[Any, ...], ...] = ()
    faults: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    prompts: tuple[Any, ...] = ()


@dataclass(kw_only=True)
class Desk:
    """A router with its verifier, and the models that a turn may call."""

    router: KnowledgeRouter
    verifier: CitationVerifier
    own: Sequence[Any]
    tuned: Sequence[Any] | None
    folder: Path

    def run(self, task: str, way: str) -> Outcome:
        """One turn by one way; what it sent is part of what it came to."""
        own = ScriptedModel(replies=[*self.own])
        tuned = None if self.tuned is None else ScriptedModel(replies=[*self.tuned])
        drive = self.trial if way == "trial" else self.agent if "invoke" in way else self.answerer
        try:
            outcome = drive(task, way, own, tuned)
        except (EndpointError, DownError):
            outcome = Outcome(failed=True)
        asked = [*(tuned.asked if tuned else ()), *own.asked]
        return replace(outcome, prompts=tuple(map(plain, asked)))

    def answerer(
        self, task: str, way: str, own: ScriptedModel, tuned: ScriptedModel | None
    ) -> Outcome:
        answerer = Answerer(
            self.router,
            Chat(model=own, name="own"),
            endpoint=Chat(model=tuned, name="triage-ft") if tuned else None,
            verifier=self.verifier,
        )
        answer = answered(answerer, task, way)
        return Outcome(
            text=answer.text,
            citations=tuple(
                (c.start, c.end, c.number, c.passage.id, c.supported) for c in answer.citations
            ),
            faults=answer.faults,
            reasons=tuple(reason.text for reason in answer.decision.reasons),
        )

    def agent(
        self, task: str, way: str, own: ScriptedModel, tuned: ScriptedModel | None
    ) -> Outcome:
        middleware = KnowledgeMiddleware(self.router, endpoint=tuned, verifier=self.verifier)
        agent: Any = create_agent(own, middleware=[middleware])
        given = {"messages": [HumanMessage(task)]}
        state = asyncio.run(agent.ainvoke(given)) if way == "ainvoke" else agent.invoke(given)
        final = state["messages"][-1]
        assert isinstance(final, AIMessage)
        told = final.response_metadata["agent_knowledge"]
        return Outcome(
            text=str(final.text),
            citations=tuple(
                (
                    c["start_index"],
                    c["end_index"],
                    c["extras"]["number"],
                    c["extras"]["passage"],
                    c["extras"]["supported"],
                )
                for c in state["citations"]
            ),
            faults=tuple(told.get("faults", ())),
            reasons=tuple(reason["text"] for reason in told["reasons"]),
        )

    def trial(
        self, task: str, way: str, own: ScriptedModel, tuned: ScriptedModel | None
    ) -> Outcome:
        plan = self.router.route(task).plan
        examples = plan.examples
        rung: Rung = "few_shot" if examples else "prompt"
        if plan.sources:
            rung = "retrieval+few_shot" if examples else "retrieval"
        elif plan.endpoint:
            rung = "fine_tuned"
        arm = Arm(
            name=way,
            rung=rung,
            router=self.router,
            example_set=examples,
            chat=Chat(model=(tuned or own) if plan.endpoint else own, name="triage-ft"),
            identity={},
            verifier=self.verifier,
        )
        asker = Asker(journal=Journal(self.folder, "a", fresh=True))
        case = TrialCase(id="1", task=Task(task), expected=("x",))
        (reply,) = asker.ask_all([arm], [case], 1)[way]
        assert (reply.finished is None) == bool(reply.error)
        if reply.finished is None:
            return Outcome(failed=True)
        found = reply.finished
        return Outcome(
            text=found.text,
            citations=tuple(
                (c.start, c.end, c.number, c.passage.id, c.supported) for c in found.citations
            ),
        )


def answered(answerer: Answerer, task: str, way: str) -> Answer:
    async def last() -> object:
        return [piece async for piece in answerer.astream(task)][-1]

    ways: dict[str, Any] = {
        "answer": lambda: answerer.answer(task),
        "aanswer": lambda: asyncio.run(answerer.aanswer(task)),
        "stream": lambda: list(answerer.stream(task))[-1],
        "astream": lambda: asyncio.run(last()),
    }
    answer = ways[way]()
    assert isinstance(answer, Answer)
    return answer


def plain(messages: Sequence[BaseMessage]) -> tuple[tuple[str, str, str], ...]:
    """A prompt without the random codes of its fences."""
    return tuple((m.type, m.name or "", _FENCE.sub("FENCE", m.text)) for m in messages)


def with_policy(router: KnowledgeRouter, **policy: Any) -> KnowledgeRouter:
    """The same router under another policy; what it has at hand is shared."""
    changed, agent = copy.copy(router), router.agent
    changed.agent = agent.model_copy(update={"policy": agent.policy.model_copy(update=policy)})
    return changed


@pytest.fixture(scope="module")
def verifier(support: KnowledgeRouter) -> CitationVerifier:
    return load_verifier(support)


@pytest.fixture(scope="module")
def in_json(
    shop: KnowledgeConfig, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, KnowledgeRouter]:
    """The shop's agents, whose triage set wants JSON: `desk` without an endpoint."""
    file = tmp_path_factory.mktemp("schema") / "queue.json"
    file.write_text(json.dumps(SCHEMA), encoding="utf-8")
    spec = shop.examples["ticket-triage"].model_copy(update={"output_schema": str(file)})
    changed = shop.model_copy(update={"examples": {**shop.examples, "ticket-triage": spec}})
    return {name: load_router(changed.at(shop.folder), name) for name in ("desk", "support")}


def same(desk: Desk, task: str, but: Sequence[str] = ()) -> Outcome:
    """What every way came to, which is one thing. A trial tells neither faults nor reasons."""
    first = desk.run(task, WAYS[0])
    for way in WAYS[1:]:
        if way in but:
            continue
        wanted = replace(first, faults=(), reasons=()) if way == "trial" else first
        assert desk.run(task, way) == wanted, way
    return first


@pytest.mark.parametrize(
    ("citations", "unsupported"),
    [*product(("always", "when_retrieved", "never"), ("annotate", "strip", "repair", "refuse"))],
)
def test_what_is_retrieved_is_told_and_verified_alike(
    support: KnowledgeRouter,
    verifier: CitationVerifier,
    tmp_path: Path,
    citations: str,
    unsupported: str,
) -> None:
    sentence = support.prepare(REFUND).passages[0].text.split(". ")[0].rpartition("\n")[2]
    said = f"{sentence} [1]. Cheese is free in all shops [2]. So are lamps [99]."
    router = with_policy(support, citations=citations, unsupported=unsupported)
    desk = Desk(router=router, verifier=verifier, own=[said], tuned=None, folder=tmp_path)
    outcome = same(desk, REFUND)
    assert not outcome.failed
    assert ("[99]" in outcome.text) == (citations == "never")
    assert bool(outcome.citations) == (citations != "never" and unsupported != "refuse")


@pytest.mark.parametrize("citations", ["always", "when_retrieved", "never"])
@pytest.mark.parametrize("task", [HAIKU, TRIAGE])
def test_other_strategies_are_told_alike(
    in_json: dict[str, KnowledgeRouter],
    verifier: CitationVerifier,
    tmp_path: Path,
    citations: str,
    task: str,
) -> None:
    router = with_policy(in_json["desk"], citations=citations)
    desk = Desk(router=router, verifier=verifier, own=[GOOD], tuned=None, folder=tmp_path)
    # A rung is measured whatever the sources lack: no gap is told on it.
    outcome = same(desk, task, but=("trial",) if router.route(task).gap else ())
    assert (outcome.failed, outcome.text, len(outcome.prompts)) == (False, GOOD, 1)


@pytest.mark.parametrize("on_failure", ["next_rung", "raise"])
@pytest.mark.parametrize("failure", FAILURES)
def test_the_agents_own_model_fails_alike(
    in_json: dict[str, KnowledgeRouter],
    verifier: CitationVerifier,
    tmp_path: Path,
    failure: str,
    on_failure: str,
) -> None:
    router = with_policy(in_json["desk"], on_failure=on_failure)
    own = FAILURES[failure]
    desk = Desk(router=router, verifier=verifier, own=own, tuned=None, folder=tmp_path)
    outcome = same(desk, TRIAGE, but=("invoke", "ainvoke") if failure == "empty" else ())
    fails = failure in {"raises", "empty", "broken stream"}
    assert outcome.failed == (fails or (failure == "bad form twice" and on_failure == "raise"))
    assert bool(outcome.faults) == (failure == "bad form twice" and not outcome.failed)


@pytest.mark.parametrize("on_failure", ["next_rung", "raise"])
@pytest.mark.parametrize("failure", [*FAILURES, "cannot open"])
def test_an_endpoint_fails_alike(
    in_json: dict[str, KnowledgeRouter],
    verifier: CitationVerifier,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: str,
    on_failure: str,
) -> None:
    monkeypatch.delenv("DEMO_BASE_URL", raising=False)
    router = with_policy(in_json["support"], on_failure=on_failure)
    tuned = FAILURES.get(failure)
    desk = Desk(router=router, verifier=verifier, own=[GOOD], tuned=tuned, folder=tmp_path)
    outcome = same(desk, TRIAGE, but=("trial",))
    fails = failure not in {"none", "bad form once"}
    ends = fails and (on_failure == "raise" or failure == "broken stream")
    assert outcome.failed == ends
    assert any("failed" in reason for reason in outcome.reasons) == (fails and not ends)
    if tuned is not None:  # else it is refused before a trial begins
        measured = desk.run(TRIAGE, "trial")
        assert measured.failed == fails
        assert measured.prompts == outcome.prompts[: len(measured.prompts)]


@pytest.mark.parametrize("way", WAYS[:-1])
def test_falling_to_the_next_rung_measures_and_searches_nothing_again(
    in_json: dict[str, KnowledgeRouter], verifier: CitationVerifier, tmp_path: Path, way: str
) -> None:
    router = with_policy(in_json["support"])

    def blind_and_down(_: object) -> str:
        router.reader = None  # pyright: ignore[reportAttributeAccessIssue] - nothing can be read
        raise DownError

    desk = Desk(
        router=router, verifier=verifier, own=[GOOD], tuned=[blind_and_down], folder=tmp_path
    )
    outcome = desk.run(TRIAGE, way)
    assert (outcome.failed, outcome.text, len(outcome.prompts)) == (False, GOOD, 2)
