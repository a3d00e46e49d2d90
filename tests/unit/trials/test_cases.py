"""Reading cases."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge.errors import InputError
from agent_knowledge.trials.cases import CaseSet, read_cases
from agent_knowledge.types import Message


def read(tmp_path: Path, *rows: Any) -> CaseSet:
    file = tmp_path / "cases.jsonl"
    lines = (row if isinstance(row, str) else json.dumps(row) for row in rows)
    file.write_text("\n".join(lines), encoding="utf-8")
    return read_cases(file)


def test_tasks_with_all_that_they_may_have(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
    full = {
        "id": 7,
        "task": "How long?",
        "history": turns,
        "expected": ["30 days", "a month"],
        "relevant": ["refunds.md"],
    }
    first, second = read(tmp_path, full, {"task": "Who?", "expected": "We"}).cases
    assert (first.id, first.expected) == ("7", ("30 days", "a month"))
    assert first.task.history == (Message("user", "Hello"), Message("assistant", "Yes?"))
    assert first.relevant == {"refunds.md"}
    assert (second.id, second.expected) == ("2", ("We",))


def test_an_example_set_is_a_case_set(tmp_path: Path) -> None:
    made = read(tmp_path, {"input": "charged twice", "output": "billing"})
    assert made.like_examples
    assert made.cases[0].task.text == "charged twice"
    assert made.cases[0].expected == ("billing",)
    mixed = read(tmp_path, {"input": "a", "output": "b"}, {"task": "a", "expected": "b"})
    assert not mixed.like_examples


def test_numbers_and_objects_stand_for_their_json(tmp_path: Path) -> None:
    made = read(
        tmp_path, {"task": "x", "expected": {"city": "Paris"}}, {"task": "y", "expected": 5}
    )
    assert [case.expected for case in made.cases] == [('{"city": "Paris"}',), ("5",)]


def test_all_bad_lines_are_told_together(tmp_path: Path) -> None:
    bad = [
        "no json",
        {"task": " ", "expected": "x"},
        {"task": "x"},
        {"task": "x", "expected": []},
        {"task": "x", "expected": "y", "relevent": []},
        {"task": "x", "expected": "y", "history": [{"role": "system", "content": "z"}]},
        {"task": "x", "expected": "y", "relevant": "refunds.md"},
        {"input": "x", "output": "y", "expected": "z"},
        [1],
    ]
    with pytest.raises(InputError) as raised:
        read(tmp_path, {"task": "good", "expected": "x"}, *bad)
    told = str(raised.value)
    assert [f"line {number}: " in told for number in range(1, 11)] == [False] + [True] * 9
    assert "known: expected, history, id, relevant, tags, task" in told


def test_an_id_stands_once(tmp_path: Path) -> None:
    row = {"id": "a", "task": "x", "expected": "y"}
    with pytest.raises(InputError, match="id 'a' stands on 2 lines"):
        read(tmp_path, row, row)


def test_no_case_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no case"):
        read(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        read_cases(tmp_path / "none.jsonl")


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    row = {"task": "x", "expected": "y"}
    same = read(tmp_path, row).digest
    assert read(tmp_path, {**row, "id": "other"}).digest == same
    assert read(tmp_path, {**row, "expected": "z"}).digest != same


def test_cases_that_ask_the_same_are_one(tmp_path: Path) -> None:
    row = {"task": "Where is it?", "expected": "y"}
    spoken = {**row, "history": [{"role": "user", "content": "My parcel"}]}
    made = read(tmp_path, row, {**row, "task": " where is IT? "}, spoken, spoken).distinct
    assert [len(case.task.history) for case in made.cases] == [0, 1]
