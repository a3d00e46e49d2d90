"""`tune`: what an agent leans to, from a team's own labelled tasks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.config import Leaning
from tests.e2e.conftest import CommandLine

FACTS = """How long is the return window?
Who pays for return shipping?
How long does standard delivery take?
What does the warranty cover?
How do I make a warranty claim?
When do I get my refund?
Which countries do you ship to?
How much is express delivery?
Can sale items be returned?
Is wear and tear covered by the warranty?
What does shipping cost?
How do I send something back?
Do I need the original packaging to return an item?
How long is the warranty on furniture?""".splitlines()
CHATS = """Write a haiku about rain.
What is 12 times 13?
Tell me a joke about penguins.
Write a short poem about autumn leaves.
Thanks, that was all!
Hello there!
Translate "good morning" into French.
Write a limerick about a cat.
What is the square root of 144?
Give me a synonym for happy.
Write a birthday wish for my grandmother.
Come up with a name for a pet turtle.
Write a two-line rhyme about the sea.
Count from one to ten in Spanish.""".splitlines()
OFF = """
    policy:   # ours
      leaning: {retrieval: 5.0, few_shot: -5.0}   # looks everything up
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The command line in a folder that `init` and `index` prepared, with cases beside it."""
    run = CommandLine(tmp_path_factory.mktemp("desk"))
    assert run("init").code == 0
    assert run("index").code == 0
    tickets = (run.folder / "examples/triage.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [{"task": task, "expected": "retrieval"} for task in FACTS]
    rows += [{"task": task, "expected": ["direct", "retrieval"]} for task in CHATS]
    rows += [{"task": json.loads(line)["input"], "expected": "few_shot"} for line in tickets[:14]]
    (run.folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return run


@pytest.fixture
def off(desk: CommandLine) -> Callable[[str], Path]:
    """Writes the starter's configuration with another policy for its agent."""

    def written(policy: str) -> Path:
        text = (desk.folder / "agent-knowledge.yaml").read_text(encoding="utf-8")
        head, _ = text.split("    policy:\n")
        file = desk.folder / "off.yaml"
        file.write_text(head.rstrip("\n") + policy, encoding="utf-8")
        return file

    return written


def test_a_leaning_that_is_off_is_told_and_nothing_is_written(
    desk: CommandLine, off: Callable[[str], Path]
) -> None:
    file = off(OFF)
    before = file.read_text()
    ran = desk("tune", "--cases", "cases.jsonl", "-c", "off.yaml")
    assert (ran.code, ran.err) == (0, "")
    assert "42 cases (14 retrieval, 14 direct, 14 few_shot)" in ran.out
    assert "few_shot -5.0 -> " in ran.out
    assert "recall of few_shot" in ran.out
    assert "agents:\n  support:\n    policy:\n      leaning: {" in ran.out
    assert file.read_text() == before


def test_the_json_has_the_form_that_scripts_rely_on(
    desk: CommandLine, off: Callable[[str], Path]
) -> None:
    off(OFF)
    cases = (desk.folder / "cases.jsonl").read_text()
    row = desk("tune", "--cases", "-", "-c", "off.yaml", "--json", stdin=cases).json
    assert (row["agent"], row["cases"], row["folds"], row["written"]) == ("support", 42, 5, False)
    assert row["counts"] == {"retrieval": 14, "direct": 14, "few_shot": 14}
    for figures in (row["before"], row["after"]):
        assert set(figures) == {"macro_f1", "accuracy", "calibration_error", "f1", "recall"}
        for per_strategy in (figures["f1"], figures["recall"]):
            assert set(per_strategy) == {"retrieval", "direct", "few_shot"}
    assert row["before"]["recall"]["few_shot"] == 0
    assert row["better"]
    assert row["mended"] > row["spoilt"]
    assert row["p_value"] <= 0.05
    assert row["after"]["macro_f1"] > row["before"]["macro_f1"]
    assert set(row["leaning"]) == set(row["fitted"]) == set(Leaning.model_fields)
    assert "few_shot" in row["changed"]
    assert row["leaning"]["few_shot"] > -2


def test_a_written_leaning_is_in_force_and_the_rest_of_the_file_is_kept(
    desk: CommandLine, off: Callable[[str], Path]
) -> None:
    file = off(OFF)
    before = file.read_text()
    row = desk("tune", "--cases", "cases.jsonl", "-c", "off.yaml", "--write", "--json").json
    assert row["written"]
    config = KnowledgeConfig.from_yaml(file)
    assert config.agents["support"].policy.leaning.model_dump() == row["leaning"]
    after = file.read_text().splitlines()
    changed = [
        (old, new) for old, new in zip(before.splitlines(), after, strict=True) if old != new
    ]
    assert len(changed) == 1
    assert changed[0][1].endswith("}   # looks everything up")
    again = desk("tune", "--cases", "cases.jsonl", "-c", "off.yaml", "--write")
    assert again.code == 0
    assert "Keep the present leaning: it is what these cases ask for" in again.out
    assert file.read_text().splitlines() == after


def test_where_the_file_cannot_be_edited_the_block_to_paste_is_given(
    desk: CommandLine, off: Callable[[str], Path]
) -> None:
    file = off(
        "\n    policy: &shared\n      leaning: {retrieval: 5.0, few_shot: -5.0}\n"
        "  other:\n    policy: *shared\n"
    )
    before = file.read_text()
    run = ("tune", "--cases", "cases.jsonl", "-c", "off.yaml", "-a", "support", "--write")
    for ran in (desk(*run), desk(*run, "--json")):
        assert ran.code == 2
        assert "cannot be set in this file" in ran.err
        assert "agents:\n  support:\n    policy:\n      leaning: {" in ran.err
        assert "macro" in ran.out
    assert not ran.json["written"]
    assert file.read_text() == before


def test_too_few_cases_are_refused(desk: CommandLine, tmp_path: Path) -> None:
    lines = (desk.folder / "cases.jsonl").read_text().splitlines()
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(lines[:16]))
    ran = desk("tune", "--cases", str(few))
    assert (ran.code, ran.out) == (2, "")
    assert "16 cases; at least 30 are needed" in ran.err
    assert "2 that expect direct; at least 5 are needed" in ran.err


def test_a_bad_case_is_named(desk: CommandLine, tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"task": "x", "expected": "magic"}')
    ran = desk("tune", "--cases", str(bad))
    assert ran.code == 2
    assert "line 1: 'expected' is 'magic'" in ran.err
