"""`advise`: whether fine-tuning would pay, from the configuration, the history and the ledger."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.ledger import Ledger, RungResult, Trial
from agent_knowledge.retrieval.examples import digest_of, read_examples
from agent_knowledge.types import Rung
from tests.e2e.conftest import CommandLine

CONFIG = """
models: {default: "openai:big"}
sources:
  handbook: {path: docs, changes: weekly}
examples:
  triage: {file: triage.jsonl}
prices:
  "openai:big": {input: 2, output: 10}
  small: {input: 1, output: 4}
agents:
  support: {sources: [handbook], examples: [triage]}
"""
TOLD = ("--changes-per-year", "2", "--no-facts", "--expertise")


@pytest.fixture
def desk(here: CommandLine) -> CommandLine:
    """The command line beside a configuration and 600 examples."""
    (here.folder / "agent-knowledge.yaml").write_text(CONFIG)
    rows = [{"input": f"ticket number {i:05}", "output": "delivery"} for i in range(600)]
    (here.folder / "triage.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return here


def measured(desk: CommandLine) -> Trial:
    """A trial of every rung below, none of which reached its target; put on record."""
    config = KnowledgeConfig.from_yaml(desk.folder / "agent-knowledge.yaml")

    def rungs() -> Iterator[RungResult]:
        scores: dict[Rung, float] = {
            "prompt": 0.4,
            "few_shot": 0.7,
            "retrieval": 0.4,
            "retrieval+few_shot": 0.69,
        }
        for rung, score in scores.items():
            yield RungResult(
                rung=rung,
                model="openai:big",
                n=200,
                score=score,
                ci=(score - 0.05, score + 0.05),
                latency_p50_ms=300,
                latency_p95_ms=600,
                tokens_in=1_000 if "few_shot" in rung else 200,
                tokens_out=5,
            )

    trial = Trial(
        id="t1",
        at="2026-05-03T10:00:00+00:00",
        agent="support",
        metric="exact match",
        cases="c",
        n=200,
        model="openai:big",
        rungs=tuple(rungs()),
        example_set="triage",
        examples=digest_of(read_examples("triage", desk.folder / "triage.jsonl")),
        versions=config.agent("support").versions_for("triage"),
        target=0.9,
    )
    Ledger(config.store_path).append(trial)
    return trial


def test_it_answers_the_guides_questions_and_names_what_is_to_be_measured(
    desk: CommandLine,
) -> None:
    ran = desk("advise")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("Try first: prompt\n")
    assert (
        "agent-knowledge evaluate --agent support --set triage --cases FILE --target SCORE"
        in ran.out
    )
    assert "How many examples are there to train on? 600" in ran.out
    assert "sources.handbook.changes: weekly" in ran.out
    assert "tell it   --expertise or --no-expertise" in ran.out


def test_the_json_has_the_form_that_scripts_rely_on(desk: CommandLine) -> None:
    measured(desk)
    row = desk("advise", "--json", "--tuned-model", "small", "--volume", "10000", *TOLD).json
    assert set(row) == {
        "agent",
        "set",
        "verdict",
        "headline",
        "why",
        "instead",
        "command",
        "answers",
        "money",
        "chart",
    }
    assert (row["agent"], row["set"], row["verdict"]) == ("support", "triage", "may_pay")
    keys = {"key", "question", "answer", "stand", "rule", "text", "origin", "tell"}
    assert all(set(answer) == keys for answer in row["answers"])
    money = row["money"]
    assert money["tokens"]["below"] == {"in": 1_000, "out": 5}
    # Below 1,000 x $2 and 5 x $10 a million, $0.00205; fine-tuned 200 x $1 and 5 x $4, $0.00022.
    assert money["usd_per_task"]["saved"] == pytest.approx(0.00183)
    # Three runs a year at $50 and $500: $12.50 and $125 a month, and a host nobody told of.
    assert money["break_even_per_month"] == pytest.approx([6_830.6, 68_306.0], abs=0.1)
    assert money["lower_bound"]
    assert [gap["tell"] for gap in money["unknown"]] == [
        "--hosting-usd N, or hosting_usd_per_month of the endpoint",
        "agent-knowledge evaluate, with an endpoint for the set in the configuration",
    ]
    assert money["share_served"] is None
    assert money["usd_per_month"]["below"] == pytest.approx(20.5)


def test_a_trial_on_record_counts_until_the_examples_change(desk: CommandLine) -> None:
    measured(desk)
    assert desk("advise", "--json", *TOLD).json["verdict"] == "may_pay"
    with (desk.folder / "triage.jsonl").open("a") as file:
        file.write('\n{"input": "one more", "output": "delivery"}')
    row = desk("advise", "--json", *TOLD).json
    assert row["verdict"] == "try_first"
    assert "since its examples changed" in row["why"][0]["text"]


def test_what_is_unknown_is_never_asked_when_piped(desk: CommandLine) -> None:
    ran = desk("advise", "--json", stdin="yes\nyes\n5\n")
    stands = {row["key"]: row["stand"] for row in ran.json["answers"]}
    assert stands["expertise"] == stands["facts"] == stands["changes"] == "unknown"
    assert "Enter: unknown" not in desk("advise", stdin="yes\n").out


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal as Unix has it")
def test_on_a_terminal_it_asks_until_it_understands(desk: CommandLine) -> None:
    measured(desk)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "agent_knowledge", "advise"]
    with subprocess.Popen(
        command, cwd=desk.folder, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True
    ) as run:
        os.close(theirs)
        os.write(ours, b"often\n2\nno\nmaybe\nyes\n\n1000\n")
        said = b""
        while chunk := _read(ours):
            said += chunk
    os.close(ours)
    assert run.returncode == 0
    text = " ".join(said.decode().split())
    assert "'often' is no number of 0 or more" in text
    assert "'maybe' is neither yes nor no" in text
    assert "Fine-tuning may pay: it breaks even at no less than" in text
    assert "1,000 are below that" in text


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""


def test_the_chart_is_one_file_that_marks_the_break_even(desk: CommandLine, tmp_path: Path) -> None:
    measured(desk)
    page = tmp_path / "out" / "advice.html"
    ran = desk("advise", "--tuned-model", "small", "--chart", str(page), *TOLD)
    assert ran.code == 0
    assert f"wrote {page}" in ran.out
    text = page.read_text(encoding="utf-8")
    assert re.search(r"6,830 <span[^>]*>break-even", text)
    assert 'class="bar' in text
    refused = desk("advise", "--chart", "money.svg")
    assert (refused.code, refused.out) == (2, "")
    assert "'money.svg' is no HTML file" in refused.err


def test_a_set_that_the_agent_lacks_is_refused_with_the_ones_it_has(desk: CommandLine) -> None:
    ran = desk("advise", "--set", "triages")
    assert (ran.code, ran.out) == (2, "")
    assert "has no set 'triages'; did you mean 'triage'?" in ran.err


def test_the_sample_shop_gets_advice(in_shop: CommandLine) -> None:
    row = in_shop("advise", "--agent", "support", "--set", "ticket-triage", "--json").json
    assert row["headline"] == "Try first: prompt"
    answers = {answer["key"]: answer for answer in row["answers"]}
    assert answers["examples"]["origin"] == "endpoints.triage-ft.training.examples"
