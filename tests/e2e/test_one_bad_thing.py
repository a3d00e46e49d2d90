"""One bad line, source or set in a command: the rest is done, and the exit status says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import CommandLine

TASK = "How long do refunds take?"
BAD_LINES = [
    "no json",
    "[1]",
    "[" * 990 + "]" * 990,
    '{"id": ["x"], "task": "t", "query": "t"}',
    '{"id": true, "task": "t", "query": "t"}',
    '{"id": 1e400, "task": "t", "query": "t"}',
    '{"task": 5, "query": 5}',
    '{"task": "t", "query": "t", "history": [{"role": "user", "content": 5}]}',
    '{"task": "t", "query": "t", "history": {"a": 1}}',
]
GOOD_PASSAGES = [{"id": 1, "text": "Refunds take 5 days."}]
FORMS: dict[str, tuple[list[str], dict[str, Any]]] = {
    "route": (["-a", "support"], {"task": TASK}),
    "retrieve": (["-a", "support"], {"query": TASK}),
    "few-shot": (["-a", "support"], {"task": TASK}),
    "ask": (["-a", "support"], {"task": TASK}),
    "verify": ([], {"answer": "5 days. [1]", "passages": GOOD_PASSAGES}),
}


@pytest.mark.parametrize("command", FORMS)
def test_bad_lines_of_a_batch_are_told_in_place_and_the_rest_is_done(
    in_shop: CommandLine, command: str
) -> None:
    options, good = FORMS[command]
    last = len(BAD_LINES) + 2
    lines = [json.dumps({"id": last - 1, **good}), *BAD_LINES, json.dumps(good)]
    ran = in_shop(command, *options, "--input", "-", stdin="\n".join(lines))
    assert ran.code == 0
    assert [row["id"] for row in ran.rows] == [str(last - 1), *[None] * (last - 1)]
    assert ["error" in row for row in ran.rows] == [False, *[True] * len(BAD_LINES), False]
    assert [row.get("line") for row in ran.rows] == [None, *range(2, last + 1)]
    assert len(ran.err.splitlines()) == len(BAD_LINES)
    assert max(map(len, ran.err.splitlines())) < 400


@pytest.mark.parametrize("command", FORMS)
def test_a_batch_of_which_nothing_could_be_done_exits_with_2(
    in_shop: CommandLine, command: str
) -> None:
    options, _ = FORMS[command]
    ran = in_shop(command, *options, "--input", "-", stdin="\n".join(BAD_LINES))
    assert ran.code == 2
    assert f"none of its {len(BAD_LINES)} lines could be done" in ran.err
    assert all("error" in row for row in ran.rows)
    assert in_shop(command, *options, "--input", "-", stdin="").code == 0


def test_utf8_with_a_mark_and_bytes_that_are_none_cost_no_task(
    in_shop: CommandLine, tmp_path: Path
) -> None:
    file = tmp_path / "in.jsonl"
    line = json.dumps({"id": "a", "task": TASK}).encode()
    file.write_bytes(b"\xef\xbb\xbf" + line + b"\n" + line.replace(b"long", b"l\xf6ng"))
    ran = in_shop("route", "-a", "support", "--input", str(file))
    assert [row["strategy"] for row in ran.rows] == ["retrieval", "retrieval"]
    file.write_bytes(line.decode().encode("utf-16"))
    ran = in_shop("route", "-a", "support", "--input", str(file))
    assert ran.code == 2
    assert "is UTF-16" in ran.err


@pytest.fixture
def mixed(here: CommandLine) -> CommandLine:
    """A good source and set beside bad ones."""
    (here.folder / "docs").mkdir()
    (here.folder / "docs" / "good.md").write_text("Refunds take 5 days.")
    (here.folder / "good.jsonl").write_text('{"input": "charged twice", "output": "billing"}\n')
    (here.folder / "bad.jsonl").write_text("{}\n")
    (here.folder / "agent-knowledge.yaml").write_text(
        "sources:\n"
        "  gone: {path: nowhere}\n"
        "  page: {path: 'https://user:secret@example.org/page'}\n"
        "  unset: {path: '${NO_SUCH_VARIABLE}'}\n"
        "  good: {path: 'docs/**/*.md'}\n"
        "examples:\n  bad: {file: bad.jsonl}\n  good: {file: good.jsonl}\n"
        "agents: {support: {sources: [good], examples: [good]}}\n"
    )
    return here


def test_a_source_or_a_set_that_fails_stops_no_other_and_index_exits_with_2(
    mixed: CommandLine,
) -> None:
    ran = mixed("index", "--json")
    assert ran.code == 2
    sources = {row["source"]: row for row in ran.json["sources"]}
    assert sources["good"]["added"] == 1
    for name, says in {
        "gone": "nothing is at",
        "page": "is a URL (https:...), and URLs are not read as paths",
        "unset": "NO_SUCH_VARIABLE is not set",
    }.items():
        assert says in sources[name]["error"]
        assert says in ran.err
    assert "secret" not in ran.out + ran.err
    bad, good = sorted(ran.json["examples"], key=lambda row: row["set"])
    assert "no text under 'input' and 'output'" in bad["error"]
    assert good == {"set": "good", "examples": 1, "suspicious": 0}
    assert mixed("route", TASK, "--json").json["strategy"] == "retrieval"


def test_index_exits_with_1_on_a_failed_document_only_when_it_is_to_be_strict(
    mixed: CommandLine,
) -> None:
    (mixed.folder / "docs" / "self.md").symlink_to("self.md")
    for options, code in (((), 0), (("--strict",), 1)):
        ran = mixed("index", "good", "--json", *options)
        assert ran.code == code
        (failed,) = ran.json["sources"][0]["failed"]
        assert failed == {
            "document": "self.md",
            "reason": "is a link that leads back to itself",
        }
    (mixed.folder / "docs" / "self.md").unlink()
    assert mixed("index", "good", "--strict").code == 0


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "{}", "sources: {}\n"])
def test_an_empty_configuration_is_no_success(here: CommandLine, text: str) -> None:
    (here.folder / "agent-knowledge.yaml").write_text(text)
    ran = here("index")
    assert ran.code == 2
    assert "nothing to index" in ran.err
    assert here("doctor").code == 1


def test_a_store_that_is_down_is_told_and_nothing_else_is_written(mixed: CommandLine) -> None:
    file = mixed.folder / "agent-knowledge.yaml"
    file.write_text(file.read_text() + "store: {kind: qdrant, url: 'http://localhost:9'}\n")
    for command in (("index",), ("index", "--remove", "good"), ("route", TASK)):
        ran = mixed(*command)
        assert ran.code == 2
        assert "cannot be reached" in ran.err
    assert not (mixed.folder / ".agent-knowledge" / "passages.sqlite3").exists()


@pytest.mark.parametrize("command", ["check", "tune", "evaluate"])
def test_cases_that_cannot_be_read_are_told_by_the_option_that_names_them(
    in_shop: CommandLine, command: str
) -> None:
    ran = in_shop(command, "-a", "support", "--cases", "nope.jsonl")
    assert ran.code == 2
    assert "--cases: cannot read 'nope.jsonl'" in ran.err
    assert "--input" not in ran.err


def test_a_provider_that_lacks_its_key_names_the_variable(
    mixed: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    mixed("index", "good")
    ran = mixed("ask", TASK, "--model", "openai:some-model")
    assert ran.code == 2
    assert "the environment variable OPENAI_API_KEY is not set" in ran.err
