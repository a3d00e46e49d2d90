"""A router that looks only where it may: filters, tenants, and stores that fail."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeConfig, index_sources, load_router
from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import ConfigError, InputError, SourceError, TenantMissingError
from agent_knowledge.ledger import TrackRecord, tenant_hash
from agent_knowledge.routing.need import LogisticFit
from agent_knowledge.types import Passage
from agent_knowledge.types.filters import Filter, Scope
from tests.unit.fakes import WebSearch
from tests.unit.scoped_index import (
    ACME,
    FILLER,
    NOTICES,
    RENT,
    TICKETS,
    ScopedIndex,
    agent,
    held,
    made,
)
from tests.unit.trial_values import trial


def customers(passages: tuple[Passage, ...]) -> set[object]:
    return {one.fields.get("customer") for one in passages}


def test_a_tenant_is_shown_its_own_documents_and_everybodys():
    acme = made().scoped(ACME)
    knowledge = acme.look_up(RENT)
    assert customers(knowledge.passages) == {"acme", None}
    assert "bolt" not in knowledge.prompt
    assert customers(acme.retrieve(RENT, 50)) == {"acme", None}
    assert acme.prepare_rung(RENT, "retrieval").passages
    assert "bolt" not in str(acme.route(RENT))


def test_nothing_of_another_tenant_moves_a_number():
    alone = made(
        handbook=ScopedIndex([one for one in [*NOTICES, *FILLER] if "bolt" not in one.text])
    )
    beside = made()
    one, other = alone.scoped(ACME).route(RENT), beside.scoped(ACME).route(RENT)
    assert one.signals == other.signals
    assert one.reasons == other.reasons


def test_without_a_tenant_nothing_is_measured_and_no_store_is_asked():
    handbook, tickets = ScopedIndex(NOTICES), ScopedIndex(TICKETS)
    router = made(handbook=handbook, tickets=tickets)
    for call in (router.route, router.prepare, router.look_up, router.retrieve, router.few_shot):
        with pytest.raises(TenantMissingError, match="'handbook' keeps its tenants apart"):
            call(RENT)
    with pytest.raises(TenantMissingError):
        router.document_text(NOTICES[0])
    assert handbook.asked == tickets.asked == []


def test_what_a_trial_showed_of_one_tenant_counts_for_that_one():
    ids = {"everybody": "", "acme": tenant_hash("acme"), "bolt": tenant_hash("bolt")}
    trials = tuple(trial({}, id=name, tenant=whose) for name, whose in ids.items())

    class OnRecord:
        def now(self) -> TrackRecord:
            return TrackRecord(trials=trials)

    router = made(evidence=OnRecord())
    for tenant, counting in (("acme", ["everybody", "acme"]), ("other", ["everybody"])):
        record = router.scoped(Scope(tenant=tenant)).record
        assert [one.id for one in record.trials] == counting


def test_scopes_only_narrow():
    router = made(agent(filter={"year": {"gte": 2021}}))
    acme = router.scoped(ACME)
    assert [one.document for one in acme.retrieve(RENT, 1)] == [NOTICES[2].text]
    late = acme.scoped(Scope(filter=Filter.of({"year": {"gte": 2020}})))
    assert customers(late.retrieve(RENT, 50)) == {"acme"}
    assert all(one.fields["year"] != 2020 for one in late.retrieve(RENT, 50))
    with pytest.raises(InputError, match="another one now; begin with the unscoped router"):
        acme.scoped(Scope(tenant="bolt"))
    assert router.scope.tenant is None


def test_a_plan_says_what_its_passages_must_say():
    router = made(agent(filter={"year": {"gte": 2021}}))
    scoped = router.scoped(Scope(tenant="acme", filter=Filter.of({"lang": "en"})))
    expected = ({"year": {"gte": 2021}}, {"lang": {"eq": "en"}})
    assert scoped.look_up(RENT).decision.plan.filter == expected
    assert scoped.prepare_rung(RENT, "retrieval").decision.plan.filter == expected
    assert scoped.prepare_rung(RENT, "prompt").decision.plan.filter == ()


def test_what_no_document_matches_is_a_gap():
    router = made().scoped(Scope(tenant="acme", filter=Filter.of({"year": 1999})))
    knowledge = router.look_up(RENT)
    assert knowledge.decision.gap
    assert knowledge.passages == ()
    assert set(knowledge.decision.signals.coverage.values()) == {0.0}


def test_quotations_are_looked_up_within_the_scope():
    acme = made().scoped(ACME)
    assert acme.document_text(NOTICES[0]) == NOTICES[0].document
    assert acme.document_text(NOTICES[1]) is None


def test_a_store_that_is_down_costs_its_own_source_alone():
    down = ScopedIndex(TICKETS, down="PostgreSQL at db:5432 did not answer within 5 s")
    knowledge = made(tickets=down).scoped(ACME).look_up(RENT)
    assert customers(knowledge.passages) == {"acme"}
    assert knowledge.left_out[0] == down.down
    signals, reasons = knowledge.decision.signals, knowledge.decision.reasons
    assert signals.coverage["tickets"] == 0
    assert signals.failed == {"tickets": down.down}
    assert "tickets could not be asked, so nothing of it is known" in [r.text for r in reasons]
    assert "db:5432" not in str(reasons)  # a host's own, and reasons are shown to everybody


def test_a_direct_decision_says_which_store_was_down():
    down = ScopedIndex(TICKETS, down="gone")
    decision = made(tickets=down).scoped(ACME).route("Thanks!")
    assert any("tickets could not be asked" in reason.text for reason in decision.reasons)


def test_when_every_store_is_down_the_task_fails():
    down = ScopedIndex([], down="gone")
    with pytest.raises(SourceError, match="gone"):
        made(handbook=down, tickets=ScopedIndex([], down="gone too")).scoped(ACME).route(RENT)


def test_an_external_source_is_held_to_the_scope_too():
    web = WebSearch(
        [held(f"notice {n}", "web", customer=owner) for n, owner in enumerate(("acme", "bolt"))]
    )
    sources = {"web": {"external": True, "tenant": "customer"}}
    router = made(agent(sources=sources), retrievers={"web": web})
    assert customers(router.scoped(ACME).retrieve(RENT)) == {"acme"}
    nothing = router.scoped(Scope(tenant="acme", filter=Filter.of({"document": "notice 7"})))
    assert nothing.retrieve(RENT) == ()
    asked = len(web.asked)
    with pytest.raises(TenantMissingError):
        router.retrieve(RENT)
    assert len(web.asked) == asked


def test_an_external_source_is_filtered_by_what_its_passages_say_of_themselves():
    found = [held(f"notice {n}", "web", title=f"page {n}") for n in range(3)]
    web = WebSearch(found)
    sources = {"web": {"external": True, "filter": {"title": ["page 1", "page 2"]}}}
    router = made(AgentProfile.model_validate({"sources": sources}), retrievers={"web": web})
    assert [one.text for one in router.retrieve(RENT)] == ["notice 1", "notice 2"]


def test_the_source_that_was_fitted_to_its_own_questions_is_weighed_by_its_own_fit(tmp_path: Path):
    (tmp_path / "notes.md").write_text("# Rent\n\nThe notice period is three months.")
    config = KnowledgeConfig.parse(
        "sources: {notes: {path: notes.md}}\nagents: {x: {sources: [notes]}}"
    ).at(tmp_path)
    index_sources(config)
    before = load_router(config).route(RENT).signals.coverage["notes"]
    fits = config.store_path / "fits"
    fits.mkdir()
    fit = {"weights": {"known": 0.0}, "centers": {"known": 0.0}, "bias": 0.0}
    (fits / "notes.json").write_text(json.dumps({**fit, "questions": 60}))
    assert load_router(config).route(RENT).signals.coverage["notes"] == 0.5 != before
    (fits / "notes.json").write_text("{")
    with pytest.raises(
        ConfigError, match=r"sources.notes: cannot read its fit .*tune --source notes"
    ):
        load_router(config)


def test_a_fit_is_chosen_by_source_then_by_what_the_scores_count_in():
    fits = made().reader.fits
    own = LogisticFit(weights={}, centers={}, bias=1.0)
    assert fits.coverage_for("a", "cosine") is fits.coverage
    assert fits.coverage_for("a", "bm25") is fits.coverage_anywhere
    assert replace(fits, by_source={"a": own}).coverage_for("a", "bm25") is own
