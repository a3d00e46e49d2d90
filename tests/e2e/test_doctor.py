"""What `doctor` says: of fine-tuned endpoints, and of all that another command would fail on."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from langchain_core.documents import Document

from agent_knowledge import KnowledgeConfig
from agent_knowledge.cli.doctor import examine
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


# What other commands would fail on


def checks(command: CommandLine, *options: str, code: int) -> dict[str, dict[str, str]]:
    ran = command("doctor", "--json", *options)
    assert ran.code == code
    rows = ran.json["checks"]
    assert ran.json["failed"] == sum(row["state"] == "failed" for row in rows)
    return {row["what"]: row for row in rows}


@pytest.fixture
def small(here: CommandLine) -> CommandLine:
    """A configuration that every check passes, to be spoilt."""
    (here.folder / "docs" / "a").mkdir(parents=True)
    (here.folder / "docs" / "a" / "refunds.md").write_text("Refunds take 5 days.")
    (here.folder / "agent-knowledge.yaml").write_text(
        "sources:\n  handbook: {path: 'docs/**/*.md'}\n  web: {external: true}\n"
        "agents: {support: {sources: [handbook]}}\n"
    )
    assert here("index").code == 0
    return here


def write(command: CommandLine, old: str, new: str) -> None:
    file = command.folder / "agent-knowledge.yaml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_a_glob_that_indexes_passes(small: CommandLine) -> None:
    found = checks(small, code=0)
    assert found["source handbook"]["detail"] == "1 passages"
    assert found["source web"]["state"] == "skipped"
    assert "finds 1 passages" in found["agent support"]["detail"]


def test_an_agent_whose_external_retriever_is_missing_fails(small: CommandLine) -> None:
    write(small, "sources: [handbook]", "sources: [handbook, web]")
    row = checks(small, code=1)["agent support"]
    assert row["state"] == "failed"
    assert "has no retriever for web" in row["detail"]


def test_an_agent_that_keeps_tenants_apart_is_tried_for_the_one_that_is_named(
    here: CommandLine,
) -> None:
    rows = [
        {"text": f"{who} pays in {n} days.", "customer": who}
        for who in ("acme", "bolt")
        for n in (5, 7)
    ]
    (here.folder / "notes.jsonl").write_text("\n".join(map(json.dumps, rows[:3])))
    (here.folder / "agent-knowledge.yaml").write_text(
        "sources: {notes: {path: notes.jsonl, tenant: customer}}\n"
        "agents: {desk: {sources: [notes], tenant: customer}}\n"
    )
    assert here("index").code == 0
    agent = checks(here, code=0)["agent desk"]
    assert agent["state"] == "skipped"
    assert agent["detail"] == "keeps tenants apart: not probed; give --tenant"
    for tenant, passages in (("acme", 2), ("bolt", 1)):
        found = checks(here, "--tenant", tenant, code=0)
        assert found["agent desk"]["state"] == "ok"
        assert f"finds {passages} passages" in found["agent desk"]["detail"]
        assert f"{passages} passages for this one" in found["source notes"]["detail"]


def test_a_retriever_that_is_given_is_really_asked(small: CommandLine) -> None:
    write(small, "sources: [handbook]", "sources: [web]")
    config = KnowledgeConfig.from_yaml(small.folder / "agent-knowledge.yaml")

    class Web:
        found: Sequence[Document] = (Document("Refunds take 5 days."),)

        def invoke(self, input: str, /) -> Sequence[Document]:  # noqa: A002
            return [document.model_copy() for document in self.found]

    class Broken(Web):
        found = ("no document",)  # type: ignore[assignment]

    for web, state in ((Web(), "ok"), (Broken(), "failed")):
        *_, agent = examine(config, retrievers={"web": web})
        assert (agent.what, agent.state) == ("agent support", state)


@pytest.mark.parametrize(
    ("old", "new", "what", "says"),
    [
        ("docs/**/*.md", "none/**/*.md", "source handbook", "no readable document"),
        ("docs/**/*.md", "https://example.org", "source handbook", "URLs are not read"),
        ("docs/**/*.md", "~nobody-here/x", "source handbook", "home is not known"),
        ("docs/**/*.md", "${EMPTY}", "source handbook", "is empty, since EMPTY is"),
        ("docs/**/*.md", "${UNSET_VARIABLE}", "source handbook", "UNSET_VARIABLE is not set"),
        ("agents:", "store: {kind: pgvector}\nagents:", "store", "store.url: is missing"),
        ("agents:", "store: {path: docs/a/refunds.md}\nagents:", "store", "cannot be made"),
        ("agents:", "models: {default: 'openai:x'}\nagents:", "model default", "OPENAI_API_KEY"),
        (
            "sources: [handbook]",
            "sources: [handbook], system_prompt: gone.md",
            "agent support",
            "gone.md",
        ),
        (
            "sources: [handbook]",
            "sources: [handbook], policy: {query_rewrite: model}",
            "agent support",
            "can only quote",
        ),
    ],
)
def test_what_another_command_would_fail_on_is_a_check(
    small: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    old: str,
    new: str,
    what: str,
    says: str,
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("EMPTY", "")
    write(small, old, new)
    for options in ((), ("--agent", "support")):
        row = checks(small, *options, code=1)[what]
        assert row["state"] == "failed"
        assert says in row["detail"]


def test_a_source_that_was_not_indexed_or_whose_files_are_gone_fails(small: CommandLine) -> None:
    (small.folder / "docs" / "a" / "refunds.md").unlink()
    assert "no readable document" in checks(small, code=1)["source handbook"]["detail"]
    (small.folder / "docs" / "new.md").write_text("New")
    small("index", "--remove", "handbook")
    assert "run: agent-knowledge index" in checks(small, code=1)["source handbook"]["detail"]


def test_a_prompt_that_names_no_label_is_noted_and_is_no_failure(here: CommandLine) -> None:
    rows = [("charged twice", "billing"), ("where is it", "shipping")] * 2
    lines = (f'{{"input": "{text} {n}", "output": "{out}"}}' for n, (text, out) in enumerate(rows))
    (here.folder / "triage.jsonl").write_text("\n".join(lines))
    yaml = "examples: {triage: {file: triage.jsonl}}\nagents: {support: {examples: [triage]}}\n"
    (here.folder / "agent-knowledge.yaml").write_text(yaml)
    ran = here("doctor", "--json")
    (note,) = [row for row in ran.json["checks"] if row["what"] == "prompt of support"]
    assert (ran.code, note["state"]) == (0, "note")
    assert "the prompt names 0 of the 2 labels of triage" in note["detail"]
