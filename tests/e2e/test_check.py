"""`check`: routes as a test of a team's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.conftest import CommandLine

REFUND = {"id": "r", "task": "How long is the return window?", "expected": "retrieval"}


def write(file: Path, *rows: Any) -> str:
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    file.write_text("\n".join(lines))
    return str(file)


def test_routes_as_expected_exit_0(in_shop: CommandLine, tmp_path: Path) -> None:
    held = {**REFUND, "sources": ["handbook"], "rules": ["facts-need-retrieval"]}
    haiku = {"task": "Write a haiku about rain.", "expected": ["direct", "few_shot"]}
    ran = in_shop("check", "-a", "support", "--cases", write(tmp_path / "c", held, haiku))
    assert (ran.code, ran.err) == (0, "")
    assert "2 of 2 as expected" in ran.out


def test_a_miss_exits_1_and_tells_its_signals_and_boundary(
    in_shop: CommandLine, tmp_path: Path
) -> None:
    wrong = {**REFUND, "expected": "few_shot", "set": "ticket-triage", "sources": ["web"]}
    cases = write(tmp_path / "c", REFUND, wrong)
    ran = in_shop("check", "-a", "support", "--cases", cases)
    assert ran.code == 1
    assert "expected few_shot, got retrieval" in ran.out
    assert "coverage of handbook" in ran.out
    assert "1 of 2 as expected" in ran.out
    row = in_shop("check", "-a", "support", "--cases", cases, "--json").json
    assert row["cases"] == 2
    assert [miss["line"] for miss in row["missed"]] == [2]
    assert len(row["missed"][0]["why"]) == 3
    assert row["missed"][0]["nearest"] is None
    assert "no single threshold" in ran.out


def test_bad_cases_are_all_named_and_nothing_is_checked(
    in_shop: CommandLine, tmp_path: Path
) -> None:
    cases = write(
        tmp_path / "c",
        REFUND,
        "no json",
        {"task": "x", "expected": "magic"},
        {"task": "x", "expected": "direct", "sorces": []},
        {"task": " ", "expected": "direct"},
    )
    ran = in_shop("check", "-a", "support", "--cases", cases)
    assert ran.code == 2
    for number in (2, 3, 4, 5):
        assert f"line {number}: " in ran.err
    assert in_shop("check", "-a", "support", "--cases", write(tmp_path / "e")).code == 2
