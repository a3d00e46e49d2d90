"""`init`, `schema` and `new-agent`: a configuration that an editor and a person can go on from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_knowledge import KnowledgeConfig
from agent_knowledge.config.editor import editor_schema
from tests.e2e.conftest import CommandLine

FILE = "agent-knowledge.yaml"
ALL = ("new-agent", "--yes", "--name", "clerk", "--does", "Helps: clerks", "--docs", "faqs")


@pytest.fixture
def begun(here: CommandLine) -> CommandLine:
    """The starter configuration, and one more folder of documents."""
    here("init")
    (here.folder / "faqs").mkdir()
    (here.folder / "faqs" / "parking.md").write_text("# Parking\n\nCars park behind the shop.\n")
    return here


def read(command: CommandLine) -> KnowledgeConfig:
    return KnowledgeConfig.from_yaml(command.folder / FILE)


def test_a_new_configuration_names_its_schema_which_lies_beside_it(here: CommandLine) -> None:
    said = here("init").out
    first = (here.folder / FILE).read_text(encoding="utf-8").splitlines()[0]
    name = first.removeprefix("# yaml-language-server: $schema=./")
    assert f"wrote {name}" in said
    assert json.loads((here.folder / name).read_text()) == editor_schema()
    assert here("schema").json == editor_schema()
    assert here("schema", "--output", "mine.json").code == 0
    assert json.loads((here.folder / "mine.json").read_text()) == editor_schema()


def test_new_agent_disturbs_nothing_else_in_the_file(begun: CommandLine) -> None:
    before = (begun.folder / FILE).read_text(encoding="utf-8")
    ran = begun(*ALL, "--examples", "examples/triage.jsonl", "--cite")
    assert ran.code == 0, ran.err
    assert "no task is given the examples" in ran.err, "which whoever names both does not expect"
    after = (begun.folder / FILE).read_text(encoding="utf-8")
    added = [line for line in after.splitlines() if line not in before.splitlines()]
    assert added == [
        "  faqs: {path: faqs}",
        "  clerk:",
        "    description: 'Helps: clerks'",
        "    sources: [faqs]",
        "    policy: {citations: always}",
    ], "the set of the same file is used under the name that it has"
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    assert read(begun).agents["clerk"].examples == ("ticket-triage",)
    assert begun("index", "--agent", "clerk").code == 0
    answer = begun("ask", "Where do cars park?", "--agent", "clerk").out
    assert "behind the shop" in answer


def test_five_questions_are_asked_and_asked_again(begun: CommandLine) -> None:
    ran = begun("new-agent", stdin="support\nclerk\nHelps clerks\nnowhere\nfaqs\n\ny\n")
    assert ran.code == 0, ran.err
    assert "an agent 'support' already" in ran.err
    assert "nothing at 'nowhere'" in ran.err
    made = read(begun).agents["clerk"]
    assert (made.description, made.sources, made.examples) == ("Helps clerks", ("faqs",), ())
    assert made.policy.citations == "always"


def test_where_there_is_no_configuration_one_is_begun(begun: CommandLine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ran = begun(*ALL, "--config", f"elsewhere/{FILE}")
    assert ran.code == 0, ran.err
    made = KnowledgeConfig.from_yaml(elsewhere / FILE)
    assert made.sources["faqs"].path == "../faqs", "as the configuration's folder sees it"
    assert (elsewhere / "agent-knowledge.schema.json").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", "support"), "give another name"),
        (("--name", "a b"), "is no name"),
        (("--docs", "nowhere"), "--docs: there is nothing at 'nowhere'"),
        (("--examples", "nowhere"), "--examples: there is nothing at 'nowhere'"),
    ],
)
def test_a_bad_answer_changes_nothing(
    begun: CommandLine, options: tuple[str, str], said: str
) -> None:
    before = (begun.folder / FILE).read_bytes()
    ran = begun("new-agent", "--yes", *options)
    assert ran.code == 2
    assert said in ran.err
    assert (begun.folder / FILE).read_bytes() == before


def test_a_host_is_allowed_by_its_name_alone(begun: CommandLine) -> None:
    for given in ("localhost:8000", "http://localhost", "[::1]:80"):
        ran = begun("index", "--allow-private", given)
        assert ran.code == 2
        assert "give its name or address alone" in ran.err
    assert begun("index", "--allow-private", "::1", "--allow-private", "wiki").code == 0
