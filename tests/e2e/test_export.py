"""`export`: training data by the command line, as a user runs it."""

from __future__ import annotations

import json
import sys

import pytest

from tests.e2e.conftest import CommandLine

CONFIG = """
examples:
  codes: {file: codes.jsonl, description: Spell a part number}
  few: {file: few.jsonl}
agents:
  stores: {examples: [codes, few]}
"""


@pytest.fixture
def stores(here: CommandLine) -> CommandLine:
    """A folder with a set of 600 examples, some of them faulty, and one of three."""
    rows = [(f"Part {n} of shelf {n * 37 % 101}", f"P-{n}-{n * 37 % 101}") for n in range(600)]
    rows += [("part 5 of shelf 84", "P-5-84"), ("part 6 of shelf 20", "P-6-21")]
    rows += [("Ask jane.doe@example.com about part 9", "P-9")]
    lines = [json.dumps({"input": given, "output": output}) for given, output in rows]
    (here.folder / "codes.jsonl").write_text("\n".join(lines))
    (here.folder / "few.jsonl").write_text("\n".join(lines[:3]))
    (here.folder / "agent-knowledge.yaml").write_text(CONFIG)
    return here


def test_a_set_is_written_and_its_card_says_what_to_look_at(stores: CommandLine) -> None:
    ran = stores("export", "--set", "codes", "--out", "data", "--json")
    assert (ran.code, ran.err) == (0, "")
    row = ran.json
    assert (row["folder"], row["set"], row["agent"]) == ("data", "codes", "stores")
    assert row["left_out"]["duplicates"] == [[601, 6]]
    assert row["left_out"]["conflicts"] == [[7, 602]]
    assert row["personal"]["found"] == {"EMAIL_ADDRESS": [603]}
    assert any("EMAIL_ADDRESS in 1 row: 603" in line for line in row["warnings"])
    data = stores.folder / "data"
    count = sum(len((data / name).read_text().splitlines()) for name in row["files"])
    assert count == row["split"]["train"] + row["split"]["validation"] == 600
    assert "jane" not in (data / "card.md").read_text() + (data / "card.json").read_text()
    assert "- rows 7, 602" in (data / "card.md").read_text()


def test_a_person_is_told_where_to_look(stores: CommandLine) -> None:
    ran = stores("export", "-s", "codes", "-o", "data", "--max-tokens", "10")
    assert ran.code == 0
    assert "rows to train on" in ran.out
    assert "longer than 10 tokens" in ran.out
    assert "read data/card.md first" in ran.out


def test_the_cases_to_measure_on_are_kept_out(stores: CommandLine) -> None:
    cases = "\n".join(
        json.dumps({"task": f"Part {n} of shelf {n * 37 % 101}", "expected": "x"}) for n in (1, 2)
    )
    run = ("export", "--set", "codes", "--out", "data", "--cases", "-", "--json")
    row = stores(*run, stdin=cases).json
    assert {2, 3} <= set(row["left_out"]["cases"])
    assert "Part 2 of shelf 74" not in (stores.folder / "data/train.jsonl").read_text()


def test_without_the_extra_the_card_says_that_nobody_looked(
    stores: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "agent_knowledge.screening.personal", raising=False)
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    ran = stores("export", "--set", "codes", "--out", "data", "--json")
    assert ran.code == 0
    assert ran.json["personal"] == {"by": None, "found": {}, "redacted": False}
    card = (stores.folder / "data/card.md").read_text()
    assert "Not checked: pip install 'langchain-agent-knowledge[personal-data]'" in card


def test_what_was_found_is_left_out_when_asked(
    stores: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = stores("export", "--set", "codes", "--out", "data", "--redact", "--json").json
    assert row["personal"]["redacted"]
    data = stores.folder / "data"
    written = (data / "train.jsonl").read_text() + (data / "validation.jsonl").read_text()
    assert "jane" not in written
    assert "<EMAIL_ADDRESS>" in written
    monkeypatch.delitem(sys.modules, "agent_knowledge.screening.personal", raising=False)
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    refused = stores("export", "--set", "codes", "--out", "other", "--redact")
    assert refused.code == 2
    assert "pip install 'langchain-agent-knowledge[personal-data]'" in refused.err
    assert not (stores.folder / "other").exists()


def test_too_small_a_set_is_refused_by_its_rule(stores: CommandLine) -> None:
    ran = stores("export", "--set", "few", "--out", "data")
    assert (ran.code, ran.out) == (2, "")
    assert "enough-data: 'few' has 3 usable examples" in ran.err
    assert not (stores.folder / "data").exists()


@pytest.mark.slow
def test_what_is_there_is_overwritten_only_when_asked(stores: CommandLine) -> None:
    run = ("export", "--set", "codes", "--out", "data")
    assert stores(*run).code == 0
    again = stores(*run)
    assert again.code == 2
    assert "'data' is not empty" in again.err
    assert stores(*run, "--force").code == 0
