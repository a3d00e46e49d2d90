"""`--filter` and `--tenant` on the command line."""

from __future__ import annotations

import json

import pytest

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
