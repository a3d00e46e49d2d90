"""Example sets that keep tenants apart: a task sees one tenant's rows, and what is made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge import KnowledgeConfig, KnowledgeRouter, index_sources, load_router
from agent_knowledge.build import packaged_embedder
from agent_knowledge.config import AgentProfile
from agent_knowledge.errors import ConfigError, InputError, TenantMissingError
from agent_knowledge.types import Example
from agent_knowledge.types.filters import Scope
from tests.unit.fakes import Examples, unit

TICKET = "Sort this ticket: the parcel never came"
QUEUES = {"acme": ("parcels", "money"), "bolt": ("logistics", "finance"), "7": ("post", "bills")}
INPUTS = (
    ("Sort this ticket: the parcel is late", "Sort this ticket: the parcel came to a neighbour"),
    ("Sort this ticket: charged twice", "Sort this ticket: the refund is missing"),
)


def rows(*owners: str) -> list[dict[str, object]]:
    return [
        {"input": text, "output": queue, "customer": int(owner) if owner.isdigit() else owner}
        for owner in owners
        for queue, texts in zip(QUEUES[owner], INPUTS, strict=True)
        for text in texts
    ]


def write(folder: Path, given: Sequence[dict[str, object]]) -> KnowledgeConfig:
    (folder / "triage.jsonl").write_text("\n".join(map(json.dumps, given)))
    (folder / "voice.jsonl").write_text('{"input": "Say hi", "output": "Hello there!"}')
    (folder / "t.md").write_text("Queues:\n{{labels}}\n\n---\n\n{{input}}\n")
    made: dict[str, Any] = {
        "examples": {
            "triage": {"file": "triage.jsonl", "tenant": "customer", "template": "t.md"},
            "voice": {"file": "voice.jsonl", "kind": "style"},
        },
        "agents": {"desk": {"examples": ["triage", "voice"], "tenant": "customer"}},
    }
    return KnowledgeConfig.model_validate(made).at(folder)


@pytest.fixture
def router(tmp_path: Path) -> Iterator[KnowledgeRouter]:
    with load_router(write(tmp_path, rows("acme", "bolt", "7"))) as made:
        yield made


def of(router: KnowledgeRouter, tenant: str) -> KnowledgeRouter:
    return router.scoped(Scope(tenant=tenant))


@pytest.mark.parametrize("tenant", QUEUES)
def test_only_the_tenants_examples_are_shown(router: KnowledgeRouter, tenant: str):
    name, shown = of(router, tenant).few_shot(TICKET)
    assert name == "triage"
    assert {one.output for one in shown} == set(QUEUES[tenant])


def test_a_prompt_names_the_tenants_labels_alone(router: KnowledgeRouter):
    knowledge = of(router, "bolt").prepare_rung(TICKET, "few_shot", "triage")
    assert "finance\nlogistics" in knowledge.system + knowledge.prompt
    assert not {"parcels", "money"} & set((knowledge.system + knowledge.prompt).split())


def test_no_other_tenants_rows_move_a_number(router: KnowledgeRouter, tmp_path: Path):
    alone = load_router(write(tmp_path, rows("acme")))
    one, other = of(alone, "acme").route(TICKET), of(router, "acme").route(TICKET)
    assert one.signals.pattern == pytest.approx(other.signals.pattern, abs=1e-6)
    assert one.strategy == other.strategy


def test_a_tenant_without_rows_has_everybodys_sets_alone(router: KnowledgeRouter):
    nobody = of(router, "nobody")
    assert set(nobody.route(TICKET).signals.pattern) == {"voice"}
    assert nobody.few_shot(TICKET)[0] == "voice"


def test_one_row_of_a_tenant_is_a_set_too(tmp_path: Path):
    single: dict[str, object] = {"input": "Sort this", "output": "misc"}
    given = [*rows("acme"), single | {"customer": "tiny"}, single | {"customer": "small"}]
    tiny = of(load_router(write(tmp_path, given)), "tiny")
    assert [one.output for one in tiny.few_shot(TICKET)[1]] == ["misc"]
    assert "Queues:\nmisc" in tiny.prepare_rung(TICKET, "few_shot", "triage").system


def test_a_template_that_asks_for_labels_is_checked_when_the_agent_is_loaded(tmp_path: Path):
    single: dict[str, object] = {"input": "Sort this", "output": "misc", "customer": "acme"}
    with pytest.raises(
        ConfigError, match=r"examples.triage.template: \{\{labels\}\} needs outputs"
    ):
        load_router(write(tmp_path, [*rows("acme"), single]))


def test_without_a_tenant_the_task_is_refused(router: KnowledgeRouter):
    with pytest.raises(TenantMissingError, match="'triage' keeps its tenants apart"):
        router.route(TICKET)


@pytest.mark.parametrize("whose", [None, "", True, ["acme"], 1.5])
def test_a_row_that_says_not_whose_it_is_is_told(tmp_path: Path, whose: object):
    row = {"input": "x", "output": "y", "customer": whose}
    config = write(tmp_path, [*rows("acme"), row])
    said = r"line 5: no text or number under 'customer': nobody would be shown it"
    with pytest.raises(InputError, match=said):
        load_router(config)
    assert "line 5" in index_sources(config).set_errors["triage"]


def test_a_set_of_ones_own_must_say_whose_its_examples_are():
    agent = AgentProfile.model_validate(
        {"examples": {"triage": {"file": "x", "tenant": "customer"}}, "tenant": "customer"}
    )
    held = Examples.of(("a", "b", unit(1, 0)))
    assert held.examples == (Example(input="a", output="b"),)
    with pytest.raises(ConfigError, match=r"examples.triage.tenant: the set does not say whose"):
        KnowledgeRouter(agent, embedder=packaged_embedder(), examples={"triage": held})
