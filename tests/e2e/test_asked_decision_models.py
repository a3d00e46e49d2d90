"""A decision model beside the router, as the command line shows it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.decision_server import REFUSED, answering, decision_server
from tests.e2e.conftest import CommandLine
from tests.loopback import Loopback, failing

KEY = "sk-a-key-that-nobody-may-see"
LAMPS = "Tell me about lamps"


def configured(here: CommandLine, server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The starter configuration, indexed, whose every decision is put to the server's model."""
    monkeypatch.setenv("DECISION_URL", server.url)
    monkeypatch.setenv("DECISION_KEY", KEY)
    here("init")
    config = here.folder / "agent-knowledge.yaml"
    text = config.read_text(encoding="utf-8")
    model = "  router: systemone:m\n  router_url: ${DECISION_URL}\n  router_key: ${DECISION_KEY}\n"
    text = text.replace("\nmodels:\n", f"\nmodels:\n{model}  retries: 0\n")
    text = text.replace("    policy:\n", "    policy:\n      ask_model_below: 1\n")
    config.write_text(text, encoding="utf-8")
    assert here("index").code == 0
    return config


def test_its_evidence_is_told_and_its_key_is_not(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"direct": 0.05, "retrieval": 0.9, "few_shot": 0.05}
    with decision_server(need=said, holds_0=0.8, fresh=REFUSED) as server:
        configured(here, server, monkeypatch)
        told = here("route", LAMPS, "--explain")
        row = here("route", LAMPS, "--json").json
        checks = here("doctor", "--json").json["checks"]
        for ran in (told.out, told.err, json.dumps(row), json.dumps(checks)):
            assert KEY not in ran
            assert server.url not in ran
    assert "Would the asked model look it up?" in told.out
    assert "systemone:m was asked and says retrieval" in told.out
    assert row["signals"]["asked"]["holds"] == {"handbook": 0.8}
    why = row["reasons"][-1]["text"]
    assert "says retrieval: direct 0.05, retrieval 0.90, few_shot 0.05" in why
    assert "left out: it changes with time (it gave no answer)" in why
    (check,) = [check for check in checks if check["what"] == "model router"]
    assert check["state"] == "ok"
    assert "systemone:m, a decision model, answers in" in check["detail"]
    assert sum(f"Bearer {KEY}" in line for head in server.heads for line in head) == len(
        server.asked
    )


def test_a_server_that_is_down_is_told_and_leaves_the_rules(
    here: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with decision_server(failing(503)) as server:
        configured(here, server, monkeypatch)
        row = here("route", LAMPS, "--json").json
        doctor = here("doctor", "--json")
    assert row["signals"]["asked"]["need"] is None
    assert "settles nothing: model 'systemone:m' failed" in row["reasons"][-1]["text"]
    assert doctor.code == 1
    (check,) = [check for check in doctor.json["checks"] if check["what"] == "model router"]
    assert check["state"] == "failed"
    assert "status 503" in check["detail"]
    assert "sk-secret" not in doctor.out


def test_a_claim_is_put_to_it(here: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    with decision_server(answering(supported=0.875, contradicted=0.0)) as server:
        configured(here, server, monkeypatch)
        passage = {"id": "1", "title": "Returns", "text": "Returns take 30 days."}
        case = {"answer": "Returns take 30 days [1].", "passages": [passage]}
        (here.folder / "answers.jsonl").write_text(json.dumps(case), encoding="utf-8")
        named = ("--input", "answers.jsonl", "--judge", "systemone:m")
        (row,) = here("verify", *named, "--config", "agent-knowledge.yaml").rows
        lacking = here("verify", *named)
    opinion = row["claims"][0]["opinion"]
    assert (opinion["supported"], opinion["score"]) == (True, 0.875)
    assert opinion["judge"] == "systemone:m"
    assert lacking.code == 2
    assert "models.router_url" in lacking.err
