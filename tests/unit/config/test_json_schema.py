from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_knowledge.config.json_schema import check_answer, read_schema

SCHEMA, _ = read_schema(
    json.dumps(
        {
            "type": "object",
            "required": ["queue", "urgent"],
            "properties": {"queue": {"$ref": "#/$defs/queue"}, "urgent": {"type": "boolean"}},
            "$defs": {"queue": {"enum": ["billing", "shipping"]}},
        }
    )
)
GOOD = '{"queue": "billing", "urgent": true}'


@pytest.mark.parametrize(
    "answer",
    [
        GOOD,
        f"\n {GOOD} \n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```\n",
        f"Here it is:\n\n```json\n{GOOD}\n```\nAnything else?",
    ],
)
def test_json_is_found_and_given_as_it_was_written(answer: str):
    checked = check_answer(answer, SCHEMA)
    assert (checked.text, checked.faults) == (GOOD, ())


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("billing", "the answer is no JSON"),
        (f"{GOOD} I hope this helps.", "the answer is no JSON"),
        (f"```json\n{GOOD}\n```\n```json\n{GOOD}\n```", "the answer is no JSON"),
        ("NaN", "NaN is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        ("1" * 5_000, "the answer is no JSON"),
        ('{"queue": "billing"}', "$: 'urgent' is a required property"),
        ('{"queue": "x", "urgent": true}', "$.queue: 'x' is not one of ['billing', 'shipping']"),
        ("[]", "$: [] is not of type 'object'"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_the_answer_stays(answer: str, fault: str):
    checked = check_answer(answer, SCHEMA)
    assert checked.text == answer
    assert fault in checked.faults[0]


def test_every_fault_is_listed_shortly():
    checked = check_answer(json.dumps(["x" * 5_000] * 20), '{"items": {"type": "number"}}')
    assert len(checked.faults) == 9
    assert checked.faults[-1] == "and 12 more"
    assert max(map(len, checked.faults)) < 210


@given(st.text())
def test_without_a_schema_any_text_is_accepted_as_it_is(text: str):
    assert check_answer(text, "").text == text
    assert not check_answer(text, "").faults


@given(st.text() | st.recursive(st.none() | st.floats(), st.lists, max_leaves=9).map(json.dumps))
def test_no_answer_raises(text: str):
    assert isinstance(check_answer(text, SCHEMA).faults, tuple)


def test_nothing_is_ever_fetched(monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(socket.socket, "connect", refuse)
    remote = {"properties": {"a": {"$ref": "http://127.0.0.1:9/a.json"}, "b": {"$ref": "b.json"}}}
    faults = read_schema(json.dumps(remote))[1]
    assert sorted(fault.split("'")[1] for fault in faults) == [
        "b.json",
        "http://127.0.0.1:9/a.json",
    ]


def test_references_within_a_schema_are_found_wherever_they_lead():
    schema = {
        "$id": "https://h.example/root.json",
        "properties": {"a": {"$ref": "part.json"}, "b": {"$ref": "#whole"}, "c": {"$ref": "#"}},
        "$defs": {"p": {"$id": "part.json", "type": "string"}, "w": {"$anchor": "whole"}},
    }
    text, faults = read_schema(json.dumps(schema))
    assert faults == ()
    assert check_answer('{"a": 1}', text).faults == ("$.a: 1 is not of type 'string'",)


def test_a_schema_of_an_older_draft_is_read_by_its_own_rules():
    old = {"$schema": "http://json-schema.org/draft-07/schema#", "items": [{"type": "string"}]}
    text, faults = read_schema(json.dumps(old))
    assert faults == ()
    assert check_answer("[1]", text).faults
    assert "is not of type" in read_schema(json.dumps({"items": [{"type": "string"}]}))[1][0]
