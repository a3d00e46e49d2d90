"""Development and test parts: what goes where, and that it stays there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge.errors import InputError
from tests.unit.tools.tiny_agent import write_rows
from tools.data import split
from tools.data.agents import LabelledAgent
from tools.data.split import Part, agents_of, read_part, rows_of

QUERIES = "retrieval/docs_rag/queries.jsonl"


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["id"] for row in rows]


def test_each_row_is_in_one_part_and_stays_there_whatever_else_is_in_the_set(tmp_path: Path):
    rows = [{"id": f"q{n}"} for n in range(200)]
    write_rows(tmp_path / QUERIES, rows)
    development, test = (ids(read_part(tmp_path, QUERIES, p)) for p in ("development", "test"))
    assert sorted(development + test) == sorted(ids(rows))
    assert 70 < len(test) < 130
    assert ids(read_part(tmp_path, QUERIES, "all")) == ids(rows)
    assert ids(rows_of(rows[100:], QUERIES, "test")) == [one for one in test if int(one[1:]) >= 100]
    # Figures are published of these; another rule would mix what was chosen on with what was not.
    assert development[:4] == ["q0", "q2", "q3", "q5"]


def test_rows_that_give_each_other_away_are_in_one_part():
    turns = [{"id": f"{talk}<::>{n}"} for talk in "abcdefghij" for n in range(3)]
    held = {
        one.partition("<")[0] for one in ids(rows_of(turns, "answerability/mtrag.jsonl", "test"))
    }
    assert len(rows_of(turns, "answerability/mtrag.jsonl", "test")) == 3 * len(held)
    claims = [{"id": f"news:{n}", "evidence": [f"story {n // 4}"]} for n in range(40)]
    of = rows_of(claims, "support/summedits.jsonl", "development")
    stories = {row["evidence"][0] for row in of}
    assert 0 < len(stories) < 10
    assert len(of) == 4 * len(stories)


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("intents/banking77/train.jsonl", "development"),
        ("intents/banking77/test.jsonl", "test"),
        ("intents/clinc150/out_of_scope.jsonl", "test"),
        ("injection/bipia/text_attack_train.jsonl", "development"),
        ("dialogue/turns.jsonl", "development"),
    ],
)
def test_published_parts_and_small_sets_are_whole(file: str, part: Part):
    rows = [{"input": str(n)} for n in range(20)]
    assert rows_of(rows, file, part) == rows
    assert rows_of(rows, file, "test" if part == "development" else "development") == []


def test_an_agent_goes_by_its_name(tmp_path: Path):
    names = ("clef", "govuk", "httpx", "marina", "mkdocs", "osguide", "uv")
    agents = [LabelledAgent(name=name, folder=tmp_path, tasks=()) for name in names]
    of = [agent.name for agent in agents_of(agents, "development")]
    assert of == ["httpx", "mkdocs", "uv"]
    assert [a.name for a in agents_of(agents, "test")] == ["clef", "govuk", "marina", "osguide"]


def test_a_set_without_a_rule_is_refused_by_name():
    with pytest.raises(InputError, match=r"'retrieval/new\.jsonl' .* SETS of tools/data/split\.py"):
        rows_of([], "retrieval/new.jsonl", "all")


def test_the_command_counts_and_finds_what_has_no_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sys, "argv", ["split", "--data", str(tmp_path)])
    split.main()
    assert capsys.readouterr().out.startswith(f"no data at {str(tmp_path)!r}: pass --data FOLDER")
    write_rows(tmp_path / QUERIES, [{"id": "q0"}, {"id": "q1"}])
    write_rows(tmp_path / "retrieval/docs_rag/corpus.jsonl", [{"id": "d"}])
    split.main()
    assert capsys.readouterr().out.split("\n")[0].split() == [
        QUERIES, "1", "development", "1", "test", "2", "all",
    ]  # fmt: skip
    write_rows(tmp_path / "need/other.jsonl", [{"id": "x"}])
    with pytest.raises(InputError, match="need/other"):
        split.main()
