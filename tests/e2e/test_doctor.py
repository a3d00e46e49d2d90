"""What `doctor` says about a fine-tuned endpoint."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.e2e.conftest import CommandLine
from tests.loopback import Script, failing, loopback, whole


def endpoint(in_shop: CommandLine) -> dict[str, Any]:
    checks = in_shop("doctor", "--agent", "support", "--json").json["checks"]
    (row,) = [row for row in checks if row["what"] == "endpoint of support"]
    return row


def test_an_endpoint_that_answers_is_timed(
    in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback(whole("billing")) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        row = endpoint(in_shop)
    assert row["state"] == "ok"
    assert re.fullmatch(r"triage-ft answers in \d+ ms", row["detail"])


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param(failing(503), "status 503, 2 calls", id="down"),
        pytest.param(failing(401), r"status 401.*check endpoints\.triage-ft\.api_key", id="key"),
        pytest.param([], "check its URL", id="closed"),
    ],
)
def test_one_that_fails_is_told_with_its_status_and_no_secret(
    in_shop: CommandLine, monkeypatch: pytest.MonkeyPatch, script: Script, says: str
) -> None:
    with loopback(script) as server:
        monkeypatch.setenv("DEMO_BASE_URL", server.url)
        row = endpoint(in_shop)
    assert row["state"] == "failed"
    assert re.search(says, row["detail"])
    assert "sk-secret" not in row["detail"]


def test_a_key_that_is_not_set_is_named(here: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FT_KEY", raising=False)
    (here.folder / "triage.jsonl").write_text('{"input": "charged twice", "output": "billing"}\n')
    (here.folder / "agent-knowledge.yaml").write_text(
        "examples: {triage: {file: triage.jsonl}}\n"
        "endpoints: {ft: {model: 'openai:x', api_key: '${FT_KEY}', serves: triage}}\n"
        "agents: {support: {examples: [triage], endpoint: ft}}\n"
    )
    row = endpoint(here)
    assert row["state"] == "failed"
    assert "endpoints.ft.api_key" in row["detail"]
    assert "FT_KEY is not set" in row["detail"]
