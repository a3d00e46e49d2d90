"""`--filter` and `--tenant` on the command line."""

from __future__ import annotations

import json
import sys

import pytest
import yaml

from tests.e2e.conftest import CommandLine

ASKED = "How long is the return window?"


@pytest.mark.parametrize("command", ["route", "ask"])
def test_a_filter_stands_in_the_plan(in_shop: CommandLine, command: str):
    ran = in_shop(
        command, ASKED, "--agent", "support", "--json", "--citations", "--filter", "year>=2020"
    )
    decision = ran.json["decision"] if command == "ask" else ran.json
    assert decision["plan"]["filter"] == [{"year": {"gte": 2020}}]


def test_a_story_says_where_it_looked(in_shop: CommandLine):
    words = (ASKED, "--agent", "support", "--explain", "--citations", "--filter", "document?")
    assert 'only where {"document": {"exists": true}}' in in_shop("route", *words).out
    assert "only where" not in in_shop("route", *words[:-2]).out


def test_a_row_has_its_own_filter_beside_the_commands(in_shop: CommandLine):
    rows = [
        {"id": 1, "task": ASKED, "citations": True, "filter": {"lang": "en"}},
        {"id": 2, "task": ASKED, "citations": True},
        {"id": 3, "task": ASKED, "citations": True, "filter": {"lang": {"$ne": 1}}},
    ]
    lines = "\n".join(map(json.dumps, rows))
    ran = in_shop("route", "-a", "support", "--input", "-", "--filter", "year>2000", stdin=lines)
    first, second, third = ran.rows
    assert first["plan"]["filter"] == [{"year": {"gt": 2000}}, {"lang": {"eq": "en"}}]
    assert second["plan"]["filter"] == [{"year": {"gt": 2000}}]
    assert "give a value, a list of values" in third["error"]


@pytest.mark.parametrize("command", ["route", "retrieve", "ask"])
def test_without_a_tenant_what_keeps_them_apart_is_refused(here: CommandLine, command: str):
    (here.folder / "agent-knowledge.yaml").write_text(
        "sources: {notes: {path: notes.jsonl, tenant: customer}}\n"
        "agents: {desk: {sources: [notes], tenant: customer}}\n"
    )
    ran = here(command, ASKED)
    assert ran.code == 2
    assert "'notes' keeps its tenants apart" in ran.err
    assert "--tenant" in ran.err
    row = {"query" if command == "retrieve" else "task": ASKED, "tenant": "acme"}
    batch = here(command, "--input", "-", stdin=json.dumps(row))
    assert "keeps its tenants apart" in batch.rows[0]["error"]


def test_what_is_no_filter_is_refused_with_what_is_accepted(in_shop: CommandLine):
    ran = in_shop("retrieve", ASKED, "--agent", "support", "--filter", "year!=2020")
    assert ran.code == 2
    assert "--filter 'year!=2020' is not accepted; write 'lang=en'" in ran.err


def test_examples_are_shown_of_the_tenant_that_is_named(here: CommandLine):
    (here.folder / "agent-knowledge.yaml").write_text(
        "examples: {triage: {file: t.jsonl, tenant: customer}}\n"
        "agents: {desk: {examples: [triage], tenant: customer}}\n"
    )
    rows = [
        {"input": f"{what} is broken", "output": owner, "customer": owner}
        for owner in ("acme", "bolt")
        for what in ("the lift", "the door")
    ]
    (here.folder / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    shown = here("few-shot", "the lamp is broken", "--tenant", "bolt", "--json").json["examples"]
    assert {one["output"] for one in shown} == {"bolt"}
    assert here("few-shot", "the lamp is broken").code == 2
    assert here("route", "the lamp is broken", "--tenant", "acme").code == 0


def test_a_reranker_of_the_configuration_is_imported_only_where_it_is_allowed(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
):
    here("init")
    here("index")
    file = here.folder / "agent-knowledge.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))
    agent = next(iter(config["agents"].values()))
    agent["policy"] = {**(agent.get("policy") or {}), "rerank": "ranking_of_a_test:shortest"}
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    (here.folder / "ranking_of_a_test.py").write_text(
        "def shortest(query, texts):\n    return [-len(text) for text in texts]\n"
    )
    refused = here("retrieve", ASKED)
    assert refused.code == 2
    assert "--allow-imports ranking_of_a_test" in refused.err
    monkeypatch.setenv("AGENT_KNOWLEDGE_IMPORTS", "ranking_of_a_test")
    ran = here("retrieve", ASKED, "--json")
    lengths = [-one["score"] for one in ran.json["passages"]]
    assert lengths == sorted(lengths)
    assert lengths[0] > 1
    sys.modules.pop("ranking_of_a_test", None)
