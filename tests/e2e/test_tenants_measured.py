"""An agent that keeps tenants apart is measured, fitted and exported for one of them."""

from __future__ import annotations

import json

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.ledger import Ledger, TrackRecord, tenant_hash
from tests.e2e.conftest import CommandLine
from tests.e2e.test_tune import CHATS, FACTS
from tests.e2e.test_tune_source import ROWS, lines

CONFIG = """
sources: {notes: {path: notes.jsonl, tenant: customer, description: What customers agreed on}}
examples: {triage: {file: triage.jsonl, tenant: customer, k: 2}}
agents: {desk: {sources: [notes], examples: [triage], tenant: customer}}
"""
ACME = ("--tenant", "acme-shop")
THINGS = [f"{kind} {number}" for kind in ("lamp", "vase") for number in range(100)]


@pytest.fixture(scope="module")
def desk(shop: KnowledgeConfig, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """One tenant has the sample's handbook and queues of its own; the other has queues alone."""
    run = CommandLine(tmp_path_factory.mktemp("desk"))
    handbook = [file.read_text("utf-8") for file in sorted((shop.folder / "handbook").glob("*"))]
    notes = [{"text": text, "customer": "acme-shop"} for text in handbook]
    notes += [{"text": "Bolts are counted on Mondays.", "customer": "bolt-works"}]
    shown = [
        {"input": f"{whose}: {thing} is broken", "output": f"{queue}-{whose}", "customer": tenant}
        for tenant, whose, count in (("acme-shop", "acme", 40), ("bolt-works", "bolt", 20))
        for thing, queue in zip(THINGS[:count], ("repairs", "returns") * (count // 2), strict=True)
    ]
    files = {"notes": notes, "triage": shown}
    for name, rows in files.items():
        (run.folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (run.folder / "agent-knowledge.yaml").write_text(CONFIG)
    ran = run("index")
    assert ran.code == 0, ran.err
    return run


def cases(*tasks: str) -> str:
    return lines([{"input": task, "output": "repairs-acme"} for task in tasks])


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (("evaluate", "--cases", "-"), cases("the door is stuck")),
        (("evaluate", "--cases", "-", "--dry-run"), cases("the door is stuck")),
        (("check", "--cases", "-"), lines([{"task": "x", "expected": "direct"}])),
        (("tune", "--source", "notes", "--questions", "-"), lines(ROWS)),
    ],
)
def test_without_a_tenant_nothing_is_measured(
    desk: CommandLine, arguments: tuple[str, ...], stdin: str
) -> None:
    ran = desk(*arguments, stdin=stdin)
    assert ran.code == 2
    assert "keeps its tenants apart" in ran.err
    assert "--tenant" in ran.err


def test_a_trial_is_of_one_tenant_and_tells_no_name(desk: CommandLine) -> None:
    asked = cases("acme: lamp 3 is broken", "bolt: lamp 3 is broken", "the door is stuck")
    row = desk("evaluate", *ACME, "--cases", "-", "--rungs", "few_shot", "--json", stdin=asked).json
    assert (row["cases"], row["excluded"]) == (2, {"examples": 1})  # the other's would be another
    ledger = Ledger(desk.folder / ".agent-knowledge")
    (trial,) = ledger.trials()
    assert trial.tenant == tenant_hash("acme-shop")
    assert "acme-shop" not in ledger.file.read_text()
    record = TrackRecord(trials=(trial,))
    assert record.within("acme-shop").trials == (trial,)
    assert record.within("bolt-works").trials == ()


def test_routes_are_those_of_the_tenant(desk: CommandLine) -> None:
    rows = lines([{"task": FACTS[0], "expected": "retrieval", "sources": ["notes"]}])
    assert desk("check", *ACME, "--cases", "-", stdin=rows).code == 0
    assert desk("check", "--tenant", "bolt-works", "--cases", "-", stdin=rows).code == 1


def test_coverage_is_fitted_to_what_the_tenant_has(desk: CommandLine) -> None:
    told = ("tune", "--source", "notes", "--questions", "-", "--json", "--tenant")
    own, others = (desk(*told, who, stdin=lines(ROWS)).json for who in ("acme-shop", "bolt-works"))
    assert own["before"]["auc"] > 0.9
    assert own["before"]["auc"] > others["before"]["auc"]


def test_a_leaning_is_fitted_to_what_the_tenant_has(desk: CommandLine) -> None:
    rows = [{"task": task, "expected": "retrieval"} for task in FACTS]
    rows += [{"task": task, "expected": "direct"} for task in CHATS]
    rows += [{"task": f"acme: {t} is broken", "expected": "few_shot"} for t in THINGS[:14]]
    own, others = (
        desk("tune", "--cases", "-", "--json", "--tenant", who, stdin=lines(rows)).json
        for who in ("acme-shop", "bolt-works")
    )
    assert own["before"]["recall"]["retrieval"] > others["before"]["recall"]["retrieval"]


@pytest.mark.slow
def test_only_the_tenants_examples_are_exported_and_counted(desk: CommandLine) -> None:
    more = [
        {"input": f"acme: {thing} is worn", "output": "repairs-acme", "customer": "acme-shop"}
        for thing in THINGS
    ]
    with (desk.folder / "triage.jsonl").open("a") as file:
        file.write("\n" + "\n".join(map(json.dumps, more)))
    row = desk("export", *ACME, "--set", "triage", "--out", "data", "--json").json
    assert row["rows"] == 240
    text = "".join((desk.folder / "data" / name).read_text() for name in row["files"])
    assert "repairs-acme" in text
    assert "bolt" not in text
    refused = desk("export", "--set", "triage", "--out", "none")
    assert refused.code == 2
    assert "keeps its tenants apart" in refused.err
    answers = {
        who: {one["key"]: one for one in desk("advise", "--json", *who).json["answers"]}
        for who in ((), ACME)
    }
    assert "260" in json.dumps(answers[()]["examples"])
    assert "240" in json.dumps(answers[ACME]["examples"])
    nobody = desk("export", "--tenant", "nobody", "--set", "triage", "--out", "none")
    assert nobody.code == 2
    assert "no example is this tenant's" in nobody.err
