"""`evaluate`: the ladder measured from the command line."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from agent_knowledge.cli import progress
from agent_knowledge.ledger import Ledger
from tests.e2e.conftest import CommandLine
from tests.unit.trials.desk import cases, write_desk

RUN = ("evaluate", "-a", "desk", "--cases", "cases.jsonl", "-m", "openai:small")


class Server:
    """A model behind OpenAI's protocol: right where examples are shown, else of one mind."""

    def __init__(self) -> None:
        self.calls = 0
        self.on_call: Callable[[int], int] = lambda _: 200
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        with self._lock:
            self.calls += 1
            status = self.on_call(self.calls)
        if status != 200:
            return Response("sk-secret", status=status)
        body: dict[str, Any] = request.get_json()
        turns = body["messages"]
        right = "returns" if "send" in turns[-1]["content"] else "shipping"
        message = {"role": "assistant", "content": right if len(turns) > 1 else "returns"}
        completion = {
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 50 * len(turns), "completion_tokens": 2, "total_tokens": 0},
        }
        return Response(json.dumps(completion), content_type="application/json")


@pytest.fixture
def server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(made)
    monkeypatch.setenv("OPENAI_BASE_URL", httpserver.url_for("/v1"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    return made


@pytest.fixture
def desk(here: CommandLine) -> CommandLine:
    """A desk with examples, prices and 60 cases, in files."""
    config = write_desk(here.folder)
    text = json.dumps(config.model_dump(mode="json", exclude_defaults=True))
    priced = json.loads(text)
    priced["prices"]["openai:small"] = {"input": 1, "output": 10}
    priced["endpoints"]["tuned"]["base_url"] = "http://127.0.0.1:9/v1"
    (here.folder / "agent-knowledge.yaml").write_text(json.dumps(priced))
    write_cases(here.folder, 60)
    return here


def write_cases(folder: Path, count: int) -> None:
    rows = [
        {"id": case.id, "input": case.task.text, "output": case.expected[0]}
        for case in cases(count).cases
    ]
    (folder / "cases.jsonl").write_text("\n".join(map(json.dumps, rows)))


def test_the_json_has_the_form_that_scripts_rely_on(desk: CommandLine, server: Server) -> None:
    ran = desk(*RUN, "--json")
    assert ran.code == 0, ran.err
    row = ran.json
    prompt, few_shot = row["rungs"]
    assert set(prompt) >= {
        "rung",
        "n",
        "score",
        "ci",
        "latency_ms",
        "tokens",
        "cost_usd_per_1k",
        "errors",
    }
    assert (prompt["rung"], prompt["n"], prompt["score"]) == ("prompt", 60, 0.5)
    assert (few_shot["rung"], few_shot["score"], few_shot["errors"]) == ("few_shot", 1, 0)
    assert few_shot["tokens"] == {"in": 300, "out": 2}
    assert few_shot["cost_usd_per_1k"] == pytest.approx(0.3 + 0.02)
    assert 0 < few_shot["latency_ms"]["p50"] <= few_shot["latency_ms"]["p95"]
    assert row["recommended"] == "few_shot"
    assert "pattern-wants-examples" in row["why"]
    assert row["comparisons"][0]["ci"][0] > 0
    trial = Ledger(desk.folder / ".agent-knowledge").trials("desk")[0]
    assert (trial.id, str(Path(row["ledger"]).name)) == (row["id"], "ledger.jsonl")
    assert "pattern-wants-examples" in Path(row["report"]).read_text(encoding="utf-8")


def test_a_table_for_people(desk: CommandLine, server: Server) -> None:
    write_cases(desk.folder, 20)
    ran = desk(*RUN, "--report", "out.html", "--no-ledger")
    assert ran.code == 0
    assert "desk: 20 cases of triage, normalised" in ran.out
    assert "few_shot against prompt: +0.500" in ran.out
    assert "too few cases to tell (20 of at least 50)" in ran.out
    assert "20 cases tell no winner; at least 50 would do" in ran.out
    assert (desk.folder / "out.html").exists()
    assert "not on record" in ran.out
    assert not Ledger(desk.folder / ".agent-knowledge").trials()


def test_what_an_open_gate_would_serve_stands_in_the_json_and_below_the_table(
    desk: CommandLine, server: Server
) -> None:
    write_cases(desk.folder, 4)
    run = ("evaluate", "-a", "tuned-desk", "--cases", "cases.jsonl", "--rungs", "prompt")
    stranger = {"input": "Describe a sunset over the sea in two lines", "output": "returns"}
    with (desk.folder / "cases.jsonl").open("a") as file:
        file.write("\n" + json.dumps(stranger))
    gate = desk(*run, "-m", "openai:small", "--json").json["open_gate"]
    assert gate == {
        "endpoint": "tuned",
        "served": 4,
        "refused": {"fits-the-case": 1},
        "cases": 5,
        "share": 0.8,
    }
    shown = desk(*run, "-m", "openai:small").out
    assert "with its gate open tuned would serve 4 of 5 cases (80 %)" in shown
    assert "the rest: fits-the-case 1" in shown
    assert desk(*RUN, "--json").json["open_gate"] is None


@pytest.mark.slow
def test_a_target_that_no_rung_meets_exits_1(desk: CommandLine, server: Server) -> None:
    assert desk(*RUN, "--target", "0.9").code == 0
    missed = desk(*RUN, "--target", "0.9", "--rungs", "prompt")
    assert missed.code == 1
    assert "no rung that may serve reaches 0.9" in missed.out
    assert server.calls == 120


@pytest.mark.slow
def test_a_dry_run_prices_what_is_left_and_calls_nothing(desk: CommandLine, server: Server) -> None:
    dry = desk(*RUN, "--dry-run", "--json").json
    assert server.calls == 0
    assert [(row["rung"], row["calls"], row["kept"]) for row in dry["rungs"]] == [
        ("prompt", 60, 0),
        ("few_shot", 60, 0),
    ]
    assert dry["calls"] == 120
    assert dry["cost_usd"] == pytest.approx(sum(row["cost_usd"] for row in dry["rungs"]))
    desk(*RUN, "--rungs", "few_shot")
    told = desk(*RUN, "--dry-run")
    assert (told.code, server.calls) == (0, 60)
    assert "nothing was called" in told.out
    assert desk(*RUN, "--dry-run", "--json").json["calls"] == 60


def test_ctrl_c_keeps_what_is_done_and_the_next_run_goes_on(
    desk: CommandLine, server: Server
) -> None:
    def stop(call: int) -> int:
        if call == 30:
            signal.raise_signal(signal.SIGINT)
        return 200

    server.on_call = stop
    ran = desk(*RUN, "--json")
    assert (ran.code, ran.out) == (130, "")
    assert "are done and kept; the same command goes on from there" in ran.err
    assert 30 <= server.calls < 60
    assert desk(*RUN, "--json").json["rungs"][1]["n"] == 60
    assert server.calls == 120
    assert len(Ledger(desk.folder / ".agent-knowledge").trials()) == 1


def test_a_wrong_key_is_told_early_and_loses_nothing(desk: CommandLine, server: Server) -> None:
    server.on_call = lambda call: 200 if call <= 10 else 401
    ran = desk(*RUN, "--concurrency", "1")
    assert (ran.code, ran.out) == (2, "")
    assert "5 calls one after another failed in the same way" in ran.err
    assert "401" in ran.err
    assert "sk-secret" not in ran.err
    assert server.calls == 15
    server.on_call = lambda _: 200
    assert desk(*RUN).code == 0
    assert server.calls == 15 + 110


def test_calls_keep_a_rate(desk: CommandLine, server: Server) -> None:
    write_cases(desk.folder, 3)
    row = desk(*RUN, "--rungs", "prompt", "--rpm", "600", "--json").json
    assert row["rungs"][0]["latency_ms"]["p95"] < 100 * 3  # waiting for one's turn is no latency
    assert server.calls == 3


@pytest.mark.slow
def test_the_number_of_examples_is_measured(desk: CommandLine, server: Server) -> None:
    write_cases(desk.folder, 6)
    row = desk(*RUN, "--tune-k", "--json").json
    counts = [0, 1, 2, 2, *[4] * 4, *[8] * 4, *[16] * 4]
    assert [variant["k"] for variant in row["variants"]] == counts
    assert row["best"] == {"k": 1, "order": "best_last", "selection": "balanced"}
    assert (row["chosen"], row["yaml"]) == (None, "")
    told = desk(*RUN, "--tune-k")
    assert "6 cases tell no winner; at least 50 would do" in told.out
    assert server.calls <= 6 * len(counts)
    assert not Ledger(desk.folder / ".agent-knowledge").trials()


def test_the_offline_sample_is_measured_without_a_key(desk: CommandLine) -> None:
    ran = desk(
        "evaluate",
        "-a",
        "desk",
        "--cases",
        "-",
        "--json",
        stdin='{"task": "Hello: I want to send the lamp back", "expected": ["returns", "refund"]}',
    )
    assert (ran.code, ran.err) == (0, "")
    assert [row["cost_usd_per_1k"] for row in ran.json["rungs"]] == [0, 0]
    assert ran.json["rungs"][1]["score"] == 1
    assert any("says little of a chat model" in note for note in ran.json["notes"])


def test_bad_cases_are_all_named_and_nothing_is_asked(desk: CommandLine, server: Server) -> None:
    (desk.folder / "cases.jsonl").write_text('{"task": "x"}\nno json\n')
    ran = desk(*RUN)
    assert (ran.code, ran.out, server.calls) == (2, "", 0)
    assert "line 1: 'expected' is None" in ran.err
    assert "line 2: is not JSON" in ran.err


def test_a_prompt_that_names_no_label_is_no_fair_rival(desk: CommandLine, server: Server) -> None:
    write_cases(desk.folder, 4)
    said = "prompting was not really tried; put {{labels}} into the set's template"
    assert f"the prompt names 0 of the 2 labels of triage: {said}" in desk(*RUN).out
    config = json.loads((desk.folder / "agent-knowledge.yaml").read_text())
    config["examples"]["triage"]["template"] = "template.md"
    (desk.folder / "agent-knowledge.yaml").write_text(json.dumps(config))
    (desk.folder / "template.md").write_text("Give one of: {{labels}}\n\n---\n\n{{input}}")
    assert said not in desk(*RUN).out


def test_a_rung_keeps_its_name_on_80_columns(
    desk: CommandLine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cases(desk.folder, 4)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # by which rich takes a stream for a terminal
    monkeypatch.setenv("TERM", "dumb")  # without styles
    monkeypatch.setenv("COLUMNS", "80")
    out = desk(*RUN).out
    assert max(map(len, out.splitlines())) <= 80
    lines = [line for line in out.splitlines() if line.startswith((" few_shot ", " prompt "))]
    assert len(lines) == 4, "each rung by its name, in both tables"
    assert not any("…" in line for line in lines)
    assert "openai:small" in lines[-1]


def test_a_pipe_is_told_progress_every_ten_seconds(
    desk: CommandLine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY_S", 0.0)  # as if ten seconds were over
    write_cases(desk.folder, 4)
    ran = desk(*RUN, "--json")
    assert "asking: 8 of 8 answers, " in ran.err
    assert ran.json["cases"] == 4, "standard output is JSON alone"
    rows = [{"task": f"task {n}", "expected": "direct"} for n in range(70)]
    (desk.folder / "routes.jsonl").write_text("\n".join(map(json.dumps, rows)))
    routed = desk("check", "-a", "desk", "--cases", "routes.jsonl")
    assert "routing: 70 of 70 tasks done" in routed.err
    batch = desk("route", "-a", "desk", "--input", "routes.jsonl")
    assert "--input: 64 lines done" in batch.err


def test_trials_are_listed_and_compared_and_told_to_other_programs(
    desk: CommandLine, server: Server
) -> None:
    assert "no trial is on record" in desk("trials", "list").out
    rows = [json.loads(line) for line in (desk.folder / "cases.jsonl").read_text().splitlines()]
    tagged = [json.dumps({**row, "tags": ["first"]}) for row in rows[:4]]
    (desk.folder / "cases.jsonl").write_text("\n".join(tagged))
    (desk.folder / "other.md").write_text("Sort it.")
    more = ("--prompt", "other.md", "--repeats", "2", "--junit", "j.xml", "--csv", "c.csv")
    first = desk(*RUN, *more)
    assert first.code == 0, first.err
    assert server.calls == 4 * 2 * 3
    assert "prompt other.md" in first.out
    assert "other.md against the configured prompt: +0.500" in first.out
    assert "by tag: first 0.500 (4)" in first.out
    assert "shipping taken for returns: 4 of 4" in first.out, "twice two cases"
    assert 'testsuite name="few_shot" tests="4" failures="0"' in (desk.folder / "j.xml").read_text()
    assert len((desk.folder / "c.csv").read_text().splitlines()) == 1 + 4 * 2
    (report,) = (desk.folder / ".agent-knowledge" / "reports").glob("*.html")
    assert "<code>other.md</code>" in report.read_text(encoding="utf-8")
    second = desk(*RUN, "--json").json
    assert second["rungs"][0]["confusion"]["shipping"] == {"returns": 2}
    assert second["rungs"][0]["slices"] == {"first": {"n": 4, "score": 0.5}}
    one, other = desk("trials", "list", "--json").json["trials"]
    assert (other["id"], other["scores"]) == (second["id"], {"prompt": 0.5, "few_shot": 1.0})
    listed = desk("trials", "list").out
    assert one["id"] in listed
    assert other["id"] in listed
    found = desk("trials", "compare", other["id"], one["id"])
    assert f"{one['id']} -> {other['id']}" in found.out, "the earlier one first"
    assert "changed   repeats: 2 -> 1" in found.out
    assert "prompt: 0.500 -> 0.500; +0.000 on 4 shared cases" in found.out
    assert "no difference is proven" in found.out
    unknown = desk("trials", "compare", "x", one["id"])
    assert unknown.code == 2
    assert "no one trial is" in unknown.err
    assert "trials list shows all" in unknown.err


def test_a_metric_of_ones_own_is_imported_only_where_it_is_allowed(
    desk: CommandLine, server: Server
) -> None:
    write_cases(desk.folder, 2)
    (desk.folder / "desk_metric.py").write_text("def length(task, answer, expected): return 0.25\n")
    refused = desk(*RUN, "--metric", "desk_metric:length")
    assert refused.code == 2
    assert "--allow-imports desk_metric" in refused.err
    assert server.calls == 0
    allowed = desk(*RUN, "--metric", "desk_metric:length", "--allow-imports", "desk_metric")
    assert "desk: 2 cases of triage, desk_metric:length" in allowed.out
    assert "0.250" in allowed.out
