"""A chat model beside the router, behind a local server that speaks OpenAI's protocol."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.e2e.conftest import CommandLine

QUERY = "What does it cost to repair a lamp that is out of warranty?"
LABEL = f"${{ROUTER_MODEL}}#{hashlib.sha256(b'openai:small').hexdigest()[:8]}"
"""What a model goes by whose name a variable holds."""
HISTORY = [
    {"role": "user", "content": "Do you repair lamps that are out of warranty?"},
    {"role": "assistant", "content": "Yes, our workshop does."},
]


def reply(request: Request) -> Response:
    """Fills in the form that is asked for; to anything else it says one sentence."""
    body: dict[str, Any] = request.get_json()
    form = ((body.get("response_format") or {}).get("json_schema") or {}).get("name")
    forms = {
        "NeedOfTask": {"reason": "asks for the shop's terms", "need": "retrieval"},
        "StandaloneQuery": {"query": QUERY},
    }
    said = json.dumps(forms[form]) if form else "Thirty days [1]."
    if "snow" in str(body["messages"][-1]["content"]):
        return Response("no", status=500)
    message = {"role": "assistant", "content": said}
    completion = {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return Response(json.dumps(completion), content_type="application/json")


@pytest.fixture
def advised(
    here: CommandLine, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> CommandLine:
    """The starter configuration, indexed, with both keys set and a model of its own to ask."""
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(reply)
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    monkeypatch.setenv("ROUTER_MODEL", "openai:small")
    here("init")
    config = here.folder / "agent-knowledge.yaml"
    text = config.read_text(encoding="utf-8")
    text = text.replace("\nmodels:\n", "\nmodels:\n  router: ${ROUTER_MODEL}\n")
    text = text.replace(
        "    policy:\n", "    policy:\n      ask_model_below: 1\n      query_rewrite: model\n"
    )
    config.write_text(text, encoding="utf-8")
    assert here("index").code == 0
    return here


def test_a_batch_is_routed_with_the_models_word_in_its_json(advised: CommandLine) -> None:
    tasks = [
        {"id": "1", "task": "Write a haiku about rain."},
        {"id": "2", "task": "And what does it cost?", "history": HISTORY, "citations": True},
        {"id": "3", "task": "Write a haiku about snow."},
    ]
    ran = advised("route", "--input", "-", stdin="\n".join(json.dumps(task) for task in tasks))
    assert ran.code == 0
    first, second, third = ran.rows
    assert [row["id"] for row in ran.rows] == ["1", "2", "3"]
    assert first["signals"]["asked"] == {
        "model": LABEL,
        "need": "retrieval",
        "reason": "asks for the shop's terms",
        "probabilities": {},
        "holds": {},
        "fresh": None,
    }
    assert (second["plan"]["query"], second["plan"]["rewritten_by"]) == (QUERY, LABEL)
    assert second["signals"]["asked"] is None
    assert third["signals"]["asked"]["need"] is None
    assert "status 500" in third["reasons"][-1]["text"]


def test_it_is_told_in_the_terminal(advised: CommandLine) -> None:
    told = advised("route", "Write a haiku about rain.", "--explain").out
    assert f"{LABEL} was asked and says retrieval" in told
    assert "asks for the shop's terms" in told
    checks = {row["what"]: row for row in advised("doctor", "--json").json["checks"]}
    assert checks["model router"]["state"] == "ok"


def test_without_a_chat_model_the_keys_say_what_to_set(here: CommandLine) -> None:
    (here.folder / "agent-knowledge.yaml").write_text(
        "agents: {x: {policy: {ask_model_below: 0.6}}}", encoding="utf-8"
    )
    ran = here("route", "hello")
    assert ran.code == 2
    assert "agents.x.policy.ask_model_below" in ran.err
    assert "models.router" in ran.err


def test_a_batch_of_tasks_is_answered(advised: CommandLine, tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    tasks = [
        {"id": "a", "task": "How long is the return window?", "strategy": "retrieval"},
        {"id": "b", "task": "Write a haiku about snow.", "strategy": "direct"},
        {"id": "c", "task": "hello", "strategy": "magic"},
        {"id": "d", "task": "Write a haiku about rain.", "strategy": "direct"},
    ]
    source.write_text("\n".join(json.dumps(task) for task in tasks), encoding="utf-8")
    paths = ("--input", str(source), "--output", str(target))
    ran = advised("ask", "--model", "openai:large", *paths)
    assert (ran.code, ran.out) == (0, "")
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["a", "b", "c", "d"]
    assert rows[0]["text"] == "Thirty days [1]."
    assert rows[0]["decision"]["strategy"] == "retrieval"
    assert (rows[1]["line"], rows[2]["line"]) == (2, 3)
    assert "status 500" in rows[1]["error"]
    assert "direct, retrieval, few_shot, fine_tuned" in rows[2]["error"]
    assert rows[3]["decision"]["reasons"][0]["text"] == "the caller asks for direct"
    assert "line 2: " in ran.err


def test_a_strategy_is_asked_for_on_the_command_line(in_shop: CommandLine) -> None:
    haiku = "Write a haiku about rain."
    row = in_shop("route", haiku, "-a", "desk", "--strategy", "few_shot", "--json").json
    assert (row["strategy"], row["plan"]["examples"]) == ("few_shot", "ticket-triage")
    refused = in_shop("route", haiku, "-a", "desk", "--strategy", "fine_tuned").out
    assert "the caller asks for fine_tuned, but the agent has no fine-tuned endpoint" in refused
    answered = in_shop("ask", haiku, "-a", "desk", "--strategy", "retrieval", "--json").json
    assert answered["decision"]["strategy"] == "retrieval"
    unknown = in_shop("route", haiku, "-a", "desk", "--strategy", "few-shot")
    assert (unknown.code, "few_shot, fine_tuned" in unknown.err) == (2, True)


def test_a_batch_says_its_strategies_on_its_lines(in_shop: CommandLine) -> None:
    rows = [
        {"id": "a", "task": "Write a haiku about rain.", "strategy": "retrieval"},
        {"id": "b", "task": "Write a haiku about rain.", "strategy": None},
        {"id": "c", "task": "Write a haiku about rain.", "strategy": "magic"},
    ]
    lines = "\n".join(json.dumps(row) for row in rows)
    made = in_shop("route", "-a", "desk", "--input", "-", stdin=lines).rows
    assert [row.get("strategy") for row in made] == ["retrieval", "direct", None]
    assert "'magic'" in made[2]["error"]
    beside = in_shop("route", "-a", "desk", "--strategy", "direct", "--input", "-", stdin=lines)
    assert beside.code == 2
    assert "on the lines of --input" in beside.err


def test_a_case_may_ask_for_a_strategy(in_shop: CommandLine) -> None:
    case = {"task": "Write a haiku about rain.", "strategy": "few_shot", "expected": "few_shot"}
    assert in_shop("check", "-a", "desk", "--cases", "-", stdin=json.dumps(case)).code == 0
