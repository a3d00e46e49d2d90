"""The files behind an agent's prompts, as a configuration names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_knowledge.config import KnowledgeConfig
from agent_knowledge.config.sections import AgentConfig
from agent_knowledge.errors import ConfigError

CONFIG = """
examples:
  triage: {file: t.jsonl, description: Sort tickets, template: triage.md, output_schema: q.json}
agents:
  support:
    description: Answers customers
    system_prompt: support.md
    variables: {shop: Lumen}
    examples: [triage]
"""
FILES = {
    "support.md": "You are {{agent}} of {{shop}}: {{description}}\n",
    "triage.md": "{{description}} for {{shop}}, as in {{schema}}:\n{{labels}}\n---\n{{input}}",
    "q.json": '{\n  "enum": ["billing"]\n}',
}


def config(folder: Path, text: str = CONFIG, **files: str) -> KnowledgeConfig:
    for name, content in {**FILES, **{k.replace("_", "."): v for k, v in files.items()}}.items():
        (folder / name).write_text(content, encoding="utf-8")
    return KnowledgeConfig.parse(text).at(folder)


def told(made: KnowledgeConfig) -> str:
    with pytest.raises(ConfigError) as caught:
        made.agent()
    return str(caught.value)


def test_an_agent_has_its_prompt_filled_and_its_templates_at_hand(tmp_path: Path):
    profile = config(tmp_path).agent()
    assert profile.system_prompt == "You are support of Lumen: Answers customers"
    assert profile.templates["triage"].turn == "{{input}}"
    assert profile.schemas == {"triage": '{"enum": ["billing"]}'}


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path):
    text = CONFIG.replace("{shop: Lumen}", "{shop: Lumen, tone: warm, input: x}")
    message = told(
        config(
            tmp_path,
            text,
            support_md="Hello\n{{agnet}}\n",
            triage_md="{{input}}\n---\n{{labls}}\n",
            q_json='{"type": "objekt", "pattern": "("}',
        )
    )
    template, system = f"examples.triage.template ({tmp_path}", f"({tmp_path / 'support.md'}"
    lines = message.split("\n  ")
    assert lines[0] == "agents.support: 9 faults in its prompts"
    assert lines[1].startswith(f"agents.support.system_prompt {system}, line 2): unknown")
    assert "did you mean 'agent'?" in lines[1]
    assert lines[2] == f"{template}/triage.md, line 1): {{{{input}}}} belongs below the line '---'"
    assert "line 3): unknown placeholder {{labls}}; did you mean 'labels'?" in lines[3]
    assert lines[4].endswith("line 3): {{input}} is missing: the task goes there")
    assert "$.pattern: '(' is not a 'regex'" in lines[5]
    assert "$.type: 'objekt'" in lines[6]
    assert [line.partition(": ")[0] for line in lines[7:]] == [
        f"agents.support.variables.{name}" for name in ("shop", "tone", "input")
    ]


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("{{input}} {{shop}}\n\n{{input}}", "line 3): {{input}} is given twice"),
        ("a\n---\nb\n---\n{{input}}", "line 4): a second line '---'; write '***'"),
        ("", "{{input}} is missing"),
    ],
)
def test_a_template_puts_the_task_in_one_place(tmp_path: Path, template: str, fault: str):
    assert fault in told(config(tmp_path, triage_md=template))


def test_a_template_may_not_name_a_schema_that_is_not_there(tmp_path: Path):
    text = CONFIG.replace(", output_schema: q.json", "")
    assert "{{schema}} needs examples.triage.output_schema" in told(config(tmp_path, text))


@pytest.mark.parametrize(
    ("schema", "fault"),
    [
        ("{", "is no JSON"),
        ("[1]", "holds a list; give an object"),
        (
            json.dumps({"$ref": "https://h.example/s.json"}),
            "'https://h.example/s.json' is not part",
        ),
        (json.dumps({"properties": {"a": {"$ref": "#/$defs/b"}}}), "'#/$defs/b' is not part"),
    ],
)
def test_a_schema_must_be_whole(tmp_path: Path, schema: str, fault: str):
    message = told(config(tmp_path, q_json=schema))
    assert message.startswith(f"examples.triage.output_schema ({tmp_path / 'q.json'}): ")
    assert fault in message


def test_a_file_that_cannot_be_read_is_named_and_hides_no_use_of_a_variable(tmp_path: Path):
    made = config(tmp_path)
    (tmp_path / "support.md").unlink()
    (tmp_path / "triage.md").unlink()
    first, second, *more = told(made).split("\n  ")[1:]
    assert first.startswith("agents.support.system_prompt: cannot read ")
    assert second.startswith("examples.triage.template: cannot read ")
    assert not more


def test_only_the_agents_own_files_are_read(tmp_path: Path):
    assert config(tmp_path, CONFIG + "  bare: {}\n").agent("bare").templates == {}


def versions(made: KnowledgeConfig, example_set: str | None = "triage") -> dict[str, str]:
    return made.agent().versions_for(example_set)


def test_versions_name_what_there_is(tmp_path: Path):
    made = config(tmp_path)
    assert set(versions(made)) == {"system_prompt", "triage"}
    assert all(len(version) == 12 for version in versions(made).values())
    assert set(versions(made, None)) == {"system_prompt"}
    bare = KnowledgeConfig(agents={"x": AgentConfig()}).agent()
    assert bare.versions_for(None) == {}


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"support_md": "Other {{shop}}"}, {"system_prompt"}),
        ({"triage_md": "{{shop}}\n---\nOther {{input}}"}, {"triage"}),
        ({"q_json": "{}"}, {"triage"}),
        ({"text": CONFIG.replace("file: t.jsonl", "file: t.jsonl, k: 9")}, {"triage"}),
        ({"text": CONFIG.replace("file: t.jsonl", "file: t.jsonl, order: best_first")}, {"triage"}),
        ({"text": CONFIG.replace("file: t.jsonl", "file: t.jsonl, kind: style")}, {"triage"}),
        ({"text": CONFIG.replace("Lumen", "Pine")}, {"system_prompt", "triage"}),
        ({"q_json": '{"enum":["billing"]}'}, set()),
        ({"text": CONFIG.replace("t.jsonl", "elsewhere.jsonl")}, set()),
    ],
)
def test_a_version_changes_with_what_the_model_is_told(
    tmp_path: Path, change: dict[str, Any], moved: set[str]
):
    before, after = versions(config(tmp_path)), versions(config(tmp_path, **change))
    assert {name for name in before if before[name] != after[name]} == moved
