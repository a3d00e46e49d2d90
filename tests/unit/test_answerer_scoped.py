"""Answers within a scope: what is looked up, quoted and streamed is one tenant's."""

from __future__ import annotations

import asyncio

import pytest

from agent_knowledge.answerer import Answerer
from agent_knowledge.build import load_verifier
from agent_knowledge.errors import TenantMissingError
from agent_knowledge.models.chat import Chat
from agent_knowledge.types.answers import Answer
from agent_knowledge.types.filters import Filter, Scope
from tests.scripted import ScriptedModel
from tests.unit.scoped_index import ACME, NOTICES, RENT, ScopedIndex, agent, made

QUOTING = f'It says "{NOTICES[0].text}" [1].'
LOOKS = agent(policy={"citations": "always", "unsupported": "repair"})


def answerer(handbook: ScopedIndex | None = None) -> Answerer:
    return Answerer(made(LOOKS, handbook), Chat(model=ScriptedModel(replies=[QUOTING]), name="m"))


def owners(answer: Answer) -> set[object]:
    return {one.fields.get("customer") for one in answer.knowledge.passages} - {None}


def test_every_way_to_answer_keeps_to_the_scope():
    handbook = ScopedIndex(NOTICES)
    of = answerer(handbook)
    scoped = of.scoped(ACME)
    streamed = [*scoped.stream(RENT)][-1]
    assert isinstance(streamed, Answer)
    answers = (of.answer(RENT, scope=ACME), scoped.answer(RENT), asyncio.run(scoped.aanswer(RENT)))
    for answer in (*answers, streamed):
        assert owners(answer) == {"acme"}
    assert {scope.tenant for scope in handbook.asked} == {"acme"}
    assert of.router.scope.tenant is None


def test_a_filter_reaches_the_answer():
    scope = Scope(tenant="acme", filter=Filter.of({"year": 2020}))
    answer = answerer().answer(RENT, scope=scope)
    assert {one.fields.get("year") for one in answer.knowledge.passages} == {2020}
    assert answer.decision.plan.filter == ({"year": {"eq": 2020}},)


def test_without_a_tenant_there_is_no_answer():
    with pytest.raises(TenantMissingError, match="'handbook' keeps its tenants apart"):
        answerer().answer(RENT)


def test_quotations_are_looked_up_in_the_tenants_documents_alone():
    handbook = ScopedIndex(NOTICES)
    router = made(LOOKS, handbook)
    verifier = load_verifier(router).reading(router.scoped(ACME).document_text)
    own = verifier.verify(QUOTING, [NOTICES[0]]).claims[0]
    assert own.supported
    assert own.quotations[0].verbatim
    assert {scope.tenant for scope in handbook.asked} == {"acme"}
    assert load_verifier().reading(router.document_text).verify(QUOTING, [NOTICES[0]]).claims
